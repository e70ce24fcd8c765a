//! One evaluation: from the states before and the windows now to the states after and what is to be told. Pure.

use super::judge::{Spend, Verdict, judge};
use super::moved::Moved;
use super::rules::Rules;
use super::text;
use super::watch::{Gathered, NO_PROVIDER, Subject, Watched};
use bursar_core::Timestamp;
use bursar_ledger::{BudgetId, Interval};
use bursar_store::settings::limits::SENTENCE_BYTES_MAX;
use bursar_store::settings::{Throttle, ThrottleEvent, ThrottleEventKind as Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who writes what the evaluator decides.
pub(crate) const ACTOR: &str = "throttle";

/// Where one subject stands after an evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Subjected {
    /// Whom it is about.
    pub subject: Subject,
    /// Its state; a default one where it was never engaged or forced.
    pub row: Throttle,
    /// The windows that speak of it, the one that decides first.
    pub windows: Vec<(Watched, Verdict)>,
}

/// What an evaluation changes.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The state to write, or to delete.
    pub row: Throttle,
    /// Whether no budget stands behind it any more.
    pub gone: bool,
    /// What happened to it.
    pub events: Vec<ThrottleEvent>,
}

/// The outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evaluation {
    /// Every subject, in order.
    pub subjects: Vec<Subjected>,
    /// What is to be written.
    pub changes: Vec<Changed>,
}

/// What a state remembers of the windows that engaged it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Those that are engaged.
    #[serde(default)]
    engaged: Vec<Engaged>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Engaged {
    budget: u32,
    per: Vec<Option<String>>,
    starts_at: Option<String>,
}

/// Evaluates every subject that a window or a state speaks of.
pub(crate) fn evaluate(
    rules: &Rules,
    before: &[Throttle],
    gathered: &Gathered,
    now: Timestamp,
) -> Evaluation {
    let watched = &gathered.watched;
    let mut by_subject: BTreeMap<Subject, Vec<&Watched>> = BTreeMap::new();
    for window in watched {
        for subject in &window.subjects {
            by_subject.entry(subject.clone()).or_default().push(window);
        }
    }
    for row in before {
        by_subject.entry(subject_of(row)).or_default();
    }
    let mut evaluation = Evaluation::default();
    for (subject, windows) in by_subject {
        let known = before.iter().find(|row| subject_of(row) == subject);
        let work = Work { rules, subject: &subject, gathered, now, events: Vec::new() };
        let (subjected, changed) = work.run(known, &windows);
        evaluation.changes.extend(changed);
        evaluation.subjects.extend(subjected);
    }
    evaluation
}

/// The windows that engaged these states: budgets and values of `per`. They may have left memory since, for nobody uses
/// what is throttled.
pub(crate) fn remembered(rows: &[Throttle]) -> Vec<(BudgetId, Vec<Option<String>>)> {
    let of = |row: &Throttle| memory(row).engaged;
    rows.iter().flat_map(of).map(|engaged| (BudgetId(engaged.budget), engaged.per)).collect()
}

fn memory(row: &Throttle) -> Memory {
    serde_json::from_value(row.document.clone()).unwrap_or_default()
}

/// Whom a state is about.
pub(crate) fn subject_of(row: &Throttle) -> Subject {
    Subject { provider: row.provider.clone(), project: row.project.clone(), model: row.model.clone() }
}

struct Work<'a> {
    rules: &'a Rules,
    subject: &'a Subject,
    gathered: &'a Gathered,
    now: Timestamp,
    events: Vec<ThrottleEvent>,
}

