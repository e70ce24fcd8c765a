//! `bursar usage`: what is asked of the server, and how its answers read in a terminal.

use crate::common::{Place, Server};

/// What was used, with this many requests and that cost.
fn totals(requests: u64, cost: &str) -> String {
    format!(
        r#""requests":{requests},"completed":{requests},"failed":0,"cancelled":0,"refused":1,"failed_pct":"0",
        "tokens":{{"input":1000,"cache_read":200,"cache_write_5m":0,"cache_write_1h":0,"output":34,"total":1234}},
        "list_cost":"{cost}","effective_cost":"{cost}","mean_first_byte_ms":400,"mean_total_ms":1800,"unbudgeted":2,"unbudgeted_cost":"0.5""#
    )
}

const SPAN: &str =
    r#""from":"2026-03-01T00:00:00Z","until":"2026-04-01T00:00:00Z","time_zone":"Asia/Taipei","cut":false"#;

/// Rules: S4-41, S4-63, S2-09.
#[test]
fn sums_are_tables_with_bars() {
    let row = |period: &str, model: &str, cost: &str| {
        format!(
            r#"{{"period":"{period}","starts_at":"","ends_at":"","names":{{"model":"{model}"}},{}}}"#,
            totals(5, cost)
        )
    };
    let summary = format!(
        r#"{{{SPAN},"total":{{{}}},"items":[{},{}],"next_cursor":"ab12"}}"#,
        totals(10, "3.5"),
        row("2026-03-01", "gpt-4o", "2.5"),
        row("2026-03-02", "qwen3:8b", "1")
    );
    let report = format!(
        r#"{{"entity":"agent","name":"coder","project":"alpha","period":"2026-03","starts_at":"2026-03-01T00:00:00Z",
        "ends_at":"2026-04-01T00:00:00Z","time_zone":"UTC","total":{{{}}},"by_model":{{"total":{{{}}}}}}}"#,
        totals(10, "3.5"),
        totals(10, "3.5")
    );
    let ranked = format!(
        r#"{{{SPAN},"by":"agent","order":"tokens","of":9,"items":[{{"rank":1,"names":{{"agent":"coder","project":"alpha"}},
        "share_pct":"71.43",{}}}],"without":{{{}}}}}"#,
        totals(5, "2.5"),
        totals(1, "0.1")
    );
    let server = Server::new(&[
        ("GET /usage?period=day&by=model&days=7&limit=2&time_zone=Asia%2FTaipei", 200, &summary),
        ("GET /usage/report?period=month&project=alpha&agent=coder", 200, &report),
        ("GET /usage/top?by=agent&order=tokens", 200, &ranked),
        ("GET /usage/top?by=project&order=unbudgeted", 200, &ranked),
    ]);
    let place = Place::new().at(&server);
    let summary = [
        "usage",
        "summary",
        "--period",
        "day",
        "--by",
        "model",
        "--days",
        "7",
        "--limit",
        "2",
        "--time-zone",
        "Asia/Taipei",
    ];
    insta::assert_snapshot!("usage_summary", place.run(&summary));
    let show = ["usage", "show", "--project", "alpha", "--agent", "coder", "--period", "month"];
    insta::assert_snapshot!("usage_show", place.run(&show));
    insta::assert_snapshot!("usage_top", place.run(&["usage", "top", "--by", "agent", "--order", "tokens"]));
    insta::assert_snapshot!("usage_unbudgeted", place.run(&["usage", "unbudgeted"]));
    insta::assert_snapshot!(
        "usage_top_json",
        place.run(&["usage", "top", "--by", "agent", "--order", "tokens", "--json"])
    );
}

