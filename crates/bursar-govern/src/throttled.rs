//! Who is throttled at this moment: a small snapshot that routing reads, replaced as a whole by the evaluator.

use bursar_core::{Code, Pattern, Refusal, RequestId, Timestamp};
use bursar_store::records::WouldMove;

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

/// The throttles in force, and those in a dry run. Empty by default: nothing is throttled.
#[derive(Debug, Default, Clone)]
pub struct Throttled {
    entries: Vec<(About, Why)>,
    dry: Vec<About>,
}

/// Whom a throttle is about.
#[derive(Debug, Clone)]
pub struct About {
    provider: Box<str>,
    project: Option<Pattern>,
    model: Option<Pattern>,
}

impl About {
    fn new(provider: &str, project: Option<&str>, model: Option<&str>) -> Self {
        let (project, model) = (project.map(Pattern::new), model.map(Pattern::new));
        Self { provider: provider.into(), project, model }
    }
    fn means(&self, provider: &str, project: &str, model: &str) -> bool {
        let meant =
            |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|own| own.matches(text));
        &*self.provider == provider && meant(&self.project, project) && meant(&self.model, model)
    }
    /// What its dry run would have done with a request that goes to its provider, with `to` next in line.
    #[must_use]
    pub fn would_move(&self, to: Option<&str>) -> WouldMove {
        WouldMove {
            provider: self.provider.to_string(),
            project: self.project.as_ref().map(ToString::to_string),
            model: self.model.as_ref().map(ToString::to_string),
            to: to.map(str::to_owned),
        }
    }
}

impl Throttled {
    /// Throttles `provider`: for all or for the project (or pattern), for every model or for the model (or pattern).
    pub fn insert(&mut self, provider: &str, project: Option<&str>, model: Option<&str>, why: Why) {
        self.entries.push((About::new(provider, project, model), why));
    }
    /// Notes that `provider` would be throttled, were it no dry run.
    pub fn insert_dry(&mut self, provider: &str, project: Option<&str>, model: Option<&str>) {
        self.dry.push(About::new(provider, project, model));
    }
    /// The dry run that would keep a request of `project` for `model` from going to `provider`; `None`: none would.
    #[must_use]
    pub fn dry_run(&self, provider: &str, project: &str, model: &str) -> Option<&About> {
        self.dry.iter().find(|about| about.means(provider, project, model))
    }
    /// Why a request of `project` for `model` is not to go to `provider`; `None`: it may.
    #[must_use]
    pub fn reason(&self, provider: &str, project: &str, model: &str) -> Option<&Why> {
        let found = self.entries.iter().find(|(about, _)| about.means(provider, project, model));
        found.map(|(_, why)| why)
    }
    /// The providers of which anything is throttled.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(about, _)| &*about.provider)
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

    /// Rules: S0-04.
    #[test]
    fn a_dry_run_throttles_nobody_and_knows_whom_it_would() {
        let mut throttled = Throttled::default();
        throttled.insert_dry("claude", Some("alpha"), Some("opus*"));
        assert!(throttled.is_empty() && throttled.providers().next().is_none());
        assert!(throttled.reason("claude", "alpha", "opus-4").is_none());
        for (project, model) in [("beta", "opus-4"), ("alpha", "haiku")] {
            assert!(throttled.dry_run("claude", project, model).is_none());
        }
        let dry = throttled.dry_run("claude", "alpha", "opus-4").unwrap();
        let would = dry.would_move(Some("gemini"));
        assert_eq!((would.project.as_deref(), would.model.as_deref()), (Some("alpha"), Some("opus*")));
        assert_eq!((would.provider.as_str(), would.to.as_deref()), ("claude", Some("gemini")));
    }
}
