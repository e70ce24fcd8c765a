//! Throttled: which providers automatic re-routing keeps away from, as routing sees it. Whoever evaluates fills it.

use bursar_core::{Timestamp, Value};

/// What is throttled at this moment: an immutable snapshot, replaced as a whole. Empty by default, and in shadow mode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Throttled {
    /// What is throttled. Few: one for each provider at most, times the projects and models that have a throttle of
    /// their own.
    pub entries: Vec<ThrottledEntry>,
    /// When the next evaluation is due: tells a client that may not fall back when to ask again.
    pub next_evaluation: Option<Timestamp>,
}

/// One provider, or the part of it that one project or model uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottledEntry {
    /// The provider.
    pub provider: Value,
    /// This project's requests alone; absent: everybody's.
    pub project: Option<Value>,
    /// Requests for this model alone, by the name that is routed; absent: every model.
    pub model: Option<Value>,
    /// Why, in words: a sentence's fragment for clients and records.
    pub reason: Box<str>,
}

impl Throttled {
    /// Why `provider` is throttled for a request of `project` for `model`, if it is.
    #[must_use]
    pub fn reason(&self, provider: &str, project: &str, model: &str) -> Option<&str> {
        let is = |own: &Option<Value>, other: &str| own.as_ref().is_none_or(|own| own.as_str() == other);
        let found = self.entries.iter().find(|entry| {
            entry.provider.as_str() == provider && is(&entry.project, project) && is(&entry.model, model)
        });
        found.map(|entry| &*entry.reason)
    }
    /// Seconds from `now` until the next evaluation, at least 1.
    #[must_use]
    pub fn retry_after_s(&self, now: Timestamp) -> u64 {
        let wait = self.next_evaluation.map_or(0, |at| at.micros_since(now).max(0) / 1_000_000);
        u64::try_from(wait).unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_may_be_about_one_project_or_one_model_alone() {
        let value = |text: &str| Value::new(text).unwrap();
        let entry = |provider, project: Option<&str>, model: Option<&str>| ThrottledEntry {
            provider: value(provider),
            project: project.map(value),
            model: model.map(value),
            reason: "projected 1.2 times its budget".into(),
        };
        let entries =
            vec![entry("a", None, None), entry("b", Some("alpha"), None), entry("c", None, Some("m"))];
        let throttled = Throttled { entries, next_evaluation: Some(Timestamp::from_micros(90_000_000)) };
        assert!(throttled.reason("a", "any", "any").is_some());
        assert!(
            throttled.reason("b", "alpha", "any").is_some() && throttled.reason("b", "beta", "any").is_none()
        );
        assert!(throttled.reason("c", "any", "m").is_some() && throttled.reason("c", "any", "n").is_none());
        assert!(throttled.reason("d", "any", "any").is_none());
        assert_eq!(throttled.retry_after_s(Timestamp::from_micros(30_000_000)), 60);
        assert_eq!(throttled.retry_after_s(Timestamp::from_micros(91_000_000)), 1);
        assert_eq!(Throttled::default().retry_after_s(Timestamp::from_micros(0)), 1);
    }
}
