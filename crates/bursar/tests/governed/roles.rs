//! Who may see and do what: every route as every role, and what a bound token never reads.

use crate::house::{House, UPSTREAM_SECRET, chat, priced, reqwest_lite::Answer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Two projects with budgets; a model whose provider's credential has a name that is nowhere else.
const BUDGETS: &str = "[projects.beta]\n[providers.vault]\nfamily = \"openai\"\nbase_url = \"MOCK_ROOT/v1\"\nprices = \"fake\"\n\
                       credentials = [{ name = \"strongbox\", secret = { env = \"FAKE_KEY\" } }]\n\
                       [models.\"medium\"]\ndeployments = [{ provider = \"vault\", model = \"small\", price = { input = \"1\", output = \"2\", context = 200000, max_output = 4096 } }]\n[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n\
                       [[budgets]]\nname = \"alpha day\"\nlimit = \"1 USD\"\nperiod = \"day\"\nmatch = { project = \"alpha\" }\n\
                       [[budgets]]\nname = \"beta day\"\nlimit = \"1 USD\"\nperiod = \"day\"\nmatch = { project = \"beta\" }\n";

/// A house with two projects, two users and a token of each kind.
struct Office {
    house: House,
    tokens: BTreeMap<&'static str, String>,
    /// A key of beta's bob.
    bob_key: String,
    bob_key_id: String,
    ann_key_id: String,
}

impl Office {
    async fn open() -> Self {
        let house = House::with(priced(), BUDGETS).await;
        let bob = house.admin("POST", "/keys", &json!({"project": "beta", "user": "bob"})).await;
        let keys = house.admin("GET", "/keys?project=alpha", &Value::Null).await;
        let mut office = Self {
            tokens: BTreeMap::new(),
            bob_key: text(&bob, "key"),
            bob_key_id: text(&bob, "id"),
            ann_key_id: text(&keys["items"][0], "id"),
            house,
        };
        for (kind, bounds) in [
            ("admin", json!({"role": "admin"})),
            ("viewer", json!({"role": "viewer"})),
            ("alpha_viewer", json!({"role": "viewer", "project": "alpha"})),
            ("project_admin", json!({"role": "project_admin", "project": "alpha"})),
            ("member", json!({"role": "member", "user": "ann", "project": "alpha"})),
        ] {
            let mut body = bounds;
            body["name"] = kind.into();
            let made = office.house.admin("POST", "/tokens", &body).await;
            office.tokens.insert(kind, text(&made, "token"));
        }
        office
    }
    async fn ask(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let token = self.tokens.get(who).map_or(who, String::as_str);
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let url = format!("{}{path}", self.house.admin_base);
        self.house.http.send(method, &url, &headers, bytes).await.expect("an answer")
    }
    async fn read(&self, who: &str, path: &str) -> Answer {
        self.ask(who, "GET", &format!("/admin/v1{path}"), &Value::Null).await
    }
    /// A request with that key; its id, once its record is there.
    async fn spend(&self, key: &str) -> String {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())];
        let mut body = chat(5, false);
        body["model"] = "medium".into();
        let answer = self.house.send(&headers, body.to_string()).await.expect("an answer");
        assert_eq!(answer.status, 200);
        let id = answer.header("x-bursar-request-id").to_owned();
        self.house.record(&id).await;
        id
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

/// Method and path of every route of the admin API.
fn routes() -> Vec<String> {
    let document: Value =
        serde_json::from_str(&bursar_control::openapi().to_json().expect("JSON")).expect("JSON");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            if path.starts_with("/admin/v1") {
                routes.push(format!("{method} {path}"));
            }
        }
    }
    routes.sort();
    routes
}

