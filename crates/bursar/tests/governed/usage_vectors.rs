//! The worked examples of the specification on usage, records and analyses, put to a whole Bursar through its admin API:
//! programs report their calls, and the reports are asked for what the examples say.

use crate::house::{Hand, House, asking, nanos, priced};
use crate::vectors::{text, vector};
use bursar_core::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reports of one batch.
const BATCH: usize = 1_000;
const MINUTE: i64 = 60_000;

/// A Bursar to which calls are told, by a clock that the story moves.
struct Books {
    clock: Arc<Hand>,
    house: House,
}

/// One call of that moment.
fn call(at: &str, attributes: &Value, fields: &Value) -> Value {
    let mut call = json!({"attributes": {"project": "alpha"}, "provider": "fake", "model": "m", "usage": {},
        "cost_usd": "0", "created_at": at});
    for (name, value) in attributes.as_object().expect("attributes") {
        call["attributes"][name] = value.clone();
    }
    for (name, value) in fields.as_object().expect("fields") {
        call[name] = value.clone();
    }
    call
}

/// A moment and what it is so many milliseconds later.
fn later(at: &str, millis: i64) -> String {
    Timestamp::parse(at).expect("a time").plus_millis(millis).to_string()
}

impl Books {
    async fn at(now: &str, config: &str) -> Self {
        let clock = Hand::at(now);
        let house = House::at(&clock, priced(), config).await;
        Self { clock, house }
    }
    async fn get(&self, path: &str) -> Value {
        self.house.admin("GET", path, &Value::Null).await
    }
    /// Reports calls, all of which are booked.
    async fn tell(&self, calls: Vec<Value>) {
        for batch in calls.chunks(BATCH) {
            let told = self.house.admin("POST", "/usage", &json!({"items": batch})).await;
            let items = told["items"].as_array().unwrap_or_else(|| panic!("{told}"));
            assert!(items.iter().all(|item| item["problem"].is_null()), "{told}");
        }
    }
    /// Waits until so many requests have ended for the reports.
    async fn counted(&self, requests: usize) {
        self.house.until("/usage?days=400", |shown| shown["total"]["requests"] == requests).await;
    }
    /// Reports calls and waits until they count.
    async fn told(&self, calls: Vec<Value>) {
        let counts = |call: &&Value| !matches!(call["status"].as_str(), Some("pending" | "streaming"));
        let count = calls.iter().filter(counts).count();
        let before = self.get("/usage?days=400").await["total"]["requests"].as_u64().unwrap_or(0);
        self.tell(calls).await;
        self.counted(usize::try_from(before).unwrap() + count).await;
    }
}

/// What a report says is what an example says, in the example's words.
#[track_caller]
fn agrees(id: &str, report: &Value, then: &Value) {
    let figures = |totals: &Value, then: &Value| {
        for (word, own) in [
            ("total_requests", &totals["requests"]),
            ("requests", &totals["requests"]),
            ("total_tokens", &totals["tokens"]["total"]),
            ("prompt_tokens", &totals["tokens"]["input"]),
            ("completion_tokens", &totals["tokens"]["output"]),
            ("total_cost_usd", &totals["list_cost"]),
            ("cost_usd", &totals["list_cost"]),
        ] {
            assert!(then[word].is_null() || then[word] == *own, "{id} {word}: {totals} is not {then}");
        }
    };
    figures(&report["total"], then);
    let Some(models) = then["by_model"].as_object() else { return };
    assert_eq!(
        report["by_model"].as_object().map(serde_json::Map::len),
        Some(models.len()),
        "{id}: {report}"
    );
    for (model, then) in models {
        figures(&report["by_model"][model], then);
    }
}

const TWO_PROJECTS: &str = "[projects.p1]\n[projects.p2]\n";

/// A call as these examples write one.
fn written(at: &str, record: &Value) -> Value {
    let mut attributes = json!({});
    for name in ["project", "agent", "session"] {
        if record[name].is_string() {
            attributes[name] = record[name].clone();
        }
    }
    let count = |word: &str| record[word].as_u64().unwrap_or(0);
    let usage = json!({"input": count("prompt_tokens"), "output": count("completion_tokens")});
    let model = record["model"].as_str().unwrap_or("m");
    call(at, &attributes, &json!({"model": model, "usage": usage, "cost_usd": record["cost_usd"]}))
}

