//! Commands that speak to a server, against a fake admin API: what is asked, and how answers read.

use crate::common::{Place, Server};

const KEY: &str = r#"{"id":"0199f3a0-0000-7000-8000-000000000001","prefix":"bursar_4fQ2","name":"ci","project":"alpha","user":null,
  "kind":"service","models":["gpt-*"],"providers":[],"api_formats":[],"may_set":["agent","run"],"attributes":{"agent":"ci"},"fit":false,
  "expires_at":null,"blocked":false,"requests":12,"list_cost":"0.012345","last_used_at":"2026-11-23T08:15:00.5Z","managed_by":"api","version":1,
  "created_at":"2026-11-01T00:00:00Z"}"#;

fn with_key(text: &str) -> String {
    KEY.replacen('{', &format!("{{\"key\":\"{text}\","), 1)
}

#[test]
fn a_key_is_shown_once() {
    let made = with_key("bursar_4fQ2secret");
    let list = format!("{{\"items\":[{KEY}],\"next_cursor\":\"c2\"}}");
    let all = list.replace("\"c2\"", "null");
    let path = "/keys/0199f3a0-0000-7000-8000-000000000001";
    let server = Server::new(&[
        ("POST /keys", 201, &made),
        ("GET /keys?project=alpha&limit=100", 200, &list),
        ("GET /keys?limit=500", 200, &all),
        (&format!("GET {path}"), 200, KEY),
        (&format!("POST {path}/rotate"), 200, &made),
        (&format!("POST {path}/block"), 200, KEY),
        (&format!("DELETE {path}"), 204, ""),
    ]);
    let place = Place::new().at(&server);
    let create = [
        "key",
        "create",
        "--project",
        "alpha",
        "--models",
        "gpt-*,o3",
        "--attribute",
        "agent=ci",
        "--fit",
        "--expires",
        "2027-01-01",
    ];
    insta::assert_snapshot!("key_create", place.run(&create));
    insta::assert_snapshot!("key_create_json", place.run(&["key", "create", "--project", "alpha", "--json"]));
    insta::assert_snapshot!("key_list", place.run(&["key", "list", "--project", "alpha"]));
    insta::assert_snapshot!("key_show_by_prefix", place.run(&["key", "show", "bursar_4f"]));
    insta::assert_snapshot!("key_rotate", place.run(&["key", "rotate", "ci", "--overlap", "1h"]));
    insta::assert_snapshot!("key_block", place.run(&["key", "block", "ci", "--json"]));
    insta::assert_snapshot!("key_delete", place.run(&["key", "delete", "ci"]));
    insta::assert_snapshot!("key_unknown", place.run(&["key", "show", "nobody"]));
    insta::assert_snapshot!("key_update_nothing", place.run(&["key", "update", "ci"]));
    insta::assert_snapshot!("key_asked", server.asked());
}

const BUDGET: &str = r#"{"id":1,"name":"each user of alpha","scope":"user","measure":"usd","limit":"10 USD","period":"month","time_zone":"Asia/Taipei",
  "match":{"project":"alpha"},"per":["user"],"managed_by":"api","active":true,"version":3,"created_at":"2026-11-01T00:00:00Z","windows":[
  {"per":{"user":"ann"},"starts_at":"2026-10-31T16:00:00Z","ends_at":"2026-11-30T16:00:00Z","limit":"10","settled":"8.123456789","suspense":"0","held":"0.25",
   "remaining":"1.626543211","over_limit":"0","overage":"0","burn_per_day":"0.36","projection":"11.02","days_left":7,"resets_at":"2026-11-30T16:00:00Z"},
  {"per":{"user":null},"starts_at":"2026-10-31T16:00:00Z","ends_at":"2026-11-30T16:00:00Z","limit":null,"settled":"0.000012","suspense":"0","held":"0",
   "remaining":null,"over_limit":"0","overage":"0","burn_per_day":"0","projection":null,"days_left":7,"resets_at":"2026-11-30T16:00:00Z"}]}"#;

