//! Every admin route that changes something leaves an audit entry with before and after.

use crate::house::{House, chat, priced};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// How a route is called, and what its audit entry has: a row before, a row after.
struct Case {
    body: Value,
    before: bool,
    after: bool,
}

fn case(before: bool, after: bool, body: Value) -> Option<Case> {
    Some(Case { body, before, after })
}

/// One case for each route that changes something; `None`: no case is written.
fn cases(route: &str) -> Option<Case> {
    match route {
        "post /admin/v1/projects" => case(false, true, json!({"name": "beta"})),
        "patch /admin/v1/projects/{name}" => case(true, true, json!({"require_budget": true})),
        "post /admin/v1/users" => case(false, true, json!({"name": "bob"})),
        "patch /admin/v1/users/{name}" => case(true, true, json!({"email": "bob@example.org"})),
        "post /admin/v1/keys" => case(false, true, json!({"project": "alpha"})),
        "patch /admin/v1/keys/{id}" => case(true, true, json!({"name": "renamed"})),
        "post /admin/v1/keys/{id}/block" | "post /admin/v1/keys/{id}/unblock" => {
            case(true, true, Value::Null)
        }
        "post /admin/v1/keys/{id}/rotate" => case(true, true, json!({})),
        "post /admin/v1/keys/{id}/top-up" => case(true, true, json!({"amount_usd": "5"})),
        "delete /admin/v1/keys/{id}" => case(true, true, Value::Null),
        "post /admin/v1/budgets" => {
            case(false, true, json!({"name": "fresh", "limit": "5 USD", "period": "day"}))
        }
        "patch /admin/v1/budgets/{name}" => case(true, true, json!({"limit": "6 USD"})),
        "delete /admin/v1/budgets/{name}" => case(true, true, Value::Null),
        "post /admin/v1/providers/{name}/credentials" => {
            case(false, true, json!({"name": "extra", "secret": "sk-extra-secret-0123456789"}))
        }
        "patch /admin/v1/providers/{name}/credentials/{credential}" => case(true, true, json!({"weight": 2})),
        "post /admin/v1/providers/{name}/credentials/{credential}/rotate" => {
            case(true, true, json!({"secret": "sk-other-secret-0123456789"}))
        }
        "delete /admin/v1/providers/{name}/credentials/{credential}" => case(true, false, Value::Null),
        "post /admin/v1/ledger/suspense/{id}/forgive" => case(true, true, json!({"reason": "a test"})),
        "post /admin/v1/ledger/suspense/{id}/settle" => {
            case(true, true, json!({"list_usd": "0.001", "tokens": 5}))
        }
        "post /admin/v1/ledger/adjust" => {
            case(true, true, json!({"budget": "daily", "amount": "0.5", "reason": "a test"}))
        }
        "post /admin/v1/kill" => case(false, true, json!({"scope": "run=never", "reason": "a test"})),
        "delete /admin/v1/kill/{scope}" => case(true, true, Value::Null),
        "post /admin/v1/usage/rollups/rebuild" => case(true, true, json!({})),
        "post /admin/v1/tokens" => case(false, true, json!({"name": "eyes", "role": "viewer"})),
        "delete /admin/v1/tokens/{id}" => case(true, true, Value::Null),
        "post /admin/v1/prices/overlay" => {
            case(false, true, json!({"provider": "fake", "model": "fresh", "input": "1", "output": "2"}))
        }
        "delete /admin/v1/prices/overlay/{id}" => case(true, true, Value::Null),
        "post /admin/v1/prices/reprice" => {
            case(true, true, json!({"since": "2026-01-01", "reason": "a test"}))
        }
        "post /admin/v1/throttle" => {
            case(false, true, json!({"provider": "fake", "throttled": false, "reason": "a test"}))
        }
        "post /admin/v1/alerts/secrets" => {
            case(false, true, json!({"name": "spare", "secret": "https://example.com/hook"}))
        }
        "delete /admin/v1/alerts/secrets/{name}" => case(true, false, Value::Null),
        // No budget is over the provider: what is cleared is gone, and the newest entry says so.
        "delete /admin/v1/throttle/{provider}" => case(true, false, Value::Null),
        _ => None,
    }
}

