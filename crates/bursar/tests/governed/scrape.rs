//! A scrape of `/metrics`: a strict parser takes it, the catalogue describes it, and its figures are the provider's bill.

use crate::exposition::Exposition;
use crate::house::{House, asking, chat, nanos, priced};
use bursar_control::metrics::{CATALOGUE, Kind};
use bursar_core::Usd;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BUDGETS: &str = "[[budgets]]\nname = \"daily \\\"all\\\"\"\nlimit = \"1 USD\"\nperiod = \"day\"\n\
    [[budgets]]\nname = \"each user\"\nlimit = \"0.5 USD\"\nperiod = \"day\"\nper = [\"user\"]\n\
    [[budgets]]\nname = \"each project\"\nlimit = \"1M tokens\"\nperiod = \"day\"\nper = [\"project\"]\n\
    [[budgets]]\nname = \"unlimited\"\nperiod = \"day\"\n\
    [[budgets]]\nname = \"runs\"\nlimit = \"0.0001 USD\"\nperiod = \"total\"\nmatch = { run = \"poor\" }\n";

async fn scrape(house: &House) -> Exposition {
    let answer = house.http.send("GET", &format!("{}/metrics", house.base), &[], Vec::new()).await.unwrap();
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    Exposition::read(std::str::from_utf8(&answer.body).unwrap())
}

fn usd(text: &str) -> i64 {
    Usd::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).nanos()
}

/// Waits until a gauge has that value: what is drained follows at once, but not in the same instant.
async fn until(house: &House, name: &str, value: &str) -> Exposition {
    for _ in 0..1500 {
        let page = scrape(house).await;
        if page.samples(name, &[]).first().is_some_and(|(_, own)| own == value) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{name} never is {value}: {:?}", scrape(house).await.samples(name, &[]));
}

/// What is counted is what the provider billed, to the nano-dollar and to the token.
/// Rules: S4-19, S4-72, S1-03.
#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_the_providers_bill() {
    let house = House::with(priced(), BUDGETS).await;
    for out in [5, 20, 33] {
        assert_eq!(house.chat(&chat(out, false)).await.status, 200);
    }
    let stream = house.chat(&chat(12, true)).await;
    assert_eq!(stream.status, 200);
    let poor = house.headers_with("x-bursar-run", "poor");
    assert_eq!(
        house.send(&poor, chat(5, false).to_string()).await.unwrap().status,
        400,
        "too large for its run"
    );
    assert_eq!(house.chat(&asking("out=5 status=400", false)).await.status, 400);
    house.mock.idle().await;
    let settled = house.settled("unlimited").await;
    let page = until(&house, "bursar_inflight_requests", "0").await;

    let (bill, tally) = (house.mock.total().nanos(), house.mock.bill().tally());
    assert_eq!(bill, nanos(&settled["settled"]), "{settled}");
    let of_small = [("provider", "fake"), ("model", "small")];
    for basis in ["list", "effective"] {
        let found = page.value("bursar_cost_usd_total", &[of_small[0], of_small[1], ("basis", basis)]);
        assert_eq!(usd(&found), bill, "{basis}");
    }
    for (class, count) in [("input", tally.prompt()), ("output", tally.output)] {
        let found = page.value("bursar_tokens_total", &[of_small[0], of_small[1], ("class", class)]);
        assert_eq!(found, count.to_string(), "{class}");
    }
    let asked = |status: &str| page.samples("bursar_requests_total", &[("status", status)]);
    assert_eq!(asked("completed").iter().map(|(_, value)| value.parse::<u64>().unwrap()).sum::<u64>(), 4);
    assert_eq!(asked("denied")[0].1, "1");
    let refused: Vec<_> =
        page.samples("bursar_refusals_total", &[]).into_iter().filter(|(_, count)| count != "0").collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((&*refused[0].0["code"], &*refused[0].1), ("E-BUDGET-018", "1"));

    let all = [("budget", "daily \"all\"")];
    assert_eq!(usd(&page.value("bursar_budget_settled", &all)), bill);
    assert_eq!(usd(&page.value("bursar_budget_limit", &all)), 1_000_000_000);
    assert_eq!(usd(&page.value("bursar_budget_remaining", &all)), 1_000_000_000 - bill);
    assert_eq!(page.value("bursar_budget_held", &all), "0");
    assert_eq!(page.samples("bursar_budget_limit", &[("budget", "unlimited")]), [], "no limit, no sample");
    let each = page.samples("bursar_budget_settled", &[("budget", "each user")]);
    assert_eq!((each.len(), &*each[0].0["top"], usd(&each[0].1)), (1, "1", bill));
    let project =
        page.value("bursar_budget_settled", &[("budget", "each project"), ("per", "project=alpha")]);
    assert_eq!(project, (tally.prompt() + tally.output).to_string(), "in tokens");
    assert_eq!(page.value("bursar_budget_windows", &[("budget", "each user")]), "1");

    assert_eq!(page.value("bursar_added_latency_seconds_count", &[]), "5", "each that was sent, once");
    assert_eq!(page.value("bursar_request_seconds_count", &[("provider", "fake")]), "5");
    assert_ne!(page.value("bursar_ledger_sync_seconds_count", &[]), "0");
    assert_ne!(page.value("bursar_ledger_batch_seconds_count", &[]), "0");
    for (name, value) in [
        ("bursar_overage_usd_total", "0"),
        ("bursar_suspense_attempts", "0"),
        ("bursar_stale_requests", "0"),
        ("bursar_held_usd", "0"),
        ("bursar_ledger_up", "1"),
        ("bursar_kill_active", "0"),
        ("bursar_circuits_open", "0"),
        ("bursar_throttled", "0"),
        ("bursar_waiting_requests", "0"),
    ] {
        assert_eq!(page.value(name, &[]), value, "{name}");
    }
    until(&house, "bursar_drain_lag_entries", "0").await;
}