#[test]
fn a_budget_shows_where_its_windows_stand() {
    let list = format!("{{\"items\":[{BUDGET}],\"next_cursor\":null}}");
    let server = Server::new(&[
        ("POST /budgets", 201, BUDGET),
        ("GET /budgets?limit=100", 200, &list),
        ("GET /budgets/each%20user%20of%20alpha", 200, BUDGET),
        ("PATCH /budgets/each%20user%20of%20alpha", 200, BUDGET),
        ("DELETE /budgets/each%20user%20of%20alpha", 204, ""),
    ]);
    let place = Place::new().at(&server);
    let name = "each user of alpha";
    let create = [
        "budget",
        "create",
        name,
        "--limit",
        "10 USD",
        "--period",
        "month",
        "--match",
        "project=alpha",
        "--match",
        "model=gpt-*",
        "--match",
        "model=o3",
        "--per",
        "user",
        "--thresholds",
        "80,95%,9 USD",
        "--json",
    ];
    place.run(&create);
    insta::assert_snapshot!("budget_show", place.run(&["budget", "show", name]));
    insta::assert_snapshot!("budget_show_json", place.run(&["budget", "show", name, "--json"]));
    insta::assert_snapshot!("budget_list", place.run(&["budget", "list"]));
    place.run(&[
        "budget",
        "update",
        name,
        "--limit",
        "none",
        "--raise",
        "5 USD",
        "--until",
        "2026-12-31",
        "--reason",
        "launch",
    ]);
    place.run(&["budget", "update", name, "--raise", "none"]);
    insta::assert_snapshot!(
        "budget_raise_without_reason",
        place.run(&["budget", "update", name, "--raise", "5 USD"])
    );
    insta::assert_snapshot!("budget_delete", place.run(&["budget", "delete", name]));
    insta::assert_snapshot!("budget_unknown", place.run(&["budget", "show", "nobody"]));
    insta::assert_snapshot!("budget_asked", server.asked());
}

