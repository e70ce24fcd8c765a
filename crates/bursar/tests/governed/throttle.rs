//! A provider on its way past its budget: the real binary moves traffic to the next deployment, or says what it would do.

use crate::house::{asking, priced, reqwest_lite::Answer, until};
use crate::process::Process;
use bursar_core::Family;
use bursar_mock::Mock;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Bursar in front of two providers of one model, each with its own bill.
struct World {
    one: Mock,
    two: Mock,
    process: Process,
    key: String,
    budget: &'static str,
}

/// Each answer costs 0.00181 USD: two of them are 90.5 % of this budget on the last day of a month, more before it.
const BUDGET: &str = "[[budgets]]\nname = \"one month\"\nlimit = \"0.004 USD\"\nperiod = \"month\"\nmode = \"soft\"\n\
                      match = { provider = \"one\" }\n";

impl World {
    async fn new(throttle: &str) -> Self {
        Self::over(BUDGET, throttle).await
    }
    async fn over(budget: &'static str, throttle: &str) -> Self {
        let one = Mock::start(priced()).await.expect("a mock");
        let two = Mock::start(priced()).await.expect("a mock");
        let mut world = Self { process: Process::new(&one), one, two, key: String::new(), budget };
        world.configure(throttle);
        world.process.start().await;
        let made = world.admin("POST", "/keys", &json!({"project": "alpha"})).await;
        world.key = made["key"].as_str().expect("a key").to_owned();
        world
    }
    fn configure(&self, throttle: &str) {
        let provider = |name: &str, mock: &Mock| {
            let base = mock.base_url(Family::OpenAi);
            format!(
                "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{base}\"\ncredential = {{ env = \"FAKE_KEY\" }}\n"
            )
        };
        let price = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\nthreads = 2\n[ledger]\ndurability = \"fast\"\n{}{}\
             [models.small]\ndeployments = [{{ provider = \"one\", {price} }}, {{ provider = \"two\", {price} }}]\n\
             [models.other]\ndeployments = [{{ provider = \"one\", model = \"small\", {price} }}, {{ provider = \"two\", model = \"small\", {price} }}]\n\
             [projects.alpha]\n[projects.beta]\n{}\
             [throttle]\nengage_ratio = \"0.9\"\nrelease_ratio = \"0.4\"\nmin_elapsed_days = 0\n{throttle}\n",
            self.process.data_dir(),
            provider("one", &self.one),
            provider("two", &self.two),
            self.budget,
        );
        std::fs::write(self.process.config(), text).expect("the configuration is written");
    }
    /// Reads the configuration again, as SIGHUP does.
    fn hang_up(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }
    async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        self.process.admin(method, path, body).await
    }
    async fn chat(&self, headers: &[(&'static str, &str)]) -> Answer {
        self.ask(&self.key, "small", headers).await
    }
    async fn ask(&self, key: &str, model: &str, headers: &[(&'static str, &str)]) -> Answer {
        let mut all =
            vec![("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let url = format!("{}/v1/chat/completions", self.process.base);
        let mut body = asking("out=900 in=10", false);
        body["model"] = json!(model);
        let body = body.to_string().into_bytes();
        self.process.http.send("POST", &url, &all, body).await.expect("an answer")
    }
    /// Who serves a request of this key for this model now.
    async fn serves(&self, key: &str, model: &str) -> String {
        let answer = self.ask(key, model, &[]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.header("x-bursar-provider").to_owned()
    }
    /// Who serves a request now.
    async fn served_by(&self) -> String {
        let answer = self.chat(&[]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.header("x-bursar-provider").to_owned()
    }
    /// The state of provider `one`.
    async fn one(&self) -> Value {
        let status = self.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|item| item["provider"] == "one").unwrap_or(Value::Null)
    }
    /// Waits until the state of `one` says so.
    async fn until(&self, field: &str, value: bool) -> Value {
        for _ in 0..500 {
            let one = self.one().await;
            if one[field] == value {
                return one;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("`{field}` never became {value}: {}", self.admin("GET", "/throttle", &Value::Null).await);
    }
    /// What the dry run of `one` would have moved, once it is at least so many.
    async fn moved(&self, requests: u64) -> Value {
        for _ in 0..500 {
            let moved = self.one().await["would_have_moved"].clone();
            if moved["requests"].as_u64().is_some_and(|count| count >= requests) {
                return moved;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {requests}: {}", self.admin("GET", "/throttle", &Value::Null).await);
    }
    /// The record of a request, once it is drained.
    async fn record(&self, id: &str) -> Value {
        for _ in 0..500 {
            let record = self.admin("GET", &format!("/requests/{id}"), &Value::Null).await;
            if record["finalized_at"].is_string() {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no record of {id}");
    }
    /// Kinds of events, oldest first.
    async fn told(&self) -> Vec<String> {
        let listed = self.admin("GET", "/throttle/history?limit=100", &Value::Null).await;
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        items.iter().rev().map(|event| event["event"].as_str().expect("a word").to_owned()).collect()
    }
    /// Runs a command against this server; what it says on standard output.
    fn bursar(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(arguments).env("BURSAR_URL", &self.process.base);
        command.env("BURSAR_ADMIN_TOKEN", self.process.token()).env("NO_COLOR", "1");
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
    async fn text(&self, path: &str) -> String {
        let url = format!("{}{path}", self.process.base);
        let answer = self.process.http.send("GET", &url, &[], Vec::new()).await.expect("an answer");
        String::from_utf8(answer.body.to_vec()).expect("text")
    }
}

const LIVE: &str = "enabled = true\nshadow = false";

/// Rules: S0-01, S0-13, S0-15, S0-23, S0-24.
#[tokio::test(flavor = "multi_thread")]
async fn traffic_moves_to_the_next_deployment_and_comes_back() {
    let world = World::new(LIVE).await;
    assert_eq!(world.served_by().await, "one");
    if !world.one().await["throttled"].as_bool().unwrap_or_default() {
        world.chat(&[]).await;
    }
    let state = world.until("throttled", true).await;
    assert_eq!(state["windows"][0]["engaged"], true, "{state}");
    let bill = world.one.total();
    assert_eq!(world.served_by().await, "two");
    assert_eq!((world.one.total(), world.two.total().nanos()), (bill, 1_810_000));

    // The record says who was passed over, and a client that allows no fallback is told when to come back.
    let answer = world.chat(&[]).await;
    let id = answer.header("x-bursar-request-id").to_owned();
    let record = world.record(&id).await;
    let skipped = record["attempts"].as_array().expect("attempts").iter();
    assert!(skipped.clone().any(|a| a["provider"] == "one" && a["reason"] == "throttled"), "{record}");
    let refused = world.chat(&[("x-bursar-allow-fallback", "false")]).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["bursar"]["code"], "E-THROTTLE-001");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    assert!(world.text("/metrics").await.contains("bursar_throttled{provider=\"one\"} 1\n"));

    // More room: released, and first in line again.
    world.admin("PATCH", "/budgets/one%20month", &json!({"limit": "40 USD"})).await;
    world.until("throttled", false).await;
    assert_eq!(world.served_by().await, "one");
    assert_eq!(world.told().await, ["engaged", "released"]);
    assert!(world.text("/metrics").await.contains("bursar_throttled{provider=\"one\"} 0\n"));
}

/// Rules: S0-02, S0-04.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_moves_nothing_and_tells_until_a_reload_lets_it_act() {
    let world = World::new("enabled = false").await;
    for _ in 0..3 {
        assert_eq!(world.served_by().await, "one");
    }
    world.until("engaged", true).await;
    assert_eq!(world.served_by().await, "one");
    world.moved(1).await;
    let history = world.admin("GET", "/throttle/history", &Value::Null).await;
    let event = &history["items"][0];
    assert_eq!((&event["event"], &event["dry_run"]), (&json!("would_engage"), &json!(true)));
    assert!(event["message"].as_str().unwrap().starts_with("dry run, nothing was re-routed"), "{event}");
    assert!(world.bursar(&["throttle", "status"]).contains("would be throttled"));
    world.configure(LIVE);
    world.hang_up();
    world.until("throttled", true).await;
    assert_eq!(world.served_by().await, "two");
    assert_eq!(world.told().await, ["would_engage", "rules_changed", "engaged"]);
    // What it would have done until then is told with the beginning of what it does.
    let history = world.admin("GET", "/throttle/history", &Value::Null).await;
    let told = &history["items"][0]["figures"]["would_have_moved"];
    assert!(told["requests"].as_u64().is_some_and(|count| count >= 1), "{history}");
    assert_eq!(told["to"][0]["provider"], "two", "{history}");
    assert_eq!(world.one().await["would_have_moved"], Value::Null, "it is no dry run any more");
    let audit = world.admin("GET", "/audit?object=throttle&name=rules", &Value::Null).await;
    assert_eq!(audit["items"][0]["before"]["enabled"], false);
    assert_eq!(audit["items"][0]["after"]["enabled"], true);
}

/// Rules: S0-05, S0-09, V T19.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_comes_back_with_its_hysteresis() {
    let mut world = World::new(LIVE).await;
    world.chat(&[]).await;
    world.chat(&[]).await;
    let state = world.until("throttled", true).await;
    // Into the middle of the band: who was not throttled before would not be now.
    let decimal = |text: &Value| bursar_core::decimal::parse(text.as_str().unwrap(), 9).unwrap();
    let window = &state["windows"][0];
    let limit = decimal(&window["limit"]) * decimal(&window["ratio"]) / 650_000_000;
    let limit = bursar_core::decimal::format(limit, 9);
    world.admin("PATCH", "/budgets/one%20month", &json!({"limit": format!("{limit} USD")})).await;
    for _ in 0..100 {
        if world.one().await["windows"][0]["status"] == "held" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The file declares the budget too: take it out of the file's hands for the next start.
    let text = std::fs::read_to_string(world.process.config()).unwrap();
    let declared = format!("limit = \"{limit} USD\"");
    std::fs::write(world.process.config(), text.replace("limit = \"0.004 USD\"", &declared)).unwrap();
    world.process.kill();
    world.process.start().await;
    assert_eq!(world.served_by().await, "two", "from the first request on");
    let state = world.one().await;
    assert_eq!((&state["throttled"], &state["windows"][0]["status"]), (&json!(true), &json!("held")));
    assert_eq!(world.told().await, ["engaged"]);
}

/// Rules: S0-14, S0-19, S0-22.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_forces_clears_and_sees_everything() {
    let world = World::new("").await;
    let said = world.bursar(&["throttle", "force", "one", "--reason", "invoice in doubt", "--until", "2h"]);
    assert!(said.starts_with("provider `one`: forced on until "), "{said}");
    assert_eq!(world.served_by().await, "two", "also in a dry run: a person said so");
    let status: Value = serde_json::from_str(&world.bursar(&["throttle", "status", "--json"])).unwrap();
    assert_eq!(status["dry_run"], true);
    let one = status["items"].as_array().unwrap().iter().find(|item| item["provider"] == "one").unwrap();
    assert_eq!((&one["forced"], &one["throttled"]), (&json!(true), &json!(true)));
    assert_eq!(one["reason"], "invoice in doubt");
    world.bursar(&["throttle", "clear", "one", "--reason", "paid"]);
    assert_eq!(world.served_by().await, "one");
    let history = world.bursar(&["throttle", "history"]);
    assert!(history.contains("forced_on") && history.contains("invoice in doubt"), "{history}");
    let health: Value = serde_json::from_str(&world.text("/readyz?verbose").await).unwrap();
    assert_eq!((&health["throttle"]["stale"], &health["throttle"]["missed"]), (&json!(false), &json!(0)));
    assert!(health["throttle"]["age_s"].is_i64(), "{health}");
    for _ in 0..200 {
        let status = world.admin("GET", "/throttle", &Value::Null).await;
        if status["unbudgeted"][0]["provider"] == "two" {
            assert_eq!(status["unbudgeted"][0]["list_cost"], "0.00181");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("`two` has no budget and is not listed: {}", world.admin("GET", "/throttle", &Value::Null).await);
}

/// What a dry run would have done is counted request by request: how many, what they cost, where they would have gone. It
/// survives a crash, stands in the record, and is told when the dry run ends.
///
/// Rules: S0-04.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_what_it_would_have_moved_and_where_to() {
    let mut world = World::new("enabled = true\nshadow = true").await;
    let mut asked = Vec::new();
    let mut ask = async |world: &World, headers: &[(&'static str, &str)]| {
        let answer = world.chat(headers).await;
        assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "one"), "nothing is moved");
        asked.push(answer.header("x-bursar-request-id").to_owned());
        asked.clone()
    };
    for _ in 0..3 {
        ask(&world, &[]).await;
    }
    world.until("engaged", true).await;
    let alone = [("x-bursar-allow-fallback", "false")];
    let mut ids = Vec::new();
    for headers in [&[][..], &[], &alone, &[]] {
        ids = ask(&world, headers).await;
    }
    // Those that came before it would have engaged are none of it.
    let mut counted = 0;
    for id in &ids {
        counted += u64::from(world.record(id).await["would_move"].is_object());
    }
    assert!((4..=6).contains(&counted), "{counted} of {}", ids.len());
    let moved = world.moved(counted).await;
    assert_eq!((&moved["requests"], &moved["refused"]), (&json!(counted), &json!(1)), "{moved}");
    assert_eq!(moved["to"], json!([{"provider": "two", "requests": counted - 1}]));
    let cost = bursar_core::decimal::format(i128::from(counted) * 1_810_000, 9);
    assert_eq!(moved["list_cost"], *cost, "what they cost where they went");
    let [went, forbade] = [world.record(&ids[3]).await, world.record(&ids[5]).await];
    let would = |to: Value| json!({"provider": "one", "project": null, "model": null, "to": to});
    assert_eq!((&went["would_move"], &forbade["would_move"]), (&would(json!("two")), &would(Value::Null)));
    let shown = world.bursar(&["throttle", "status"]);
    assert!(shown.contains(&format!("dry run of `one`: {counted} requests that cost $")), "{shown}");
    assert!(shown.contains(&format!("{} to `two`, 1 would have been refused", counted - 1)), "{shown}");
    let story = world.bursar(&["explain", &ids[3]]);
    let line = "The throttle of `one` is a dry run; did it act, it would have gone to `two`.";
    assert!(story.contains(line), "{story}");

    world.process.kill();
    world.process.start().await;
    assert_eq!(world.moved(counted).await, moved, "nothing is forgotten or counted twice");
    assert_eq!(world.served_by().await, "one");
    assert_eq!(world.moved(counted + 1).await["requests"], counted + 1, "it goes on counting");

    world.admin("PATCH", "/budgets/one%20month", &json!({"limit": "40 USD"})).await;
    world.until("engaged", false).await;
    assert_eq!(world.told().await, ["would_engage", "would_release"]);
    let history = world.admin("GET", "/throttle/history", &Value::Null).await;
    let event = &history["items"][0];
    assert_eq!(event["figures"]["would_have_moved"]["requests"], counted + 1, "{event}");
    assert!(event["message"].as_str().unwrap().contains("in the dry run"), "{event}");
    for _ in 0..500 {
        let listed = world.admin("GET", "/alerts?event=throttle_would_release", &Value::Null).await;
        let told = &listed["items"][0]["figures"]["would_have_moved"];
        if told.is_object() {
            assert_eq!((&told["requests"], &told["refused"]), (&json!(counted + 1), &json!(1)), "{listed}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody is told");
}

/// Two requests are more than a project's month, or a model's.
const EACH_PROJECT: &str = "[[budgets]]\nname = \"each project\"\nlimit = \"0.004 USD\"\nperiod = \"month\"\nmode = \"soft\"\n\
                            match = { provider = \"one\" }\nper = [\"project\"]\n";
const ONE_MODEL: &str = "[[budgets]]\nname = \"one model\"\nlimit = \"0.004 USD\"\nperiod = \"month\"\nmode = \"soft\"\n\
                         match = { provider = \"one\", model = \"small\" }\n";

/// A throttle of a project at a provider moves that project alone, one of a model that model alone.
///
/// Rules: S0-01, S0-17.
#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_of_a_project_or_a_model_moves_nobody_else() {
    for budget in [EACH_PROJECT, ONE_MODEL] {
        let world = World::over(budget, LIVE).await;
        let made = world.admin("POST", "/keys", &json!({"project": "beta"})).await;
        let beta = made["key"].as_str().expect("a key").to_owned();
        until("alpha's requests for `small` move", async || world.serves(&world.key, "small").await == "two")
            .await;
        let (other_model, other_project) =
            (world.serves(&world.key, "other").await, world.serves(&beta, "small").await);
        let expected = if budget == EACH_PROJECT { ("two", "one") } else { ("one", "two") };
        assert_eq!((other_model.as_str(), other_project.as_str()), expected, "{budget}");
        let status = world.admin("GET", "/throttle", &Value::Null).await;
        let items = status["items"].as_array().expect("items");
        let throttled: Vec<&Value> =
            items.iter().filter(|item| item["throttled"] == true && item["provider"] == "one").collect();
        let of = |name: &str| throttled[0][name].as_str().unwrap_or_default();
        let meant = if budget == EACH_PROJECT { ("alpha", "") } else { ("", "small") };
        assert_eq!((throttled.len(), (of("project"), of("model"))), (1, meant), "{status}");
    }
}
