//! Kill switches through a whole Bursar: who is stopped, what is cut, when it ends, and what is left in the books.

use crate::holds::{assert_whole, last_event};
use crate::house::{House, asking, chat, nanos, priced, reqwest_lite, until};
use crate::process::Process;
use bursar_core::Family;
use bursar_mock::Mock;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"10 USD\"\nperiod = \"day\"\n";

async fn kill(house: &House, scope: &str, cut: bool) -> Value {
    let order = json!({"scope": scope, "reason": "runaway agent", "cut": cut});
    let on = house.admin("POST", "/kill", &order).await;
    assert_eq!(on["scope"], *scope, "{on}");
    on
}

async fn lift(house: &House, scope: &str) -> Value {
    let scope = scope.replace('=', "%3D");
    house.admin("DELETE", &format!("/kill/{scope}"), &Value::Null).await
}

#[track_caller]
fn stopped(answer: &reqwest_lite::Answer, kind: &str) {
    let told = answer.json();
    assert_eq!(answer.status, 403, "{told}");
    let bursar = &told["bursar"];
    assert_eq!(bursar["code"], "E-BUDGET-004", "{told}");
    assert_eq!(bursar["scope"]["kind"], *kind, "{told}");
    assert_eq!(bursar["reason"], "runaway agent", "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("runaway agent"), "{told}");
    assert_eq!(answer.header("x-should-retry"), "false");
}

/// Rules: S0-23, S1-09, S1-23, S1-24, V K14.
#[tokio::test(flavor = "multi_thread")]
async fn every_scope_stops_its_own_requests_before_every_budget_and_nothing_is_sent() {
    // A budget that refuses everything: a switch is looked at before it.
    let spent =
        "[[budgets]]\nname = \"none\"\nlimit = \"0 USD\"\nperiod = \"day\"\nmatch = { agent = \"coder\" }\n";
    let house = House::with(priced(), spent).await;
    let listed = house.admin("GET", "/keys", &Value::Null).await;
    let key = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let mut headers = house.headers();
    headers.extend([
        ("x-bursar-agent", "coder".to_owned()),
        ("x-bursar-run", "r-1".to_owned()),
        ("x-bursar-session", "s-1".to_owned()),
        ("x-bursar-tags", "team=x".to_owned()),
    ]);
    let ask = async || house.send(&headers, chat(5, false).to_string()).await.unwrap();
    let scopes = [
        "platform".to_owned(),
        "project=alpha".to_owned(),
        "user=ann".to_owned(),
        format!("key={key}"),
        "agent=coder".to_owned(),
        "run=r-1".to_owned(),
        "session=s-1".to_owned(),
        "provider=fake".to_owned(),
        "model=small".to_owned(),
        "tag.team=x".to_owned(),
    ];
    for scope in &scopes {
        kill(&house, scope, false).await;
        let kind = scope.split('=').next().unwrap();
        stopped(&ask().await, kind);
        let off = lift(&house, scope).await;
        assert!(off["lifted_at"].is_string(), "{off}");
        let refused = ask().await.json();
        assert_ne!(refused["bursar"]["code"], "E-BUDGET-004", "{scope} is off: {refused}");
    }
    for scope in ["project=beta", "user=bob", "model=large", "tag.team=y", "provider=other"] {
        kill(&house, scope, false).await;
        assert_ne!(ask().await.json()["bursar"]["code"], "E-BUDGET-004", "{scope} stops too much");
    }
    assert_eq!(house.mock.received(), 0, "nothing was sent");
    let typo = house.admin("POST", "/kill", &json!({"scope": "project=alhpa", "reason": "a slip"})).await;
    assert!(typo["note"].as_str().unwrap().contains("no project `alhpa`"), "{typo}");
}

/// Rules: S1-10, V K14, V K15.
#[tokio::test(flavor = "multi_thread")]
async fn free_local_models_and_counting_tokens_stop_too() {
    let local = Mock::start(priced()).await.unwrap();
    let more = format!(
        "[providers.local]\nfamily = \"ollama\"\nbase_url = \"{}\"\n\
         [models.\"llama3\"]\ndeployments = [{{ provider = \"local\", price = {{ input = \"0\", output = \"0\", context = 8000, max_output = 1000 }} }}]\n\
         [providers.claude]\nfamily = \"anthropic\"\nbase_url = \"{}\"\ncredential = {{ env = \"FAKE_KEY\" }}\n\
         [models.\"claude\"]\ndeployments = [{{ provider = \"claude\", price = {{ input = \"1\", output = \"2\", context = 8000, max_output = 1000 }} }}]\n",
        local.base_url(Family::Ollama),
        local.base_url(Family::Anthropic),
    );
    let house = House::with(priced(), &more).await;
    let messages = json!({"messages": [{"role": "user", "content": "hello"}]});
    let post = async |path: &str, model: &str| {
        let mut body = messages.clone();
        body["model"] = model.into();
        if path == "/api/chat" {
            body["stream"] = false.into();
        }
        let url = format!("{}{path}", house.base);
        house.http.send("POST", &url, &house.headers(), body.to_string().into_bytes()).await.unwrap()
    };
    let asked = [("/api/chat", "llama3"), ("/v1/messages/count_tokens", "claude")];
    for (path, model) in asked {
        assert_eq!(post(path, model).await.status, 200, "{path}");
    }
    let sent = local.received();
    kill(&house, "platform", false).await;
    for (path, model) in asked {
        assert_eq!(post(path, model).await.json()["bursar"]["code"], "E-BUDGET-004", "{path}");
    }
    for (provider, model) in [("fake", "claude-sonnet-4-6"), ("local", "ollama/llama3")] {
        let check = json!({"attributes": {"project": "alpha"}, "model": model, "provider": provider, "input_tokens": 9, "output_tokens": 9});
        let told = house.admin("POST", "/check", &check).await;
        assert_eq!((&told["allowed"], &told["code"]), (&json!(false), &json!("E-BUDGET-004")), "{told}");
        assert_eq!(told["kill"]["reason"], "runaway agent");
    }
    let aside =
        json!({"attributes": {"project": "alpha"}, "model": "small", "provider": "fake", "hold_usd": "0.01"});
    let told = house.admin("POST", "/reservations", &aside).await;
    assert!(told.to_string().contains("E-BUDGET-004"), "no room is set aside either: {told}");
    lift(&house, "platform").await;
    kill(&house, "provider=claude", false).await;
    assert_eq!(post("/v1/messages/count_tokens", "claude").await.status, 403);
    assert_eq!(post("/api/chat", "llama3").await.status, 200);
    assert_eq!(local.received(), sent + 1);
}

/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_provider_is_passed_over_while_another_serves_the_model() {
    let other = Mock::start(priced()).await.unwrap();
    let more = format!(
        "[providers.other]\nfamily = \"openai\"\nbase_url = \"{}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
         [models.\"both\"]\ndeployments = [{{ provider = \"fake\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}, \
         {{ provider = \"other\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n{DAILY}",
        other.base_url(Family::OpenAi),
    );
    let house = House::with(priced(), &more).await;
    let mut body = chat(5, false);
    body["model"] = "both".into();
    kill(&house, "provider=fake", false).await;
    let answer = house.chat(&body).await;
    assert_eq!((answer.status, answer.header("x-bursar-provider")), (200, "other"));
    assert_eq!(answer.header("x-bursar-fallback"), "fake; killed");
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert!(record.to_string().contains("killed"), "{record}");
    kill(&house, "model=small", false).await;
    stopped(&house.chat(&body).await, "model");
    assert_eq!((house.mock.received(), other.received()), (0, 1));
    assert_eq!(house.settled("daily").await["suspense"], "0");
}

/// Opens a stream that would go on for a long time, and reads its first piece.
async fn long_stream(house: &House, key: &str) -> hyper::body::Incoming {
    let url = format!("{}/v1/chat/completions", house.base);
    let mut headers = house.headers();
    headers[0].1 = format!("Bearer {key}");
    let body = asking("out=900 in=10 chunk_ms=200 chunk_tokens=2", true).to_string().into_bytes();
    let mut incoming = house.http.open("POST", &url, &headers, body).await.unwrap().into_body();
    incoming.frame().await.expect("a first piece").expect("a piece");
    incoming
}

async fn rest(body: hyper::body::Incoming) -> String {
    let bytes = body.collect().await.expect("a proper end").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_ends_streams_in_scope_with_a_last_event_and_settles_them() {
    let house = House::with(priced(), &format!("[projects.beta]\n{DAILY}")).await;
    let made = house.admin("POST", "/keys", &json!({"project": "beta"})).await;
    let beta = made["key"].as_str().unwrap().to_owned();
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(long_stream(&house, &house.key).await);
    }
    let spared = long_stream(&house, &beta).await;
    let before = kill(&house, "project=alpha", false).await;
    assert_eq!(before["cut"], false);
    assert_eq!(house.mock.in_flight(), 21, "without `cut` streams go on");
    kill(&house, "project=alpha", true).await;
    for stream in streams {
        let text = rest(stream).await;
        assert!(text.contains("E-BUDGET-004") && text.contains("runaway agent"), "{text}");
        assert!(text.ends_with("\n\ndata: [DONE]\n\n"), "{text}");
    }
    until("the cut streams are gone upstream", async || house.mock.in_flight() == 1).await;
    assert_eq!(house.window("daily").await["suspense"], "0");
    drop(spared);
    house.mock.idle().await;
    let window = house.settled("daily").await;
    let bill = house.mock.total().nanos();
    assert!(nanos(&window["settled"]) >= bill && bill > 0, "{bill}: {window}");
    assert_eq!(window["suspense"], "0", "{window}");
    house.latest(21).await;
    let listed = house.admin("GET", "/requests?limit=100&status=cancelled", &Value::Null).await;
    let records = listed["items"].as_array().unwrap();
    assert_eq!(records.len(), 21, "{listed}");
    let cut = records.iter().filter(|record| record["code"] == "E-BUDGET-004").count();
    assert_eq!(cut, 20, "{listed}");
}

/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_ends_every_format_as_its_clients_understand() {
    let house = crate::families::house(DAILY).await;
    for format in crate::families::FORMATS {
        let (path, name) = ((format.path)(true), format.name);
        let prompt = "hello [[mock out=900 in=10 chunk_ms=200 chunk_tokens=2]]";
        let body = (format.body)(prompt, 1_000, true).to_string().into_bytes();
        let url = format!("{}{path}", house.base);
        let answer = house.http.open("POST", &url, &house.headers(), body).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let id = answer.headers()["x-bursar-request-id"].to_str().unwrap().to_owned();
        let mut stream = answer.into_body();
        let first = stream.frame().await.expect("a first piece").expect("a piece").into_data().expect("data");
        kill(&house, "user=ann", true).await;
        let text = format!("{}{}", String::from_utf8_lossy(&first), rest(stream).await);
        assert_whole(name, text.as_bytes());
        let last = last_event(text.as_bytes());
        assert!(
            last.to_string().contains("E-BUDGET-004") && last.to_string().contains("runaway agent"),
            "{name}: {last}"
        );
        let kind = match name {
            "anthropic_messages" => text.contains("\nevent: error\n"),
            "openai_responses" => text.contains("\nevent: response.failed\n"),
            "openai_chat" | "openai_completions" => text.ends_with("\n\ndata: [DONE]\n\n"),
            _ => text.ends_with('\n'),
        };
        assert!(kind, "{name}: {text}");
        let record = house.record(&id).await;
        assert_eq!(
            (&record["status"], &record["code"]),
            (&json!("cancelled"), &json!("E-BUDGET-004")),
            "{name}"
        );
        lift(&house, "user=ann").await;
    }
    house.mock.idle().await;
    let window = house.settled("daily").await;
    assert_eq!(window["suspense"], "0");
    assert!(nanos(&window["settled"]) >= house.mock.total().nanos(), "{window}");
}

/// Rules: S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_of_what_has_no_answer_yet_is_in_suspense() {
    let house = House::with(priced(), DAILY).await;
    for stream in [false, true] {
        let body = asking("out=9 in=10 latency_ms=60000", stream);
        let asked = house.chat(&body);
        let order = async {
            until("it is at the provider", async || house.mock.in_flight() == 1).await;
            kill(&house, "user=ann", true).await;
        };
        let (answer, ()) = tokio::join!(asked, order);
        stopped(&answer, "user");
        lift(&house, "user=ann").await;
        until("it is gone upstream", async || house.mock.in_flight() == 0).await;
    }
    let record = house.latest(2).await;
    assert_eq!(record["status"], "cancelled", "{record}");
    let window = house.settled("daily").await;
    let hold = nanos(&record["hold_usd"]);
    assert_eq!(nanos(&window["suspense"]), 2 * hold, "nobody knows what was billed: {window}");
}

/// Rules: S1-09, S1-23.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_comes_while_a_request_waits_is_seen_before_it_is_sent() {
    let room = "[[budgets]]\nname = \"daily\"\nlimit = \"0.003 USD\"\nperiod = \"day\"\nwait_ms = 60000\n";
    let house = House::with(priced(), room).await;
    let first = long_stream(&house, &house.key).await;
    let body = chat(5, false);
    let waiting = house.chat(&body);
    let order = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill(&house, "project=alpha", false).await;
        drop(first);
    };
    let (answer, ()) = tokio::join!(waiting, order);
    stopped(&answer, "project");
    house.mock.idle().await;
    assert_eq!(house.mock.received(), 1, "the one that waited was never sent");
    let window = house.settled("daily").await;
    assert_eq!((&window["held"], &window["suspense"]), (&json!("0"), &json!("0")));
}

