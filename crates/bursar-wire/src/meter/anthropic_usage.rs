//! Anthropic's `usage` object, its iterations, and what they come to.
//!
//! `message_start` states the input, `message_delta` the output; since 2025 the latter repeats all fields, larger where
//! the provider's own tools read more. So every field's last statement wins, and a field that is not repeated stays.

use super::answer::Answer;
use super::parts::Parts;
use super::reader::{Scalar, Take};
use super::reading::{Anomalies, Anomaly};
use super::tally::{part, set};
use bursar_core::{Usage, UsageClass};

/// A place in a `usage` object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UsageAt {
    /// The object itself.
    Whole,
    /// `cache_creation`: the writes by time to live.
    CacheCreation,
    /// `output_tokens_details`.
    OutputDetails,
    /// `server_tool_use`.
    ServerTools,
    /// A count.
    Count(Count),
    Tier,
    Region,
    Speed,
    /// `iterations`: the calls that one message took.
    Iterations,
    Iteration,
    IterationModel,
    IterationCacheCreation,
    IterationCount(Count),
    /// Anything else: unknown members pass.
    Elsewhere,
}

/// A stated count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    Input,
    Output,
    Read,
    Written,
    Written5m,
    Written1h,
    Thinking,
    WebSearches,
    WebFetches,
    CodeRuns,
}

impl UsageAt {
    /// The place of a member.
    pub(crate) fn member(self, key: &[u8]) -> Self {
        match (self, key) {
            (Self::Whole, b"cache_creation") => Self::CacheCreation,
            (Self::Whole, b"output_tokens_details") => Self::OutputDetails,
            (Self::Whole, b"server_tool_use") => Self::ServerTools,
            (Self::Whole, b"service_tier") => Self::Tier,
            (Self::Whole, b"inference_geo") => Self::Region,
            (Self::Whole, b"speed") => Self::Speed,
            (Self::Whole, b"iterations") => Self::Iterations,
            (Self::OutputDetails, b"thinking_tokens") => Self::Count(Count::Thinking),
            (Self::ServerTools, b"web_search_requests") => Self::Count(Count::WebSearches),
            (Self::ServerTools, b"web_fetch_requests") => Self::Count(Count::WebFetches),
            (Self::ServerTools, b"code_execution_requests") => Self::Count(Count::CodeRuns),
            (Self::Iteration, b"model") => Self::IterationModel,
            (Self::Iteration, b"cache_creation") => Self::IterationCacheCreation,
            (Self::Whole, key) => flat(key).map_or(Self::Elsewhere, Self::Count),
            (Self::CacheCreation, key) => split(key).map_or(Self::Elsewhere, Self::Count),
            (Self::Iteration, key) => flat(key).map_or(Self::Elsewhere, Self::IterationCount),
            (Self::IterationCacheCreation, key) => split(key).map_or(Self::Elsewhere, Self::IterationCount),
            _ => Self::Elsewhere,
        }
    }

    /// What to do with the value.
    pub(crate) fn take(self) -> Take {
        match self {
            Self::Count(_)
            | Self::IterationCount(_)
            | Self::Tier
            | Self::Region
            | Self::Speed
            | Self::IterationModel => Take::Scalar,
            Self::Whole
            | Self::CacheCreation
            | Self::OutputDetails
            | Self::ServerTools
            | Self::Iterations
            | Self::Iteration
            | Self::IterationCacheCreation
            | Self::Elsewhere => Take::Nothing,
        }
    }
}

fn flat(key: &[u8]) -> Option<Count> {
    match key {
        b"input_tokens" => Some(Count::Input),
        b"output_tokens" => Some(Count::Output),
        b"cache_read_input_tokens" => Some(Count::Read),
        b"cache_creation_input_tokens" => Some(Count::Written),
        // Claude Code's own log and some gateways state the split flat.
        _ => split(key),
    }
}

fn split(key: &[u8]) -> Option<Count> {
    match key {
        b"ephemeral_5m_input_tokens" | b"cache_creation_5m_input_tokens" => Some(Count::Written5m),
        b"ephemeral_1h_input_tokens" | b"cache_creation_1h_input_tokens" => Some(Count::Written1h),
        _ => None,
    }
}

/// Counts as stated.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    written_5m: Option<u64>,
    written_1h: Option<u64>,
    thinking: Option<u64>,
    web_searches: Option<u64>,
    web_fetches: Option<u64>,
    code_runs: Option<u64>,
}

impl Counts {
    fn place(&mut self, count: Count) -> &mut Option<u64> {
        match count {
            Count::Input => &mut self.input,
            Count::Output => &mut self.output,
            Count::Read => &mut self.read,
            Count::Written => &mut self.written,
            Count::Written5m => &mut self.written_5m,
            Count::Written1h => &mut self.written_1h,
            Count::Thinking => &mut self.thinking,
            Count::WebSearches => &mut self.web_searches,
            Count::WebFetches => &mut self.web_fetches,
            Count::CodeRuns => &mut self.code_runs,
        }
    }