/// Routes that are no `GET` and change nothing themselves: what a reload finds changed in the file is audited as `config`.
/// Reports and reservations are what programs do all day: their records say who, and the journal says what.
const HARMLESS: &[&str] = &[
    "post /admin/v1/alerts/test",
    "post /admin/v1/check",
    "post /admin/v1/reload",
    "post /admin/v1/simulate",
    "post /admin/v1/backups",
    "post /admin/v1/providers/{name}/test",
    "post /admin/v1/usage",
    "post /admin/v1/reservations",
    "post /admin/v1/reservations/{id}/settle",
    "post /admin/v1/reservations/{id}/release",
    "post /admin/v1/reservations/{id}/extend",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_changes_something_is_audited() {
    let house = House::with(priced(), DAILY).await;
    // Two attempts in suspense: one to forgive, one to settle.
    for _ in 0..2 {
        let body = crate::house::asking("out=5 fault=drop", false);
        assert_eq!(house.chat(&body).await.status, 502);
    }
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    let mut routes = routes();
    // What a later route is called on must still be there: deletions come last.
    routes.sort_by_key(|route| {
        let makes = route.starts_with("post /admin/v1/projects") || route.ends_with("/credentials");
        (route.starts_with("delete"), !makes)
    });
    let mut missing = Vec::new();
    let mut things: BTreeMap<&str, String> = BTreeMap::from([
        ("projects", "alpha".into()),
        ("users", "ann".into()),
        ("providers", "fake".into()),
        ("credentials", "extra".into()),
        ("throttle", "fake".into()),
        ("secrets", "spare".into()),
        ("kill", "run%3Dnever".into()),
        ("overlay", "fake%2Ffresh".into()),
    ]);
    for route in &routes {
        if HARMLESS.contains(&route.as_str()) {
            continue;
        }
        let Some(case) = cases(route) else { panic!("no case is written for `{route}`") };
        let (method, path) = route.split_once(' ').expect("method and path");
        things.insert("suspense", suspended(&house).await);
        things.insert("keys", extra_key(&house).await);
        if path.ends_with("/unblock") {
            house.admin("POST", &format!("/keys/{}/block", things["keys"]), &Value::Null).await;
        }
        things.insert("tokens", extra_token(&house).await);
        things.insert("budgets", extra_budget(&house, path).await);
        let path = filled(path, &things);
        let before = entries(&house).await;
        let url = path.trim_start_matches("/admin/v1");
        let body = case.body.clone();
        let answer = house.admin(&method.to_uppercase(), url, &body).await;
        assert!(answer["status"].as_u64().is_none(), "`{route}` was refused: {answer}");
        let after = entries(&house).await;
        let Some(entry) = after.iter().find(|entry| !before.contains(entry)) else {
            missing.push(route.clone());
            continue;
        };
        assert_eq!(!entry["before"].is_null(), case.before, "`{route}`: {entry}");
        assert_eq!(!entry["after"].is_null(), case.after, "`{route}`: {entry}");
        assert!(!entry["actor"].as_str().unwrap_or_default().is_empty(), "{entry}");
    }
    missing.sort();
    assert!(missing.is_empty(), "not audited: {missing:?}");
}

/// Method and path of each route that is no `GET`.
fn routes() -> Vec<String> {
    let text = bursar_control::openapi().to_json().expect("JSON");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("methods").keys().cloned().collect::<Vec<_>>();
        methods
            .into_iter()
            .filter(|method| method != "get")
            .map(|method| format!("{method} {path}"))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn filled(path: &str, things: &BTreeMap<&str, String>) -> String {
    let mut parts: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
    for at in 1..parts.len() {
        if parts[at].starts_with('{') {
            parts[at] = things.get(parts[at - 1].as_str()).cloned().expect("a thing of this kind");
        }
    }
    parts.join("/")
}

async fn entries(house: &House) -> Vec<Value> {
    let listed = house.admin("GET", "/audit?limit=500", &Value::Null).await;
    listed["items"].as_array().cloned().unwrap_or_else(|| panic!("no list: {listed}"))
}

async fn suspended(house: &House) -> String {
    let listed = house.admin("GET", "/ledger/suspense", &Value::Null).await;
    listed["items"][0]["id"].as_str().unwrap_or_default().to_owned()
}

async fn extra_key(house: &House) -> String {
    let standalone = json!({"project": "alpha", "kind": "standalone", "balance": "1"});
    let made = house.admin("POST", "/keys", &standalone).await;
    made["id"].as_str().unwrap_or_else(|| panic!("no key: {made}")).to_owned()
}

async fn extra_token(house: &House) -> String {
    let made = house.admin("POST", "/tokens", &json!({"name": "spare", "role": "viewer"})).await;
    made["id"].as_str().unwrap_or_else(|| panic!("no token: {made}")).to_owned()
}

/// The budget that was made by the API, made again where it is gone.
async fn extra_budget(house: &House, path: &str) -> String {
    if path != "/admin/v1/budgets" {
        house.admin("POST", "/budgets", &json!({"name": "extra", "limit": "5 USD", "period": "day"})).await;
    }
    "extra".to_owned()
}
