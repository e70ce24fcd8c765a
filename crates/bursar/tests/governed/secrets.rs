//! No secret is where it need not be: not in the data directory, not in logs, not in records.

use crate::house::{UPSTREAM_SECRET, asking, chat, priced};
use crate::process::Process;
use crate::receivers::Receiver;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const GIVEN: &str = "sk-given-through-the-api-0123456789";
const TURNED: &str = "sk-given-when-it-was-turned-987654";
/// Whoever knows the address of a webhook may post there, and with its secret in Bursar's name.
const CHANNEL: &str = "channel-address-0123456789";
const SIGNING: &str = "channel-signing-secret-9876543210";
/// An address that was given through the API, and the one that took its place.
const SEALED: &str = "sealed-address-0123456789";
const RESEALED: &str = "sealed-address-turned-987654";
const PROMPT: &str = "the-prompt-is-nobodys-business";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_on_disk_in_logs_or_in_records() {
    nothing_leaks("").await;
}

/// What is said is kept then, in files of its own: prompts there and nowhere else, keys nowhere at all.
///
/// Rules: S4-21, S4-22.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_kept_with_what_was_said() {
    nothing_leaks("[records]\nlevel = \"full\"\n").await;
}

/// Uses every secret there is in every way there is, and looks for it everywhere.
async fn nothing_leaks(records: &str) {
    let keeps_bodies = !records.is_empty();
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    // One channel takes alerts, the other is not there: its problem is noted again and again.
    let receiver = Receiver::start(&[]).await;
    let references = tempfile::TempDir::new().unwrap();
    let mut config = std::fs::read_to_string(process.config()).unwrap();
    config.push_str(records);
    for (name, base) in [("taken", receiver.base.as_str()), ("lost", "http://127.0.0.1:1")] {
        let (url, secret) = (references.path().join(name), references.path().join("signing"));
        std::fs::write(&url, format!("{base}/{CHANNEL}")).unwrap();
        std::fs::write(&secret, SIGNING).unwrap();
        config.push_str(&format!(
            "[alerts.{name}]\ntype = \"webhook\"\nurl = {{ file = {url:?} }}\nsecret = {{ file = {secret:?} }}\n"
        ));
    }
    config.push_str("[alerts.sealed]\ntype = \"slack\"\nurl = { sealed = \"chat\" }\n");
    std::fs::write(process.config(), config).unwrap();
    process.start().await;
    let sealed = sealed(&process, &receiver).await;
    process.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "an alert"})).await;
    receiver.until(1, |got| got.path.contains(CHANNEL)).await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha", "user": "ann"})).await;
    let first = made["key"].as_str().unwrap().to_owned();
    let id = made["id"].as_str().unwrap().to_owned();
    let turned = process.admin("POST", &format!("/keys/{id}/rotate"), &json!({"overlap_s": 600})).await;
    let second = turned["key"].as_str().unwrap().to_owned();

    let path = "/providers/fake/credentials";
    let given = json!({"name": "given", "secret": GIVEN, "weight": 1_000_000});
    let given = process.admin("POST", path, &given).await;
    let turned = process.admin("POST", &format!("{path}/given/rotate"), &json!({"secret": TURNED})).await;
    assert_eq!((&given["version"], &turned["version"]), (&json!(1), &json!(2)), "{given} {turned}");

    let mut prompt = chat(5, false);
    prompt["messages"][0]["content"] = json!(PROMPT);
    // Somebody pastes keys into a prompt.
    let mut pasted = chat(5, false);
    pasted["messages"][0]["content"] = json!(format!("my keys: {first}, {second} and {GIVEN}"));
    let bodies = [
        pasted,
        chat(5, false),
        chat(5, true),
        asking("status=503", false),
        asking("fault=cut@300 out=50", true),
        asking("fault=reset", false),
        prompt,
    ];
    for key in [&first, &second, &format!("{first}x")] {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())];
        for body in &bodies {
            let url = format!("{}/v1/chat/completions", process.base);
            let _ = process.http.send("POST", &url, &headers, body.to_string().into_bytes()).await;
            let by_path = format!("{}/k/{key}/v1/chat/completions?key={key}", process.base);
            let _ = process.http.send("POST", &by_path, &[], body.to_string().into_bytes()).await;
        }
    }
    let mut shown = Vec::new();
    for _ in 0..100 {
        let requests = process.admin("GET", "/requests?limit=100", &Value::Null).await;
        let done = requests["items"].as_array().is_some_and(|items| items.len() >= 28);
        shown = vec![requests];
        if done {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let used = |received: &bursar_mock::Received| {
        received
            .headers
            .get("authorization")
            .is_some_and(|value| value.as_bytes().ends_with(TURNED.as_bytes()))
    };
    assert!(mock.requests().iter().any(used), "the rotated credential was never used");
    shown.push(sealed);
    shown.extend([given, turned, process.admin("GET", "/providers/fake/credentials", &Value::Null).await]);
    for path in [
        "/keys",
        "/audit?limit=100",
        "/alerts",
        "/alerts/secrets",
        "/providers",
        "/users",
        "/projects",
        "/budgets",
    ] {
        shown.push(process.admin("GET", path, &Value::Null).await);
    }
    let token = process.token();
    if keeps_bodies {
        let details = said(&process, 28).await;
        assert!(details.contains(PROMPT) && details.contains("[redacted]"), "{details}");
        // Who asks for a prompt is shown it; the rest is looked for in it as anywhere.
        shown.push(Value::String(details.replace(PROMPT, "")));
    }
    process.kill();

    let secrets = [
        ("key", &*first),
        ("rotated key", &*second),
        ("credential", UPSTREAM_SECRET),
        ("given credential", GIVEN),
        ("given credential's new secret", TURNED),
        ("admin token", &*token),
        ("channel's address", CHANNEL),
        ("channel's secret", SIGNING),
        ("sealed address", SEALED),
        ("sealed address's new one", RESEALED),
        ("prompt", PROMPT),
    ];
    for (what, secret) in secrets {
        assert!(secret.len() > 16, "{what} is too short to look for");
        for answer in &shown {
            assert!(!answer.to_string().contains(secret), "the {what} is in an answer: {answer}");
        }
    }
    for file in files(process.folder.path()) {
        // Segments of the journal are mostly zeros, and no secret has one.
        let bytes = std::fs::read(&file).unwrap();
        let texts: Vec<&[u8]> = bytes.split(|byte| *byte == 0).filter(|text| text.len() > 16).collect();
        for (what, secret) in secrets {
            let in_bodies = file.parent().is_some_and(|folder| folder.ends_with("bodies"));
            if what == "prompt" && in_bodies {
                continue;
            }
            let own = what == "admin token" && file.ends_with("admin-token");
            let is_in = |text: &&[u8]| text.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert_eq!(texts.iter().any(is_in), own, "the {what} in {}", file.display());
        }
    }
    assert!(std::fs::metadata(process.folder.path().join("log-1")).unwrap().len() > 0, "nothing was logged");
}

/// Gives a channel its address through the API, and another one: what the API answered to both.
async fn sealed(process: &Process, receiver: &Receiver) -> Value {
    let mut answers = Vec::new();
    for address in [SEALED, RESEALED] {
        let secret = format!("{}/{address}", receiver.base);
        let set = json!({"name": "chat", "secret": secret});
        answers.push(process.admin("POST", "/alerts/secrets", &set).await);
        let tested = process.admin("POST", "/alerts/test", &json!({"channel": "sealed"})).await;
        assert_eq!(tested["items"][0]["delivered"], true, "{tested}");
        receiver.until(1, |got| got.path.contains(address)).await;
    }
    assert_eq!((&answers[0]["version"], &answers[1]["version"]), (&json!(1), &json!(2)), "{answers:?}");
    Value::Array(answers)
}

/// What was kept of `count` requests, once all of them are on record and it is written.
async fn said(process: &Process, count: usize) -> String {
    let mut ids = Vec::new();
    for _ in 0..100 {
        let mut details = Vec::new();
        let requests = process.admin("GET", "/requests?limit=100", &Value::Null).await;
        let items = requests["items"].as_array().unwrap();
        ids = items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
        for id in &ids {
            let detail = process.admin("GET", &format!("/requests/{id}/body"), &Value::Null).await;
            details.extend(detail["request_body"].is_object().then(|| detail.to_string()));
        }
        if details.len() >= count {
            return details.join("\n");
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("not {count} of {} requests were kept", ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mock = bursar_mock::Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&process.data_dir()), 0o700);
    assert_eq!(mode(&process.data_dir().join("admin-token")), 0o600);
    assert_eq!(mode(&process.data_dir().join("seal-key")), 0o600);
}