    /// Anthropic's counts do not overlap; only the writes have to be split.
    fn usage(&self, anomalies: &mut Anomalies) -> Usage {
        let mut usage = Usage::new();
        set(&mut usage, UsageClass::Input, self.input);
        set(&mut usage, UsageClass::CacheRead, self.read);
        self.set_writes(&mut usage, anomalies);
        set(&mut usage, UsageClass::Output, self.output);
        part(&mut usage, UsageClass::Reasoning, self.thinking, self.output.unwrap_or(0), anomalies);
        set(&mut usage, UsageClass::WebSearch, self.web_searches);
        set(&mut usage, UsageClass::WebFetch, self.web_fetches);
        set(&mut usage, UsageClass::CodeInterpreter, self.code_runs);
        usage
    }

    /// Writes without a split are written for five minutes. A total above its split (it can grow after
    /// `message_start`, which alone has the split) adds to the dearer time that the split has.
    fn set_writes(&self, usage: &mut Usage, anomalies: &mut Anomalies) {
        let (Some(short), Some(long)) =
            (self.written_5m.or(self.written_1h.map(|_| 0)), self.written_1h.or(self.written_5m.map(|_| 0)))
        else {
            set(usage, UsageClass::CacheWrite5m, self.written);
            return;
        };
        let sum = short.saturating_add(long);
        let rest = self.written.unwrap_or(sum).checked_sub(sum);
        if rest != Some(0) {
            anomalies.note(Anomaly::CacheWriteSplit);
        }
        let rest = rest.unwrap_or(0);
        let (more_short, more_long) = if long > 0 { (0, rest) } else { (rest, 0) };
        usage.set(UsageClass::CacheWrite5m, short.saturating_add(more_short));
        usage.set(UsageClass::CacheWrite1h, long.saturating_add(more_long));
    }
}

/// What the `usage` objects of one answer stated.
#[derive(Clone, Default, Debug)]
pub(crate) struct Stated {
    counts: Counts,
    iteration: Counts,
    iteration_model: Option<Box<str>>,
    iterations: Parts,
}

impl Stated {
    pub(crate) fn output(&self) -> Option<u64> {
        self.counts.output
    }

    /// An object or array begins.
    pub(crate) fn begin(&mut self, at: UsageAt) {
        match at {
            UsageAt::Iterations => self.iterations = Parts::default(),
            UsageAt::Iteration => {
                self.iteration = Counts::default();
                self.iteration_model = None;
            }
            _ => {}
        }
    }

    /// An object or array ended.
    pub(crate) fn end(&mut self, at: UsageAt, anomalies: &mut Anomalies) {
        if at == UsageAt::Iteration {
            let usage = self.iteration.usage(anomalies);
            self.iterations.add(self.iteration_model.as_deref().unwrap_or_default(), &usage, anomalies);
        }
    }

    /// Takes a scalar at a place.
    pub(crate) fn scalar(&mut self, at: UsageAt, value: &Scalar<'_>, answer: &mut Answer) {
        match at {
            UsageAt::Count(count) => answer.latest(self.counts.place(count), value),
            UsageAt::IterationCount(count) => *self.iteration.place(count) = answer.count(value),
            UsageAt::Tier => Answer::word(&mut answer.service_tier, value),
            UsageAt::Region => Answer::word(&mut answer.region, value),
            UsageAt::Speed => Answer::word(&mut answer.speed, value),
            UsageAt::IterationModel => Answer::word(&mut self.iteration_model, value),
            UsageAt::Whole
            | UsageAt::CacheCreation
            | UsageAt::OutputDetails
            | UsageAt::ServerTools
            | UsageAt::Iterations
            | UsageAt::Iteration
            | UsageAt::IterationCacheCreation
            | UsageAt::Elsewhere => {}
        }
    }

    /// The top level as classes that do not overlap.
    pub(crate) fn usage(&self, anomalies: &mut Anomalies) -> Usage {
        self.counts.usage(anomalies)
    }

    /// The iterations by model, where they are more than the top level: calls to another model (an advisor), or to
    /// the same one that the top level leaves out (compaction). Fees and what only the top level tells go to the
    /// answer's own model, whose part is never below the top level.
    pub(crate) fn parts(self, model: &str, top: &Usage, anomalies: &mut Anomalies) -> Vec<(String, Usage)> {
        let mut parts = Parts::default();
        let iterations = self.iterations.into_parts();
        if iterations.is_empty() {
            return Vec::new();
        }
        parts.add(model, &Usage::new(), anomalies);
        for (name, usage) in iterations {
            parts.add(if name.is_empty() { model } else { &name }, &usage, anomalies);
        }
        let mut parts = parts.into_parts();
        if let Some((_, own)) = parts.first_mut() {
            for (class, count) in top.iter() {
                own.set(class, count.max(own.get(class)));
            }
        }
        match parts.as_slice() {
            [(_, own)] if own.tokens() == top.tokens() => Vec::new(),
            _ => parts,
        }
    }
}
