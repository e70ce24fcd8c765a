//! What was read off an answer when it ended.

use super::limits::MESSAGE_BYTES_MAX;
use super::reader::Scalar;
use crate::tokens::Tokenizer;
use bursar_core::Usage;
use smallvec::SmallVec;
use std::fmt;

/// Everything that settling needs to know of one answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// The stated counts, normalised; empty when the answer stated none.
    pub usage: Usage,
    /// The model that answered, in the provider's words.
    pub model: Option<Box<str>>,
    /// The provider's id of the answer.
    pub response_id: Option<Box<str>>,
    /// The service tier that answered (`default`, `priority`, `standard`, `flex`, …).
    pub service_tier: Option<Box<str>>,
    /// The inference geography that answered (Anthropic's `inference_geo`).
    pub region: Option<Box<str>>,
    /// The speed that answered (Anthropic's `speed`).
    pub speed: Option<Box<str>>,
    /// Where one answer is billed in parts: every part with its model, `usage` included. When this is not empty, the
    /// bill is this, not `usage`. An empty name is the answer's own model where the answer did not name it.
    pub billed_by_model: Vec<(String, Usage)>,
    /// What the provider says it charges, in pico-USD, rounded up.
    pub provider_cost_pico: Option<u128>,
    /// The answer came to its own end: nothing more is generated or billed.
    pub complete: bool,
    /// Why it ended, in the provider's word (`stop`, `end_turn`, `length`, `queued`, …).
    pub finish: Option<Box<str>>,
    /// Bytes of generated text seen: content, reasoning, refusals, names and arguments of tools, UTF-8 decoded.
    pub text_bytes: u64,
    /// The same for each choice, by its index.
    pub text_bytes_by_choice: SmallVec<[u64; 2]>,
    /// The tokens of that text, where the meter was told to count it and the answer did not end with a count of its own.
    pub counted: Option<Counted>,
    /// Bytes of base64 of generated audio and images.
    pub media_bytes: u64,
    /// Bytes of the whole body, decoded.
    pub body_bytes: u64,
    /// Of these: what stood in documents that are no JSON.
    pub unread_bytes: u64,
    /// The error that the answer carried.
    pub error: Option<ProviderError>,
    /// What was odd: the figures were corrected or may be wrong.
    pub anomalies: Anomalies,
}

/// Text that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// By this tokenizer.
    pub tokenizer: Tokenizer,
    /// How many tokens it has. Text beyond what is kept is as dense as that, and a quarter more; what is in no string is one
    /// token a byte.
    pub tokens: u64,
}

/// How an answer bears on the bill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Billed {
    /// It states its usage.
    Stated,
    /// It states none, but output was generated: to be estimated.
    Unstated,
    /// It states none and generated nothing: an error, a refusal, an empty body.
    Nothing,
}

impl Reading {
    /// Whether the provider bills this answer, as far as its body tells.
    #[must_use]
    pub fn billed(&self) -> Billed {
        if !self.usage.is_empty() || !self.billed_by_model.is_empty() {
            Billed::Stated
        } else if self.text_bytes > 0
            || self.media_bytes > 0
            || self.anomalies.has(Anomaly::Encoded)
            || (self.complete && self.error.is_none())
        {
            Billed::Unstated
        } else {
            Billed::Nothing
        }
    }
}

/// An error in an answer, whatever its shape: an object, a string, `detail`, an event of its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProviderError {
    /// Its type, code or status, in the provider's words.
    pub kind: Option<Box<str>>,
    /// The start of its message.
    pub message: Option<Box<str>>,
}

impl ProviderError {
    /// Its type, code or status: the first that is stated.
    pub(crate) fn kind(&mut self, value: &Scalar<'_>) {
        let word = match value {
            Scalar::Word(word) => word.as_ref(),
            Scalar::Number(text) => text,
            Scalar::Flag(_) | Scalar::Null => "",
        };
        if self.kind.is_none() && !word.is_empty() {
            self.kind = Some(word.into());
        }
    }
    pub(crate) fn message(&mut self, value: &Scalar<'_>) {
        if let Scalar::Word(word) = value {
            self.message = word.get(..word.floor_char_boundary(MESSAGE_BYTES_MAX)).map(Into::into);
        }
    }
}

/// Something odd in an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Anomaly {
    /// Not what its format says it is: broken JSON, an event that is not JSON, a body that ends in the middle.
    Malformed,
    /// A count that is negative or not a number: left out.
    BadCount,
    /// A count above the limit: pinned there.
    AbsurdCount,
    /// More tokens read from or written to a cache than the prompt has: the rest of the prompt is zero, not negative.
    CacheAbovePrompt,
    /// A part above its whole (reasoning above output, audio above input): the part is cut to the whole.
    PartAboveWhole,
    /// The total is not the sum of the counts, and no rule says why.
    TotalMismatch,
    /// A cumulative count became smaller.
    UsageShrank,
    /// The parts of a cache write are not its total.
    CacheWriteSplit,
    /// More choices or models than are counted apart.
    ListCut,
    /// The body is in an encoding that cannot be read here, or not in the one it claims: it was metered in part at most.
    Encoded,
}

impl Anomaly {
    /// Every anomaly.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::BadCount,
        Self::AbsurdCount,
        Self::CacheAbovePrompt,
        Self::PartAboveWhole,
        Self::TotalMismatch,
        Self::UsageShrank,
        Self::CacheWriteSplit,
        Self::ListCut,
        Self::Encoded,
    ];
    /// The word in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadCount => "bad_count",
            Self::AbsurdCount => "absurd_count",
            Self::CacheAbovePrompt => "cache_above_prompt",
            Self::PartAboveWhole => "part_above_whole",
            Self::TotalMismatch => "total_mismatch",
            Self::UsageShrank => "usage_shrank",
            Self::CacheWriteSplit => "cache_write_split",
            Self::ListCut => "list_cut",
            Self::Encoded => "encoded",
        }
    }
    const fn bit(self) -> u16 {
        #[expect(clippy::as_conversions, reason = "the discriminant of a fieldless enum of ten is exact")]
        {
            1 << (self as u16)
        }
    }
}

/// A set of anomalies.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Anomalies(u16);

impl Anomalies {
    /// Notes one.
    pub const fn note(&mut self, anomaly: Anomaly) {
        self.0 |= anomaly.bit();
    }
    /// Whether this one was noted.
    #[must_use]
    pub const fn has(self, anomaly: Anomaly) -> bool {
        self.0 & anomaly.bit() != 0
    }
    /// Whether nothing was odd.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Those that were noted.
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.has(*anomaly))
    }
}

impl fmt::Debug for Anomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Anomaly::as_str)).finish()
    }
}
