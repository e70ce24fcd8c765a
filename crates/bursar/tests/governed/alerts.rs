//! Alerts arrive once, in every service's own form, whatever else is dead; and requests do not notice.

use crate::house::{House, chat, priced};
use crate::process::Process;
use crate::receivers::{Got, MailServer, Receiver};
use base64::Engine as _;
use bursar::config::{Config, Environment, Surroundings};
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Two requests of 0.00181 USD are above 80 % of it, three above all.
const SOFT: &str =
    "[[budgets]]\nname = \"soft\"\nlimit = \"0.004 USD\"\nperiod = \"total\"\nmode = \"soft\"\n";

/// Files with the secrets of channels.
struct Secrets(TempDir);

impl Secrets {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }
    /// A reference to a secret as the configuration writes it.
    fn keep(&self, name: &str, secret: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, secret).expect("a file");
        format!("{{ file = {path:?} }}")
    }
    /// A webhook channel.
    fn webhook(&self, name: &str, url: &str, more: &str) -> String {
        format!("[alerts.{name}]\ntype = \"webhook\"\nurl = {}\n{more}\n", self.keep(name, url))
    }
}

/// The events that a webhook was told of, with how often each was.
fn told(got: &[Got]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for message in got {
        for alert in message.json()["data"]["alerts"].as_array().expect("alerts") {
            *told.entry(alert["dedup_key"].as_str().expect("a key").to_owned()).or_default() += 1;
        }
    }
    told
}

fn is(event: &str) -> impl Fn(&Got) -> bool + '_ {
    move |got| got.json()["data"]["alerts"][0]["event"] == event
}

