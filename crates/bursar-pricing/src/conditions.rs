//! What else a price depends on, besides the usage.

use smallvec::SmallVec;

use bursar_core::bound::SearchContext;
use bursar_core::{ApiFormat, Timestamp, UsageClass};

/// The conditions under which a request ran or will run. For a bill, service tier and region are what the answer
/// says; for a quote, what the provider gives where the request names none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conditions<'a> {
    /// When the request was sent: chooses time-of-day rates. (The row in force is chosen by whoever looks it up.)
    pub at: Timestamp,
    /// The API format of the route, where a rule depends on it.
    pub api_format: Option<ApiFormat>,
    /// The service tier in the provider's word; absent: standard.
    pub service_tier: Option<&'a str>,
    /// The region or inference geography in the provider's word; absent: no uplift.
    pub region: Option<&'a str>,
    /// The size of a web search's context; providers take medium where none is named.
    pub search_context: SearchContext,
    /// The variant of what is priced by the piece, such as an image's `1024x1024/hd` or a video's `1080p`.
    pub variant: Option<&'a str>,
    /// The attempt failed: tokens are charged, the fee per request is not.
    pub failed: bool,
    /// Uses that a free allowance still covers.
    pub free: SmallVec<[(UsageClass, u64); 1]>,
}

impl Conditions<'_> {
    /// Standard conditions at an instant.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }
    pub(crate) fn free_uses(&self, class: UsageClass) -> u64 {
        self.free.iter().filter(|(free, _)| *free == class).map(|(_, count)| *count).sum()
    }
}

pub(crate) const fn search_word(context: SearchContext) -> &'static str {
    match context {
        SearchContext::Low => "low",
        SearchContext::Medium => "medium",
        SearchContext::High => "high",
    }
}