/// Rules: S2-04, S2-09, S2-12, V U02, V U14, V U15.
#[tokio::test(flavor = "multi_thread")]
async fn projects_agents_and_sessions_are_what_the_examples_say() {
    let (now, at) = ("2026-06-15T12:00:00Z", "2026-06-15T10:00:00Z");
    let Some(u02) = vector("U02") else { return };
    let books = Books::at(now, TWO_PROJECTS).await;
    let records = u02["given"]["records_same_day"].as_array().unwrap();
    books.told(records.iter().map(|record| written(at, record)).collect()).await;
    agrees("U02", &books.get("/usage/report?project=p1&period=day").await, &u02["then"]["project"]);
    agrees("U02", &books.get("/usage/report?project=p1&agent=a1").await, &u02["then"]["agent"]);

    let u14 = vector("U14").unwrap();
    let books = Books::at(now, TWO_PROJECTS).await;
    let records = u14["given"]["records"].as_array().unwrap();
    books.told(records.iter().map(|record| written(at, record)).collect()).await;
    agrees("U14", &books.get("/usage/report?project=p1&agent=coder").await, &u14["then"]);

    // A session is told of three months after its last call, too.
    let u15 = vector("U15").unwrap();
    let books = Books::at(now, TWO_PROJECTS).await;
    let mut calls = Vec::new();
    for record in u15["given"]["records"].as_array().unwrap() {
        let mut record = record.clone();
        record["session"] = u15["given"]["session"].clone();
        calls.push(written("2026-03-10T10:00:00Z", &record));
    }
    books.told(calls).await;
    let session = text(&u15["given"]["session"]);
    agrees("U15", &books.get(&format!("/usage/report?session={session}&period=total")).await, &u15["then"]);
    let own_month = format!("/usage/report?session={session}&period=month&at=2026-03-31");
    agrees("U15", &books.get(&own_month).await, &u15["then"]);
}

/// Rules: S2-11, V U03.
#[tokio::test(flavor = "multi_thread")]
async fn periods_begin_and_end_as_the_example_says() {
    let Some(vector) = vector("U03") else { return };
    let books = Books::at("2028-12-31T12:00:00Z", TWO_PROJECTS).await;
    let cases = vector["given"]["cases"].as_array().unwrap();
    let bounds = vector["then"]["bounds"].as_array().unwrap();
    assert_eq!(cases.len(), bounds.len());
    for (case, bounds) in cases.iter().zip(bounds) {
        let (period, at) = (text(&case["period"]), text(&case["at"]));
        let report = books.get(&format!("/usage/report?project=p1&period={period}&at={at}")).await;
        assert_eq!(json!([report["starts_at"], report["ends_at"]]), *bounds, "{case}: {report}");
    }
}

/// Rules: S2-14, S3-29, V U05, V U06.
#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_exhausted_as_the_examples_say() {
    let Some(vector) = vector("U05") else { return };
    let month = |name: &str, limit: &Value| {
        format!(
            "[projects.{name}]\ndefault_user_budget = \"100 USD\"\n[[budgets]]\nname = \"{name}\"\nlimit = \"{} USD\"\nperiod = \"month\"\nmatch = {{ project = \"{name}\" }}\n",
            text(limit)
        )
    };
    let (given, then) = (&vector["given"], &vector["then"]);
    let spent = given["month_to_date_usd"].as_array().unwrap();
    let names: Vec<String> = (0..spent.len()).map(|at| format!("p{at}")).collect();
    let other = self::vector("U06").unwrap();
    let config: String = names.iter().map(|name| month(name, &given["limit_usd"])).collect();
    let config = config + &month("nought", &other["given"]["explicit_limit_usd"]);
    let now = "2026-06-15T12:00:00Z";
    let books = Books::at(now, &config).await;
    let of = |name: &str, usd: &Value| call(now, &json!({"project": name}), &json!({"cost_usd": usd}));
    let mut calls: Vec<Value> = names.iter().zip(spent).map(|(name, usd)| of(name, usd)).collect();
    calls.push(of("nought", &other["given"]["month_to_date_usd"]));
    books.told(calls).await;
    for (name, within) in names.iter().zip(then["within_budget"].as_array().unwrap()) {
        let status = books.get(&format!("/usage/budgets?project={name}")).await;
        assert_eq!(json!(status["exceeded_budgets"] == 0), *within, "{name}: {status}");
    }
    let status = books.get("/usage/budgets?project=nought").await;
    assert_eq!(json!(status["exceeded_budgets"] == 0), other["then"]["within_budget"], "{status}");
    assert_eq!(status["items"][0]["limit"], other["then"]["limit_usd"], "{status}");
}

