//! What is watched: the windows of budgets over providers, projects and models, and whom each of them is about.

use bursar_core::{Attribute, Attributes, Charge, Pattern, Timestamp, Value};
use bursar_ledger::{Budget, BudgetId, Mode, PerValues, Standing};
use bursar_store::ledger::{Ledger, LedgerDown};
use bursar_store::settings::ThrottleMoves;
use std::sync::Arc;

/// Windows that are watched at once: the line of each is compared on every tick under the ledger's lock, 4,096 of them in
/// well under a millisecond.
const WINDOWS_MAX: usize = 4_096;
/// Subjects of one window: a budget that names more providers, projects and models is better written as several.
const SUBJECTS_MAX: usize = 64;

/// In place of a provider: a budget that names none. It is projected and told, but there is nowhere to route to: every
/// provider counts against it alike.
pub(crate) const NO_PROVIDER: &str = "*";

/// Whom a throttle is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Subject {
    /// The provider, or [`NO_PROVIDER`].
    pub provider: String,
    /// A project or pattern; absent: all.
    pub project: Option<String>,
    /// A model or pattern; absent: all.
    pub model: Option<String>,
}

/// One window and whom it is about.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// The budget.
    pub budget: Arc<Budget>,
    /// The window's numbers.
    pub standing: Standing,
    /// Whom it throttles.
    pub subjects: Vec<Subject>,
}

/// Everything that is watched at an instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// The windows.
    pub watched: Vec<Watched>,
    /// Budgets and how many windows they had in memory: another count means something to look at.
    pub counts: Vec<(Arc<Budget>, usize)>,
    /// Windows beyond [`WINDOWS_MAX`].
    pub unwatched: usize,
    /// What dry runs would have moved so far.
    pub moves: Vec<ThrottleMoves>,
}

impl Watched {
    /// Settled and in suspense: what was sent counts, whether or not its bill is known.
    pub(crate) fn spent(&self) -> i64 {
        self.standing.settled.saturating_add(self.standing.suspense)
    }
    /// Whether it only says what it would do.
    pub(crate) fn is_shadow(&self) -> bool {
        self.budget.mode == Mode::Shadow
    }
    /// The values of `per`: they tell the windows of a budget apart.
    pub(crate) fn per(&self) -> Vec<Option<String>> {
        texts(&self.standing.per)
    }
}

/// Looks at every window that may throttle, budget by budget, each under one short lock.
///
/// # Errors
/// When the ledger is down.
pub(crate) fn gather(
    ledger: &Ledger,
    providers: &[&str],
    remembered: &[(BudgetId, Vec<Option<String>>)],
    now: Timestamp,
) -> Result<Gathered, LedgerDown> {
    let meant = |budget: &&Arc<Budget>| budget.active && is_watched(budget);
    let budgets: Vec<Arc<Budget>> =
        ledger.look(|engine| engine.budgets().filter(meant).cloned().collect())?;
    let mut gathered = Gathered::default();
    for budget in budgets {
        let mut standings = ledger.standing(budget.id, now)?;
        let mine = remembered.iter().filter(|(id, _)| *id == budget.id);
        let mut missing =
            mine.filter(|(_, per)| !standings.iter().any(|own| texts(&own.per) == *per)).peekable();
        if missing.peek().is_some() {
            for (_, per) in missing {
                // Looking for room brings a window back from the store, where it was not lost with its period.
                ledger.check(now, &attributes(&budget, per), &Charge::ZERO)?;
            }
            standings = ledger.standing(budget.id, now)?;
        }
        let count = ledger.look(|engine| engine.window_count(budget.id))?;
        for standing in standings {
            if gathered.watched.len() >= WINDOWS_MAX {
                gathered.unwatched += 1;
                continue;
            }
            let subjects = subjects(&budget, &standing.per, providers);
            gathered.watched.push(Watched { budget: Arc::clone(&budget), standing, subjects });
        }
        gathered.counts.push((budget, count));
    }
    Ok(gathered)
}

/// Whether a budget is about providers, projects, models, or all of the platform, and nothing narrower.
pub(crate) fn is_watched(budget: &Budget) -> bool {
    let meant = |attribute: &Attribute| {
        matches!(attribute, Attribute::Provider | Attribute::Project | Attribute::Model)
    };
    budget.attributes().all(meant)
}

