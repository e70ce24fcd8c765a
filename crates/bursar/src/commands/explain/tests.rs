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
        "hold": { "list": "0.00984", "effective": "0.00984", "tokens": 16600, "requests": 1 },
        "charge": { "list": "0.000228001", "effective": "0.000182401", "tokens": 1280, "requests": 1 },
        "price": {
            "id": "openai/gpt-4o-mini@2024-07-18", "tier_index": null, "tier_context": 1200, "multiplier": "0.8",
            "lines": [
                { "class": "input", "units": 1200, "rate": "0.00000015", "amount": "0.00018" },
                { "class": "output", "units": 80, "rate": "0.0000006", "amount": "0.000048" },
                { "class": null, "units": 1, "rate": "0.000000000001", "amount": "0.000000000001" }
            ]
        },
        "windows": [
            { "budget": "alpha month", "starts_at": "2026-11-01T00:00:00Z", "held": "0.00984", "charged": "0.000228001" },
            { "budget": "ever", "starts_at": null, "held": "16600", "charged": "1280" }
        ],
        "attempts": [
            { "outcome": "failed", "provider": "acme", "model": "gpt-4o-mini", "status_code": 503, "reason": "overloaded", "total_ms": 40, "charge": { "list": "0" } },
            { "outcome": "success", "provider": "openai", "model": "gpt-4o-mini", "credential": "default", "status_code": 200, "total_ms": 1190, "charge": { "list": "0.000228001" } }
        ],
        "notes": ["x-bursar-user was ignored: the key may not set it"]
    });
    insta::assert_snapshot!(tell(&record));
}

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
            "held": "0", "requested": "0.0203", "ends_at": "2026-12-01T00:00:00Z"
        }]
    });
    insta::assert_snapshot!(tell(&record));
}
