//! The processes: a fake provider, nginx and two Bursars in front of it, in a folder that goes away at the end.

use bursar_mock::load::{Plan, Shot, send};
use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A way to the fake provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    Nginx,
    Fast,
    Sync,
    /// `fast`, and nothing is drained into records.
    Unrecorded,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Fast => "bursar fast",
            Self::Sync => "bursar sync",
            Self::Unrecorded => "bursar fast, no records",
        })
    }
}

/// Where to send, with which key, and whose CPU time counts.
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) key: Option<String>,
    processes: Vec<u32>,
}

impl Target {
    /// CPU time of all threads of its processes up to now.
    pub(crate) fn cpu(&self) -> Duration {
        self.processes.iter().map(|process| cpu_of(*process)).sum()
    }
}

pub(crate) struct House {
    pub(crate) binary: PathBuf,
    folder: TempDir,
    children: Vec<Child>,
    targets: Vec<(Way, Target)>,
}

impl House {
    pub(crate) async fn start() -> Self {
        let binary = std::env::var_os("BURSAR_BIN")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_bursar")), PathBuf::from);
        let folder = TempDir::with_prefix("bursar-bench-").unwrap();
        let mut house = Self { binary, folder, children: Vec::new(), targets: Vec::new() };
        let provider = house.provider();
        house.targets.push((Way::Direct, Target { addr: provider, key: None, processes: Vec::new() }));
        house.nginx(provider);
        house.bursar(Way::Fast, provider).await;
        house.bursar(Way::Sync, provider).await;
        house
    }
    /// Adds one that keeps no records.
    pub(crate) async fn unrecorded(&mut self) {
        self.bursar(Way::Unrecorded, self.target(Way::Direct).addr).await;
    }
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> + '_ {
        self.targets.iter().map(|(way, _)| *way)
    }
    pub(crate) fn target(&self, way: Way) -> &Target {
        &self.targets.iter().find(|(known, _)| *known == way).expect("a way that was started").1
    }
    /// The fake provider; it keeps counts, not requests.
    fn provider(&mut self) -> SocketAddr {
        let script = self.folder.path().join("script.toml");
        std::fs::write(&script, "journal = \"counts\"\n").unwrap();
        let mut child = Command::new(&self.binary)
            .args(["mock", "--json", "--script"])
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = child.stdout.take().unwrap();
        self.children.push(child);
        let mut said = serde_json::Deserializer::from_reader(said).into_iter::<serde_json::Value>();
        let told = said.next().expect("the fake provider says where it listens").unwrap();
        let url = told["base_urls"]["ollama"].as_str().unwrap();
        url.trim_start_matches("http://").parse().unwrap()
    }

    fn nginx(&mut self, provider: SocketAddr) {
        let Ok(Ok(_)) = Command::new("nginx").arg("-v").stderr(Stdio::null()).spawn().map(|mut c| c.wait())
        else {
            println!("SKIPPED: nginx is not installed; there is no reverse proxy to compare with");
            return;
        };
        let addr = free();
        let dir = self.folder.path().join("nginx");
        std::fs::create_dir(&dir).unwrap();
        let config = format!(
            "worker_processes 2;\nuser root;\npid {dir}/pid;\nerror_log {dir}/error.log;\nevents {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  client_max_body_size 8m;\n  client_body_buffer_size 2m;\n  keepalive_requests 1000000;\n\
             client_body_temp_path {dir}/body;\n  proxy_temp_path {dir}/proxy;\n  fastcgi_temp_path {dir}/f;\n  uwsgi_temp_path {dir}/u;\n  scgi_temp_path {dir}/s;\n\
             upstream provider {{ server {provider}; keepalive 512; keepalive_requests 1000000; }}\n\
             server {{\n    listen {addr};\n    location / {{\n      proxy_pass http://provider;\n      proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\";\n    }}\n  }}\n}}\n",
            dir = dir.display(),
        );
        let path = dir.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let child = Command::new("nginx")
            .args(["-g", "daemon off;", "-p"])
            .arg(&dir)
            .arg("-c")
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let master = child.id();
        self.children.push(child);
        listening(addr);
        let processes = std::iter::once(master).chain(children_of(master)).collect();
        self.targets.push((Way::Nginx, Target { addr, key: None, processes }));
    }

    async fn bursar(&mut self, way: Way, provider: SocketAddr) {
        let durability = if way == Way::Sync { "sync" } else { "fast" };
        let addr = free();
        let (name, records) = if way == Way::Unrecorded { ("unrecorded", false) } else { (durability, true) };
        let dir = self.folder.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        let config = dir.join("bursar.toml");
        let text = format!(
            "[server]\nlisten = \"{addr}\"\ndata_dir = \"{dir}/data\"\n[ledger]\ndurability = \"{durability}\"\n[records]\nenabled = {records}\n\
             [providers.fake]\nfamily = \"openai\"\nbase_url = \"http://{provider}/v1\"\ncredential = {{ env = \"BENCH_KEY\" }}\nprices = \"fake\"\n\
             [models.\"mock-out-57-in-900\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"1\", output = \"2\", context = 2000000, max_output = 4096 }} }}]\n\
             [projects.bench]\n\
             [[budgets]]\nname = \"platform\"\nlimit = \"1000000 USD\"\nperiod = \"month\"\n\
             [[budgets]]\nname = \"project\"\nlimit = \"1000000 USD\"\nperiod = \"day\"\nmatch = {{ project = \"bench\" }}\n\
             [[budgets]]\nname = \"each user\"\nlimit = \"1000000 USD\"\nperiod = \"month\"\nper = [\"user\"]\n",
            dir = dir.display(),
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(&config)
            .env("BENCH_KEY", "sk-bench")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let process = child.id();
        self.children.push(child);
        listening(addr);
        let token = std::fs::read_to_string(dir.join("data/admin-token")).unwrap();
        let body = r#"{"project":"bench","user":"ann"}"#;
        let shot = Shot::post("/admin/v1/keys", body).bearer(token.trim());
        let made = send(&Plan::new(addr, 1), shot).await;
        let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        let key = made["key"].as_str().map(str::to_owned);
        self.targets.push((way, Target { addr, key, processes: vec![process] }));
    }
}

/// Also where a turn fails: nothing may stay behind.
impl Drop for House {
    fn drop(&mut self) {
        // nginx first asks its workers to end; whoever is gone already is as wanted.
        for child in &mut self.children {
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        }
        std::thread::sleep(Duration::from_millis(500));
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn listening(addr: SocketAddr) {
    let begun = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody listens on {addr}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn children_of(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// Nanoseconds on the CPU, over all threads (Linux's schedstat).
fn cpu_of(process: u32) -> Duration {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return Duration::ZERO };
    let ran = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(ran.sum())
}
