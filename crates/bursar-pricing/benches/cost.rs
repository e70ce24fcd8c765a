//! What one costing, one quote and one look-up take: `cargo bench -p bursar-pricing --bench cost`.
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;

use bursar_core::{RequestBound, Timestamp, Usage, UsageClass};
use bursar_pricing::{Conditions, PriceBook, affordable_output, cost, quote};
use criterion::{Criterion, criterion_group, criterion_main};

fn prices(criterion: &mut Criterion) {
    let book = PriceBook::builtin();
    let at = Timestamp::parse("2026-11-01").unwrap();
    let plain = book.find("openai", "gpt-4o-mini", at).unwrap();
    let tiered = book.find("gemini", "gemini-2.5-pro", at).unwrap();
    let usage = Usage::new()
        .with(UsageClass::Input, 12_345)
        .with(UsageClass::CacheRead, 100_000)
        .with(UsageClass::Output, 678)
        .with(UsageClass::Reasoning, 300);
    let rich = usage
        .with(UsageClass::CacheWrite5m, 2_000)
        .with(UsageClass::AudioInput, 500)
        .with(UsageClass::Grounding, 2);
    let conditions = Conditions { service_tier: Some("default"), ..Conditions::at(at) };
    let bound =
        RequestBound { text_tokens: 40_000, output_limit: Some(4096), choices: 1, ..RequestBound::default() };
    let room = bursar_core::Usd::from_nanos(3_000_000);

    let mut bench = |name: &str, run: &dyn Fn()| {
        criterion.bench_function(name, |bencher| {
            bencher.iter(run);
        });
    };
    bench("cost/plain", &|| _ = black_box(cost(black_box(plain), black_box(&usage), &conditions)));
    bench("cost/tiered_rich", &|| _ = black_box(cost(black_box(tiered), black_box(&rich), &conditions)));
    bench("quote/plain", &|| _ = black_box(quote(black_box(plain), black_box(&bound), &conditions)));
    bench("quote/tiered", &|| _ = black_box(quote(black_box(tiered), black_box(&bound), &conditions)));
    bench("affordable_output", &|| {
        _ = black_box(affordable_output(black_box(plain), black_box(&bound), &conditions, room));
    });
    bench("find/exact", &|| {
        _ = black_box(book.find(black_box("anthropic"), black_box("claude-sonnet-4-5"), at));
    });
    bench("find/family", &|| {
        _ = black_box(book.find(black_box("openai"), black_box("gpt-4o-2031-01-01"), at));
    });
}

criterion_group!(benches, prices);
criterion_main!(benches);