/// Rules: S2-06, S2-15, S2-16, V U08, V U09, V U11.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_estimated_is_what_is_booked_and_booked_once() {
    let Some(vector) = vector("U08") else { return };
    let known = self::vector("U09").unwrap();
    let price = |at: usize| text(&known["given"]["price_usd_per_1m"][at]).to_owned();
    let config = format!(
        "[projects.p1]\nunknown_model_policy = \"fallback_price\"\nfallback_price = {{ input = \"10\", output = \"10\" }}\n\
         [models.\"known\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"{}\", output = \"{}\", context = 200000, max_output = 8192 }} }}]\n",
        price(0),
        price(1)
    );
    let now = "2026-06-15T12:00:00Z";
    let books = Books::at(now, &config).await;
    let estimate = async |given: &Value, model: &str| {
        let asked = json!({"attributes": {"project": "p1"}, "provider": "fake", "model": model,
            "input_tokens": given["prompt_tokens"], "output_tokens": given["max_completion_tokens"]});
        books.house.admin("POST", "/check", &asked).await
    };
    let told = estimate(&vector["given"], "nobody-knows").await;
    assert_eq!(told["hold_usd"], vector["then"]["estimate_usd"], "{told}");
    let used = json!({"attributes": {"project": "p1"}, "provider": "fake", "model": "nobody-knows", "usage":
        {"input": vector["given"]["prompt_tokens"], "output": vector["given"]["max_completion_tokens"]}});
    let told = books.house.admin("POST", "/usage", &used).await;
    assert_eq!(told["list_cost"], vector["then"]["actual_usd"], "{told}");
    let told = estimate(&known["given"], "known").await;
    assert_eq!(told["hold_usd"], known["then"]["estimate_usd"], "{told}");

    let twice = self::vector("U11").unwrap();
    let cost = &twice["then"]["total_cost_usd"];
    let once = call(now, &json!({}), &json!({"request_id": twice["given"]["request_id"], "cost_usd": cost}));
    let results = [
        books.house.admin("POST", "/usage", &once).await["result"].clone(),
        books.house.admin("POST", "/usage", &once).await["result"].clone(),
    ];
    assert_eq!(results, ["settled", "already_settled"]);
    books.counted(2).await;
    agrees("U11", &books.get("/usage/report?project=alpha").await, &twice["then"]);
}

/// Rules: S4-02, S4-20, S4-24, S4-45, V L01, V L03, V L04.
#[tokio::test(flavor = "multi_thread")]
async fn records_are_checked_and_counted_as_the_examples_say() {
    let Some(vector) = vector("L01") else { return };
    let now = "2026-06-15T12:00:00Z";
    let books = Books::at(now, "[projects.p1]\n[projects.p2]\n").await;
    let cases = vector["given"]["cases"].as_array().unwrap();
    let valid = vector["then"]["valid"].as_array().unwrap();
    assert_eq!(cases.len(), valid.len());
    for (case, valid) in cases.iter().zip(valid) {
        let mut report = call(now, &json!({}), &json!({}));
        for (word, value) in case.as_object().unwrap() {
            match word.as_str() {
                "input_tokens" | "output_tokens" | "cache_read_tokens" => {
                    report["usage"][word.trim_end_matches("_tokens")] = value.clone();
                }
                "response_time_ms" => report["total_ms"] = value.clone(),
                "first_byte_time_ms" => report["first_byte_ms"] = value.clone(),
                other => report[other] = value.clone(),
            }
        }
        let told = books.house.admin("POST", "/usage", &report).await;
        assert_eq!(json!(told["result"].is_string()), *valid, "{case}: {told}");
    }

    let l03 = self::vector("L03").unwrap();
    let of_p1 = |status: &str, usd: &str| {
        let fields = json!({"request_id": l03["given"]["request_id"], "status": status, "cost_usd": usd});
        call(now, &json!({"project": "p1", "user": "u"}), &fields)
    };
    books.tell(vec![of_p1("streaming", "0.002")]).await;
    books.tell(vec![of_p1("completed", "0.0105")]).await;
    let own = books.house.until("/requests?project=p1", |own| own["items"][0]["status"] == "completed").await;
    assert_eq!(json!(own["items"].as_array().map(Vec::len)), l03["then"]["usage_rows"], "{own}");
    let user = books.get("/usage/report?project=p1&user=u").await;
    assert_eq!(user["total"]["list_cost"], l03["then"]["user_used_usd"], "{user}");

    let l04 = self::vector("L04").unwrap();
    let given = &l04["given"];
    let usage = json!({"input": given["input_tokens"], "output": given["output_tokens"],
        "cache_write_5m": given["cache_creation_tokens"], "cache_read": given["cache_read_tokens"]});
    books.told(vec![call(now, &json!({"project": "p2"}), &json!({"usage": usage}))]).await;
    let tokens = books.get("/usage/report?project=p2").await["total"]["tokens"].clone();
    let sum = tokens["input"].as_u64().unwrap() + tokens["output"].as_u64().unwrap();
    assert_eq!(
        (json!(sum), &tokens["total"]),
        (l04["then"]["input_output_tokens"].clone(), &l04["then"]["total_tokens"])
    );
    let day = books.get("/usage/heatmap?project=p2&days=1").await["days"][0]["tokens"].clone();
    assert_eq!(day, l04["then"]["total_tokens"], "a day counts like a report");
}