/// The one alert of an event, once `ready` says so of it.
pub(crate) async fn alert(house: &House, event: &str, ready: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_500 {
        let listed = house.admin("GET", &format!("/alerts?event={event}&limit=100"), &Value::Null).await;
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        assert!(items.len() < 2, "told twice: {items:?}");
        if let Some(item) = items.into_iter().next().filter(|item| ready(item)) {
            return item;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no alert {event}: {}", house.admin("GET", "/alerts?limit=100", &Value::Null).await);
}

fn delivery(alert: &Value, channel: &str) -> Value {
    let deliveries = alert["deliveries"].as_array().expect("deliveries");
    deliveries.iter().find(|delivery| delivery["channel"] == channel).cloned().unwrap_or_default()
}

/// Rules: S0-20, S0-21, S1-01, S1-28, S2-17, S3-31, C1-19.
#[tokio::test(flavor = "multi_thread")]
async fn each_threshold_is_told_once_also_across_a_restart() {
    let receiver = Receiver::start(&[]).await;
    let secrets = Secrets::new();
    let signing = secrets.keep("signing", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let channel = secrets.webhook("ops", &format!("{}/hook", receiver.base), &format!("secret = {signing}"));
    let mut house = House::with(priced(), &format!("{SOFT}{channel}")).await;
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    }
    let first = receiver.until(1, is("threshold")).await;
    let body = first[0].json();
    assert_eq!(body["data"]["title"], "Budget soft crossed 80%");
    let text = body["data"]["text"].as_str().expect("a text");
    assert!(text.contains("$0.00362 of $0.004 is spent in soft"), "{text}");
    // Signed over id, time and body; the receiver computes it by itself.
    let key =
        base64::engine::general_purpose::STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let said = format!(
        "{}.{}.{}",
        first[0].header("webhook-id"),
        first[0].header("webhook-timestamp"),
        first[0].body
    );
    let signature = first[0].header("webhook-signature");
    let tag = base64::engine::general_purpose::STANDARD
        .decode(signature.trim_start_matches("v1,"))
        .expect("base64");
    aws_lc_rs::hmac::verify(&key, said.as_bytes(), &tag).expect("the signature is right");

    house.stop();
    house.start_again();
    for _ in 0..3 {
        assert_eq!(house.chat(&chat(900, false)).await.status, 200);
    }
    receiver.until(1, is("exhausted")).await;
    // Whatever would be told twice has been by the time something later arrives.
    let kill = json!({"scope": "run=none", "reason": "a mark"});
    house.admin("POST", "/kill", &kill).await;
    receiver.until(1, is("kill_on")).await;
    let told = told(&receiver.got());
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    let of = |event: &str| told.keys().filter(|key| key.starts_with(event)).count();
    assert_eq!((of("threshold:"), of("exhausted:")), (2, 1), "80 % and 95 %, then the limit: {told:?}");
}

/// Rules: S0-20, C1-19.
#[tokio::test(flavor = "multi_thread")]
async fn every_service_is_spoken_to_in_its_own_form() {
    let (http, mail) = (Receiver::start(&[]).await, MailServer::start().await);
    let secrets = Secrets::new();
    let chats: String = ["slack", "discord", "teams"]
        .iter()
        .map(|kind| {
            let url = secrets.keep(kind, &format!("{}/{kind}-secret", http.base));
            format!("[alerts.{kind}]\ntype = \"{kind}\"\nurl = {url}\n")
        })
        .collect();
    let token = secrets.keep("token", "123:telegram-secret");
    let config = format!(
        "{chats}[alerts.phone]\ntype = \"telegram\"\ntoken = {token}\nchat = \"-100\"\nbase_url = \"{}\"\nlanguage = \"zh-TW\"\n\
         [alerts.post]\ntype = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"Bursar <bursar@example.com>\"\n\
         to = [\"ann@example.com\", \"bob@example.com\"]\n",
        http.base, mail.port,
    );
    let house = House::with(priced(), &config).await;
    house.admin("POST", "/kill", &json!({"scope": "run=r1", "reason": "too fast"})).await;
    let got = http.until(4, |_| true).await;
    let by_path: BTreeMap<String, Value> = got.iter().map(|got| (got.path.clone(), got.json())).collect();
    let title = "Kill switch on: run=r1";
    let says =
        |text: &Value| text.as_str().is_some_and(|text| text.starts_with(title) && text.contains("too fast"));
    assert!(says(&by_path["/slack-secret"]["text"]), "{by_path:?}");
    assert!(says(&by_path["/discord-secret"]["content"]), "{by_path:?}");
    let card = &by_path["/teams-secret"]["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["body"][0]["text"], title);
    let telegram = &by_path["/bot123:telegram-secret/sendMessage"];
    assert_eq!(telegram["chat_id"], "-100");
    assert!(telegram["text"].as_str().expect("a text").starts_with("緊急停止已啟用：run=r1"), "{telegram}");
    let mails = mail.until(1).await;
    for line in ["MAIL FROM:<bursar@example.com>", "RCPT TO:<ann@example.com>", "RCPT TO:<bob@example.com>"] {
        assert!(mails[0].contains(line), "{}", mails[0]);
    }
    assert!(mails[0].contains("Subject: [Bursar] Kill switch on: run=r1"), "{}", mails[0]);
    let stored = alert(&house, "kill_on", |alert| delivery(alert, "post")["state"] == "delivered").await;
    assert!(!stored.to_string().contains("secret"), "{stored}");

    // A test says that it is one, and goes to one channel or to all.
    let tested = house.admin("POST", "/alerts/test", &json!({})).await;
    let items = tested["items"].as_array().expect("items");
    assert_eq!(items.iter().filter(|item| item["delivered"] == true).count(), 5, "{tested}");
    let tests = http.until(4, |got| got.body.contains("$0.004")).await;
    assert!(tests.iter().all(|got| got.body.contains("Test, not real") || got.body.contains("測試")));
    let no = house.admin("POST", "/alerts/test", &json!({"channel": "nobody"})).await;
    assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("channel")), "{no}");
}

/// Rules: S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_channel_slows_neither_requests_nor_another_channel() {
    let good = Receiver::start(&[]).await;
    // Takes connections and never answers.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}/", hanging.local_addr().expect("an address"));
    let secrets = Secrets::new();
    let channels = [
        secrets.webhook("dead", "http://127.0.0.1:1/secret-path", "attempts = 2"),
        secrets.webhook("silent", &silent, ""),
        secrets.webhook("good", &good.base, ""),
    ]
    .concat();
    let house = House::with(priced(), &channels).await;
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "a test"})).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    good.until(1, is("kill_on")).await;
    let stored = alert(&house, "kill_on", |alert| delivery(alert, "dead")["state"] == "failed").await;
    let dead = delivery(&stored, "dead");
    assert_eq!((&dead["attempts"], &dead["problem"]), (&json!(2), &json!("the receiver cannot be reached")));
    assert_eq!(delivery(&stored, "good")["state"], "delivered");
    assert_eq!(delivery(&stored, "silent")["state"], "pending");
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let metrics = house.http.send("GET", &format!("{}/metrics", house.base), &[], Vec::new()).await;
    let text = String::from_utf8_lossy(&metrics.expect("metrics").body).into_owned();
    for line in [
        "bursar_alerts_total{channel=\"dead\",result=\"retried\"} 1",
        "bursar_alerts_total{channel=\"dead\",result=\"failed\"} 1",
        "bursar_alerts_total{channel=\"good\",result=\"delivered\"} 1",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

/// Rules: S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_told_again_under_the_same_id() {
    let receiver = Receiver::start(&[500, 429]).await;
    let secrets = Secrets::new();
    let house = House::with(priced(), &secrets.webhook("ops", &receiver.base, "")).await;
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "a test"})).await;
    let got = receiver.until(3, is("kill_on")).await;
    assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")), "{got:?}");
    let stored = alert(&house, "kill_on", |alert| delivery(alert, "ops")["state"] == "delivered").await;
    assert_eq!(delivery(&stored, "ops")["attempts"], 3);
}