/// Every route of the document is called as every role: who is let in is what the table says, and the table is agreed.
/// What a body or path is worth does not matter here: only 401 and 403 mean that the door is shut.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_as_every_role() {
    let office = Office::open().await;
    let own = office.spend(&office.house.key.clone()).await;
    let table: BTreeMap<String, Vec<String>> = bursar_control::access()
        .into_iter()
        .map(|(route, roles)| (route, roles.iter().map(|role| role.as_str().to_owned()).collect()))
        .collect();
    assert_eq!(routes(), table.keys().cloned().collect::<Vec<_>>(), "the table has a row for each route");
    let mut matrix = String::new();
    for route in routes() {
        let (method, path) = route.split_once(' ').expect("method and path");
        let thing = match path {
            path if path.contains("/projects/") => "alpha",
            path if path.contains("/users/") => "ann",
            path if path.contains("/budgets/") => "alpha%20day",
            path if path.contains("/keys/") => &office.ann_key_id,
            path if path.contains("/requests/") => &own,
            path if path.contains("/export/") => "csv",
            _ => "nothing",
        };
        let filled = |part: &str| if part.starts_with('{') { thing.to_owned() } else { part.to_owned() };
        let called = path.split('/').map(filled).collect::<Vec<_>>().join("/");
        // Of the things above, none is to be gone for the next: what is let in gets a body that says nothing.
        let body = match route.as_str() {
            "post /admin/v1/keys" => json!({"project": "alpha", "kind": "no such kind"}),
            _ if method == "get" => Value::Null,
            _ => json!({"nothing": "of the kind"}),
        };
        let mut open = Vec::new();
        for who in ["admin", "viewer", "alpha_viewer", "project_admin", "member", "nobody"] {
            let called = if method == "delete" && path.contains("/keys/") {
                let spare =
                    office.house.admin("POST", "/keys", &json!({"project": "alpha", "user": "ann"})).await;
                format!("/admin/v1/keys/{}", text(&spare, "id"))
            } else {
                called.clone()
            };
            let status = office.ask(who, &method.to_uppercase(), &called, &body).await.status;
            assert_eq!(status == 401, who == "nobody", "`{route}` as {who}: {status}");
            if status != 401 && status != 403 {
                assert!(status != 404 || !path.ends_with("/requests/{id}"), "`{route}` as {who}: {status}");
                open.push(who);
            }
            let role = if who == "alpha_viewer" { "viewer" } else { who };
            let listed = table[&route].iter().any(|listed| listed == role);
            assert!(listed || !open.contains(&who), "`{route}` is open to {who}, not by the table");
            assert!(!listed || open.contains(&who) || who == "alpha_viewer", "`{route}` is shut to {who}");
        }
        writeln!(matrix, "{route}: {}", open.join(", ")).expect("text");
    }
    insta::assert_snapshot!(matrix);
}

