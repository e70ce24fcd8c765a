//! The story of a stranger: the real binary, no file, a provider's key in the environment.

use crate::house::reqwest_lite;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server in that folder with nothing but a provider's key around it, stopped when the story ends.
struct Serving(Child);

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.arg("serve").current_dir(folder).env_clear();
        command.env("OPENAI_API_KEY", "sk-upstream-0123456789").env("BURSAR_SERVER__LISTEN", "127.0.0.1:0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the binary starts"))
    }
    /// The lines of standard error until one begins so.
    fn says(&mut self, beginning: &str) -> Vec<String> {
        let mut said = Vec::new();
        for line in BufReader::new(self.0.stderr.as_mut().expect("a pipe")).lines() {
            said.push(line.expect("a line"));
            if said.last().is_some_and(|line| line.starts_with(beginning)) {
                return said;
            }
        }
        panic!("it ended: {said:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// It makes a data directory of its owner's, a key and a shadow budget, and prints what to export; the key works. The next
/// start makes no other key.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_it_serves_and_prints_what_to_export() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Serving::start(folder.path());
    let said = first.says("hint: ").join("\n");
    assert!(said.contains("create project `default`") && said.contains("create budget `daily`"), "{said}");
    let out = BufReader::new(first.0.stdout.as_mut().expect("a pipe"));
    let exported: Vec<String> = out.lines().take(2).map(|line| line.expect("a line")).collect();
    let value = |name: &str| {
        let found = exported.iter().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        found.unwrap_or_else(|| panic!("no {name}: {exported:?}")).to_owned()
    };
    let (base, key) = (value("OPENAI_BASE_URL"), value("OPENAI_API_KEY"));
    let mode =
        |name: &str| folder.path().join(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("bursar-data"), mode("bursar-data/admin-token")), (0o700, 0o600));

    let http = reqwest_lite::Client::new();
    let headers = [("authorization", format!("Bearer {key}"))];
    let models = http.send("GET", &format!("{base}/models"), &headers, Vec::new()).await.expect("an answer");
    assert_eq!(models.status, 200, "{:?}", models.body);
    let token = std::fs::read_to_string(folder.path().join("bursar-data/admin-token")).expect("a token");
    let headers = [("authorization", format!("Bearer {}", token.trim()))];
    let budget = format!("{}/admin/v1/budgets/daily", base.trim_end_matches("/v1"));
    let budget = http.send("GET", &budget, &headers, Vec::new()).await.expect("an answer").json();
    assert_eq!((&budget["mode"], &budget["limit"]), (&"shadow".into(), &"10 USD".into()), "{budget}");

    drop(first);
    let mut second = Serving::start(folder.path());
    let said = second.says("hint: ").join("\n");
    assert!(said.contains("the key of the first start goes on working"), "{said}");
}