/// Rules: S4-22, V L06.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_cut_as_the_example_says() {
    let Some(vector) = vector("L06") else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let config = format!("[records]\nlevel = \"full\"\nmax_body_bytes = {}\n", given["max_body_size"]);
    let house = House::with(priced(), &config).await;
    let answer = house.send(&house.headers(), text(&given["serialised"]).to_owned()).await.unwrap();
    let path = format!("/requests/{}/body", answer.header("x-bursar-request-id"));
    let kept = house.until(&path, |kept| kept["request_body"].is_object()).await["request_body"].clone();
    for (own, word) in [("truncated", "_truncated"), ("size", "_original_size"), ("content", "_content")] {
        assert_eq!(kept[own], then[word], "{kept}");
    }
}

/// Rules: S4-35, S4-36, V S02, V S03.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_late_and_stale_as_the_examples_say() {
    let Some(vector) = vector("S02") else { return };
    let provider = |name: &str, more: &str| {
        format!(
            "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = \"none\"\n{more}"
        )
    };
    let config =
        provider("usual", "") + &provider("patient", "idle_timeout_s = 600\nstale_timeout_s = 1200\n");
    let start = "2026-03-01T10:00:00Z";
    let books = Books::at(start, &config).await;
    for name in ["usual", "patient"] {
        let asked = json!({"request_id": name, "attributes": {"project": "alpha"}, "provider": name, "model": "small", "hold_usd": "1"});
        assert_eq!(books.house.admin("POST", "/reservations", &asked).await["state"], "held");
    }
    books
        .house
        .until("/requests", |listed| listed["items"].as_array().is_some_and(|rows| rows.len() == 2))
        .await;
    let cases = vector["given"]["cases"].as_array().unwrap();
    for (case, late) in cases.iter().zip(vector["then"]["timed_out"].as_array().unwrap()) {
        books.clock.set(&later(start, case["elapsed_s"].as_i64().unwrap() * 1_000));
        let name = if case["endpoint_timeout_s"].is_null() { "usual" } else { "patient" };
        let active = books.get(&format!("/usage/active?provider={name}")).await;
        assert_eq!(active["items"][0]["late"], *late, "{case}: {active}");
    }
    let listed = books.get("/requests").await;
    let states: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|row| text(&row["status"])).collect();
    assert_eq!(states, ["pending", "pending"], "asking changes nothing");

    let s03 = self::vector("S03").unwrap();
    let given = &s03["given"];
    let (start, last) = (text(&given["started_at"]), text(&given["last_chunk_at"]));
    let books = Books::at(start, "").await;
    for at in [start, "2026-03-01T10:05:00Z", last] {
        books.clock.set(at);
        let fields = json!({"request_id": "long", "status": given["status"], "created_at": start});
        books.tell(vec![call(start, &json!({}), &fields)]).await;
    }
    books.clock.set("2026-03-01T10:11:00Z");
    // Upkeep looks ten times a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    let record = books.get("/requests").await["items"][0].clone();
    assert_eq!(json!(record["status"] != "streaming"), s03["then"]["stale"], "{record}");
    books.clock.set(&later(last, 601_000));
    books.house.until("/requests", |listed| listed["items"][0]["status"] == "failed").await;
}