/// Rules: S0-13, S1-25.
#[tokio::test(flavor = "multi_thread")]
async fn what_else_happens_is_told_once_too() {
    let hard = "[[budgets]]\nname = \"tight\"\nlimit = \"0.005 USD\"\nperiod = \"day\"\nmatch = { run = \"tight\" }\n";
    let mut house = House::with(priced(), hard).await;
    // Refused twice, told once.
    let mut headers = house.headers();
    headers.push(("x-bursar-run", "tight".to_owned()));
    let mut refused = 0;
    for _ in 0..20 {
        let answer = house.send(&headers, chat(900, false).to_string()).await.expect("an answer");
        refused += u32::from(answer.json()["bursar"]["code"] == "E-BUDGET-001");
    }
    assert!(refused > 1, "the run is never refused");
    let exhausted = alert(&house, "exhausted", |_| true).await;
    assert_eq!(
        (&exhausted["scope"], &exhausted["figures"]["budget"]),
        (&json!("run=tight"), &json!("tight"))
    );
    assert!(exhausted["figures"]["asked"].is_string(), "{exhausted}");
    for _ in 0..2 {
        let mut unknown = chat(5, false);
        unknown["model"] = json!("nobody-knows-this");
        assert_eq!(house.chat(&unknown).await.status, 422);
    }
    let unpriced = alert(&house, "price_missing", |_| true).await;
    assert_eq!(unpriced["figures"]["model"], "nobody-knows-this");
    // A bill that is unknown.
    assert_eq!(house.chat(&crate::house::asking("out=5 fault=drop", false)).await.status, 502);
    let suspense = alert(&house, "suspense", |_| true).await;
    assert_eq!(suspense["figures"]["count"], 1, "{suspense}");
    // A person throttles a provider, and stops a run for ten minutes.
    let force = json!({"provider": "fake", "throttled": true, "reason": "by hand"});
    house.admin("POST", "/throttle", &force).await;
    assert_eq!(alert(&house, "throttle_engaged", |_| true).await["scope"], "provider=fake");
    let soon = bursar::serve::SystemClock;
    let until = bursar_govern::ports::Clock::now(&soon).plus_seconds(600).to_string();
    house.admin("POST", "/kill", &json!({"scope": "run=r", "reason": "a while", "until": until})).await;
    assert_eq!(alert(&house, "kill_expiring", |_| true).await["scope"], "run=r");
    house.admin("DELETE", "/kill/run=r", &Value::Null).await;
    alert(&house, "kill_off", |_| true).await;
    // A key that ends tomorrow is told of with the next look, at the latest after an hour or a start.
    let tomorrow = bursar_govern::ports::Clock::now(&soon).plus_seconds(86_400).to_string();
    house.admin("POST", "/keys", &json!({"project": "alpha", "expires_at": tomorrow})).await;
    house.stop();
    house.start_again();
    assert_eq!(alert(&house, "key_expiring", |_| true).await["scope"], "project=alpha");
    for event in
        ["exhausted", "price_missing", "suspense", "throttle_engaged", "kill_on", "kill_expiring", "kill_off"]
    {
        alert(&house, event, |_| true).await;
    }
}

