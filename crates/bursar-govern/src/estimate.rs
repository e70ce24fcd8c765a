//! What an attempt probably used whose answer does not say: from the text that was asked and the text that came.

use crate::calibrate::Calibrations;
use crate::reservation::Attempt;
use bursar_core::{Usage, UsageClass};
use bursar_wire::{Anomaly, Reading};

/// Tokens of each choice that a provider may go on to generate and bill between our cancelling and its noticing: one
/// client's report of a 14 % gap (ledger study, 2026) on short streams is what this covers.
const SLACK_TOKENS: u64 = 64;
/// Tokens around an answer that no text shows: its end, and the name and frame of a call of a tool. Measured on recorded
/// answers, `docs/reference/metering.md`.
const FRAME_TOKENS: u64 = 16;

/// How much of an answer there is to estimate from.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// It came to its own end.
    pub(crate) complete: bool,
    /// It ended in order and nothing in it was recognised.
    pub(crate) blank: bool,
}

/// The most that the answer so far can have used, and what that rests on. Stated counts where there are any; else the
/// prompt by the model's tokenizer or by calibration, and the text seen by tokenizer or at one token a byte, plus what a
/// provider bills after a disconnect. Never more than what was held to bound it.
pub(crate) fn estimate(
    calibrations: &Calibrations,
    attempt: &Attempt,
    reading: &Reading,
    Seen { complete, blank }: Seen,
) -> (Usage, String) {
    let mut usage = reading.usage;
    let (input, by_input) = prompt(calibrations, attempt, &usage);
    if let Some(input) = input {
        usage.set(UsageClass::Input, input);
    }
    let stated = usage.get(UsageClass::Output);
    let bound = attempt.quote.quote.output_tokens;
    let slack =
        if complete { 0 } else { SLACK_TOKENS.saturating_mul(u64::from(attempt.bound.choices.max(1))) };
    let unread = blank || reading.anomalies.has(Anomaly::Encoded);
    let (text, by_output) = match reading.counted {
        Some(counted) => (counted.tokens.saturating_add(FRAME_TOKENS), counted.tokenizer.as_str()),
        None => (reading.text_bytes, "bytes"),
    };
    let seen =
        text.saturating_add(reading.media_bytes).saturating_add(reading.unread_bytes).saturating_add(slack);
    let (output, by_output) = if unread || !(attempt.story.stream || complete) {
        // A plain answer is generated in full before its first byte: what was seen of it says nothing. Nor does what
        // cannot be read.
        (bound, "the most it can be")
    } else if stated >= seen {
        (stated, "what was stated before")
    } else {
        (seen, by_output)
    };
    usage.set(UsageClass::Output, output.min(bound));
    (usage, format!("estimated: the prompt by {by_input}, the output by {by_output}"))
}

/// The prompt where it was not stated, and what it is known by.
fn prompt(calibrations: &Calibrations, attempt: &Attempt, usage: &Usage) -> (Option<u64>, &'static str) {
    let bound = attempt.quote.quote.input_tokens;
    if usage.prompt_tokens() > 0 {
        return (None, "what was stated");
    }
    if attempt.bound.by_reference {
        return (Some(bound), "the most it can be");
    }
    if let Some(prompt) = &attempt.prompt
        && let Some(tokens) = prompt.count()
    {
        return (Some(tokens.min(bound)), prompt.tokenizer().as_str());
    }
    let text = attempt.bound.text_tokens;
    let tokens = calibrations.estimate(attempt.deployment.price.row.id(), text);
    let media = bound.saturating_sub(text);
    (Some(tokens.saturating_add(media).min(bound)), "calibrated bytes")
}