/// A member reads their own requests, usage and keys, and of nobody else's not even whether they are there; the name of a
/// credential is nowhere in what a bound token is told.
///
/// Rules: S4-64.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_nothing_of_another() {
    let office = Office::open().await;
    let (own, foreign) =
        (office.spend(&office.house.key.clone()).await, office.spend(&office.bob_key.clone()).await);
    // What an admin sees is there to be hidden.
    let whole = office.read("admin", &format!("/requests/{own}")).await.json();
    assert_eq!(whole["attempts"][0]["credential"], "strongbox");
    assert_eq!(whole["attributes"]["credential"], "strongbox");

    for who in ["member", "project_admin", "alpha_viewer"] {
        assert_eq!(office.read(who, &format!("/requests/{own}")).await.status, 200, "{who}");
        assert_eq!(office.read(who, &format!("/keys/{}", office.ann_key_id)).await.status, 200, "{who}");
        let missing = uuid_like(&foreign);
        for path in [
            "/requests/ID",
            "/requests/ID/",
            "/keys/KEY",
            "/projects/beta",
            "/users/bob",
            "/budgets/beta%20day",
        ] {
            let path = path.replace("ID", &foreign).replace("KEY", &office.bob_key_id);
            let answer = office.read(who, &path).await;
            assert!(matches!(answer.status, 403 | 404), "{who} {path}: {}", answer.status);
            assert!(!String::from_utf8_lossy(&answer.body).contains("bob@"), "{who} {path}");
        }
        // Somebody else's and nobody's are told apart by nothing but the id.
        let one = office.read(who, &format!("/requests/{foreign}")).await.json().to_string();
        let other = office.read(who, &format!("/requests/{missing}")).await.json().to_string();
        assert_eq!(one.replace(&foreign, "ID"), other.replace(&missing, "ID"), "{who}");

        for path in [
            "/requests",
            "/requests/watch?cursor=0-1",
            "/keys",
            "/usage",
            "/usage?by=user,key",
            "/usage/report",
            "/usage/top?by=user",
            "/usage/heatmap",
            "/usage/cache",
            "/usage/ttl",
            "/usage/timeline",
            "/usage/latency",
            "/usage/errors",
            "/usage/active",
            "/export/csv",
            "/export/jsonl",
            "/export/focus",
        ] {
            let answer = office.read(who, path).await;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, 200, "{who} {path}: {body}");
            let whole = String::from_utf8_lossy(&office.read("admin", path).await.body).into_owned();
            for secret in
                [foreign.as_str(), office.bob_key_id.as_str(), "bob", "beta", "strongbox", UPSTREAM_SECRET]
            {
                assert!(!body.contains(secret), "{who} {path} tells {secret}: {body}");
            }
            // The admin is told of bob where rows of people are listed: the filter is what hides him.
            if matches!(
                path,
                "/requests"
                    | "/requests/watch?cursor=0-1"
                    | "/keys"
                    | "/usage?by=user,key"
                    | "/usage/top?by=user"
                    | "/export/jsonl"
            ) {
                assert!(whole.contains("bob"), "{path}: {whole}");
                assert!(body.contains("ann"), "{who} {path}: {body}");
            }
            let joint = if path.contains('?') { '&' } else { '?' };
            let asked = office.read(who, &format!("{path}{joint}project=beta")).await;
            assert_eq!(asked.status, 403, "{who} {path} of another project");
            let twice = office.read(who, &format!("{path}{joint}project=alpha&project=beta")).await;
            assert_eq!(twice.status, 403, "{who} {path} with two projects");
            let hidden = office.read(who, &format!("{path}{joint}%70roject=beta")).await;
            assert_eq!(hidden.status, 403, "{who} {path} with an escaped name");
        }
        let told = office.read(who, &format!("/requests/{own}")).await;
        assert!(!told.json().to_string().contains("strongbox"), "{who}");
    }
    let asked = office.read("member", "/requests?user=bob").await;
    assert_eq!((asked.status, asked.json()["field"].as_str()), (403, Some("user")));
}

/// An id that no request has.
fn uuid_like(id: &str) -> String {
    let last = if id.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &id[..id.len() - 1])
}

/// A project's admin makes, blocks and rotates the keys of the project, and of no other; the audit trail says who it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_admin_keeps_to_the_project() {
    let office = Office::open().await;
    let made = office.ask("project_admin", "POST", "/admin/v1/keys", &json!({"project": "alpha"})).await;
    assert_eq!(made.status, 201);
    let id = text(&made.json(), "id");
    for action in ["block", "unblock", "rotate"] {
        let path = |id: &str| format!("/admin/v1/keys/{id}/{action}");
        assert_eq!(office.ask("project_admin", "POST", &path(&id), &json!({})).await.status, 200, "{action}");
        let foreign = office.ask("project_admin", "POST", &path(&office.bob_key_id), &json!({})).await;
        assert_eq!(foreign.status, 404, "{action}");
        for who in ["member", "viewer", "alpha_viewer"] {
            assert_eq!(
                office.ask(who, "POST", &path(&id), &json!({})).await.status,
                403,
                "{action} as {who}"
            );
        }
    }
    for body in [json!({"project": "beta"}), json!({}), json!([1]), Value::Null] {
        assert_eq!(office.ask("project_admin", "POST", "/admin/v1/keys", &body).await.status, 403, "{body}");
    }
    let path = format!("/admin/v1/keys/{id}");
    let moved = office.ask("project_admin", "PATCH", &path, &json!({"project": "beta"})).await;
    assert_eq!(moved.status, 422);
    assert_eq!(office.ask("project_admin", "DELETE", &path, &Value::Null).await.status, 204);
    let audit = office.read("viewer", "/audit?limit=500").await.json();
    let by = |entry: &&Value| entry["actor"] == "project_admin";
    assert!(audit["items"].as_array().expect("entries").iter().filter(by).count() >= 5, "{audit}");
    assert_eq!(office.read("project_admin", "/budgets/alpha%20day").await.status, 200);
    assert_eq!(office.read("project_admin", "/budgets/daily").await.status, 404);
}