/// A budget of several `per` has windows that share a value: each is told of once, whether the journal or a refusal tells.
///
/// Rules: S0-20, S1-01.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_windows_with_a_value_in_common_is_told_once() {
    let budget = "[projects.beta]\n[[budgets]]\nname = \"both\"\nlimit = \"0.004 USD\"\nperiod = \"total\"\n\
                  per = [\"project\", \"user\"]\nthresholds = [100]\n";
    let mut house = House::with(priced(), budget).await;
    let made = house.admin("POST", "/keys", &json!({"project": "beta", "user": "ann"})).await;
    let keys = [house.key.clone(), made["key"].as_str().expect("a key").to_owned()];
    for (project, key) in ["alpha", "beta"].into_iter().zip(keys) {
        let spent = json!({"attributes": {"project": project, "user": "ann"}, "provider": "fake", "model": "small",
            "usage": {}, "cost_usd": "0.005"});
        assert_eq!(house.admin("POST", "/usage", &spent).await["result"], "settled");
        house.key = key;
        for _ in 0..2 {
            assert_eq!(house.chat(&chat(5, false)).await.status, 429);
        }
    }
    let mut keys = Vec::new();
    for round in 0..2 {
        for _ in 0..1_500 {
            let listed = house.admin("GET", "/alerts?event=exhausted&limit=100", &Value::Null).await;
            let items = listed["items"].as_array().cloned().unwrap_or_default();
            keys = items.iter().map(|item| item["dedup_key"].as_str().expect("a key").to_owned()).collect();
            if keys.len() >= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        keys.sort();
        assert_eq!(
            keys,
            ["exhausted:both:alpha/ann:total", "exhausted:both:beta/ann:total"],
            "round {round}"
        );
        // Whatever would be told twice has been after a restart, which reads everything that is left.
        house.stop();
        house.start_again();
    }
}