/// Rules: S4-43, S4-44, V H01, V H02.
#[tokio::test(flavor = "multi_thread")]
async fn days_are_what_the_examples_say() {
    let Some(vector) = vector("H01") else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let books = Books::at(&format!("{}T12:00:00Z", text(&given["today_utc"])), "").await;
    let map = books.get("/usage/heatmap").await;
    for word in ["start_date", "end_date", "total_days", "max_requests"] {
        assert_eq!(map[word], then[word], "{word}");
    }
    let nothing = |day: &Value| day["requests"] == 0 && day["tokens"] == 0 && day["level"] == 0;
    assert!(map["days"].as_array().unwrap().iter().all(nothing));

    let vector = self::vector("H02").unwrap();
    let (given, then) = (&vector["given"], &vector["then"]);
    let today = text(&given["today_utc"]).to_owned();
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    for (day, count) in given["daily_stats"].as_object().unwrap() {
        days.insert(day.clone(), count.as_u64().unwrap());
    }
    days.insert(today, given["today_requests"].as_u64().unwrap());
    let calls = days.iter().flat_map(|(day, count)| {
        (0..*count).map(move |n| call(&format!("{day}T0{n}:00:00Z"), &json!({}), &json!({})))
    });
    books.told(calls.collect()).await;
    let map = books.get(&format!("/usage/heatmap?days={}", given["window_days"])).await;
    let requests: Vec<&Value> = map["days"].as_array().unwrap().iter().map(|day| &day["requests"]).collect();
    assert_eq!(json!(requests), then["requests"]);
    assert_eq!((&map["max_requests"], &map["start_date"]), (&then["max_requests"], &then["start_date"]));
}

/// Completed calls of a user with these gaps in milliseconds, the last of them at an instant.
fn spaced(user: &str, last: &str, gaps: &[i64]) -> Vec<Value> {
    let mut before: i64 = gaps.iter().sum();
    let mut calls = Vec::new();
    for gap in gaps.iter().copied().chain([0]) {
        calls.push(call(&later(last, -before), &json!({"user": user}), &json!({})));
        before -= gap;
    }
    calls
}

/// Milliseconds of minutes with two places.
fn millis(minutes: &Value) -> i64 {
    let text = minutes.as_str().map_or_else(|| minutes.to_string(), str::to_owned);
    i64::try_from(bursar_core::decimal::parse(&text, 2).unwrap()).unwrap() * MINUTE / 100
}

/// Eleven gaps whose continuous 75th and 90th percentiles are these: between the eighth and ninth, and the tenth.
fn quartiles(case: &Value) -> Vec<i64> {
    let (p75, p90) = (millis(&case["p75"]), millis(&case["p90"]));
    let mut gaps = vec![p75; 9];
    gaps.extend([p90, p90]);
    gaps
}

/// Rules: S4-49, S4-50, S4-51, S4-52, S4-53, V R01, V R02, V R04, V R05, V R07.
#[tokio::test(flavor = "multi_thread")]
async fn times_to_live_are_what_the_examples_say() {
    let Some(vector) = vector("R01") else { return };
    let last = "2026-06-15T10:00:00Z";
    let config = "[users.r02]\nemail = \"ann@example.com\"\ndisplay_name = \"Ann Lee\"\n";
    let books = Books::at("2026-06-15T12:00:00Z", config).await;
    let cases = vector["given"]["cases"].as_array().unwrap();
    let mut calls = Vec::new();
    let mut expected: BTreeMap<String, &Value> = BTreeMap::new();
    for (at, (case, ttl)) in cases.iter().zip(vector["then"]["ttl"].as_array().unwrap()).enumerate() {
        // Without percentiles there is no group to tell of.
        if case["p90"].is_string() {
            calls.extend(spaced(&format!("case-{at}"), last, &quartiles(case)));
            expected.insert(format!("case-{at}"), ttl);
        }
    }
    let (r02, r05) = (self::vector("R02").unwrap(), self::vector("R05").unwrap());
    let gaps = |vector: &Value| -> Vec<i64> {
        vector["given"]["intervals_minutes"].as_array().unwrap().iter().map(millis).collect()
    };
    calls.extend(spaced("r02", last, &gaps(&r02)));
    calls.extend(spaced("r05", last, &gaps(&r05)));
    let r04 = self::vector("R04").unwrap();
    for (user, count) in r04["given"]["groups"].as_object().unwrap() {
        let gaps = vec![MINUTE; usize::try_from(count.as_u64().unwrap()).unwrap() - 1];
        calls.extend(spaced(user, last, &gaps));
    }
    books.told(calls).await;
    let report = books.get("/usage/ttl?limit=500").await;
    let row = |name: &str| {
        let rows = report["items"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).cloned().unwrap_or_default()
    };
    for (name, ttl) in expected {
        assert_eq!(row(&name)["recommended_ttl"], *ttl, "{}", row(&name));
    }
    let (own, then) = (row("r02"), &r02["then"]);
    assert_eq!(own["gaps"], then["count"], "{own}");
    for word in ["p50", "p75", "p90", "avg", "min", "max"] {
        assert_eq!(own[word], then[word], "{word}: {own}");
        if !r05["then"][word].is_null() {
            assert_eq!(row("r05")[word], r05["then"][word], "{word}: {}", row("r05"));
        }
    }
    assert_eq!(
        (&own["distribution"], &own["recommended_ttl"]),
        (&then["distribution"], &then["recommended_ttl"])
    );
    assert_eq!(
        (&own["display_name"], &own["email"]),
        (&json!("Ann Lee"), &json!("ann@example.com")),
        "{own}"
    );
    for (word, percent) in then["percent"].as_object().unwrap() {
        assert_eq!(own["percent"][word], *percent, "{own}");
    }
    let analysed: Vec<&String> =
        r04["given"]["groups"].as_object().unwrap().keys().filter(|user| !row(user).is_null()).collect();
    assert_eq!(json!(analysed), r04["then"]["analysed"]);

    let r07 = self::vector("R07").unwrap();
    let books = Books::at("2026-06-15T12:00:00Z", "").await;
    let calls = r07["given"]["recommended"].as_array().unwrap().iter().enumerate().flat_map(|(at, ttl)| {
        // The first example above that is recommended this.
        let cases = cases.iter().zip(vector["then"]["ttl"].as_array().unwrap());
        let case = cases.filter(|(_, own)| *own == ttl).map(|(case, _)| case).next().expect("a case");
        spaced(&format!("user-{at}"), last, &quartiles(case))
    });
    books.told(calls.collect()).await;
    assert_eq!(books.get("/usage/ttl").await["ttl_distribution"], r07["then"]["ttl_distribution"]);
}

