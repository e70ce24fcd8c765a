//! The keeper: evaluates when it is time or a window crosses its line, writes what changes, and tells the data plane.
//!
//! Invariant: one evaluation at a time, by one process: the data directory's lock lets no second one in. What cannot be
//! read leaves every state as it is, and says so.

use super::evaluate::{ACTOR, Changed, Evaluation, Subjected, evaluate, event, remembered, subject_of};
use super::rules::Rules;
use super::watch::{Gathered, NO_PROVIDER, Subject, gather};
use bursar_core::Timestamp;
use bursar_govern::{Governor, Throttled, Why};
use bursar_ledger::{BudgetId, WindowId};
use bursar_store::ledger::Seq;
use bursar_store::settings::{
    Settings, SettingsError, Stamp, Throttle, ThrottleEvent, ThrottleEventKind as Kind,
};
use parking_lot::Mutex;

/// Evaluations that may be missed before the states are called stale.
pub(crate) const MISSED_MAX: i64 = 3;
/// Seconds after which an evaluation that failed is tried again: soon enough to notice that it works again.
const RETRY_S: i64 = 10;

/// Everything that the evaluator needs of its house.
#[derive(Clone, Copy)]
pub(crate) struct House<'a> {
    /// Where states and history are.
    pub settings: &'a Settings,
    /// Whom to tell; also the ledger and the directory.
    pub governor: &'a Governor,
}

/// The evaluator's memory between evaluations.
#[derive(Default)]
pub struct Throttler {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    rules: Rules,
    /// Something changed that asks for an evaluation at once.
    asked: bool,
    board: Board,
    lines: Vec<(WindowId, i64)>,
    counts: Vec<(BudgetId, usize)>,
    seen: Seq,
    next_at: Timestamp,
    /// When the first evaluation was tried: what age is counted from where none has worked.
    began_at: Option<Timestamp>,
    stale_told: bool,
    failures: u64,
}

/// What is known since the last evaluation.
#[derive(Clone, Default)]
pub(crate) struct Board {
    /// By which rules.
    pub rules: Rules,
    /// The last evaluation that worked.
    pub evaluated_at: Option<Timestamp>,
    /// When the next one is due, unless a window crosses its line before.
    pub next_at: Timestamp,
    /// Every subject.
    pub subjects: Vec<Subjected>,
    /// Windows that are too many to watch.
    pub unwatched: usize,
    /// Why the last one failed, if it did.
    pub problem: Option<String>,
}

/// How old the states are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Age {
    /// Seconds since the last evaluation that worked.
    pub age_s: i64,
    /// Evaluations that were missed since.
    pub missed: i64,
    /// Whether that is too many.
    pub stale: bool,
}

/// Why an evaluation did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluateError {
    /// The windows cannot be read.
    #[error(transparent)]
    Ledger(#[from] bursar_store::ledger::LedgerDown),
    /// The states cannot be read or written.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A person's decision.
pub(crate) struct Decision<'a> {
    pub(crate) subject: Subject,
    /// `Some`: throttle or never throttle; `None`: let the evaluator decide again.
    pub(crate) forced: Option<bool>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) actor: &'a str,
    pub(crate) reason: &'a str,
}