/// Rules: S1-01, C1-19.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_neither_loses_an_alert_nor_repeats_it() {
    let receiver = Receiver::start(&[]).await;
    let mock = Mock::start(priced()).await.expect("a mock");
    let mut process = Process::new(&mock);
    let secrets = Secrets::new();
    let mut text = std::fs::read_to_string(process.config()).expect("the configuration");
    text.push_str(SOFT);
    text.push_str(&secrets.webhook("ops", &receiver.base, ""));
    std::fs::write(process.config(), text).expect("the configuration is written");
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().expect("a key").to_owned();
    for at in 0..3 {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        let url = format!("{}/v1/chat/completions", process.base);
        let body = chat(900, false).to_string().into_bytes();
        let answer = process.http.send("POST", &url, &headers, body).await.expect("an answer");
        assert_eq!(answer.status, 200);
        if at > 0 {
            // In the middle of whatever it does about the threshold.
            process.kill();
            process.start().await;
        }
    }
    let crossed = receiver.until(1, is("exhausted")).await;
    assert_eq!(crossed.len(), 1);
    let listed = process.admin("GET", "/alerts?limit=100", &Value::Null).await;
    let keys: Vec<&str> =
        listed["items"].as_array().expect("items").iter().filter_map(|i| i["dedup_key"].as_str()).collect();
    assert_eq!(keys.iter().filter(|key| key.starts_with("threshold:soft")).count(), 2, "{keys:?}");
    assert_eq!(keys.iter().filter(|key| key.starts_with("exhausted:soft")).count(), 1, "{keys:?}");
    // What was sent twice because of the crash was sent under one id.
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for got in receiver.got() {
        let key = got.json()["data"]["alerts"][0]["dedup_key"].to_string();
        let id = got.header("webhook-id");
        assert_eq!(ids.entry(key).or_insert_with(|| id.clone()), &id);
    }

    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(arguments).args(["--url", &process.base]);
        command.env("BURSAR_ADMIN_TOKEN", process.token()).env("NO_COLOR", "1");
        let output = command.output().expect("the binary runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, shown) = run(&["alert", "list"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("exhausted") && shown.contains("soft"), "{shown}");
    let (code, shown) = run(&["alert", "test", "--channel", "ops"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("delivered"), "{shown}");
    drop(receiver);
    let (code, shown) = run(&["alert", "test", "--json"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("\"delivered\": false") || shown.contains("\"delivered\":false"), "{shown}");
}

#[test]
fn a_wrong_channel_is_named_with_what_would_be_right() {
    let read = |text: &str| {
        let environment = Environment::new([("A".to_owned(), "https://example.com".to_owned())]);
        let read = |_: &Path| Err("no such file".to_owned());
        let surroundings = Surroundings { environment: &environment, read_file: &read };
        match Config::read(text, Path::new("bursar.toml"), &surroundings) {
            Ok(_) => String::new(),
            Err(report) => format!("{report:?}"),
        }
    };
    let cases = [
        ("type = \"slak\"\nurl = { env = \"A\" }", "slack"),
        ("type = \"slack\"", "alerts.ops.url"),
        ("type = \"slack\"\nurl = \"https://hooks\"", "plain text"),
        (
            "type = \"slack\"\nurl = { env = \"A\" }\nchat = \"1\"",
            "means nothing to a channel of type `slack`",
        ),
        ("type = \"slack\"\nurl = { env = \"A\" }\nevents = [\"exhasted\"]", "exhausted"),
        ("type = \"slack\"\nurl = { env = \"A\" }\nquiet_hours = \"22-7\"", "22:00-07:00"),
        ("type = \"slack\"\nurl = { env = \"A\" }\ncolour = 1", "colour"),
        ("type = \"email\"\nhost = \"h\"\nfrom = \"nobody\"\nto = [\"a@example.com\"]", "no mail address"),
        (
            "type = \"email\"\nhost = \"h\"\nfrom = \"a@example.com\"\nto = [\"a@example.com\"]\nsecurity = \"none\"\n\
             user = \"u\"\npassword = { env = \"A\" }",
            "clear text",
        ),
    ];
    for (text, says) in cases {
        let report = read(&format!("[alerts.ops]\n{text}\n"));
        assert!(report.contains(says), "{text}: {report}");
    }
    assert_eq!(read("[alerts.ops]\ntype = \"slack\"\nurl = { env = \"A\" }\ndigest = \"5m\"\n"), "");
}

/// Mail goes over no connection in clear text unless the configuration says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_without_tls_is_told_nothing() {
    let mail = MailServer::start().await;
    let channel = |security: &str| {
        format!(
            "[alerts.{security}]\ntype = \"email\"\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"{security}\"\n\
             from = \"a@example.com\"\nto = [\"b@example.com\"]\n",
            mail.port
        )
    };
    let house = House::with(priced(), &["tls", "starttls", "none"].map(channel).concat()).await;
    let tested = house.admin("POST", "/alerts/test", &json!({})).await;
    let delivered = |channel: &str| {
        let items = tested["items"].as_array().expect("items");
        items.iter().find(|item| item["channel"] == channel).expect("a channel")["delivered"].clone()
    };
    assert_eq!(
        (delivered("tls"), delivered("starttls"), delivered("none")),
        (json!(false), json!(false), json!(true)),
        "{tested}"
    );
    assert_eq!(mail.until(1).await.len(), 1);
}

/// Rules: S0-20.
#[tokio::test(flavor = "multi_thread")]
async fn digests_collect_and_quiet_hours_let_only_what_is_urgent_pass() {
    let (digest, quiet) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let secrets = Secrets::new();
    let hour = bursar_govern::ports::Clock::now(&bursar::serve::SystemClock).seconds() / 3_600;
    let hours = format!("quiet_hours = \"{:02}:00-{:02}:00\"", (hour + 23) % 24, (hour + 3) % 24);
    let channels = [
        secrets.webhook("digest", &digest.base, "digest = \"10s\"\nevents = [\"price_missing\"]"),
        secrets.webhook("quiet", &quiet.base, &hours),
    ]
    .concat();
    let house = House::with(priced(), &channels).await;
    for name in ["nobody-knows-a", "nobody-knows-b"] {
        let mut unknown = chat(5, false);
        unknown["model"] = json!(name);
        assert_eq!(house.chat(&unknown).await.status, 422);
    }
    let message = digest.until(1, |_| true).await[0].json();
    assert_eq!((&message["type"], &message["data"]["title"]), (&json!("alert.digest"), &json!("2 alerts")));
    house.admin("POST", "/kill", &json!({"scope": "run=none", "reason": "urgent"})).await;
    quiet.until(1, is("kill_on")).await;
    assert_eq!(quiet.got().len(), 1, "{:?}", quiet.got());
    let listed = house.admin("GET", "/alerts?event=price_missing", &Value::Null).await;
    for item in listed["items"].as_array().expect("items") {
        assert_eq!(delivery(item, "quiet")["state"], "pending");
        assert_eq!(delivery(item, "digest")["state"], "delivered");
    }
}
