//! What an answer probably cost that did not say: from the bytes of text that were seen.
//!
//! Where the tokenizer of a model is public its text is counted ([`Reading::counted`]). Anthropic and Google publish none,
//! providers of open models serve a hundred, and hidden reasoning is in no text at all: there bytes per token decide,
//! calibrated per model from answers that did state their usage (`docs/reference/metering.md`).

use super::reading::Reading;
use bursar_core::{Usage, UsageClass};
use std::num::NonZeroU32;

/// Bytes of generated base64 per token: the least of any format that was computed (speech in Opus at 12 kbit/s, 20 tokens
/// a second, 2,000 bytes of base64), so that media is estimated from above.
const MEDIA_BYTES_PER_TOKEN: u64 = 100;

/// How many bytes of text one token has, in thousandths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BytesPerToken(NonZeroU32);

impl BytesPerToken {
    /// One byte a token: an upper bound of the text that was seen, in every byte-level tokenizer. Hidden reasoning and the
    /// framing of tool calls come on top.
    pub const FLOOR: Self = Self(NonZeroU32::MIN.saturating_add(999));
    /// Where nothing was calibrated: prose has four to five, calls of tools have two; the median of 42 recorded answers is
    /// 2.9, and estimated at two bytes their sum is above the bill.
    pub const UNCALIBRATED: Self = Self(NonZeroU32::MIN.saturating_add(1_999));

    /// From thousandths of a byte; below one byte is one byte.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        match NonZeroU32::new(thousandths) {
            Some(thousandths) if thousandths.get() >= Self::FLOOR.0.get() => Self(thousandths),
            Some(_) | None => Self::FLOOR,
        }
    }
    /// As thousandths of a byte.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0.get()
    }
    /// The ratio that one answer shows, where it states its output and all of that was visible text.
    #[must_use]
    pub fn of(reading: &Reading) -> Option<Self> {
        let visible = reading
            .usage
            .stated(UsageClass::Output)?
            .checked_sub(reading.usage.get(UsageClass::Reasoning))
            .filter(|tokens| *tokens > 0)?;
        if !reading.complete || reading.text_bytes == 0 || reading.media_bytes > 0 {
            return None;
        }
        let thousandths = reading.text_bytes.saturating_mul(1_000) / visible;
        Some(Self::from_thousandths(u32::try_from(thousandths).unwrap_or(u32::MAX)))
    }
    /// Tokens of so many bytes, rounded up.
    #[must_use]
    pub fn tokens(self, bytes: u64) -> u64 {
        bytes.saturating_mul(1_000).div_ceil(u64::from(self.0.get()))
    }
}

/// A usage that may have been completed from bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Estimate {
    /// The counts.
    pub usage: Usage,
    /// Something in it was not stated by the provider.
    pub estimated: bool,
}

/// Completes what an answer stated. `input` is the prompt as known from the request, in tokens.
///
/// A complete answer keeps what it stated; only what it left out is filled in. A cut one has at least the output that
/// its text shows, for the stated count is older than the cut.
#[must_use]
pub fn estimate(reading: &Reading, input: u64, ratio: BytesPerToken) -> Estimate {
    let mut usage = reading.usage;
    let mut estimated = false;
    let prompt_stated = UsageClass::TOKENS
        .into_iter()
        .any(|class| class != UsageClass::Output && usage.stated(class).is_some());
    if !prompt_stated {
        usage.set(UsageClass::Input, input);
        estimated = true;
    }
    let stated = usage.stated(UsageClass::Output);
    if stated.is_none() || !reading.complete {
        let by_choice = reading.text_bytes_by_choice.iter();
        let text = by_choice.fold(0u64, |sum, bytes| sum.saturating_add(ratio.tokens(*bytes)));
        let text = text.max(ratio.tokens(reading.text_bytes));
        let seen = text.saturating_add(reading.media_bytes.div_ceil(MEDIA_BYTES_PER_TOKEN));
        usage.set(UsageClass::Output, seen.max(stated.unwrap_or(0)));
        estimated = true;
    }
    Estimate { usage, estimated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text_bytes: u64, complete: bool, usage: Usage) -> Reading {
        Reading { text_bytes, complete, usage, ..Reading::default() }
    }

    #[test]
    fn a_stated_usage_is_not_touched() {
        let usage = Usage::new().with(UsageClass::Input, 7).with(UsageClass::Output, 3);
        let answer = reading(400, true, usage);
        assert_eq!(estimate(&answer, 999, BytesPerToken::UNCALIBRATED), Estimate { usage, estimated: false });
    }

    #[test]
    fn a_cut_stream_has_at_least_the_output_that_was_seen() {
        // Anthropic's message_start states one token of output before any is generated.
        let usage = Usage::new().with(UsageClass::CacheRead, 90).with(UsageClass::Output, 1);
        let Estimate { usage, estimated } =
            estimate(&reading(400, false, usage), 999, BytesPerToken::from_thousandths(4_000));
        assert!(estimated);
        assert_eq!(usage.get(UsageClass::Output), 100);
        assert_eq!(usage.stated(UsageClass::Input), None, "the prompt was stated as read from the cache");
        let Estimate { usage, .. } = estimate(&reading(2, false, usage), 999, BytesPerToken::FLOOR);
        assert_eq!(usage.get(UsageClass::Output), 100, "what was stated later than the text stays");
    }

    #[test]
    fn nothing_stated_is_estimated_from_the_request_and_the_text() {
        let mut answer = reading(10, true, Usage::new());
        answer.text_bytes_by_choice = [5, 5].into_iter().collect();
        answer.media_bytes = 101;
        let Estimate { usage, estimated } = estimate(&answer, 12, BytesPerToken::from_thousandths(4_000));
        assert!(estimated);
        assert_eq!((usage.get(UsageClass::Input), usage.get(UsageClass::Output)), (12, 2 + 2 + 2));
    }

    #[test]
    fn the_ratio_is_learned_from_visible_text_alone() {
        let usage = Usage::new().with(UsageClass::Output, 150).with(UsageClass::Reasoning, 50);
        assert_eq!(
            BytesPerToken::of(&reading(425, true, usage)).map(BytesPerToken::thousandths),
            Some(4_250)
        );
        assert_eq!(BytesPerToken::of(&reading(425, false, usage)), None);
        assert_eq!(BytesPerToken::of(&reading(10, true, usage)), Some(BytesPerToken::FLOOR));
        assert_eq!(BytesPerToken::UNCALIBRATED.thousandths(), 2_000);
        assert_eq!(BytesPerToken::FLOOR.tokens(7), 7);
    }
}