impl Throttler {
    /// Sets the rules; the next tick evaluates by them.
    pub fn set_rules(&self, rules: Rules) {
        let mut inner = self.inner.lock();
        inner.asked |= inner.rules != rules;
        inner.rules = rules;
    }
    /// Budgets or providers changed: the next tick evaluates.
    pub fn ask(&self) {
        self.inner.lock().asked = true;
    }
    /// The rules in force.
    pub(crate) fn rules(&self) -> Rules {
        self.inner.lock().rules.clone()
    }
    /// What is known.
    pub(crate) fn board(&self) -> Board {
        let inner = self.inner.lock();
        Board { rules: inner.rules.clone(), ..inner.board.clone() }
    }
    /// How old what is known is.
    pub(crate) fn age(&self, now: Timestamp) -> Option<Age> {
        self.inner.lock().age(now)
    }
    /// Evaluates if it is time, if anything asks for it, or if a window crossed its line. Whether it did. Costs next to
    /// nothing where nothing happened.
    pub(crate) fn tick(&self, house: House<'_>, now: Timestamp) -> bool {
        let mut inner = self.inner.lock();
        let due = inner.asked || inner.next_at <= now || inner.crossed(house);
        if due {
            inner.run(house, now);
        }
        due
    }
    /// Writes a person's decision and acts on it at once.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] when there is nothing to clear, and what writing may bring.
    pub(crate) fn decide(
        &self,
        house: House<'_>,
        decision: &Decision<'_>,
        now: Timestamp,
    ) -> Result<Throttle, SettingsError> {
        let mut inner = self.inner.lock();
        let Decision { subject, forced, until, actor, reason } = decision;
        let rows = house.settings.throttles()?;
        let known = rows.into_iter().find(|row| subject_of(row) == *subject);
        let (project, model) = (subject.project.as_deref(), subject.model.as_deref());
        let mut row = known.unwrap_or_else(|| Throttle::new(&subject.provider, project, model, now));
        if forced.is_none() && row.forced.is_none() {
            return Err(SettingsError::NotFound {
                object: bursar_store::settings::Object::Throttle,
                name: row.name(),
            });
        }
        let kind = match forced {
            Some(true) => Kind::ForcedOn,
            Some(false) => Kind::ForcedOff,
            None => Kind::Cleared,
        };
        (row.forced, row.forced_until) = (*forced, *until);
        row.forced_by = forced.map(|_| (*actor).to_owned());
        let acting = forced.unwrap_or(row.acting);
        if acting != row.acting {
            row.since = now;
        }
        row.acting = acting;
        row.reason = (*reason).to_owned();
        let document = serde_json::json!({ "until": until.map(|until| until.to_string()) });
        let told = event(subject, kind, false, now, (actor, reason, reason), document);
        let written = house.settings.change(&Stamp::new(actor, now), |change| {
            change.put_throttle(&row, std::slice::from_ref(&told))
        })?;
        // In force at once, also where the evaluation that follows does not work.
        inner.board.subjects.retain(|own| own.subject != *subject);
        let decided = Subjected { subject: subject.clone(), row: written.clone(), windows: Vec::new() };
        inner.board.subjects.push(decided);
        inner.publish(house, now);
        inner.run(house, now);
        let rows = house.settings.throttles()?;
        Ok(rows.into_iter().find(|row| subject_of(row) == *subject).unwrap_or(written))
    }
}

