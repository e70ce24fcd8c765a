//! Plain bodies against a full JSON parser: what it takes the meter takes, and both see the same counts.

#![no_main]

use bursar_core::{ApiFormat, UsageClass};
use bursar_wire::meter::{Anomaly, BodyKind, limits::COUNT_MAX};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let [a, b] = data.first_chunk().copied().unwrap_or_default();
    let body = data.get(2..).unwrap_or_default();
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return };
    let reading = bursar_fuzz::read(
        ApiFormat::AnthropicMessages,
        "",
        BodyKind::Json,
        bursar_fuzz::pieces(body, [a, b]),
    );
    bursar_fuzz::hold(&reading);
    assert!(!reading.anomalies.has(Anomaly::Malformed), "{document}");
    // Where nothing is said twice and nothing is odd, the meter and the parser read the same numbers.
    let usage = &document["usage"];
    if !reading.anomalies.is_empty() || has_doubles(body) || document.get("message").is_some() {
        return;
    }
    for (name, class) in [
        ("input_tokens", UsageClass::Input),
        ("output_tokens", UsageClass::Output),
        ("cache_read_input_tokens", UsageClass::CacheRead),
    ] {
        let stated = usage[name].as_u64().filter(|count| *count <= COUNT_MAX);
        if usage[name].is_u64() {
            assert_eq!(reading.usage.stated(class), stated, "{name} of {document}");
        }
    }
});

/// Whether a name of interest may stand twice: a parser keeps the last, and so does the meter, but a whole `usage` object
/// that is stated twice is merged.
fn has_doubles(body: &[u8]) -> bool {
    body.windows(5).filter(|name| name == b"usage").count() > 1 || body.contains(&b'\\')
}
