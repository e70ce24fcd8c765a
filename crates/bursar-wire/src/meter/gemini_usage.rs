//! Gemini's `usageMetadata`: cumulative in every event, the prompt with what was cached, thoughts beside the answer.

use super::answer::Answer;
use super::reader::{Scalar, Take};
use super::reading::{Anomalies, Anomaly};
use super::tally::{part, set};
use bursar_core::{Usage, UsageClass};

/// A place in `usageMetadata`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UsageAt {
    /// The object itself.
    Whole,
    /// A count.
    Count(Count),
    /// A list of counts by modality.
    Details(List),
    /// An entry of it.
    Detail(List),
    Modality,
    Tokens,
    Tier,
    Traffic,
    /// Anything else: unknown members pass.
    Elsewhere,
}

/// A stated count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    Prompt,
    Cached,
    Candidates,
    Thoughts,
    ToolUse,
    Total,
}

/// A list of counts by modality.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum List {
    Prompt,
    Cached,
    Candidates,
}

impl UsageAt {
    /// The place of a member.
    pub(crate) fn member(self, key: &[u8]) -> Self {
        match (self, key) {
            (Self::Whole, b"promptTokenCount") => Self::Count(Count::Prompt),
            (Self::Whole, b"cachedContentTokenCount") => Self::Count(Count::Cached),
            (Self::Whole, b"candidatesTokenCount" | b"responseTokenCount") => Self::Count(Count::Candidates),
            (Self::Whole, b"thoughtsTokenCount") => Self::Count(Count::Thoughts),
            (Self::Whole, b"toolUsePromptTokenCount") => Self::Count(Count::ToolUse),
            (Self::Whole, b"totalTokenCount") => Self::Count(Count::Total),
            // Embeddings spell it without the s.
            (Self::Whole, b"promptTokensDetails" | b"promptTokenDetails") => Self::Details(List::Prompt),
            (Self::Whole, b"cacheTokensDetails") => Self::Details(List::Cached),
            (Self::Whole, b"candidatesTokensDetails" | b"responseTokensDetails") => {
                Self::Details(List::Candidates)
            }
            (Self::Whole, b"serviceTier") => Self::Tier,
            (Self::Whole, b"trafficType") => Self::Traffic,
            (Self::Detail(_), b"modality") => Self::Modality,
            (Self::Detail(_), b"tokenCount") => Self::Tokens,
            _ => Self::Elsewhere,
        }
    }

    /// What to do with the value.
    pub(crate) fn take(self) -> Take {
        match self {
            Self::Count(_) | Self::Modality | Self::Tokens | Self::Tier | Self::Traffic => Take::Scalar,
            Self::Whole | Self::Details(_) | Self::Detail(_) | Self::Elsewhere => Take::Nothing,
        }
    }
}

/// Tokens by the modalities that have prices of their own. Documents are read as images.
#[derive(Clone, Copy, Default, Debug)]
struct Modalities {
    audio: Option<u64>,
    image: Option<u64>,
    video: Option<u64>,
}

/// What the `usageMetadata` of one answer stated, the last statement of each field.
#[derive(Clone, Default, Debug)]
pub(crate) struct Stated {
    prompt: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    tool_use: Option<u64>,
    total: Option<u64>,
    prompt_by: Modalities,
    cached_by: Modalities,
    candidates_by: Modalities,
    modality: Option<Box<str>>,
    tokens: Option<u64>,
}