/// A token is shown once, stored as a hash, and ends when it is revoked or expires; none can revoke itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_token() {
    let office = Office::open().await;
    for (body, field) in [
        (json!({"name": "x", "role": "boss"}), "role"),
        (json!({"name": "x", "role": "member"}), "user"),
        (json!({"name": "x", "role": "project_admin"}), "project"),
        (json!({"name": "x", "role": "admin", "project": "alpha"}), "project"),
        (json!({"name": "x", "role": "viewer", "user": "ann"}), "user"),
        (json!({"name": "x", "role": "viewer", "expires_at": "2020-01-01"}), "expires_at"),
        (json!({"name": "x", "role": "viewer", "expires_at": "soon"}), "expires_at"),
    ] {
        let refused = office.house.admin("POST", "/tokens", &body).await;
        assert_eq!((&refused["status"], &refused["field"]), (&json!(422), &json!(field)), "{refused}");
    }
    let secret = office.tokens["viewer"].clone();
    let listed = office.read("admin", "/tokens").await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&secret), "a list shows no token");
    let rows = listed.json();
    let id = |name: &str| {
        let rows = rows["items"].as_array().expect("rows");
        text(rows.iter().find(|row| row["name"] == name).expect("a row"), "id")
    };
    let path = |name: &str| format!("/admin/v1/tokens/{}", id(name));
    // The second admin's token: the first is the house's own.
    let body = json!({"name": "second", "role": "admin"});
    let second = office.house.admin("POST", "/tokens", &body).await;
    let own = format!("/admin/v1/tokens/{}", text(&second, "id"));
    assert_eq!(office.ask(&text(&second, "token"), "DELETE", &own, &Value::Null).await.status, 409);
    assert_eq!(office.read("viewer", "/kill").await.status, 200);
    let revoked = office.ask("admin", "DELETE", &path("viewer"), &Value::Null).await;
    assert!(revoked.json()["revoked_at"].is_string());
    assert_eq!(office.read("viewer", "/kill").await.status, 401, "revoked at once");
    assert_eq!(office.ask("admin", "DELETE", "/admin/v1/tokens/none", &Value::Null).await.status, 404);

    let soon = bursar_core::Timestamp::from_micros(micros_now() + 2_000_000).to_string();
    let body = json!({"name": "brief", "role": "viewer", "expires_at": soon});
    let brief = text(&office.house.admin("POST", "/tokens", &body).await, "token");
    for _ in 0..200 {
        if office.read(&brief, "/kill").await.status == 401 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the token did not expire");
}

fn micros_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("in range")
}

/// Reading never writes: a use is known at once and written later, at the latest when Bursar ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_says_when_it_was_last_used() {
    let mut house = House::with(priced(), "").await;
    let made = house.admin("POST", "/tokens", &json!({"name": "eyes", "role": "viewer"})).await;
    let used = async |house: &House| {
        let listed = house.admin("GET", "/tokens", &Value::Null).await;
        let rows = listed["items"].as_array().expect("rows").clone();
        rows.into_iter().find(|row| row["name"] == "eyes").expect("a row")["last_used_at"].clone()
    };
    assert_eq!(used(&house).await, Value::Null, "never used");
    let headers = [("authorization", format!("Bearer {}", text(&made, "token")))];
    let url = format!("{}/admin/v1/kill", house.admin_base);
    assert_eq!(house.http.send("GET", &url, &headers, Vec::new()).await.unwrap().status, 200);
    let at = used(&house).await;
    assert!(at.as_str().is_some_and(|at| at > text(&made, "created_at").as_str()), "{at} {made}");
    house.stop();
    house.start_again();
    assert_eq!(used(&house).await, at, "it was written when Bursar ended");
}