impl Inner {
    fn age(&self, now: Timestamp) -> Option<Age> {
        let since = self.board.evaluated_at.or(self.began_at)?;
        let age_s = now.micros_since(since).max(0) / 1_000_000;
        let missed = age_s / i64::from(self.rules.evaluate_s.max(1));
        Some(Age { age_s, missed, stale: missed >= MISSED_MAX })
    }
    /// Whether a window has reached its line, or a budget has other windows than before: running counters, no scan.
    fn crossed(&mut self, house: House<'_>) -> bool {
        let ledger = house.governor.ledger();
        let last = ledger.last();
        if last == self.seen {
            return false;
        }
        self.seen = last;
        let (lines, counts) = (&self.lines, &self.counts);
        let crossed = ledger.look(|engine| {
            counts.iter().any(|(budget, count)| engine.window_count(*budget) != *count)
                || lines
                    .iter()
                    .any(|(window, line)| engine.spent(*window).is_some_and(|spent| spent >= *line))
        });
        crossed.unwrap_or(false)
    }
    fn run(&mut self, house: House<'_>, now: Timestamp) {
        self.asked = false;
        self.began_at.get_or_insert(now);
        match self.evaluated(house, now) {
            Ok(gathered) => {
                self.watch(&gathered, now);
                self.board.problem = None;
                self.failures = 0;
                if std::mem::take(&mut self.stale_told) {
                    self.note(house, Kind::Fresh, "every state is of this minute", now);
                }
                self.publish(house, now);
            }
            Err(error) => {
                // Fail static: who is throttled stays so.
                self.failures = self.failures.saturating_add(1);
                if self.failures.is_power_of_two() {
                    tracing::warn!(%error, failures = self.failures, "the throttle was not evaluated");
                }
                let problem = error.to_string();
                self.next_at = now.plus_seconds(RETRY_S.min(i64::from(self.rules.evaluate_s.max(1))));
                if self.age(now).is_some_and(|age| age.stale) && !self.stale_told {
                    self.stale_told = self.note(house, Kind::Stale, &problem, now);
                }
                self.board.problem = Some(problem);
            }
        }
    }
    /// Evaluates and writes.
    fn evaluated(&mut self, house: House<'_>, now: Timestamp) -> Result<Gathered, EvaluateError> {
        self.keep_rules(house, now)?;
        let directory = house.governor.directory();
        let providers: Vec<&str> =
            directory.providers.iter().map(|provider| provider.name.as_str()).collect();
        let ledger = house.governor.ledger();
        self.seen = ledger.last();
        let rows = house.settings.throttles()?;
        let mut gathered = gather(ledger, &providers, &remembered(&rows), now)?;
        gathered.moves = house.settings.throttle_moves()?;
        let Evaluation { mut subjects, changes } = evaluate(&self.rules, &rows, &gathered, now);
        if !changes.is_empty() {
            let written = house.settings.change(&Stamp::new(ACTOR, now), |change| {
                let mut written = Vec::new();
                for Changed { row, gone, events } in &changes {
                    if *gone {
                        change.delete_throttle(row, events)?;
                    } else {
                        written.push(change.put_throttle(row, events)?);
                    }
                }
                Ok::<_, SettingsError>(written)
            })?;
            for row in written {
                if let Some(own) = subjects.iter_mut().find(|own| own.subject == subject_of(&row)) {
                    own.row = row;
                }
            }
            for told in changes.iter().flat_map(|change| &change.events) {
                tracing::warn!(kind = %told.kind, provider = told.provider, "{}", told.message);
            }
        }
        self.board.subjects = subjects;
        self.board.unwatched = gathered.unwatched;
        self.board.evaluated_at = Some(now);
        Ok(gathered)
    }
    /// Notes in the audit when other rules are in force than at the last evaluation, also across a restart.
    fn keep_rules(&self, house: House<'_>, now: Timestamp) -> Result<(), SettingsError> {
        let rules = serde_json::to_value(self.rules.view()).unwrap_or_default();
        let before = house.settings.throttle_rules()?;
        if before.as_ref() == Some(&rules) {
            return Ok(());
        }
        let why = format!("now {rules}");
        let told = self.event(Kind::RulesChanged, &why, now);
        // The first rules of all are no change.
        let events = if before.is_some() { vec![told] } else { Vec::new() };
        house.settings.change(&Stamp::new("config", now), |change| change.put_throttle_rules(&rules, &events))
    }
    /// Remembers what to look at between evaluations, and when the next one is due: in time, when a period ends, or when a
    /// person's decision runs out.
    fn watch(&mut self, gathered: &Gathered, now: Timestamp) {
        let subjects = &self.board.subjects;
        let windows = subjects.iter().flat_map(|own| &own.windows);
        let line = |(window, verdict): &(super::watch::Watched, super::judge::Verdict)| {
            Some((window.standing.window?, verdict.line?))
        };
        self.lines = windows.filter_map(line).collect();
        self.lines.sort_unstable();
        self.lines.dedup();
        self.counts = gathered.counts.iter().map(|(budget, count)| (budget.id, *count)).collect();
        let every = now.plus_seconds(i64::from(self.rules.evaluate_s.max(1)));
        let ends = gathered.watched.iter().filter_map(|window| window.standing.ends_at);
        let forced = subjects.iter().filter_map(|own| own.row.forced.and(own.row.forced_until));
        let soonest = ends.chain(forced).filter(|at| *at > now).min();
        self.next_at = soonest.map_or(every, |at| at.min(every));
        self.board.next_at = self.next_at;
    }
    /// Tells the data plane who is throttled.
    fn publish(&self, house: House<'_>, now: Timestamp) {
        let mut throttled = Throttled::default();
        for Subjected { subject, row, .. } in &self.board.subjects {
            if subject.provider == NO_PROVIDER {
                continue;
            }
            if !row.acting {
                if row.engaged {
                    let (project, model) = (subject.project.as_deref(), subject.model.as_deref());
                    throttled.insert_dry(&subject.provider, project, model);
                }
                continue;
            }
            let until = match (row.forced, row.forced_until) {
                (Some(_), until) => until,
                (None, _) => Some(self.next_at.max(now)),
            };
            let why = Why { reason: row.reason.clone(), until };
            throttled.insert(&subject.provider, subject.project.as_deref(), subject.model.as_deref(), why);
        }
        house.governor.replace_throttled(throttled);
    }
    fn event(&self, kind: Kind, why: &str, now: Timestamp) -> ThrottleEvent {
        let all = Subject { provider: NO_PROVIDER.to_owned(), project: None, model: None };
        event(&all, kind, !self.rules.acts(), now, (ACTOR, kind.as_str(), why), serde_json::json!({}))
    }
    /// Writes an event of no single throttle; whether it is written.
    fn note(&self, house: House<'_>, kind: Kind, why: &str, now: Timestamp) -> bool {
        let told = self.event(kind, why, now);
        tracing::warn!(kind = %kind, "{}", told.message);
        house.settings.note_throttle_events(&[told]).is_ok()
    }
}

impl std::fmt::Debug for Throttler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let evaluated_at = self.inner.lock().board.evaluated_at;
        f.debug_struct("Throttler").field("evaluated_at", &evaluated_at).finish_non_exhaustive()
    }
}