/// Whom the window with these values of `per` is about. Patterns of providers stand for those that are installed;
/// patterns of projects and models are kept.
fn subjects(budget: &Budget, per: &PerValues, installed: &[&str]) -> Vec<Subject> {
    let named = |attribute: &Attribute| -> Option<Vec<String>> {
        if let Some(at) = budget.per.iter().position(|own| own == attribute) {
            let value = per.get(at).and_then(Option::as_ref);
            return Some(value.map(|value| value.as_str().to_owned()).into_iter().collect());
        }
        let patterns = budget.matches.iter().find(|(own, _)| own == attribute)?;
        Some(patterns.1.iter().map(|pattern| pattern.as_str().to_owned()).collect())
    };
    let providers: Vec<String> = match named(&Attribute::Provider) {
        None => vec![NO_PROVIDER.to_owned()],
        Some(names) => names.iter().flat_map(|name| expand(name, installed)).collect(),
    };
    let any = |names: Option<Vec<String>>| -> Vec<Option<String>> {
        names.map_or_else(|| vec![None], |names| names.into_iter().map(Some).collect())
    };
    let (projects, models) = (any(named(&Attribute::Project)), any(named(&Attribute::Model)));
    let mut subjects = Vec::new();
    for provider in &providers {
        for project in &projects {
            for model in &models {
                let (project, model) = (project.clone(), model.clone());
                subjects.push(Subject { provider: provider.clone(), project, model });
            }
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    subjects.truncate(SUBJECTS_MAX);
    subjects
}

/// Attributes that the budget means, with these values of `per`. A pattern is met by its own text without the `*`.
fn attributes(budget: &Budget, per: &[Option<String>]) -> Attributes {
    let mut attributes = Attributes::new();
    for (attribute, patterns) in &budget.matches {
        let text = patterns.first().map(|pattern| pattern.as_str().replace('*', "")).unwrap_or_default();
        if let Ok(value) = Value::new(&text) {
            attributes.set(attribute, value);
        }
    }
    for (attribute, text) in budget.per.iter().zip(per) {
        if let Some(Ok(value)) = text.as_deref().map(Value::new) {
            attributes.set(attribute, value);
        }
    }
    attributes
}

fn texts(per: &PerValues) -> Vec<Option<String>> {
    per.iter().map(|value| value.as_ref().map(ToString::to_string)).collect()
}

fn expand(name: &str, installed: &[&str]) -> Vec<String> {
    let pattern = Pattern::new(name);
    match pattern.exact() {
        Some(exact) => vec![exact.to_owned()],
        None => installed.iter().filter(|own| pattern.matches(own)).map(|own| (*own).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Measure;
    use bursar_ledger::PeriodKind;

    fn budget() -> Budget {
        Budget::new(BudgetId(1), "b", Measure::Usd, Some(1), PeriodKind::Month)
    }

    fn told(budget: &Budget, per: &[Option<&str>]) -> Vec<String> {
        let per = per.iter().map(|value| value.map(|text| Value::new(text).unwrap())).collect();
        let show = |part: &Option<String>| part.clone().unwrap_or_else(|| "any".to_owned());
        subjects(budget, &per, &["openai", "open-two", "gemini"])
            .iter()
            .map(|subject| {
                format!("{} {} {}", subject.provider, show(&subject.project), show(&subject.model))
            })
            .collect()
    }

    /// Rules: S0-01, S0-17.
    #[test]
    fn a_window_is_about_what_its_budget_matches_and_counts_by() {
        let one = budget().matching(Attribute::Provider, &["claude"]);
        assert_eq!(told(&one, &[]), ["claude any any"]);
        let many = budget().matching(Attribute::Provider, &["open*"]).matching(Attribute::Model, &["gpt-*"]);
        assert_eq!(told(&many, &[]), ["open-two any gpt-*", "openai any gpt-*"]);
        let each = budget().per(Attribute::Project).per(Attribute::Provider);
        assert_eq!(told(&each, &[Some("alpha"), Some("gemini")]), ["gemini alpha any"]);
        assert_eq!(told(&each, &[Some("alpha"), None]), Vec::<String>::new());
        assert_eq!(told(&budget(), &[]), ["* any any"]);
        assert!(is_watched(&each) && is_watched(&budget()));
        assert!(!is_watched(&budget().matching(Attribute::Provider, &["a"]).per(Attribute::User)));
    }
}