/// Rules: S1-25, V K16.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_survives_a_restart_and_ends_by_itself_only_where_that_was_asked() {
    let mut house = House::with(priced(), DAILY).await;
    kill(&house, "user=ann", false).await;
    house.stop();
    house.start_again();
    stopped(&house.chat(&chat(5, false)).await, "user");
    let on = house.admin("GET", "/kill", &Value::Null).await;
    assert_eq!((&on["items"][0]["until"], &on["items"][0]["actor"]), (&Value::Null, &json!("admin")), "{on}");
    lift(&house, "user=ann").await;

    let end = bursar_core::Timestamp::from_jiff(jiff::Timestamp::now()).plus_seconds(2);
    let order = json!({"scope": "platform", "reason": "runaway agent", "until": end.to_string()});
    house.admin("POST", "/kill", &order).await;
    stopped(&house.chat(&chat(5, false)).await, "platform");
    until("it ends by itself", async || house.chat(&chat(5, false)).await.status == 200).await;
    until("that is written down", async || {
        let audit = house.admin("GET", "/audit?object=kill_switch&actor=expiry", &Value::Null).await;
        audit["items"][0]["action"] == "turn_off"
    })
    .await;
    let history = house.admin("GET", "/kill/history", &Value::Null).await;
    let lifted: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|kill| &kill["lifted_by"]).collect();
    assert_eq!(lifted, ["expiry", "admin"], "{history}");
    let past = json!({"scope": "platform", "reason": "late", "until": "2020-01-01T00:00:00Z"});
    assert_eq!(house.admin("POST", "/kill", &past).await["field"], "until");
    let nobody = lift(&house, "user=nobody").await;
    assert!(nobody["detail"].as_str().unwrap().contains("no kill switch is on at `user=nobody`"), "{nobody}");
    let odd = json!({"scope": "planet=earth", "reason": "x"});
    assert_eq!(house.admin("POST", "/kill", &odd).await["field"], "scope");
}

