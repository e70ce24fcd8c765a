//! Stories of the throttle, told through a few helpers.

mod keeper;
mod vectors;

use super::evaluate::{Evaluation, evaluate};
use super::rules::Rules;
use super::watch::{Gathered, Watched};
use bursar_core::{Attribute, Measure, Timestamp, Usd};
use bursar_ledger::{Budget, BudgetId, Engine, PeriodKind};
use bursar_store::settings::{Throttle, ThrottleEventKind};
use std::sync::Arc;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn usd(text: &str) -> i64 {
    Usd::parse(text).unwrap().nanos()
}

/// A month's budget over `provider`.
fn budget(provider: &str, limit: Option<&str>) -> Arc<Budget> {
    let budget = Budget::new(BudgetId(1), "month", Measure::Usd, limit.map(usd), PeriodKind::Month);
    Arc::new(budget.matching(Attribute::Provider, &[provider]))
}

/// What is watched when this much of these budgets is spent.
fn spent(budgets: &[(&Arc<Budget>, i64)], now: Timestamp) -> Gathered {
    let mut engine = Engine::new();
    let mut gathered = Gathered::default();
    for (budget, spent) in budgets {
        let mut journal: Vec<bursar_ledger::Entry> = Vec::new();
        let put = engine.apply(now, bursar_ledger::Command::PutBudget(Arc::clone(budget)), &mut journal);
        assert_eq!(put, bursar_ledger::Outcome::BudgetPut);
        let mut standing = engine.standing(budget.id, now).remove(0);
        standing.settled = *spent;
        let provider = match budget.matches.first() {
            Some((_, patterns)) => patterns[0].to_string(),
            None => "*".to_owned(),
        };
        let subjects = vec![super::Subject { provider, project: None, model: None }];
        gathered.watched.push(Watched { budget: Arc::clone(budget), standing, subjects });
        gathered.counts.push((Arc::clone(budget), 1));
    }
    gathered
}

/// Evaluations one after the other, each on what the last one left.
struct Story {
    rules: Rules,
    rows: Vec<Throttle>,
    told: Vec<(ThrottleEventKind, String, bool)>,
    last: Evaluation,
}

impl Story {
    fn new(rules: Rules) -> Self {
        Self { rules, rows: Vec::new(), told: Vec::new(), last: Evaluation::default() }
    }
    /// One that acts.
    fn live() -> Self {
        Self::new(Rules { enabled: true, shadow: false, ..Rules::default() })
    }
    /// A provider that was throttled when this process began.
    fn throttled(mut self, budget: &Arc<Budget>, now: &str) -> Self {
        let spent = self.rules.clone();
        self.rules.min_elapsed_days = 0;
        self.rules.min_spend_pct = 0;
        let limit = budget.limit.unwrap_or(1).max(1);
        self.evaluate(&[(budget, limit)], now);
        assert!(self.rows[0].engaged);
        self.rules = spent;
        self.told.clear();
        self
    }
    fn evaluate(&mut self, budgets: &[(&Arc<Budget>, i64)], now: &str) {
        let now = at(now);
        self.last = evaluate(&self.rules, &self.rows, &spent(budgets, now), now);
        for change in &self.last.changes {
            let name = change.row.name();
            self.rows.retain(|row| row.name() != name);
            if !change.gone {
                self.rows.push(change.row.clone());
            }
            let told = |event: &bursar_store::settings::ThrottleEvent| {
                (event.kind, event.reason.clone(), event.dry_run)
            };
            self.told.extend(change.events.iter().map(told));
        }
    }
    fn kinds(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.told).into_iter().map(|(kind, _, _)| kind.as_str()).collect()
    }
    fn acting(&self) -> bool {
        self.rows.iter().any(|row| row.acting)
    }
    fn message(&self) -> String {
        let events = self.last.changes.iter().flat_map(|change| &change.events);
        events.map(|event| event.message.clone()).collect::<Vec<_>>().join("\n")
    }
}

/// Rules: S0-02, S0-04, V T15.
#[test]
fn with_the_flag_off_all_is_a_dry_run_that_says_so() {
    let budget = budget("claude", Some("100"));
    for (enabled, shadow) in [(false, false), (false, true), (true, true)] {
        let mut story = Story::new(Rules { enabled, shadow, ..Rules::default() });
        story.evaluate(&[(&budget, usd("40"))], "2026-04-10");
        assert!(!story.acting());
        assert!(story.message().starts_with("dry run, nothing was re-routed: provider `claude` would be"));
        assert_eq!(story.told, [(ThrottleEventKind::WouldEngage, "over".to_owned(), true)]);
        // The same again tells nothing again.
        story.evaluate(&[(&budget, usd("41"))], "2026-04-10T01:00:00Z");
        assert_eq!(story.told.len(), 1);
        story.evaluate(&[(&budget, usd("41"))], "2026-04-14");
        assert_eq!(story.told.last().unwrap().0, ThrottleEventKind::WouldRelease);
    }
}