/// Each metric of the catalogue is in a scrape and no other, with the kind, help and labels that the reference tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_has_what_the_reference_tells_and_nothing_else() {
    let house = House::with(priced(), BUDGETS).await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let page = scrape(&house).await;
    let names: BTreeSet<&str> = page.0.keys().map(String::as_str).collect();
    assert_eq!(names, CATALOGUE.iter().map(|metric| metric.name).collect());
    for metric in CATALOGUE {
        let family = &page.0[metric.name];
        assert_eq!((&*family.kind, &*family.help), (metric.kind.as_str(), metric.help), "{}", metric.name);
        for (_, labels, _) in &family.samples {
            let own = labels.keys().filter(|name| *name != "le" || metric.kind != Kind::Histogram);
            let unknown: Vec<_> = own.filter(|name| !metric.labels.contains(&&***name)).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", metric.name);
        }
    }
}

/// However many users, runs, and made-up models there are, a scrape has no more series; nobody is named in it.
/// Rules: S4-64.
#[tokio::test(flavor = "multi_thread")]
async fn labels_are_bounded_and_name_nobody() {
    let budgets = "[[budgets]]\nname = \"each run\"\nlimit = \"1 USD\"\nperiod = \"total\"\nper = [\"run\", \"user\"]\n";
    let house = House::with(priced(), budgets).await;
    for number in 0..12 {
        let headers = house.headers_with("x-bursar-run", &format!("secret-run-{number}"));
        assert_eq!(house.send(&headers, chat(5 + number, false).to_string()).await.unwrap().status, 200);
        let mut body = chat(5, false);
        body["model"] = Value::from(format!("made-up-{number}"));
        assert_eq!(house.chat(&body).await.status, 422);
    }
    let key = house.admin("POST", "/keys", &json!({"project": "alpha"})).await;
    let page = scrape(&house).await;
    let top = page.samples("bursar_budget_settled", &[("budget", "each run")]);
    let ranks: Vec<&str> = top.iter().map(|(labels, _)| &*labels["top"]).collect();
    assert_eq!(ranks, ["1", "2", "3", "4", "5"]);
    let amounts: Vec<i64> = top.iter().map(|(_, value)| usd(value)).collect();
    assert!(amounts.is_sorted_by(|first, second| first >= second), "the fullest first: {amounts:?}");
    assert_eq!(page.value("bursar_budget_windows", &[("budget", "each run")]), "12");
    let requests = page.samples("bursar_requests_total", &[]);
    assert_eq!(requests.len(), 2, "what was priced, and what was refused: {requests:?}");
    let answer = house.http.send("GET", &format!("{}/metrics", house.base), &[], Vec::new()).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let ids = [key["id"].as_str().unwrap(), key["prefix"].as_str().unwrap()];
    for somebody in ["secret-run", "made-up", "ann", ids[0], ids[1]] {
        let named = text.lines().find(|line| !line.starts_with('#') && line.contains(somebody));
        assert_eq!(named, None, "{somebody}");
    }
}

/// What is in flight, in suspense and late is told.
/// Rules: S4-69.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_in_suspense_and_stale_is_told() {
    let mut house = House::with(priced(), BUDGETS).await;
    house.stop();
    house.change(|text| {
        text.replacen("idle_timeout_s = 2\n", "idle_timeout_s = 2\nstale_timeout_s = 30\n", 1)
    });
    house.start_again();
    let stream = house.begin(&asking("out=900 in=10 chunk_ms=200 chunk_tokens=1", true)).await;
    let page = until(&house, "bursar_inflight_requests", "1").await;
    assert_eq!(page.value("bursar_stale_requests", &[]), "0");
    let held = page.value("bursar_held_usd", &[]);
    assert!(usd(&held) > 0);
    assert_eq!(page.value("bursar_budget_held", &[("budget", "unlimited")]), held);
    drop(stream);
    until(&house, "bursar_inflight_requests", "0").await;
    // A program that reserved and tells nothing more is late by its provider's idle timeout, two seconds here, after the six in which it
    // would have told of its progress.
    let asked = json!({"request_id": "silent", "attributes": {"project": "alpha"}, "provider": "fake", "model": "small",
        "input_tokens": 10, "output_tokens": 10});
    let made = house.admin("POST", "/reservations", &asked).await;
    until(&house, "bursar_stale_requests", "1").await;
    let path = format!("/reservations/{}/release", made["id"].as_str().expect("an id"));
    house.admin("POST", &path, &json!({"reason": "not made"})).await;
    until(&house, "bursar_stale_requests", "0").await;
    assert_eq!(house.chat(&asking("out=5 fault=drop", false)).await.status, 502);
    let page = scrape(&house).await;
    assert_eq!(page.value("bursar_suspense_attempts", &[]), "1");
    let suspense = page.value("bursar_suspense_usd", &[]);
    assert_eq!(page.value("bursar_budget_suspense", &[("budget", "unlimited")]), suspense);
    assert_eq!(page.value("bursar_attempts_total", &[("end", "suspense")]), "1");
}