/// Rules: S4-46, S4-51, S4-56, S4-60, C6-10: every shade and bar repeats a number.
#[test]
fn analyses_read_without_colour() {
    let days: Vec<String> = (1..=14)
        .map(|day| {
            let level = day % 5;
            format!(r#"{{"date":"2026-03-{day:02}","requests":{day},"tokens":1,"list_cost":"0","effective_cost":"0","level":{level},"quantile":{level}}}"#)
        })
        .collect();
    let heat = format!(
        r#"{{"start_date":"2026-03-01","end_date":"2026-03-14","total_days":14,"time_zone":"UTC","max_requests":14,"order":"requests","days":[{}]}}"#,
        days.join(",")
    );
    let figures = r#""requests":10,"requests_with_hit":3,"request_hit_rate":"30","input":600000,"cache_read":400000,"cache_write_5m":0,
        "cache_write_1h":0,"token_hit_rate":"40","cache_read_cost":"0.12","cache_write_cost":"0","gross_savings":"1.08","write_premium":"0.075","net_savings":"1.005""#;
    let cache =
        format!(r#"{{{SPAN},"total":{{{figures}}},"items":[{{"names":{{"model":"m"}},{figures}}}]}}"#);
    let ttl = format!(
        r#"{{{SPAN},"by":"user","items":[{{"name":"ann","requests":6,"gaps":5,"p50":"3","p75":"4","p90":"7.6","distribution":{{"within_5min":4,"within_15min":1,
        "within_30min":0,"within_60min":0,"over_60min":0}},"recommended_ttl":15,"expected_cost_pct":{{"none":"100","5m":"33","1h":"10"}},"recommended_by_cost":"1h"}}]}}"#
    );
    let timeline = format!(
        r#"{{{SPAN},"by":"user","total_points":3,"items":[{{"name":"ann","x":"2026-03-15T10:10:00Z","y":"10","model":"m"}},
        {{"name":"ann","x":"2026-03-15T10:11:40Z","y":"1.67","model":"m"}},{{"name":"ann","x":"2026-03-15T12:11:40Z","y":"120","model":"m"}}],"models":["m"],"users":{{}}}}"#
    )
    .replace("\"cut\":false", "\"cut\":true");
    let server = Server::new(&[
        ("GET /usage/heatmap?days=14&order=requests", 200, &heat),
        ("GET /usage/cache?by=model", 200, &cache),
        ("GET /usage/ttl", 200, &ttl),
        ("GET /usage/timeline?hours=24", 200, &timeline),
    ]);
    let place = Place::new().at(&server);
    insta::assert_snapshot!("usage_heatmap", place.run(&["usage", "heatmap", "--days", "14"]));
    insta::assert_snapshot!("usage_cache", place.run(&["usage", "cache", "--by", "model"]));
    insta::assert_snapshot!("usage_ttl", place.run(&["usage", "ttl"]));
    insta::assert_snapshot!("usage_timeline", place.run(&["usage", "timeline", "--hours", "24"]));
}

/// Rules: S3-28, S3-29, S4-34, S4-36.
#[test]
fn budgets_and_what_runs() {
    let budgets = r#"{"total_budgets":2,"active_budgets":2,"exceeded_budgets":1,"warning_budgets":1,"tightest_remaining_usd":"0","of":1,"items":[
        {"budget":"each user","scope":"user=ann","measure":"usd","mode":"hard","per":{"user":"ann"},"state":"exceeded","limit":"20","settled":"20","suspense":"0",
        "held":"0","remaining":"0","used_pct":"100","burn_per_day":"2","projection":"60","days_left":20,"resets_at":"2026-05-01T00:00:00Z"}]}"#;
    let active = r#"{"of":1,"held_usd":"0.25","items":[{"id":"0199f3a0-0000-7000-8000-000000000001","attempt":0,"status":"pending","attributes":{"project":"alpha",
        "model":"gpt-4o"},"started_at":"2026-03-15T10:00:00Z","age_s":400,"idle_s":301,"late":true,"held_usd":"0.25","held_effective_usd":"0.25","held_tokens":9,"expires_at":null}]}"#;
    let rollups = r#"{"sound":false,"months":[{"month":"202603","records":9,"rows":80,"differing":1,"differences":["roll_day [0, 1]: rolled up 1, recounted 2"]}]}"#;
    let server = Server::new(&[
        ("GET /usage/budgets?user=ann", 200, budgets),
        ("GET /usage/active", 200, active),
        ("GET /usage/rollups?month=202603", 200, rollups),
        ("POST /usage/rollups/rebuild", 200, rollups),
    ]);
    let place = Place::new().at(&server);
    insta::assert_snapshot!("usage_budgets", place.run(&["usage", "budgets", "--user", "ann"]));
    insta::assert_snapshot!("usage_active", place.run(&["usage", "active"]));
    insta::assert_snapshot!("ledger_rollups", place.run(&["ledger", "rollups", "--month", "202603"]));
    insta::assert_snapshot!("ledger_rollups_rebuild", place.run(&["ledger", "rollups", "--rebuild"]));
}

/// What is asked for that a report does not have is refused before the server is asked; an empty answer is said in words.
#[test]
fn wrong_questions_and_empty_answers_read_well() {
    let none = format!(
        r#"{{{SPAN},"by":"user","order":"refused","of":0,"items":[],"without":{{{}}}}}"#,
        totals(3, "0.5")
    );
    let listed = r#"{"items":[],"next_cursor":null}"#;
    let server = Server::new(&[
        ("GET /usage/top?by=user&order=refused&status=denied&code=E-BUDGET-002&days=1", 200, &none),
        ("GET /requests?code=E-BUDGET-002&limit=100", 200, listed),
    ]);
    let place = Place::new().at(&server);
    let top =
        ["usage", "top", "--order", "refused", "--status", "denied", "--code", "E-BUDGET-002", "--days", "1"];
    insta::assert_snapshot!("usage_top_empty", place.run(&top));
    insta::assert_snapshot!("request_list_empty", place.run(&["request", "list", "--code", "E-BUDGET-002"]));
    insta::assert_snapshot!("usage_status_none", place.run(&["usage", "summary", "--status", "pending"]));
    insta::assert_snapshot!("usage_cache_code", place.run(&["usage", "cache", "--code", "503"]));
    insta::assert_snapshot!("usage_budgets_zone", place.run(&["usage", "budgets", "--time-zone", "UTC"]));
}
