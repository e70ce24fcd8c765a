//! Runs the real binary in a folder of its own and shows what a person would see; a fake admin API answers it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A folder with nothing but what a test puts there, and an environment with nothing but what it sets.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Reaches `server` with a token that it takes.
    pub(crate) fn at(self, server: &Server) -> Self {
        self.with("BURSAR_URL", &server.url).with("BURSAR_ADMIN_TOKEN", "a-secret-token")
    }
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
    /// Exit code, standard output and standard error as one text, with what differs from run to run replaced.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, "")
    }
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.output(arguments, input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = format!(
            "exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}",
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr)
        );
        let shown = shown.replace(&self.folder.path().display().to_string(), "[FOLDER]");
        without_ports(&shown)
    }
    pub(crate) fn output(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bursar"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it: no failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// Replaces the port behind `127.0.0.1:` where it is not one of the tests' own.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let port = &part[..digits];
        let own = matches!(port, "8787" | "8788" | "1" | "9000");
        out.push_str("127.0.0.1:");
        out.push_str(if own { port } else { "[PORT]" });
        out.push_str(&part[digits..]);
    }
    out
}

/// A fake admin API: answers by method and path, and remembers what it was asked.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers `METHOD /path?query` with a status and a body; anything else with 404.
    pub(crate) fn new(answers: &[(&str, u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<(String, u16, String)> = answers
            .iter()
            .map(|(ask, status, body)| ((*ask).to_owned(), *status, (*body).to_owned()))
            .collect();
        let seen = asked.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                while answer(stream.as_ref().unwrap(), &answers, &seen) {}
            }
        });
        Self { url, asked }
    }
    /// What was asked so far, a line each: method, path, body.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n")
    }
}

/// Answers one request of a connection; false when there are no more.
fn answer(mut stream: &TcpStream, answers: &[(String, u16, String)], seen: &Mutex<Vec<String>>) -> bool {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut one) {
            Ok(1) => bytes.push(one[0]),
            _ => return false,
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix(name).map(|value| value.trim().to_owned())
        })
    };
    let length = header("content-length:").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let ask: Vec<&str> = head.lines().next().unwrap().split(' ').take(2).collect();
    let ask = ask.join(" ").replace("/admin/v1", "");
    seen.lock().unwrap().push(format!("{ask} {}", String::from_utf8_lossy(&body)).trim_end().to_owned());
    let no = (
        String::new(),
        404,
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such thing"}"#
            .to_owned(),
    );
    let refused = (
        String::new(),
        401,
        r#"{"title":"Unauthorized","status":401,"detail":"the token is unknown"}"#.to_owned(),
    );
    let is_known = header("authorization:").as_deref() == Some("bearer a-secret-token");
    let found = answers.iter().find(|(wanted, _, _)| *wanted == ask).unwrap_or(&no);
    let (_, status, body) = if is_known { found } else { &refused };
    let kind = if *status < 400 { "application/json" } else { "application/problem+json" };
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).is_ok()
}

/// Whether a file exists: for tests that say what was not written.
pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}
