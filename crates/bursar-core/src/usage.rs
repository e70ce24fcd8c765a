//! Token counts and per-use counts of one attempt, normalised: what the price engine prices.

use std::fmt;

/// What is counted. The first five never overlap; parts are contained in input or output; fees stand beside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum UsageClass {
    /// Prompt tokens neither read from nor written to a cache.
    Input,
    /// Prompt tokens read from the provider's prompt cache.
    CacheRead,
    /// Prompt tokens written to the cache for five minutes, or without a stated time.
    CacheWrite5m,
    /// Prompt tokens written to the cache for one hour.
    CacheWrite1h,
    /// Every generated token, reasoning included.
    Output,
    /// Part of input (or of cache read): audio.
    AudioInput,
    /// Part of input (or of cache read): images.
    ImageInput,
    /// Part of input (or of cache read): video.
    VideoInput,
    /// Part of input: prompts of the provider's own tools.
    ToolUseInput,
    /// Part of cache read: audio.
    AudioCacheRead,
    /// Part of cache read: images.
    ImageCacheRead,
    /// Part of output: hidden reasoning.
    Reasoning,
    /// Part of output: audio.
    AudioOutput,
    /// Part of output: images, as tokens.
    ImageOutput,
    /// Fee: web searches.
    WebSearch,
    /// Fee: pages fetched by the provider.
    WebFetch,
    /// Fee: code interpreter or container sessions.
    CodeInterpreter,
    /// Fee: file searches.
    FileSearch,
    /// Fee: prompts or queries grounded by a search engine (Google).
    Grounding,
    /// Fee: prompts grounded by maps (Google).
    MapsGrounding,
    /// Fee: images generated or read, priced by the piece.
    Image,
    /// Fee: seconds of audio or video.
    Second,
    /// Fee: characters.
    Character,
    /// Fee: pages.
    Page,
}

/// What a usage class is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Tokens.
    Token,
    /// Calls of a hosted tool.
    Request,
    /// Sessions of a hosted tool.
    Session,
    /// Images made.
    Image,
    /// Seconds of audio or video.
    Second,
    /// Characters of text.
    Character,
    /// Pages of a document.
    Page,
}

impl UsageClass {
    /// How many classes there are.
    pub const COUNT: usize = 24;
    /// Every class, in declaration order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::AudioInput,
        Self::ImageInput,
        Self::VideoInput,
        Self::ToolUseInput,
        Self::AudioCacheRead,
        Self::ImageCacheRead,
        Self::Reasoning,
        Self::AudioOutput,
        Self::ImageOutput,
        Self::WebSearch,
        Self::WebFetch,
        Self::CodeInterpreter,
        Self::FileSearch,
        Self::Grounding,
        Self::MapsGrounding,
        Self::Image,
        Self::Second,
        Self::Character,
        Self::Page,
    ];
    /// The classes that make up the total of tokens: each token is in exactly one.
    pub const TOKENS: [Self; 5] =
        [Self::Input, Self::CacheRead, Self::CacheWrite5m, Self::CacheWrite1h, Self::Output];

    /// What is counted.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Input
            | Self::CacheRead
            | Self::CacheWrite5m
            | Self::CacheWrite1h
            | Self::Output
            | Self::AudioInput
            | Self::ImageInput
            | Self::VideoInput
            | Self::ToolUseInput
            | Self::AudioCacheRead
            | Self::ImageCacheRead
            | Self::Reasoning
            | Self::AudioOutput
            | Self::ImageOutput => Unit::Token,
            Self::WebSearch | Self::WebFetch | Self::FileSearch | Self::Grounding | Self::MapsGrounding => {
                Unit::Request
            }
            Self::CodeInterpreter => Unit::Session,
            Self::Image => Unit::Image,
            Self::Second => Unit::Second,
            Self::Character => Unit::Character,
            Self::Page => Unit::Page,
        }
    }

    /// The word in JSON, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::AudioInput => "audio_input",
            Self::ImageInput => "image_input",
            Self::VideoInput => "video_input",
            Self::ToolUseInput => "tool_use_input",
            Self::AudioCacheRead => "audio_cache_read",
            Self::ImageCacheRead => "image_cache_read",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::ImageOutput => "image_output",
            Self::WebSearch => "web_search",
            Self::WebFetch => "web_fetch",
            Self::CodeInterpreter => "code_interpreter",
            Self::FileSearch => "file_search",
            Self::Grounding => "grounding",
            Self::MapsGrounding => "maps_grounding",
            Self::Image => "image",
            Self::Second => "second",
            Self::Character => "character",
            Self::Page => "page",
        }
    }
    /// The class of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
    /// Its place in declaration order, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        // A fieldless enum's discriminant: the only way to read it in a const.
        #[expect(clippy::as_conversions, reason = "the discriminant of a fieldless enum of 24 is exact")]
        {
            self as usize
        }
    }
}

impl fmt::Display for UsageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Counts by class. A class that was never set is absent, which is not the same as zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage {
    counts: [u64; UsageClass::COUNT],
    stated: u32,
}

impl Usage {
    /// Nothing stated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The count, zero when absent.
    #[must_use]
    pub fn get(&self, class: UsageClass) -> u64 {
        self.counts.get(class.index()).copied().unwrap_or(0)
    }
    /// The count, `None` when absent.
    #[must_use]
    pub fn stated(&self, class: UsageClass) -> Option<u64> {
        if self.stated & (1 << class.index()) == 0 { None } else { Some(self.get(class)) }
    }
    /// States a count.
    pub fn set(&mut self, class: UsageClass, count: u64) {
        if let Some(place) = self.counts.get_mut(class.index()) {
            *place = count;
            self.stated |= 1 << class.index();
        }
    }
    /// With a count stated: for building in one expression.
    #[must_use]
    pub fn with(mut self, class: UsageClass, count: u64) -> Self {
        self.set(class, count);
        self
    }
    /// Adds to a count, pinned at the largest.
    pub fn add(&mut self, class: UsageClass, count: u64) {
        self.set(class, self.get(class).saturating_add(count));
    }
    /// Whether nothing was stated.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stated == 0
    }
    /// Every token once: input, cache reads and writes, output.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        UsageClass::TOKENS.iter().fold(0u64, |sum, class| sum.saturating_add(self.get(*class)))
    }
    /// All prompt tokens: what selects the tier of a price.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.tokens().saturating_sub(self.get(UsageClass::Output))
    }
    /// The stated classes and their counts, in declaration order.
    pub fn iter(&self) -> impl Iterator<Item = (UsageClass, u64)> + '_ {
        UsageClass::ALL.into_iter().filter_map(|class| self.stated(class).map(|count| (class, count)))
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(class, count)| (class.as_str(), count))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_place_and_word() {
        let mut usage = Usage::new();
        for (n, class) in (1..).zip(UsageClass::ALL) {
            assert_eq!(UsageClass::parse(class.as_str()), Some(class));
            usage.set(class, n);
        }
        assert!(usage.iter().map(|(_, count)| count).eq(1..=24));
    }

    #[test]
    fn absent_is_not_zero_and_parts_are_not_added() {
        let usage = Usage::new().with(UsageClass::Output, 196).with(UsageClass::Reasoning, 170);
        assert_eq!(usage.stated(UsageClass::Input), None);
        assert_eq!(usage.tokens(), 196);
        assert_eq!(usage.prompt_tokens(), 0);
    }
}
