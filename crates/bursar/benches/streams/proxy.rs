//! A plain reverse proxy beside Bursar: nginx, where it is installed, without buffering and with kept connections.

use crate::house::Process;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running nginx with two workers.
pub(crate) struct Nginx {
    /// In front of the streams' provider.
    pub(crate) streams: SocketAddr,
    /// In front of the plain requests' provider.
    pub(crate) plain: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one; nothing where there is none.
    pub(crate) async fn start(streams: SocketAddr, plain: SocketAddr) -> Option<Self> {
        let folder = TempDir::with_prefix("bursar-bench-").unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fronts = (free(), free());
        let place = folder.path().display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {place}/{what};\n"))
            .concat();
        let server = |name: &str, front: SocketAddr, behind: SocketAddr| {
            format!(
                "upstream {name} {{ server {behind}; keepalive 2048; }}\n\
                 server {{ listen {front} backlog=4096; location / {{ proxy_pass http://{name}; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; proxy_buffering off; proxy_read_timeout 600s; }} }}\n"
            )
        };
        let text = format!(
            "worker_processes 2;\nworker_rlimit_nofile 65536;\npid {place}/pid;\nerror_log {place}/log;\n\
             events {{ worker_connections 16384; }}\nhttp {{ access_log off; keepalive_requests 100000000;\n{temp}{}{} }}\n",
            server("streams", fronts.0, streams),
            server("plain", fronts.1, plain),
        );
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&config).args(["-g", "daemon off;"]).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().ok()?;
        let process = Process(child);
        let begun = Instant::now();
        while TcpStream::connect(fronts.0).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { streams: fronts.0, plain: fronts.1, process, _folder: folder })
    }

    /// Bytes of memory that its workers have of their own and in use.
    pub(crate) fn memory(&self) -> i64 {
        let pid = self.process.0.id();
        let workers = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        workers.split_whitespace().map(|worker| crate::house::private_memory(worker.parse().unwrap())).sum()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to, not when it is killed.
        let _ = Command::new("kill").args(["-TERM", &self.process.0.id().to_string()]).status();
        let _ = self.process.0.wait();
    }
}
