//! Stories of records, as people read them.

use super::story::tell;
use serde_json::json;

#[test]
fn an_answered_request_says_where_each_nano_dollar_comes_from() {
    let record = json!({
        "id": "0199f3a0-0000-7000-8000-000000000001",
        "created_at": "2026-11-23T08:15:00.123456Z",
        "status": "completed",
        "status_code": 200,
        "stream": true,
        "estimated": false,
        "total_ms": 1234,
        "first_byte_ms": 312,
        "attributes": {
            "project": "alpha", "user": "ann", "key": "k1", "model": "gpt-4o-mini", "provider": "openai",
            "credential": "default", "served_model": "gpt-4o-mini", "api_format": "openai_chat", "tag.team": "x"
        },
        "answered_model": "gpt-4o-mini-2024-07-18",
        "hold_usd": "0.00984",
        "list_cost": "0.000228001",
        "effective_cost": "0.000182401",
        "tokens": 1280,
        "price": {
            "id": "openai/gpt-4o-mini@2024-07-18", "tier_index": null, "tier_context": 1200, "multiplier": "0.8",
            "lines": [
                { "class": "input", "units": 1200, "rate": "0.00000015", "amount": "0.00018" },
                { "class": "output", "units": 80, "rate": "0.0000006", "amount": "0.000048" },
                { "class": "request", "units": 1, "rate": "0.000000000001", "amount": "0.000000000001" }
            ]
        },
        "windows": [
            { "budget": "alpha month", "starts_at": "2026-11-01T00:00:00Z", "held": "0.00984", "charged": "0.000228001" },
            { "budget": "ever", "starts_at": null, "held": "16600", "charged": "1280" }
        ],
        "attempts": [
            { "outcome": "failed", "provider": "acme", "model": "gpt-4o-mini", "status_code": 503, "reason": "overloaded", "list_cost": "0" },
            { "outcome": "success", "provider": "openai", "model": "gpt-4o-mini", "credential": "default", "status_code": 200, "list_cost": "0.000228001" }
        ],
        "notes": ["x-bursar-user was ignored: the key may not set it"]
    });
    insta::assert_snapshot!(tell(&record));
}

/// Rules: S1-03.
#[test]
fn a_refused_request_names_every_window_in_the_way() {
    let record = json!({
        "id": "0199f3a0-0000-7000-8000-000000000002",
        "created_at": "2026-11-23T08:15:00Z",
        "status": "denied",
        "status_code": 429,
        "attributes": { "project": "alpha", "model": "gpt-4o", "api_format": "openai_chat" },
        "code": "E-BUDGET-002",
        "fits_max_output": 412,
        "blocking": [{
            "code": "E-BUDGET-002", "budget": "alpha month", "limit": "10", "settled": "9.99", "suspense": "0",
            "held": "0", "requested": "0.0203", "resets_at": "2026-12-01T00:00:00Z"
        }]
    });
    insta::assert_snapshot!(tell(&record));
}

/// Rules: S1-06, S4-11, S4-16, S4-19.
#[test]
fn the_origin_of_the_rates_is_said() {
    let told = |price: serde_json::Value| {
        let record = json!({
            "id": "0199f3a0-0000-7000-8000-000000000003", "created_at": "2026-11-23T08:15:00Z", "status": "failed",
            "attributes": { "project": "alpha", "model": "m" }, "list_cost": "0", "effective_cost": "0", "price": price
        });
        tell(&record)
            .lines()
            .filter(|line| line.contains("row") || line.contains("rate"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let book = json!({
        "id": "acme/m@2026-01-01", "tier_index": 1, "tier_context": 250_000, "service_tier": "batch", "region": "eu",
        "price_source": "book", "rates": "service_tiers.batch.tiers[1]", "unpriced": ["web_search"], "failed": true
    });
    let fallback = json!({ "id": "fallback_price:acme/m", "price_source": "fallback_price" });
    let parts = json!({ "id": "acme/m", "price_source": "deployment", "several_models": true });
    insta::assert_snapshot!([told(book), told(fallback), told(parts)].join("\n\n"));
}
