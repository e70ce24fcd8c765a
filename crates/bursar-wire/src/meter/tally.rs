//! The counts of OpenAI's formats as stated, and what they come to once no class overlaps another.

use super::dialect::Dialect;
use super::reading::{Anomalies, Anomaly};
use bursar_core::{Usage, UsageClass};

/// A count that a provider states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Count {
    /// All prompt tokens, cached ones included.
    Prompt,
    Output,
    Total,
    Cached,
    /// Cache reads as DeepSeek, Moonshot and LiteLLM state them.
    CachedElsewhere,
    /// DeepSeek: the prompt that was not cached.
    Missed,
    Written,
    /// Cache writes as LiteLLM states them.
    WrittenElsewhere,
    AudioInput,
    ImageInput,
    VideoInput,
    Reasoning,
    AudioOutput,
    ImageOutput,
    WebSearches,
    /// xAI: searches of X.
    OtherSearches,
    CodeRuns,
    FileSearches,
}

impl Count {
    const NUMBER: usize = 18;
}

/// The counts as stated, under the names that chat, completions, embeddings and Responses share.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    counts: [Option<u64>; Count::NUMBER],
    nowhere: Option<u64>,
}

impl Tally {
    /// Where a count is kept.
    pub(crate) fn place(&mut self, count: Count) -> &mut Option<u64> {
        #[expect(
            clippy::as_conversions,
            reason = "the discriminant of a fieldless enum of eighteen is exact"
        )]
        let index = count as usize;
        self.counts.get_mut(index).unwrap_or(&mut self.nowhere)
    }
    /// The count, where it was stated.
    pub(crate) fn get(&self, count: Count) -> Option<u64> {
        #[expect(
            clippy::as_conversions,
            reason = "the discriminant of a fieldless enum of eighteen is exact"
        )]
        let index = count as usize;
        self.counts.get(index).copied().flatten()
    }

    /// As classes that do not overlap. Nothing stated gives an empty usage.
    pub(crate) fn usage(&self, dialect: Dialect, no_output: bool, anomalies: &mut Anomalies) -> Usage {
        let mut usage = Usage::new();
        let cached = self.get(Count::Cached).or(self.get(Count::CachedElsewhere));
        let written = self.get(Count::Written).or(self.get(Count::WrittenElsewhere));
        let Some(prompt) = self.prompt_tokens(no_output) else {
            // Output alone is stated by no provider that was recorded; it is billed all the same.
            self.set_output(&mut usage, 0, dialect, anomalies);
            self.set_fees(&mut usage);
            return usage;
        };
        let read = cached.unwrap_or(0);
        let more_input = self.set_output(&mut usage, prompt, dialect, anomalies);
        let input = uncached(prompt, read, written.unwrap_or(0), anomalies).saturating_add(more_input);
        usage.set(UsageClass::Input, input);
        set(&mut usage, UsageClass::CacheRead, cached);
        set(&mut usage, UsageClass::CacheWrite5m, written);
        if no_output && self.get(Count::Output).is_none() {
            usage.set(UsageClass::Output, 0);
        }
        let whole = prompt.saturating_add(more_input).max(read);
        let audio = match (self.get(Count::AudioInput), more_input) {
            (stated, 0) => stated,
            (stated, more) => Some(stated.unwrap_or(0).saturating_add(more)),
        };
        part(&mut usage, UsageClass::AudioInput, audio, whole, anomalies);
        part(&mut usage, UsageClass::ImageInput, self.get(Count::ImageInput), whole, anomalies);
        part(&mut usage, UsageClass::VideoInput, self.get(Count::VideoInput), whole, anomalies);
        self.set_fees(&mut usage);
        usage
    }

    fn prompt_tokens(&self, no_output: bool) -> Option<u64> {
        let from_parts = || {
            self.get(Count::Missed)
                .map(|missed| missed.saturating_add(self.get(Count::CachedElsewhere).unwrap_or(0)))
        };
        // Voyage states the total alone; without output it is the prompt.
        self.get(Count::Prompt).or_else(from_parts).or(if no_output { self.get(Count::Total) } else { None })
    }

    /// States output and its parts; returns what the total adds to the input.
    fn set_output(&self, usage: &mut Usage, prompt: u64, dialect: Dialect, anomalies: &mut Anomalies) -> u64 {
        let Some(stated) = self.get(Count::Output) else { return 0 };
        let reasoning = self.get(Count::Reasoning).unwrap_or(0);
        let sum = prompt.saturating_add(stated);
        let apart = sum.saturating_add(reasoning);
        let (output, more_input) = match (self.get(Count::Total), dialect) {
            (Some(total), _) if total == sum => (stated, 0),
            (Some(total), _) if total == apart => (stated.saturating_add(reasoning), 0),
            (Some(total), Dialect::Gemini) if total > sum => (total - prompt.min(total), 0),
            (Some(total), Dialect::Mistral) if total > sum => (stated, total - sum),
            (Some(_), _) => {
                anomalies.note(Anomaly::TotalMismatch);
                // Reasoning cannot be a part of less than itself.
                (if reasoning > stated { stated.saturating_add(reasoning) } else { stated }, 0)
            }
            (None, Dialect::Xai) => (stated.saturating_add(reasoning), 0),
            (None, Dialect::Standard | Dialect::Gemini | Dialect::Mistral) => (stated, 0),
        };
        usage.set(UsageClass::Output, output);
        part(usage, UsageClass::Reasoning, self.get(Count::Reasoning), output, anomalies);
        part(usage, UsageClass::AudioOutput, self.get(Count::AudioOutput), output, anomalies);
        part(usage, UsageClass::ImageOutput, self.get(Count::ImageOutput), output, anomalies);
        more_input
    }

    fn set_fees(&self, usage: &mut Usage) {
        let searches = match (self.get(Count::WebSearches), self.get(Count::OtherSearches)) {
            (None, None) => None,
            (web, other) => Some(web.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        set(usage, UsageClass::WebSearch, searches);
        set(usage, UsageClass::CodeInterpreter, self.get(Count::CodeRuns));
        set(usage, UsageClass::FileSearch, self.get(Count::FileSearches));
    }
}

/// The part of an inclusive prompt that was neither read from nor written to a cache.
///
/// A prompt that is smaller than what was read and written leaves zero or, where reads and writes can be the same
/// tokens (OpenRouter's Gemini bills both), what neither covers. Never a negative number.
fn uncached(prompt: u64, read: u64, written: u64, anomalies: &mut Anomalies) -> u64 {
    if let Some(rest) = prompt.checked_sub(read.saturating_add(written)) {
        return rest;
    }
    anomalies.note(Anomaly::CacheAbovePrompt);
    prompt.saturating_sub(read.max(written))
}

/// States a class when the answer did.
pub(crate) fn set(usage: &mut Usage, class: UsageClass, count: Option<u64>) {
    if let Some(count) = count {
        usage.set(class, count);
    }
}

/// States a part, cut to its whole.
pub(crate) fn part(
    usage: &mut Usage,
    class: UsageClass,
    count: Option<u64>,
    whole: u64,
    anomalies: &mut Anomalies,
) {
    let Some(count) = count else { return };
    if count > whole {
        anomalies.note(Anomaly::PartAboveWhole);
    }
    usage.set(class, count.min(whole));
}
