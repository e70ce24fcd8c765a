//! Budgets of users, keys, agents, runs, sessions and tags that are on their way past their limits. Those over providers,
//! projects and models are the throttle's, which tells of them itself.

use super::entries::{figures, put, start, values};
use super::sources::{SourceError, note_new};
use crate::state::State;
use crate::throttle::{Rules, Spend, Status, is_watched, judge};
use bursar_core::Timestamp;
use bursar_ledger::{Budget, Interval, Standing};
use bursar_store::settings::{AlertEvent, NewAlert};
use serde_json::Value;
use std::sync::Arc;

/// Windows that are looked at: as many as the throttle watches, each in well under a microsecond.
const WINDOWS_MAX: usize = 4_096;

/// Tells of every window that is projected past its limit by the throttle's rules, once.
pub(super) fn look(state: &State, now: Timestamp) -> Result<(), SourceError> {
    let ledger = state.governor.ledger();
    let meant = |budget: &&Arc<Budget>| budget.active && !is_watched(budget);
    let budgets = ledger.look(|engine| engine.budgets().filter(meant).cloned().collect::<Vec<_>>());
    // A ledger that is down is told of by itself.
    let Ok(budgets) = budgets else { return Ok(()) };
    let rules = state.throttle.rules();
    let mut alerts = Vec::new();
    let mut left = WINDOWS_MAX;
    for budget in budgets {
        let Ok(standings) = ledger.standing(budget.id, now) else { return Ok(()) };
        let looked = standings.iter().take(left);
        alerts.extend(looked.filter_map(|standing| told(&rules, &budget, standing, now)));
        left = left.saturating_sub(standings.len());
    }
    note_new(state, alerts)
}

fn told(rules: &Rules, budget: &Budget, standing: &Standing, now: Timestamp) -> Option<NewAlert> {
    let spend = Spend {
        period: &budget.period,
        interval: Interval { starts_at: standing.starts_at, ends_at: standing.ends_at },
        measure: budget.measure,
        spent: standing.settled.saturating_add(standing.suspense),
        limit: standing.limit,
    };
    let verdict = judge(rules, &spend, false, now);
    if verdict.status != Status::Over {
        return None;
    }
    let event = AlertEvent::Projected;
    let mut document = figures(budget, standing);
    for (name, shown) in [("projected", verdict.projected), ("ratio", verdict.ratio)] {
        put(&mut document, name, shown.map_or(Value::Null, |shown| Value::from(shown.to_string())));
    }
    put(&mut document, "engage_ratio", Value::from(rules.engage_ratio.to_string()));
    let dedup_key =
        format!("{event}:{}:{}:{}", budget.name, values(&standing.per), start(standing.starts_at));
    Some(NewAlert { dedup_key, at: now, event, scope: standing.scope.to_string(), document })
}