/// Rules: S4-54, S4-55, S4-56, S4-57, V C01, V C03, V C04.
#[tokio::test(flavor = "multi_thread")]
async fn caching_saves_what_the_examples_say() {
    let Some(c01) = vector("C01") else { return };
    let (c03, c04) = (vector("C03").unwrap(), vector("C04").unwrap());
    let model = |name: &str, given: &Value| {
        let write = given["cache_creation_price"].as_str().unwrap_or("3.75");
        format!(
            "[models.\"{name}\"]\ndeployments = [{{ provider = \"fake\", price = {{ input = \"{}\", output = \"15\", cache_read = \"{}\", cache_write_5m = \"{write}\", context = 10000000, max_output = 10 }} }}]\n",
            text(&given["input_price"]),
            text(&given["cache_read_price"]),
        )
    };
    let config = model("c01", &c01["given"]) + &model("c04", &c04["given"]);
    let now = "2026-06-15T12:00:00Z";
    let books = Books::at(now, &config).await;
    let used = |model: &str, user: &str, given: &Value| {
        let count = |word: &str| given[word].as_u64().unwrap_or(0);
        let usage = json!({"input": count("input_tokens"), "cache_read": count("cache_read_tokens"),
            "cache_write_5m": count("cache_creation_tokens"), "output": 0});
        let mut call = call(now, &json!({"user": user}), &json!({"model": model, "usage": usage}));
        call.as_object_mut().unwrap().remove("cost_usd");
        call
    };
    let mut calls = vec![used("c01", "c01", &c01["given"]), used("c04", "c04", &c04["given"])];
    let (all, hits) =
        (c03["given"]["total_requests"][0].as_u64(), c03["given"]["requests_with_hit"][0].as_u64());
    for n in 0..all.unwrap() {
        let read = u64::from(n < hits.unwrap());
        calls.push(used("c01", "c03", &json!({"input_tokens": 10, "cache_read_tokens": read})));
    }
    books.told(calls).await;
    let of = async |user: &str| books.get(&format!("/usage/cache?user={user}")).await["total"].clone();
    let own = of("c01").await;
    for (own_word, word) in [
        ("token_hit_rate", "token_cache_hit_rate"),
        ("cache_read_cost", "cache_read_cost_usd"),
        ("gross_savings", "gross_savings_usd"),
    ] {
        assert_eq!(own[own_word], c01["then"][word], "{own}");
    }
    let own = of("c04").await;
    for word in ["gross_savings", "write_premium", "net_savings"] {
        assert_eq!(own[word], c04["then"][format!("{word}_usd")], "{own}");
    }
    let key = books.get("/usage/cache?key=none").await;
    assert_eq!(key["total"]["requests"], 0, "by key: {key}");
    let hits = books.get("/usage/cache?by=user").await;
    let users: Vec<&str> =
        hits["items"].as_array().unwrap().iter().map(|row| text(&row["names"]["user"])).collect();
    assert_eq!(users, ["c01", "c04", "c03"], "by user, who saved most first: {hits}");
    for (user, rate) in ["c03", "nobody"].into_iter().zip(c03["then"]["rate"].as_array().unwrap()) {
        assert_eq!(of(user).await["request_hit_rate"], *rate, "{user}");
    }
}

