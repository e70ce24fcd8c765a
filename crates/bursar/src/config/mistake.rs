//! A mistake in the configuration: where, which field, what is wrong, what would be right.

use super::tree::Place;
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and probably does not do what was meant.
    Warning,
}

/// One mistake. Rendered by [`super::report`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mistake {
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    /// Full path of the field, `budgets[2].limit`; empty for syntax.
    pub(crate) field: String,
    /// One sentence without a full stop.
    pub(crate) message: String,
    /// What would be right: always something to do.
    pub(crate) help: String,
    /// A second place that the mistake is about, with a label.
    pub(crate) other: Option<(Place, &'static str)>,
}

impl Mistake {
    pub(crate) fn new(
        place: Place,
        field: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (field, message, help) = (field.into(), message.into(), help.into());
        Self { severity: Severity::Error, place, field, message, help, other: None }
    }
    /// As a warning.
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
    /// With a second place.
    pub(crate) fn with_other(mut self, place: Place, label: &'static str) -> Self {
        self.other = Some((place, label));
        self
    }
}

/// Every mistake found so far, and the bytes of the text that no message may show.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    pub(crate) found: Vec<Mistake>,
    pub(crate) masked: Vec<Range<usize>>,
}

impl Mistakes {
    pub(crate) fn push(&mut self, mistake: Mistake) {
        self.found.push(mistake);
    }
    pub(crate) fn mask(&mut self, bytes: Range<usize>) {
        self.masked.push(bytes);
    }
    /// Whether any of them forbids to use the configuration.
    pub(crate) fn is_fatal(&self) -> bool {
        self.found.iter().any(|mistake| mistake.severity == Severity::Error)
    }
}

/// The candidate that `word` was probably meant to be.
///
/// One edit per three characters, rounded up, may differ; the comparison ignores case and reads `-` as `_`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let room = word.chars().count().div_ceil(3).max(1);
    let distances = candidates.into_iter().map(|candidate| {
        let other = plain(candidate);
        // A plural or a longer form of the same word is nearer than an unrelated short one.
        let related =
            word.len() >= 4 && (other.starts_with(&word) || word.starts_with(&other)) && other.len() >= 4;
        let distance = strsim::damerau_levenshtein(&word, &other);
        (if related { distance.min(room) } else { distance }, candidate)
    });
    distances
        .filter(|(distance, _)| *distance <= room)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, best)| best)
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn choices<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    let Some(last) = quoted.pop() else {
        return String::new();
    };
    if quoted.is_empty() { last } else { format!("{} or {last}", quoted.join(", ")) }
}