impl Stated {
    pub(crate) fn output(&self) -> Option<u64> {
        match (self.candidates, self.thoughts) {
            (None, None) => None,
            (candidates, thoughts) => Some(candidates.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        }
    }

    fn by(&mut self, list: List) -> &mut Modalities {
        match list {
            List::Prompt => &mut self.prompt_by,
            List::Cached => &mut self.cached_by,
            List::Candidates => &mut self.candidates_by,
        }
    }

    /// An object or array begins: a list replaces the former one.
    pub(crate) fn begin(&mut self, at: UsageAt) {
        match at {
            UsageAt::Details(list) => *self.by(list) = Modalities::default(),
            UsageAt::Detail(_) => {
                self.modality = None;
                self.tokens = None;
            }
            _ => {}
        }
    }

    /// An object or array ended.
    pub(crate) fn end(&mut self, at: UsageAt) {
        let UsageAt::Detail(list) = at else { return };
        let tokens = self.tokens;
        let modality = self.modality.take();
        let by = self.by(list);
        // Some fronts send the enum's number.
        let place = match modality.as_deref() {
            Some("AUDIO" | "4") => &mut by.audio,
            Some("IMAGE" | "DOCUMENT" | "2" | "5") => &mut by.image,
            Some("VIDEO" | "3") => &mut by.video,
            Some(_) | None => return,
        };
        if let Some(tokens) = tokens {
            *place = Some(place.unwrap_or(0).saturating_add(tokens));
        }
    }

    /// Takes a scalar at a place.
    pub(crate) fn scalar(&mut self, at: UsageAt, value: &Scalar<'_>, answer: &mut Answer) {
        match at {
            UsageAt::Count(count) => {
                let place = match count {
                    Count::Prompt => &mut self.prompt,
                    Count::Cached => &mut self.cached,
                    Count::Candidates => &mut self.candidates,
                    Count::Thoughts => &mut self.thoughts,
                    Count::ToolUse => &mut self.tool_use,
                    Count::Total => &mut self.total,
                };
                answer.latest(place, value);
            }
            UsageAt::Modality => {
                self.modality = match value {
                    Scalar::Word(word) => Some(word.as_ref().into()),
                    Scalar::Number(number) => Some((*number).into()),
                    Scalar::Flag(_) | Scalar::Null => None,
                }
            }
            UsageAt::Tokens => self.tokens = answer.count(value),
            UsageAt::Tier => Answer::word(&mut answer.service_tier, value),
            UsageAt::Traffic => {
                // Vertex states what is not on demand at the common price here, and no tier.
                let tier = match value {
                    Scalar::Word(word) => match word.as_ref() {
                        "ON_DEMAND_PRIORITY" => "priority",
                        "ON_DEMAND_FLEX" => "flex",
                        "PROVISIONED_THROUGHPUT" => "provisioned",
                        _ => return,
                    },
                    Scalar::Number(_) | Scalar::Flag(_) | Scalar::Null => return,
                };
                Answer::word(&mut answer.service_tier, &Scalar::Word(tier.into()));
            }
            UsageAt::Whole | UsageAt::Details(_) | UsageAt::Detail(_) | UsageAt::Elsewhere => {}
        }
    }

    /// As classes that do not overlap.
    pub(crate) fn usage(&self, no_output: bool, anomalies: &mut Anomalies) -> Usage {
        let mut usage = Usage::new();
        let output = self.output();
        let (read, tool_use) = (self.cached.unwrap_or(0), self.tool_use.unwrap_or(0));
        if self.prompt.is_some() || self.tool_use.is_some() {
            let prompt = self.prompt.unwrap_or(0);
            if read > prompt {
                anomalies.note(Anomaly::CacheAbovePrompt);
            }
            let whole = prompt.max(read).saturating_add(tool_use);
            usage.set(UsageClass::Input, prompt.saturating_sub(read).saturating_add(tool_use));
            part(&mut usage, UsageClass::AudioInput, self.prompt_by.audio, whole, anomalies);
            part(&mut usage, UsageClass::ImageInput, self.prompt_by.image, whole, anomalies);
            part(&mut usage, UsageClass::VideoInput, self.prompt_by.video, whole, anomalies);
            set(&mut usage, UsageClass::ToolUseInput, self.tool_use);
            let sum = prompt.saturating_add(tool_use).saturating_add(output.unwrap_or(0));
            if self.total.is_some_and(|total| total != sum) {
                anomalies.note(Anomaly::TotalMismatch);
            }
        }
        set(&mut usage, UsageClass::CacheRead, self.cached);
        part(&mut usage, UsageClass::AudioCacheRead, self.cached_by.audio, read, anomalies);
        part(&mut usage, UsageClass::ImageCacheRead, self.cached_by.image, read, anomalies);
        set(&mut usage, UsageClass::Output, output);
        if no_output && !usage.is_empty() {
            usage.set(UsageClass::Output, output.unwrap_or(0));
        }
        let whole = output.unwrap_or(0);
        set(&mut usage, UsageClass::Reasoning, self.thoughts);
        part(&mut usage, UsageClass::AudioOutput, self.candidates_by.audio, whole, anomalies);
        part(&mut usage, UsageClass::ImageOutput, self.candidates_by.image, whole, anomalies);
        usage
    }
}

/// States the grounding that an answer shows: every query, or one for the whole prompt.
pub(crate) fn set_grounding(usage: &mut Usage, queries: u64, by_query: bool, maps: bool) {
    if queries > 0 {
        usage.set(UsageClass::Grounding, if by_query { queries } else { 1 });
    }
    if maps {
        usage.set(UsageClass::MapsGrounding, 1);
    }
}