/// Rules: S4-58, S4-59, S4-60, S4-61, S4-62, V I02, V I03, V I05, V I06.
#[tokio::test(flavor = "multi_thread")]
async fn timelines_are_what_the_examples_say() {
    let Some(vector) = vector("I06") else { return };
    let start = "2026-06-15T10:00:00Z";
    let books = Books::at("2026-06-15T12:00:00Z", "[users.A]\ndisplay_name = \"Ann\"\n").await;
    let calls = vector["given"]["requests"].as_array().unwrap().iter().map(|request| {
        let at = later(start, request["min"].as_i64().unwrap() * MINUTE);
        call(&at, &json!({"user": request["user"]}), &json!({}))
    });
    books.told(calls.collect()).await;
    let line = books.get("/usage/timeline").await;
    let points: Vec<Value> = line["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| json!({"user": point["name"], "y": point["y"]}))
        .collect();
    assert_eq!(json!(points), vector["then"]["points"]);
    assert_eq!(line["users"], json!({"A": "Ann"}), "who is shown is named");
    assert_eq!(books.get("/usage/timeline?user=A").await["users"], json!({}), "who was asked for is known");
    // A day is looked back on unless asked otherwise, and 10,000 points are shown at the most.
    books.told(spaced("early", "2026-06-14T11:00:00Z", &[MINUTE])).await;
    assert_eq!(books.get("/usage/timeline").await["items"], line["items"]);
    assert_eq!(books.get("/usage/timeline?hours=26").await["total_points"], 2);
    assert_eq!(books.get("/usage/timeline?limit=10001").await["field"], "limit");

    let i05 = self::vector("I05").unwrap();
    let seconds = |gap: &Value| gap.as_i64().unwrap() * 1_000;
    let gaps: Vec<i64> = i05["given"]["gaps_seconds"].as_array().unwrap().iter().map(seconds).collect();
    books.told(spaced("five", start, &gaps)).await;
    let line = books.get("/usage/timeline?user=five").await;
    let y: Vec<&Value> = line["items"].as_array().unwrap().iter().map(|point| &point["y"]).collect();
    assert_eq!(json!(y), i05["then"]["y"]);

    for id in ["I02", "I03"] {
        let vector = self::vector(id).unwrap();
        let books = Books::at("2026-06-15T12:00:00Z", "").await;
        let mut calls = Vec::new();
        for (user, points) in vector["given"]["points_per_user"].as_object().unwrap() {
            calls.extend(spaced(
                user,
                start,
                &vec![1_000; usize::try_from(points.as_u64().unwrap()).unwrap()],
            ));
        }
        books.told(calls).await;
        let line = books.get(&format!("/usage/timeline?limit={}", vector["given"]["limit"])).await;
        let mut kept: BTreeMap<&str, u64> = BTreeMap::new();
        for point in line["items"].as_array().unwrap() {
            *kept.entry(text(&point["name"])).or_default() += 1;
        }
        assert_eq!(json!(kept), vector["then"]["kept"], "{id}");
    }
}

/// Rules: S4-65, V A01.
#[tokio::test(flavor = "multi_thread")]
async fn old_records_go_as_the_example_says() {
    let Some(vector) = vector("A01") else { return };
    let (given, then) = (&vector["given"], &vector["then"]);
    let now = text(&given["now"]);
    let cutoff = later(now, -given["cutoff_days"].as_i64().unwrap() * 86_400_000);
    let older = given["rows_older"].as_i64().unwrap();
    let config = "[[budgets]]\nname = \"hourly\"\nlimit = \"1 USD\"\nperiod = \"hour\"\n[retention]\nrecords_d = 400\ntend_s = 1\n";
    let mut books = Books::at(now, config).await;
    let mut calls: Vec<Value> =
        (1..=older).map(|n| call(&later(&cutoff, -n), &json!({"user": "old"}), &json!({}))).collect();
    calls.push(call(&cutoff, &json!({"user": "edge"}), &json!({})));
    books.told(calls).await;
    books.house.stop();
    books.house.reword("records_d = 400", &format!("records_d = {}", given["cutoff_days"]));
    books.house.start_again();
    let left = books
        .house
        .until("/requests?limit=500", |listed| listed["items"].as_array().is_some_and(|rows| rows.len() <= 1))
        .await;
    assert_eq!(then["row_at_cutoff"], "kept");
    assert_eq!(left["items"][0]["attributes"]["user"], "edge", "{left}");
    let old = books.get("/usage?user=old&days=400").await;
    assert_eq!(old["total"]["requests"], then["deleted"], "what was deleted still counts: {}", old["total"]);
}

/// Rules: S4-41, S4-63, V A02, V A04.
#[tokio::test(flavor = "multi_thread")]
async fn rankings_and_summaries_are_what_the_examples_say() {
    let Some(vector) = vector("A02") else { return };
    let books = Books::at("2026-06-15T12:00:00Z", "").await;
    let mut calls = Vec::new();
    for user in vector["given"]["users"].as_array().unwrap() {
        for n in 0..user["requests"].as_u64().unwrap() {
            let first = n == 0;
            let usage = json!({"input": if first { user["tokens"].clone() } else { json!(0) }});
            let cost = if first { user["cost"].clone() } else { json!("0") };
            let fields = json!({"usage": usage, "cost_usd": cost});
            calls.push(call(&format!("2026-06-15T0{n}:00:00Z"), &json!({"user": user["id"]}), &fields));
        }
    }
    books.told(calls).await;
    for (order, names) in vector["then"].as_object().unwrap() {
        let path = format!("/usage/top?by=user&order={order}&limit={}", vector["given"]["limit"]);
        let top = books.get(&path).await;
        let ranked: Vec<&Value> =
            top["items"].as_array().unwrap().iter().map(|row| &row["names"]["user"]).collect();
        assert_eq!(json!(ranked), *names, "{order}");
    }

    let vector = self::vector("A04").unwrap();
    let provider = "[providers.p]\nfamily = \"openai\"\nbase_url = \"{fake}\"\ncredential = \"none\"\n";
    let books = Books::at("2026-03-15T12:00:00Z", provider).await;
    // Progress is of calls that have not ended long ago, so that of an hour before noon is told then.
    let mut calls = Vec::new();
    for row in vector["given"]["rows"].as_array().unwrap() {
        let at = format!("{}T11:55:00Z", text(&row["day"]));
        let fields = json!({"provider": row["provider"], "model": row["model"], "status": row["status"],
            "usage": {"input": row["tokens"]}, "cost_usd": row["cost"]});
        calls.push(call(&at, &json!({}), &fields));
    }
    books.told(calls).await;
    let summary = books.get("/usage?period=day&by=provider,model").await;
    let groups: Vec<Value> = summary["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!({"period": row["period"], "requests": row["requests"], "total_cost_usd": row["list_cost"]}))
        .collect();
    assert_eq!(json!(groups), vector["then"]["groups"]);
}

/// Rules: S4-29, V Q04.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_quota_is_spent_is_skipped_as_the_example_says() {
    let Some(vector) = vector("Q04") else { return };
    let provider = &vector["given"]["provider"];
    let price = "price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 }";
    let config = format!(
        "[providers.spent]\nfamily = \"openai\"\nbase_url = \"{{fake}}\"\ncredential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\nbilling = \"{}\"\n\
         [models.\"both\"]\ndeployments = [{{ provider = \"spent\", model = \"small\", {price} }}, {{ provider = \"fake\", model = \"small\", {price} }}]\n\
         [[budgets]]\nname = \"quota\"\nlimit = \"{} USD\"\nperiod = \"month\"\nmatch = {{ provider = \"spent\" }}\n",
        text(&provider["billing_type"]),
        text(&provider["quota_usd"])
    );
    let now = "2026-06-15T12:00:00Z";
    let books = Books::at(now, &config).await;
    books
        .told(vec![call(now, &json!({}), &json!({"provider": "spent", "cost_usd": provider["used_usd"]}))])
        .await;
    assert_eq!(nanos(&books.house.window("quota").await["settled"]), nanos(&provider["used_usd"]));
    let mut asked = asking("out=5 in=10", false);
    asked["model"] = json!("both");
    let answer = books.house.chat(&asked).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(json!(answer.header("x-bursar-provider") != "spent"), vector["then"]["uses_other_provider"]);
    let record = books.house.record(answer.header("x-bursar-request-id")).await;
    let skipped: Vec<Value> = record["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|attempt| attempt["outcome"] == "skipped")
        .map(|attempt| json!({"reason": attempt["reason"]}))
        .collect();
    assert_eq!(json!(skipped), vector["then"]["skipped"], "{record}");
}