impl Work<'_> {
    fn run(mut self, known: Option<&Throttle>, windows: &[&Watched]) -> (Option<Subjected>, Option<Changed>) {
        let Subject { provider, project, model } = self.subject;
        let fresh = || Throttle::new(provider, project.as_deref(), model.as_deref(), self.now);
        let before = known.cloned().unwrap_or_else(fresh);
        let mut after = before.clone();
        if after.forced.is_some() && after.forced_until.is_some_and(|until| until <= self.now) {
            self.tell(Kind::ForceExpired, false, "expired", &before.reason, json!({}));
            (after.forced, after.forced_until, after.forced_by) = (None, None, None);
        }
        let memory = memory(&before);
        let is_there = |engaged: &Engaged| {
            windows.iter().any(|window| window.budget.id.0 == engaged.budget && window.per() == engaged.per)
        };
        let is_budget =
            |engaged: &Engaged| self.gathered.counts.iter().any(|(budget, _)| budget.id.0 == engaged.budget);
        // A window that engaged, of a budget that is still there, is no more: its period ended and nothing was spent since.
        let ended = memory.engaged.iter().any(|engaged| !is_there(engaged) && is_budget(engaged));
        let mut reset = ended;
        let mut judged: Vec<(Watched, Verdict)> = Vec::new();
        let mut remembered = Memory::default();
        for window in windows {
            let starts_at = window.standing.starts_at.map(|at| at.to_string());
            let mine = |own: &&Engaged| own.budget == window.budget.id.0 && own.per == window.per();
            let was = memory.engaged.iter().find(mine);
            let same_period = was.is_some_and(|was| was.starts_at == starts_at);
            reset |= was.is_some() && !same_period;
            let interval =
                Interval { starts_at: window.standing.starts_at, ends_at: window.standing.ends_at };
            let spend = Spend {
                period: &window.budget.period,
                interval,
                measure: window.budget.measure,
                spent: window.spent(),
                limit: window.standing.limit,
            };
            let verdict = judge(self.rules, &spend, same_period, self.now);
            if verdict.engaged {
                let (budget, per) = (window.budget.id.0, window.per());
                remembered.engaged.push(Engaged { budget, per, starts_at });
            }
            judged.push(((*window).clone(), verdict));
        }
        // The one that decides: engaged and not in shadow, then the highest ratio.
        judged.sort_by_key(|(window, verdict)| {
            std::cmp::Reverse((verdict.engaged, !window.is_shadow(), verdict.ratio, verdict.projected))
        });
        let lead = judged.first().map(|(window, verdict)| (window, verdict));
        if reset {
            let why =
                lead.map_or_else(|| "nothing is spent since".to_owned(), |lead| text::why(self.rules, lead));
            let figures = lead.map_or_else(|| json!({}), |lead| text::figures(self.rules, lead));
            self.tell(Kind::PeriodReset, !before.acting, "period_reset", &why, figures);
        }
        let counts = judged.iter().any(|(window, verdict)| verdict.engaged && !window.is_shadow());
        let live = self.rules.acts() && self.subject.provider != NO_PROVIDER;
        after.engaged = judged.iter().any(|(_, verdict)| verdict.engaged);
        after.acting = after.forced.unwrap_or(counts && live);
        after.document = serde_json::to_value(&remembered).unwrap_or(Value::Null);
        if before.document.is_null() && remembered.engaged.is_empty() {
            after.document = Value::Null;
        }
        let gone = windows.is_empty() && after.forced.is_none() && !ended;
        let (word, why, figures) = match lead {
            None if ended => {
                ("period_reset", "its period ended and nothing is spent since".to_owned(), json!({}))
            }
            None => ("budget_removed", "no budget is over it any more".to_owned(), json!({})),
            Some(lead) => {
                let word = match (reset, after.engaged) {
                    (true, false) => "period_reset",
                    // It would go on, but the rules no longer let it.
                    (_, true) if before.acting && !after.acting => "dry_run",
                    (_, _) => lead.1.status.as_str(),
                };
                (word, text::why(self.rules, lead), text::figures(self.rules, lead))
            }
        };
        if let Some((kind, dry_run)) = self.transition(&before, &after) {
            let (told, figures) = self.with_moves(kind, &before, (&why, figures));
            self.tell(kind, dry_run, word, &told, figures);
            after.since = self.now;
            if after.forced.is_none() {
                after.reason = sentence(&why);
            }
        }
        let changed = after != before || !self.events.is_empty() || (gone && known.is_some());
        // What never engaged leaves no row.
        let stored = known.is_some() || after.engaged || after.forced.is_some();
        let change = (changed && stored && !(gone && known.is_none())).then(|| Changed {
            row: after.clone(),
            gone,
            events: self.events,
        });
        let subjected = Subjected { subject: self.subject.clone(), row: after, windows: judged };
        ((!gone).then_some(subjected), change)
    }

    /// Adds what a dry run that ends would have moved.
    fn with_moves(&self, kind: Kind, before: &Throttle, said: (&str, Value)) -> (String, Value) {
        let (why, mut figures) = said;
        let was_dry = before.engaged && !before.acting;
        if !was_dry || !matches!(kind, Kind::WouldRelease | Kind::Engaged) {
            return (why.to_owned(), figures);
        }
        let moved = Moved::of(&self.gathered.moves, self.subject);
        if let Value::Object(fields) = &mut figures {
            fields.insert(Moved::FIELD.to_owned(), serde_json::to_value(&moved).unwrap_or(Value::Null));
        }
        (format!("{why}; in the dry run {}", moved.sentence()), figures)
    }

    /// What is told of a change, and whether it is a dry run.
    fn transition(&self, before: &Throttle, after: &Throttle) -> Option<(Kind, bool)> {
        if self.subject.provider == NO_PROVIDER {
            return match (before.engaged, after.engaged) {
                (false, true) => Some((Kind::Projected, true)),
                (true, false) => Some((Kind::ProjectedNoMore, true)),
                (true, true) | (false, false) => None,
            };
        }
        match (before.acting, after.acting) {
            (false, true) => Some((Kind::Engaged, false)),
            (true, false) => Some((Kind::Released, false)),
            // Acting already, or not allowed to act.
            (true, true) => None,
            (false, false) => match (before.engaged, after.engaged) {
                (false, true) => Some((Kind::WouldEngage, true)),
                (true, false) => Some((Kind::WouldRelease, true)),
                (true, true) | (false, false) => None,
            },
        }
    }

    fn tell(&mut self, kind: Kind, dry_run: bool, reason: &str, why: &str, document: Value) {
        self.events.push(event(self.subject, kind, dry_run, self.now, (ACTOR, reason, why), document));
    }
}

/// A reason as the settings take it: one line of a bounded length.
fn sentence(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    while text.len() > SENTENCE_BYTES_MAX {
        text.pop();
    }
    text
}

/// An event; `said`: who did it, the reason in a word, and the reason in a sentence.
pub(crate) fn event(
    subject: &Subject,
    kind: Kind,
    dry_run: bool,
    at: Timestamp,
    said: (&str, &str, &str),
    document: Value,
) -> ThrottleEvent {
    let (actor, reason, why) = said;
    ThrottleEvent {
        id: 0,
        at,
        kind,
        provider: subject.provider.clone(),
        project: subject.project.clone(),
        model: subject.model.clone(),
        dry_run,
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        message: text::message(kind, subject, why),
        document,
    }
}