const FILE: &str = "
[[budgets]]
name = \"each user of alpha\"
limit = \"12 USD\"
period = \"month\"
time_zone = \"Asia/Taipei\"
match = { project = \"alpha\" }

[[budgets]]
name = \"platform daily\"
limit = \"100 USD\"
period = \"day\"
raise = { amount = \"5 USD\", until = 2026-12-31, reason = \"launch\" }
match = { tag.team = \"x\" }
";

#[test]
fn apply_makes_the_servers_budgets_those_of_a_file() {
    let server = Server::new(&[
        ("GET /budgets/each%20user%20of%20alpha", 200, BUDGET),
        ("PATCH /budgets/each%20user%20of%20alpha", 200, BUDGET),
        ("POST /budgets", 201, "{}"),
    ]);
    let place =
        Place::new().at(&server).file("budgets.toml", FILE).file("wrong.toml", &FILE.replace("day", "daily"));
    insta::assert_snapshot!("apply_dry_run", place.run(&["budget", "apply", "budgets.toml", "--dry-run"]));
    insta::assert_snapshot!("apply", place.run(&["budget", "apply", "budgets.toml", "--json"]));
    insta::assert_snapshot!("apply_wrong", place.run(&["budget", "apply", "wrong.toml"]));
    insta::assert_snapshot!("apply_asked", server.asked());
}

#[test]
fn projects_users_and_providers_are_listed_and_changed() {
    let project = r#"{"name":"alpha","time_zone":"Asia/Taipei","require_budget":true,"unknown_model_policy":"deny","default_user_budget":"10 USD",
        "managed_by":"file","active":true,"version":1,"created_at":"2026-11-01T00:00:00Z","updated_at":"2026-11-01T00:00:00Z"}"#;
    let user = r#"{"name":"ann","display_name":"Ann Lee","email":"ann@example.com","managed_by":"api","active":true,"version":1,
        "created_at":"2026-11-01T00:00:00Z","updated_at":"2026-11-01T00:00:00Z"}"#;
    let provider = r#"{"items":[{"name":"openai","family":"openai","base_url":"https://api.openai.com/v1","prices":"openai","credentials":["a","b"]}],"next_cursor":null}"#;
    let projects = format!("{{\"items\":[{project}],\"next_cursor\":null}}");
    let server = Server::new(&[
        ("POST /projects", 201, project),
        ("GET /projects?limit=100", 200, &projects),
        ("PATCH /projects/alpha", 200, project),
        ("GET /users/ann", 200, user),
        (
            "POST /users",
            409,
            r#"{"type":"about:blank","title":"Conflict","status":409,"detail":"there is a user `ann` already"}"#,
        ),
        ("GET /providers", 200, provider),
        ("POST /reload", 200, r#"{"revision":7}"#),
    ]);
    let place = Place::new().at(&server);
    insta::assert_snapshot!(
        "project_create",
        place.run(&["project", "create", "alpha", "--time-zone", "Asia/Taipei", "--require-budget"])
    );
    insta::assert_snapshot!("project_list", place.run(&["project", "list"]));
    place.run(&["project", "update", "alpha", "--active", "false"]);
    insta::assert_snapshot!("user_show", place.run(&["user", "show", "ann"]));
    insta::assert_snapshot!(
        "user_create_twice",
        place.run(&["user", "create", "ann", "--email", "ann@example.com"])
    );
    insta::assert_snapshot!("provider_list", place.run(&["provider", "list"]));
    insta::assert_snapshot!("reload", place.run(&["reload"]));
    insta::assert_snapshot!("project_asked", server.asked());
}

#[test]
fn the_ledger_is_corrected_with_a_reason() {
    let suspense = r#"{"items":[{"id":"0199f3a0-0000-7000-8000-000000000001.0","reserved_at":"2026-11-23T08:15:00Z","hold_usd":"0.0984",
        "hold_effective_usd":"0.0787","hold_tokens":16600,"windows":3,"estimate_at":null}],"next_cursor":null}"#;
    let server = Server::new(&[
        ("GET /ledger/suspense?limit=100", 200, suspense),
        ("POST /ledger/adjust", 200, r#"{"result":"adjusted"}"#),
        ("POST /ledger/suspense/r.0/forgive", 200, r#"{"result":"forgiven"}"#),
        (
            "POST /ledger/suspense/s.0/forgive",
            409,
            r#"{"type":"E-LEDGER-001","title":"Conflict","status":409,"detail":"it is settled already"}"#,
        ),
    ]);
    let place = Place::new().at(&server);
    insta::assert_snapshot!("suspense", place.run(&["ledger", "suspense"]));
    insta::assert_snapshot!(
        "adjust",
        place.run(&["ledger", "adjust", "platform daily", "--amount", "-1.50", "--reason", "credit note"])
    );
    insta::assert_snapshot!("forgive", place.run(&["ledger", "forgive", "r.0", "--reason", "outage"]));
    insta::assert_snapshot!(
        "forgive_settled",
        place.run(&["ledger", "forgive", "s.0", "--reason", "outage"])
    );
    insta::assert_snapshot!("ledger_asked", server.asked());
}

#[test]
fn a_bill_is_reconciled_with_the_records() {
    let records = r#"{"items":[{"upstream_request_id":"gen-1","created_at":"2026-11-01T10:00:00Z","list_cost":"0.0123",
        "attributes":{"provider":"openrouter","model":"openai/gpt-oss-120b"}}],"next_cursor":null}"#;
    let server = Server::new(&[(
        "GET /requests?from=2026-11-01&until=2026-11-02T00%3A00%3A00Z&limit=500",
        200,
        records,
    )]);
    let bill = "generation_id,created_at,cost_total,model_permaslug\ngen-1,2026-11-01 10:00:00.1,0.0123,openai/gpt-oss-120b\ngen-2,2026-11-01 11:00:00,0.5,openai/gpt-oss-120b\n";
    let place = Place::new()
        .at(&server)
        .file("activity.csv", bill)
        .file("one.csv", bill.split_inclusive('\n').take(2).collect::<String>().as_str());
    insta::assert_snapshot!("reconcile", place.run(&["ledger", "reconcile", "activity.csv"]));
    insta::assert_snapshot!("reconcile_matched", place.run(&["ledger", "reconcile", "one.csv", "--json"]));
}

