//! Who is throttled at this moment: a small snapshot that routing reads, replaced as a whole by the evaluator.

use bursar_core::{Code, Pattern, Refusal, RequestId, Timestamp};

/// The word in records for a deployment that was passed over because its provider is throttled.
pub const THROTTLED: &str = "throttled";

/// Why a provider is throttled, and until when at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// One sentence for people.
    pub reason: String,
    /// When it is looked at again; absent: when a person does.
    pub until: Option<Timestamp>,
}

/// The throttles in force. Empty by default: nothing is throttled.
#[derive(Debug, Default, Clone)]
pub struct Throttled {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    provider: Box<str>,
    project: Option<Pattern>,
    model: Option<Pattern>,
    why: Why,
}

impl Throttled {
    /// Throttles `provider`: for all or for the project (or pattern), for every model or for the model (or pattern).
    pub fn insert(&mut self, provider: &str, project: Option<&str>, model: Option<&str>, why: Why) {
        self.entries.push(Entry {
            provider: provider.into(),
            project: project.map(Pattern::new),
            model: model.map(Pattern::new),
            why,
        });
    }
    /// Why a request of `project` for `model` is not to go to `provider`; `None`: it may.
    #[must_use]
    pub fn reason(&self, provider: &str, project: &str, model: &str) -> Option<&Why> {
        let meant =
            |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|own| own.matches(text));
        let found = self.entries.iter().find(|entry| {
            &*entry.provider == provider && meant(&entry.project, project) && meant(&entry.model, model)
        });
        found.map(|entry| &entry.why)
    }
    /// The providers of which anything is throttled.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.provider)
    }
    /// Whether nothing is throttled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// E-THROTTLE-001 for a client that allows no fallback from `provider`.
    #[must_use]
    pub fn refusal(
        &self,
        provider: &str,
        project: &str,
        model: &str,
        now: Timestamp,
        request_id: RequestId,
    ) -> Refusal {
        let why = self.reason(provider, project, model);
        let reason = why.map(|why| format!(": {}", why.reason)).unwrap_or_default();
        let message =
            format!("the provider {provider} is throttled and this request allows no fallback{reason}");
        let mut refusal = Refusal::new(Code::Throttled, request_id, message);
        if let Some(until) = why.and_then(|why| why.until) {
            let seconds = until.micros_since(now).max(0).unsigned_abs().div_ceil(1_000_000);
            refusal.retry_after_s = Some(seconds.max(1));
        }
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(reason: &str) -> Why {
        Why { reason: reason.to_owned(), until: None }
    }

    /// Rules: S0-01, S0-05.
    #[test]
    fn a_throttle_means_one_provider_and_as_little_of_it_as_it_says() {
        let mut throttled = Throttled::default();
        assert!(throttled.is_empty() && throttled.reason("claude", "alpha", "opus").is_none());
        throttled.insert("claude", None, Some("opus*"), why("models"));
        throttled.insert("openai", Some("alpha"), None, why("a project"));
        let asked = |provider: &str, project: &str, model: &str| {
            throttled.reason(provider, project, model).map(|why| why.reason.as_str())
        };
        assert_eq!(asked("claude", "alpha", "opus-4"), Some("models"));
        assert_eq!(asked("claude", "alpha", "haiku"), None);
        assert_eq!(asked("openai", "alpha", "gpt"), Some("a project"));
        assert_eq!(asked("openai", "beta", "gpt"), None);
        assert_eq!(asked("gemini", "alpha", "opus-4"), None);
    }
}
