//! The script of a fake provider: prices, models, and rules for which request is answered how.

mod file;

use self::file::File;
use crate::behaviour::{Behaviour, DirectiveError};
use crate::bill::Price;
use crate::draw::Draw;
use crate::journal::Journal;
use crate::limits::RULES_MAX;
use crate::recorded::Recorded;
use bursar_core::decimal::DecimalError;
use bursar_core::{Pattern, Rate};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a fake provider does. Built in code, or read from TOML or JSON (same names).
#[derive(Clone, Debug)]
pub struct Script {
    /// Makes every draw; the same script and requests give the same answers.
    pub seed: u64,
    /// What of each request is kept.
    pub journal: Journal,
    /// Credentials that are taken; empty: any, also none.
    pub credentials: Vec<String>,
    /// Whether a request may choose its answer by `x-mock-…` headers, `[[mock …]]` in its prompt, or the model's name.
    pub obey_requests: bool,
    /// How requests are answered where no rule says otherwise.
    pub defaults: Behaviour,
    /// Prices of models, the first that matches; those without `*` are listed by the model routes.
    pub models: Vec<(Pattern, Price)>,
    /// Price of any other model; `None`: other models are not found (404).
    pub other_models: Option<Price>,
    /// Rules, applied in order, each over what came before.
    pub rules: Vec<Rule>,
    /// Recorded bodies for the directive `recorded=ID`.
    pub recorded: Option<Arc<Recorded>>,
}

/// A rule: which requests it means, and what it changes for them. Conditions that are absent hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The model's name, with `*`.
    pub model: Option<String>,
    /// Part of the path.
    pub path: Option<String>,
    /// The credential presented.
    pub credential: Option<String>,
    /// Part of the body.
    pub prompt: Option<String>,
    /// Of the requests that fulfil the conditions above, from this one on (1 is the first).
    pub first: Option<u64>,
    /// Of those, up to this one.
    pub last: Option<u64>,
    /// Of those, every n-th.
    pub every: Option<u64>,
    /// Of those, this share in percent, drawn by the seed.
    pub percent: Option<u64>,
    /// Directives of [`Behaviour`], such as `{ status = 503, retry_after = 2 }`.
    pub then: BTreeMap<String, Word>,
}

/// A directive's value as TOML and JSON write it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum Word {
    /// `true`, `false`.
    Flag(bool),
    /// A count.
    Count(u64),
    /// A word.
    Text(String),
}

/// Why a script was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The TOML is no script.
    #[error("the script is no valid TOML")]
    Toml(#[from] toml::de::Error),
    /// The JSON is no script.
    #[error("the script is no valid JSON")]
    Json(#[from] serde_json::Error),
    /// A directive was not understood.
    #[error("in `{place}`")]
    Directive {
        /// Which part of the script.
        place: String,
        /// What is wrong.
        source: DirectiveError,
    },
    /// A price was not understood.
    #[error("the price of model `{model}`")]
    Price {
        /// Which model.
        model: String,
        /// What is wrong.
        source: DecimalError,
    },
    /// More rules than [`RULES_MAX`].
    #[error("more than {RULES_MAX} rules")]
    TooManyRules,
}

/// Models that every script knows unless it prices them itself: name, input, output, cache read, writes for five
/// minutes and an hour, in pico-USD per token, as their vendors' price lists of October 2026 have them.
const MODELS: [(&str, [u64; 5]); 8] = [
    ("gpt-4o-mini", [150_000, 600_000, 75_000, 150_000, 150_000]),
    ("gpt-4o", [2_500_000, 10_000_000, 1_250_000, 2_500_000, 2_500_000]),
    ("gpt-4.1-mini", [400_000, 1_600_000, 100_000, 400_000, 400_000]),
    ("gpt-5", [1_250_000, 10_000_000, 125_000, 1_250_000, 1_250_000]),
    ("text-embedding-3-small", [20_000, 0, 20_000, 20_000, 20_000]),
    ("claude-sonnet-4-5", [3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000]),
    ("gemini-2.5-flash", [300_000, 2_500_000, 30_000, 300_000, 300_000]),
    ("llama3.2", [0; 5]),
];

fn flat(rates: [u64; 5]) -> Price {
    let [input, output, cache_read, cache_write_5m, cache_write_1h] = rates.map(Rate::from_pico);
    Price { input, output, cache_read, cache_write_5m, cache_write_1h, request: Rate::ZERO }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 0,
            journal: Journal::default(),
            credentials: Vec::new(),
            obey_requests: true,
            defaults: Behaviour::default(),
            models: MODELS.iter().map(|(name, rates)| (Pattern::new(name), flat(*rates))).collect(),
            other_models: Some(flat([1_000_000, 4_000_000, 1_000_000, 1_000_000, 1_000_000])),
            rules: Vec::new(),
            recorded: None,
        }
    }
}