#[test]
fn requests_are_listed() {
    let records = r#"{"items":[{"id":"0199f3a0-0000-7000-8000-000000000001","created_at":"2026-11-23T08:15:00Z","status":"denied","code":"E-BUDGET-002",
        "attributes":{"project":"alpha","user":"ann","model":"gpt-4o"},"list_cost":"0","tokens":0},
        {"id":"0199f3a0-0000-7000-8000-000000000002","created_at":"2026-11-23T08:14:00Z","status":"completed","code":null,
        "attributes":{"project":"alpha","model":"gpt-4o","provider":"openai"},"list_cost":"0.0105","tokens":1280}],"next_cursor":null}"#;
    let server = Server::new(&[("GET /requests?project=alpha&limit=100", 200, records)]);
    insta::assert_snapshot!(
        "request_list",
        Place::new().at(&server).run(&["request", "list", "--project", "alpha"])
    );
}

#[test]
fn check_diff_shows_what_a_reload_would_change() {
    let list = |items: &str| format!("{{\"items\":[{items}],\"next_cursor\":null}}");
    let (projects, none) = (
        list(
            r#"{"name":"alpha","managed_by":"file","active":true},{"name":"old","managed_by":"file","active":true},{"name":"mine","managed_by":"api","active":true}"#,
        ),
        list(""),
    );
    let server = Server::new(&[
        ("GET /projects?limit=500", 200, &projects),
        ("GET /users?limit=500", 200, &none),
        ("GET /keys?limit=500", 200, &none),
        ("GET /budgets?limit=500", 200, &list(r#"{"name":"daily","managed_by":"api","active":true}"#)),
    ]);
    let file = "[projects.alpha]\n[projects.beta]\n[[budgets]]\nname = \"daily\"\nperiod = \"day\"\n";
    let place = Place::new().at(&server).file("bursar.toml", file);
    insta::assert_snapshot!("check_diff", place.run(&["check", "--diff"]));
    insta::assert_snapshot!("check_diff_json", place.run(&["check", "--diff", "--json"]));
}

#[test]
fn the_server_is_found_through_the_configuration() {
    let server = Server::new(&[("GET /budgets?limit=100", 200, r#"{"items":[],"next_cursor":null}"#)]);
    let listen = server.url.trim_start_matches("http://");
    // The server's own secrets are not in the client's environment.
    let text = format!(
        "[server]\nlisten = \"{listen}\"\ndata_dir = \"data\"\n[providers.openai]\ncredential = {{ env = \"OPENAI_API_KEY\" }}\n"
    );
    let place = Place::new().file("bursar.toml", &text);
    std::fs::create_dir(place.path("data")).unwrap();
    std::fs::write(place.path("data/admin-token"), "a-secret-token\n").unwrap();
    insta::assert_snapshot!("found", place.run(&["budget", "list"]));
    insta::assert_snapshot!(
        "found_by_option",
        place.run(&["budget", "list", "--config", "bursar.toml", "--json"])
    );
}

#[test]
fn what_stands_between_a_command_and_the_server_is_said() {
    let server = Server::new(&[("GET /budgets?limit=100", 500, "not JSON at all")]);
    let stranger = Place::new().with("BURSAR_URL", &server.url).with("BURSAR_ADMIN_TOKEN", "another");
    insta::assert_snapshot!("wrong_token", stranger.run(&["budget", "list"]));
    insta::assert_snapshot!("broken_server", Place::new().at(&server).run(&["budget", "list"]));
    let nobody = Place::new().with("BURSAR_ADMIN_TOKEN", "t");
    insta::assert_snapshot!("no_server", nobody.run(&["budget", "list", "--url", "http://127.0.0.1:1"]));
    insta::assert_snapshot!("no_url", nobody.run(&["budget", "list", "--url", "nowhere"]));
    insta::assert_snapshot!("no_token", Place::new().run(&["budget", "list"]));
}

#[test]
fn a_credential_is_handed_over_and_never_shown() {
    let row = r#"{"name":"a","provider":"openai","managed_by":"api","weight":2,"rate_multiplier":"0.8","rate_multipliers":{},
      "in_flight_max":null,"requests_per_minute":500,"active":true,"version":1,"created_at":"2026-11-01T00:00:00Z","updated_at":"2026-11-01T00:00:00Z"}"#;
    let list = format!("{{\"items\":[{row}],\"next_cursor\":null}}");
    let probed = r#"{"items":[{"credential":"a","ok":true,"status_code":200,"total_ms":12,"error":null},
      {"credential":"b","ok":false,"status_code":401,"total_ms":9,"error":null}],"next_cursor":null}"#;
    let path = "/providers/openai/credentials";
    let server = Server::new(&[
        (&format!("POST {path}"), 201, row),
        (&format!("GET {path}"), 200, &list),
        (&format!("PATCH {path}/a"), 200, row),
        (&format!("POST {path}/a/rotate"), 200, row),
        (&format!("DELETE {path}/a"), 204, ""),
        ("POST /providers/openai/test", 200, probed),
    ]);
    let place = Place::new()
        .at(&server)
        .with("NEW_KEY", "sk-from-the-environment")
        .file("key.txt", "sk-from-a-file\n");
    let credential = |arguments: &[&str], input: &str| {
        let all: Vec<&str> = ["provider", "credential"].iter().chain(arguments).copied().collect();
        place.run_with(&all, input)
    };
    let create = ["create", "openai", "a", "--weight", "2", "--rate-multiplier", "0.8"];
    let made = credential(&create, "sk-from-standard-input\n");
    assert!(!made.contains("sk-from"), "{made}");
    insta::assert_snapshot!("credential_create", made);
    insta::assert_snapshot!("credential_create_nothing", credential(&create, ""));
    insta::assert_snapshot!("credential_list", credential(&["list", "openai"], ""));
    insta::assert_snapshot!(
        "credential_update",
        credential(&["update", "openai", "a", "--active", "false", "--json"], "")
    );
    insta::assert_snapshot!("credential_update_nothing", credential(&["update", "openai", "a"], ""));
    credential(&["rotate", "openai", "a", "--secret-env", "NEW_KEY"], "");
    credential(&["rotate", "openai", "a", "--secret-file", "key.txt"], "");
    insta::assert_snapshot!("credential_delete", credential(&["delete", "openai", "a"], ""));
    insta::assert_snapshot!("provider_test", place.run(&["provider", "test", "openai"]));
    insta::assert_snapshot!("credential_asked", server.asked());
}

const TOKEN: &str = r#"{"id":"0199f3a0-0000-7000-8000-000000000002","name":"ann-laptop","prefix":"bursar-admin-4fQ2","role":"member","project":"alpha",
  "user":"ann","expires_at":"2027-01-01T00:00:00Z","revoked_at":null,"created_at":"2026-11-01T00:00:00Z"}"#;

#[test]
fn a_token_is_made_listed_and_revoked() {
    let made = TOKEN.replacen('{', "{\"token\":\"a-new-secret\",", 1);
    let list = format!("{{\"items\":[{TOKEN}],\"next_cursor\":null}}");
    let server = Server::new(&[
        ("POST /tokens", 201, &made),
        ("GET /tokens?limit=100", 200, &list),
        ("DELETE /tokens/0199f3a0-0000-7000-8000-000000000002", 200, TOKEN),
    ]);
    let place = Place::new().at(&server);
    let create = [
        "token",
        "create",
        "ann-laptop",
        "--role",
        "member",
        "--project",
        "alpha",
        "--user",
        "ann",
        "--expires",
        "2027-01-01",
    ];
    insta::assert_snapshot!("token_create", place.run(&create));
    insta::assert_snapshot!("token_list", place.run(&["token", "list"]));
    let revoke = ["token", "revoke", "0199f3a0-0000-7000-8000-000000000002", "--json"];
    insta::assert_snapshot!("token_revoke", place.run(&revoke));
    insta::assert_snapshot!("token_asked", server.asked());
}
