//! The processes: a Bursar and a fake provider for plain requests, in a folder that goes away at the end.

use bursar_mock::load::{Plan, Shot, send};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A process that ends with its owner.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn binary() -> PathBuf {
    std::env::var_os("BURSAR_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_bursar")), PathBuf::from)
}

/// A fake provider for plain requests; it keeps counts, not requests.
pub(crate) fn plain(folder: &Path) -> (Process, SocketAddr) {
    let script = folder.join("script.toml");
    std::fs::write(&script, "journal = \"counts\"\n").unwrap();
    let mut command = Command::new(binary());
    command.args(["mock", "--json", "--script"]).arg(script).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let said = child.stdout.take().unwrap();
    let mut said = serde_json::Deserializer::from_reader(said).into_iter::<serde_json::Value>();
    let told = said.next().expect("the fake provider says where it listens").unwrap();
    let url = told["base_urls"]["ollama"].as_str().unwrap();
    (Process(child), url.trim_start_matches("http://").parse().unwrap())
}

/// A Bursar of its own for each figure: what memory an earlier one left would count in the next.
pub(crate) struct Bursar {
    pub(crate) addr: SocketAddr,
    pub(crate) key: String,
    process: Process,
    _folder: TempDir,
}

impl Bursar {
    pub(crate) async fn start(streams: &str, ca: Option<&Path>, plain: SocketAddr) -> Self {
        let folder = TempDir::with_prefix("bursar-bench-").unwrap();
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let ca = ca.map_or_else(String::new, |path| format!("ca_file = {path:?}\n"));
        let price = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";
        let text = format!(
            "[server]\nlisten = \"{addr}\"\ndata_dir = {:?}\n[ledger]\ndurability = \"fast\"\n\
             [providers.streams]\nfamily = \"openai\"\nbase_url = \"{streams}/v1\"\n{ca}credential = \"none\"\n\
             [providers.plain]\nfamily = \"openai\"\nbase_url = \"http://{plain}/v1\"\ncredential = \"none\"\n\
             [models.\"streamed\"]\ndeployments = [{{ provider = \"streams\", {price} }}]\n\
             [models.\"mock-out-57-in-900\"]\ndeployments = [{{ provider = \"plain\", {price} }}]\n\
             [projects.bench]\n\
             [[budgets]]\nname = \"platform\"\nlimit = \"1000000 USD\"\nperiod = \"month\"\n\
             [[budgets]]\nname = \"each user\"\nlimit = \"1000000 USD\"\nperiod = \"month\"\nper = [\"user\"]\n",
            folder.path().join("data"),
        );
        let config = folder.path().join("bursar.toml");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("sh")
            .args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$@\"", "sh"])
            .arg(binary())
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Process(child);
        let begun = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody listens on {addr}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
        let shot = Shot::post("/admin/v1/keys", r#"{"project":"bench","user":"ann"}"#).bearer(token.trim());
        let made: serde_json::Value =
            serde_json::from_slice(&send(&Plan::new(addr, 1), shot).await.body).unwrap();
        let key = made["key"].as_str().expect("a key").to_owned();
        Self { addr, key, process, _folder: folder }
    }

    /// Bytes of memory that are its own and in use.
    pub(crate) fn memory(&self) -> i64 {
        private_memory(self.process.0.id())
    }
}

/// Bytes of memory that are a process's own and in use.
pub(crate) fn private_memory(pid: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux's status");
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}
