//! The real binary over a fake provider: started, killed, started again on the same data directory.

use crate::house::{UPSTREAM_SECRET, reqwest_lite};
use bursar_core::Family;
use bursar_mock::Mock;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a configuration and a data directory, and the process that serves it.
pub(crate) struct Process {
    pub(crate) folder: TempDir,
    pub(crate) base: String,
    pub(crate) http: reqwest_lite::Client,
    /// Further environment variables of the next start.
    pub(crate) variables: Vec<(&'static str, String)>,
    child: Option<Child>,
    starts: u32,
    /// Copies what the process says into its log, where that is a pipe.
    copier: Option<std::thread::JoinHandle<()>>,
}

/// Where a process says what it says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// To a file on the same disk as everything.
    File,
    /// To a pipe.
    Pipe,
}

impl Process {
    /// A folder for a Bursar in front of `mock`; nothing runs yet.
    pub(crate) fn new(mock: &Mock) -> Self {
        let folder = TempDir::new().expect("a folder");
        let base = mock.base_url(Family::OpenAi);
        let process = Self {
            folder,
            base: String::new(),
            http: reqwest_lite::Client::new(),
            variables: Vec::new(),
            child: None,
            starts: 0,
            copier: None,
        };
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\nthreads = 2\n[ledger]\ndurability = \"fast\"\n\
             [providers.fake]\nfamily = \"openai\"\nbase_url = \"{base}\"\ncredential = {{ env = \"FAKE_KEY\" }}\n\
             [models.\"small\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n\
             [projects.alpha]\n\
             [[budgets]]\nname = \"all\"\nlimit = \"100 USD\"\nperiod = \"total\"\n\
             [[budgets]]\nname = \"runs\"\nlimit = \"0.05 USD\"\nperiod = \"total\"\nper = [\"run\"]\nwait_ms = 100\n",
            process.data_dir(),
        );
        std::fs::write(process.config(), text).expect("the configuration is written");
        process
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("bursar.toml")
    }

    /// Chooses the durability of the next process.
    pub(crate) fn durability(&self, word: &str) {
        let text = std::fs::read_to_string(self.config()).expect("the configuration");
        let lines = text.lines().map(|line| match line.strip_prefix("durability = ") {
            Some(_) => format!("durability = \"{word}\"\n"),
            None => format!("{line}\n"),
        });
        std::fs::write(self.config(), lines.collect::<String>()).expect("the configuration is written");
    }

    /// `bursar serve` of this folder, its standard error in a file.
    pub(crate) fn command(&self, log: &str) -> Command {
        let log = std::fs::File::create(self.folder.path().join(log)).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(["serve", "--log", "debug", "--config"]).arg(self.config());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command.env("FAKE_KEY", UPSTREAM_SECRET).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// Starts it and waits until it listens.
    pub(crate) async fn start(&mut self) {
        let log = self.next_log();
        let command = self.command(&log);
        self.listen(command, &log).await;
    }

    /// As [`Self::start`], with these variables in its environment.
    pub(crate) async fn start_with(&mut self, variables: &[(&str, &std::ffi::OsStr)]) {
        let log = self.next_log();
        let mut command = self.command(&log);
        command.envs(variables.iter().copied());
        self.listen(command, &log).await;
    }

    /// As [`Self::start`], and a write that a limit on file sizes forbids fails, where it would end the process else.
    pub(crate) async fn start_sparing_file_limits(&mut self, to: Log) {
        let log = self.next_log();
        let inner = self.command(&log);
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(inner.get_program())
            .args(inner.get_args());
        command.env("FAKE_KEY", UPSTREAM_SECRET).stdin(Stdio::null()).stdout(Stdio::null());
        let mut file = std::fs::File::create(self.folder.path().join(&log)).expect("a log");
        match to {
            Log::File => command.stderr(file),
            Log::Pipe => {
                let (mut from, to) = std::io::pipe().expect("a pipe");
                self.copier = Some(std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut file).expect("the log is written");
                }));
                command.stderr(to)
            }
        };
        self.listen(command, &log).await;
    }

    fn next_log(&mut self) -> String {
        self.starts += 1;
        format!("log-{}", self.starts)
    }

    async fn listen(&mut self, mut command: Command, log: &str) {
        self.child = Some(command.spawn().expect("the binary starts"));
        // With it goes this side's end of the pipe.
        drop(command);
        let began = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.folder.path().join(log)).unwrap_or_default();
            let told = text.lines().find_map(|line| line.split_once("listening on ")?.1.split_once(','));
            if let Some((base, _)) = told {
                self.base = base.to_owned();
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not listen: {text}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Waits until it ends by itself: how, and what it said.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, String) {
        let mut child = self.child.take().expect("it runs");
        for _ in 0..600 {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                if let Some(copier) = self.copier.take() {
                    copier.join().expect("the log is copied");
                }
                let log = self.folder.path().join(format!("log-{}", self.starts));
                return (status, std::fs::read_to_string(log).unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        child.kill().expect("it can be killed");
        panic!("it does not end");
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn token(&self) -> String {
        let path = self.data_dir().join("admin-token");
        std::fs::read_to_string(path).expect("an admin token").trim().to_owned()
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [
            ("authorization", format!("Bearer {}", self.token())),
            ("content-type", "application/json".into()),
        ];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let url = format!("{}/admin/v1{path}", self.base);
        let answer = self.http.send(method, &url, &headers, bytes).await.expect("an answer");
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