impl Script {
    /// Reads a script in TOML.
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn from_toml(text: &str) -> Result<Self, ScriptError> {
        toml::from_str::<File>(text)?.script()
    }
    /// Reads a script in JSON.
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        serde_json::from_str::<File>(text)?.script()
    }
    /// With directives for all requests, such as `"latency_ms=20 out=57"`.
    ///
    /// # Errors
    /// A directive was not understood.
    pub fn always(mut self, words: &str) -> Result<Self, DirectiveError> {
        self.defaults.apply_words(words)?;
        Ok(self)
    }
    /// With a rule after the others.
    ///
    /// # Errors
    /// A directive of it was not understood, or there are too many.
    pub fn rule(mut self, rule: Rule) -> Result<Self, ScriptError> {
        rule.apply(&mut Behaviour::default()).map_err(|source| ScriptError::Directive {
            place: format!("rule {}", self.rules.len() + 1),
            source,
        })?;
        if self.rules.len() >= RULES_MAX {
            return Err(ScriptError::TooManyRules);
        }
        self.rules.push(rule);
        Ok(self)
    }
    /// With a price for the models of a pattern, before all others.
    #[must_use]
    pub fn price(mut self, model: &str, price: Price) -> Self {
        self.models.insert(0, (Pattern::new(model), price));
        self
    }
    /// With counts only in the journal: for load.
    #[must_use]
    pub fn counts_only(mut self) -> Self {
        self.journal = Journal::Counts;
        self
    }

    /// The price of a model; `None`: not found.
    pub(crate) fn price_of(&self, model: &str) -> Option<Price> {
        let own = self.models.iter().find(|(pattern, _)| pattern.matches(model)).map(|(_, price)| *price);
        own.or(self.other_models)
    }
    /// The models of the lists.
    pub(crate) fn model_names(&self) -> impl Iterator<Item = &str> {
        self.models.iter().filter_map(|(pattern, _)| pattern.exact())
    }
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Rule {
    /// A rule for all requests whose model matches.
    #[must_use]
    pub fn model(pattern: &str) -> Self {
        Self { model: Some(pattern.to_owned()), ..Self::default() }
    }
    /// A rule for all requests.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }
    /// Changed to mean only every n-th.
    #[must_use]
    pub fn every(mut self, n: u64) -> Self {
        self.every = Some(n);
        self
    }
    /// Changed to mean only requests `first..=last` of those it would mean.
    #[must_use]
    pub fn between(mut self, first: u64, last: u64) -> Self {
        (self.first, self.last) = (Some(first), Some(last));
        self
    }
    /// With directives, such as `"status=503 retry_after=2"`; words without `=` are kept and refused by
    /// [`Script::rule`].
    #[must_use]
    pub fn then(mut self, words: &str) -> Self {
        for word in words.split_ascii_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            self.then.insert(key.to_owned(), value.into());
        }
        self
    }

    fn apply(&self, behaviour: &mut Behaviour) -> Result<(), DirectiveError> {
        self.then.iter().try_for_each(|(key, word)| behaviour.apply(key, &word.text()))
    }
    fn means(&self, request: &Facts<'_>) -> bool {
        self.model.as_deref().is_none_or(|pattern| Pattern::new(pattern).matches(request.model))
            && self.path.as_deref().is_none_or(|part| request.path.contains(part))
            && self.credential.as_deref().is_none_or(|credential| credential == request.credential)
            && self
                .prompt
                .as_deref()
                .is_none_or(|part| memchr::memmem::find(request.body, part.as_bytes()).is_some())
    }
    /// Whether it means the `count`-th (from 1) of the requests that fulfil its conditions.
    fn means_count(&self, count: u64, draw: Draw) -> bool {
        self.first.is_none_or(|first| count >= first)
            && self.last.is_none_or(|last| count <= last)
            && self.every.is_none_or(|every| every > 0 && count.is_multiple_of(every))
            && self.percent.is_none_or(|percent| draw.mixed(count).between(0, 99) < percent)
    }
}

/// What rules look at.
pub(crate) struct Facts<'a> {
    pub(crate) model: &'a str,
    pub(crate) path: &'a str,
    pub(crate) credential: &'a str,
    pub(crate) body: &'a [u8],
}

/// A script at work: with the counts of its rules.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) script: Script,
    counts: Vec<AtomicU64>,
}

impl Live {
    pub(crate) fn new(script: Script) -> Self {
        let counts = script.rules.iter().map(|_| AtomicU64::new(0)).collect();
        Self { script, counts }
    }
    /// How the script has a request answered, before the request's own wishes.
    pub(crate) fn decide(&self, request: &Facts<'_>, draw: Draw) -> Result<Behaviour, DirectiveError> {
        let mut behaviour = self.script.defaults.clone();
        for (rule, count) in self.script.rules.iter().zip(&self.counts) {
            if rule.means(request) {
                let count = count.fetch_add(1, Ordering::Relaxed) + 1;
                if rule.means_count(count, draw) {
                    rule.apply(&mut behaviour)?;
                }
            }
        }
        Ok(behaviour)
    }
}

#[cfg(test)]
mod tests;