/// Rules: S1-23, S1-25.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_stops_the_platform_without_the_api() {
    let house = House::with(priced(), DAILY).await;
    let file = house.data_dir().join("KILL");
    let stream = long_stream(&house, &house.key).await;
    std::fs::write(&file, "runaway agent\n").unwrap();
    until("the file is seen", async || house.chat(&chat(5, false)).await.status == 403).await;
    stopped(&house.chat(&chat(5, false)).await, "platform");
    assert_eq!(house.mock.in_flight(), 1, "the stream goes on");
    let off = lift(&house, "platform").await;
    assert!(off["detail"].as_str().unwrap().contains("remove the file"), "{off}");
    std::fs::write(&file, "runaway agent\ncut\n").unwrap();
    assert!(rest(stream).await.contains("E-BUDGET-004"));
    let metrics = house.http.send("GET", &format!("{}/metrics", house.base), &[], Vec::new()).await.unwrap();
    assert!(String::from_utf8_lossy(&metrics.body).contains("\nbursar_kill_active 1\n"));
    std::fs::remove_file(&file).unwrap();
    until("it is gone", async || house.chat(&chat(5, false)).await.status == 200).await;
    until("all of it is in the audit trail", async || {
        let audit = house.admin("GET", "/audit?object=kill_switch", &Value::Null).await;
        let items = audit["items"].as_array().unwrap();
        let last = items.first().is_some_and(|entry| entry["action"] == "turn_off");
        last && items.last().unwrap()["action"] == "turn_on" && items[0]["actor"] == "file KILL"
    })
    .await;
}