/// Rules: S0-04, S0-13.
#[test]
fn what_is_engaged_acts_when_the_rules_let_it_and_no_longer_when_they_do_not() {
    let budget = budget("claude", Some("100"));
    let mut story = Story::new(Rules::default());
    story.evaluate(&[(&budget, usd("40"))], "2026-04-10");
    story.rules = Rules { enabled: true, shadow: false, ..Rules::default() };
    story.evaluate(&[(&budget, usd("40"))], "2026-04-10");
    assert!(story.acting());
    story.rules = Rules::default();
    story.evaluate(&[(&budget, usd("40"))], "2026-04-10");
    assert!(!story.acting());
    assert_eq!(story.told.last(), Some(&(ThrottleEventKind::Released, "dry_run".to_owned(), false)));
    assert_eq!(story.kinds(), ["would_engage", "engaged", "released"]);
}

/// Rules: S0-16, V T21.
#[test]
fn a_new_month_begins_without_the_throttle_of_the_old_one() {
    let budget = budget("claude", Some("100"));
    let mut story = Story::live().throttled(&budget, "2026-04-29");
    story.evaluate(&[(&budget, 0)], "2026-05-01T00:00:00Z");
    assert_eq!(story.told[0].0, ThrottleEventKind::PeriodReset);
    assert_eq!(story.told[1], (ThrottleEventKind::Released, "period_reset".to_owned(), false));
    assert!(!story.acting());
    story.evaluate(&[(&budget, 0)], "2026-05-01T01:00:00Z");
    assert_eq!(story.told.len(), 2, "once");
    // What is spent before the evaluation does not hide the reset, and inside the band it does not hold.
    let mut story = Story::live().throttled(&budget, "2026-04-29");
    story.evaluate(&[(&budget, usd("10"))], "2026-05-03T00:00:00Z");
    assert_eq!(story.kinds(), ["period_reset", "released"]);
}

/// Rules: S0-08, S0-09, S0-17.
#[test]
fn each_budget_of_a_provider_has_its_own_hysteresis() {
    let month = budget("claude", Some("100"));
    let mut week = (*month).clone();
    (week.id, week.name) = (BudgetId(2), "week".into());
    week.period.kind = PeriodKind::Week { start: bursar_ledger::Weekday::Monday };
    let week = Arc::new(week);
    let mut story = Story::live();
    // Thursday 2026-04-09: day 4 of 7, day 9 of 30.
    story.evaluate(&[(&month, usd("29")), (&week, usd("70"))], "2026-04-09");
    assert_eq!(story.kinds(), ["engaged"]);
    assert!(story.message().contains("`week`"), "{}", story.message());
    // The week's own ratio is below 0.95; the month's is inside the band, which it never engaged.
    story.evaluate(&[(&month, usd("39")), (&week, usd("70"))], "2026-04-12");
    assert_eq!(story.kinds(), ["released"]);
}

/// Rules: S0-17.
#[test]
fn a_budget_without_a_provider_is_told_and_moves_nothing() {
    let all = Arc::new(Budget::new(BudgetId(1), "all", Measure::Usd, Some(usd("100")), PeriodKind::Month));
    let mut story = Story::live();
    story.evaluate(&[(&all, usd("60"))], "2026-04-10");
    assert!(!story.acting());
    story.evaluate(&[(&all, usd("60"))], "2026-04-25");
    assert_eq!(story.kinds(), ["projected", "projected_no_more"]);
}

/// Rules: S0-04.
#[test]
fn a_budget_in_shadow_throttles_in_shadow() {
    let mut shadow = (*budget("claude", Some("100"))).clone();
    shadow.mode = bursar_ledger::Mode::Shadow;
    let shadow = Arc::new(shadow);
    let mut story = Story::live();
    story.evaluate(&[(&shadow, usd("60"))], "2026-04-10");
    assert!(!story.acting());
    assert_eq!(story.kinds(), ["would_engage"]);
}

/// Rules: S0-22.
#[test]
fn a_persons_decision_wins_until_it_runs_out() {
    let budget = budget("claude", Some("100"));
    let mut story = Story::live().throttled(&budget, "2026-04-10");
    let row = &mut story.rows[0];
    (row.forced, row.forced_until, row.acting) = (Some(false), Some(at("2026-04-11")), false);
    story.evaluate(&[(&budget, usd("60"))], "2026-04-10T12:00:00Z");
    assert!(!story.acting() && story.rows[0].engaged);
    story.evaluate(&[(&budget, usd("60"))], "2026-04-11");
    assert!(story.acting());
    assert_eq!(story.kinds(), ["force_expired", "engaged"]);
    // Forced on, a throttle outlives its budget.
    let row = &mut story.rows[0];
    (row.forced, row.forced_until) = (Some(true), None);
    story.evaluate(&[], "2026-04-12");
    assert!(story.acting() && !story.rows[0].engaged);
}
