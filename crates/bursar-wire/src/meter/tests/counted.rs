//! How near the counts of a tokenizer come to the bill, over the recorded answers of models whose tokenizer is public.
//! The figures of docs/reference/metering.md: `cargo test -p bursar-wire near_the_bill -- --nocapture`.

use super::recorded::recorded;
use crate::meter::Meter;
use crate::tokens::{Known, Prompt};
use bursar_core::UsageClass;

/// One count and the bill.
type Pair = (String, u64, u64);

fn told(what: &str, pairs: &[Pair]) -> Option<(u64, u64)> {
    let mut errors: Vec<u64> = pairs.iter().map(|(_, counted, billed)| counted.abs_diff(*billed)).collect();
    errors.sort_unstable();
    let at = |percent: usize| errors.get((errors.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    for (name, counted, billed) in pairs {
        println!("{what} of {name}: {counted} counted, {billed} billed");
    }
    println!("{what}: {} bodies, off by {:?} tokens (p50), {:?} (p99)", pairs.len(), at(50), at(99));
    at(50).zip(at(99))
}

#[test]
fn counts_of_recorded_answers_and_prompts_are_near_the_bill() {
    let (mut outputs, mut inputs) = (Vec::<Pair>::new(), Vec::<Pair>::new());
    for entry in recorded() {
        let stated = super::read(entry.format, "openai", entry.kind, &entry.body);
        let Some(known) = stated.model.as_deref().and_then(Known::of) else { continue };
        known.tokenizer.load();
        // The same answer, as a provider would send it that states nothing.
        let body = String::from_utf8(entry.body.clone()).unwrap().replace("\"usage\"", "\"usag_\"");
        let mut meter = Meter::new(entry.format, "openai", entry.kind).counting(known.tokenizer);
        meter.feed(body.as_bytes());
        let usage = stated.usage;
        let billed = usage.get(UsageClass::Output);
        if let Some(counted) = meter.finish().counted
            && !known.hides_reasoning
            && billed > 0
            && stated.text_bytes > 0
        {
            outputs.push((entry.name.clone(), counted.tokens, billed));
        }
        let prompt = entry.request.as_ref();
        let prompt = prompt.and_then(|body| Prompt::new(known.tokenizer, entry.format, body));
        if let Some(counted) = prompt.and_then(|prompt| prompt.count())
            && usage.prompt_tokens() > 0
        {
            inputs.push((entry.name, counted, usage.prompt_tokens()));
        }
    }
    let (Some(output), Some(prompt)) = (told("output", &outputs), told("prompt", &inputs)) else { return };
    // What no text shows of an answer is below what the governor adds for it: sixteen tokens.
    assert!(outputs.iter().all(|(_, counted, billed)| counted + 16 >= *billed), "{outputs:?}");
    assert!(inputs.iter().all(|(_, counted, billed)| counted >= billed), "{inputs:?}");
    assert!(output.0 <= 2 && prompt.0 <= 2, "{output:?} {prompt:?}");
}