/// Rules: S1-23, S1-25.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_everything_and_a_restart_does_not_start_it_again() {
    let mock = Mock::start(priced()).await.unwrap();
    let mut process = Process::new(&mock);
    process.start().await;
    let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    let ask = async |process: &Process| {
        let url = format!("{}/v1/chat/completions", process.base);
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        process
            .http
            .send("POST", &url, &headers, chat(5, false).to_string().into_bytes())
            .await
            .unwrap()
            .status
    };
    let signal = |process: &Process, name: &str| {
        let id = process.id().to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    assert_eq!(ask(&process).await, 200);
    signal(&process, "-USR1");
    until("the signal is heard", async || ask(&process).await == 403).await;
    process.kill();
    process.start().await;
    assert_eq!(ask(&process).await, 403, "the file of the signal is still there");
    signal(&process, "-USR2");
    until("the other signal is heard", async || ask(&process).await == 200).await;
    assert!(!process.data_dir().join("KILL").exists());
    std::fs::write(process.data_dir().join("KILL"), "by hand\n").unwrap();
    until("the file is seen", async || ask(&process).await == 403).await;
    signal(&process, "-USR2");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(&process).await, 403, "a signal does not take back what a person wrote");
}

/// Rules: S1-16, S1-24, V K23.
#[tokio::test(flavor = "multi_thread")]
async fn priced_requests_are_refused_where_nobody_knows_whether_a_switch_is_on() {
    let more = format!(
        "{DAILY}[models.\"free\"]\ndeployments = [{{ provider = \"fake\", model = \"small\", price = {{ input = \"0\", output = \"0\", context = 200000, max_output = 4096 }} }}]\n"
    );
    let house = House::with(priced(), &more).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let settings = rusqlite::Connection::open(house.data_dir().join("settings.db")).unwrap();
    settings.execute_batch("ALTER TABLE kill_switches RENAME TO mislaid").unwrap();
    until("the state is too old", async || house.chat(&chat(5, false)).await.status == 503).await;
    let refused = house.chat(&chat(5, false)).await;
    assert_eq!(refused.json()["bursar"]["code"], "E-BUDGET-020");
    assert_eq!(refused.header("retry-after"), "1");
    let known = async || house.admin("GET", "/kill", &Value::Null).await["known"].clone();
    assert_eq!(known().await, false, "unknown is not off");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(["kill", "status", "--url", &house.base]).env("BURSAR_ADMIN_TOKEN", house.token());
    let said = String::from_utf8(command.output().expect("it runs").stderr).expect("text");
    assert!(said.contains("UNKNOWN"), "{said}");
    let mut free = chat(5, false);
    free["model"] = "free".into();
    assert_eq!(house.chat(&free).await.status, 200, "what costs nothing may go on");
    settings.execute_batch("ALTER TABLE mislaid RENAME TO kill_switches").unwrap();
    until("the state is known again", async || house.chat(&chat(5, false)).await.status == 200).await;
    assert_eq!(known().await, true);
}
