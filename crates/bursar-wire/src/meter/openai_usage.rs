//! The `usage` object of OpenAI's formats, under every name that a provider gives its members.

use super::answer::Answer;
use super::number;
use super::reader::{Scalar, Take};
use super::tally::{Count, Tally};

/// A place in a `usage` object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UsageAt {
    /// The object itself.
    Whole,
    /// `prompt_tokens_details`, `input_tokens_details`.
    PromptDetails,
    /// `completion_tokens_details`, `output_tokens_details`.
    OutputDetails,
    /// `server_side_tool_usage_details` (xAI).
    ServerTools,
    /// A count.
    Count(Count),
    /// `cost`: a number of USD (OpenRouter) or an object (Perplexity).
    Cost,
    /// `cost.total_cost`.
    TotalCost,
    /// `cost_details` (OpenRouter).
    CostDetails,
    /// `cost_details.upstream_inference_cost`: what the owner of the upstream key pays.
    UpstreamCost,
    /// `is_byok`: the upstream was paid with the customer's own key.
    OwnKey,
    /// `cost_in_usd_ticks` (xAI).
    Ticks,
    /// `service_tier` (Mistral states it in here).
    Tier,
    /// Anything else: unknown members pass.
    Elsewhere,
}

impl UsageAt {
    /// The place of a member.
    pub(crate) fn member(self, key: &[u8]) -> Self {
        match (self, key) {
            (Self::Whole, b"prompt_tokens" | b"input_tokens") => Self::Count(Count::Prompt),
            (Self::Whole, b"completion_tokens" | b"output_tokens") => Self::Count(Count::Output),
            (Self::Whole, b"total_tokens") => Self::Count(Count::Total),
            (
                Self::Whole,
                b"prompt_tokens_details"
                | b"input_tokens_details"
                | b"prompt_token_details"
                | b"input_token_details",
            ) => Self::PromptDetails,
            (
                Self::Whole,
                b"completion_tokens_details"
                | b"output_tokens_details"
                | b"completion_token_details"
                | b"output_token_details",
            ) => Self::OutputDetails,
            (Self::PromptDetails, b"cached_tokens") => Self::Count(Count::Cached),
            (Self::PromptDetails, b"cache_write_tokens" | b"cache_creation_tokens") => {
                Self::Count(Count::Written)
            }
            (Self::PromptDetails, b"audio_tokens") => Self::Count(Count::AudioInput),
            (Self::PromptDetails, b"image_tokens") => Self::Count(Count::ImageInput),
            (Self::PromptDetails, b"video_tokens") => Self::Count(Count::VideoInput),
            (Self::OutputDetails, b"reasoning_tokens" | b"thinking_tokens") => Self::Count(Count::Reasoning),
            (Self::OutputDetails, b"audio_tokens") => Self::Count(Count::AudioOutput),
            (Self::OutputDetails, b"image_tokens") => Self::Count(Count::ImageOutput),
            // DeepSeek, Moonshot and LiteLLM state cache reads beside the details or in their place.
            (Self::Whole, b"prompt_cache_hit_tokens" | b"cached_tokens" | b"cache_read_input_tokens") => {
                Self::Count(Count::CachedElsewhere)
            }
            (Self::Whole, b"prompt_cache_miss_tokens") => Self::Count(Count::Missed),
            (Self::Whole, b"cache_creation_input_tokens") => Self::Count(Count::WrittenElsewhere),
            (Self::Whole, b"num_search_queries") => Self::Count(Count::WebSearches),
            (Self::Whole, b"server_side_tool_usage_details") => Self::ServerTools,
            (Self::ServerTools, b"web_search_calls") => Self::Count(Count::WebSearches),
            (Self::ServerTools, b"x_search_calls") => Self::Count(Count::OtherSearches),
            (Self::ServerTools, b"code_interpreter_calls") => Self::Count(Count::CodeRuns),
            (Self::ServerTools, b"file_search_calls" | b"document_search_calls") => {
                Self::Count(Count::FileSearches)
            }
            (Self::Whole, b"cost") => Self::Cost,
            (Self::Cost, b"total_cost") => Self::TotalCost,
            (Self::Whole, b"cost_details") => Self::CostDetails,
            (Self::CostDetails, b"upstream_inference_cost") => Self::UpstreamCost,
            (Self::Whole, b"is_byok") => Self::OwnKey,
            (Self::Whole, b"cost_in_usd_ticks") => Self::Ticks,
            (Self::Whole, b"service_tier") => Self::Tier,
            _ => Self::Elsewhere,
        }
    }

    /// What to do with the value.
    pub(crate) fn take(self) -> Take {
        match self {
            Self::Count(_)
            | Self::Cost
            | Self::TotalCost
            | Self::UpstreamCost
            | Self::OwnKey
            | Self::Ticks
            | Self::Tier => Take::Scalar,
            Self::Whole
            | Self::PromptDetails
            | Self::OutputDetails
            | Self::ServerTools
            | Self::CostDetails
            | Self::Elsewhere => Take::Nothing,
        }
    }
}

/// What a `usage` object states: counts and the provider's own cost.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Stated {
    pub(crate) tally: Tally,
    cost_pico: Option<u128>,
    upstream_pico: Option<u128>,
    ticks_pico: Option<u128>,
    own_key: bool,
}

impl Stated {
    /// Takes a scalar at a place.
    pub(crate) fn scalar(&mut self, at: UsageAt, value: &Scalar<'_>, answer: &mut Answer) {
        match at {
            UsageAt::Count(count) => answer.latest(self.tally.place(count), value),
            UsageAt::Cost | UsageAt::TotalCost => self.cost_pico = answer.cost(value).or(self.cost_pico),
            UsageAt::UpstreamCost => self.upstream_pico = answer.cost(value).or(self.upstream_pico),
            UsageAt::OwnKey => self.own_key = *value == Scalar::Flag(true),
            UsageAt::Ticks => {
                if let Scalar::Number(text) = value {
                    self.ticks_pico = number::ticks(text);
                }
            }
            UsageAt::Tier => Answer::word(&mut answer.service_tier, value),
            UsageAt::Whole
            | UsageAt::PromptDetails
            | UsageAt::OutputDetails
            | UsageAt::ServerTools
            | UsageAt::CostDetails
            | UsageAt::Elsewhere => {}
        }
    }

    /// What the provider charges, in pico-USD.
    ///
    /// With the customer's own upstream key the stated cost is only the router's fee: the upstream's cost is added, and
    /// where it is not stated there is no figure. Zero ticks are a field that was left empty (Azure's Grok).
    pub(crate) fn provider_cost_pico(&self) -> Option<u128> {
        let cost = match (self.own_key, self.cost_pico, self.upstream_pico) {
            (false, cost, _) => cost,
            (true, cost, Some(upstream)) => Some(cost.unwrap_or(0).saturating_add(upstream)),
            (true, _, None) => None,
        };
        cost.or(self.ticks_pico.filter(|ticks| *ticks > 0))
    }
}
