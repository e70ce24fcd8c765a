//! Gauges of budgets, straight from the ledger: exact decimals, no float on the way, and a bounded number of them.

use super::catalogue as of;
use super::page::Page;
use crate::state::State;
use bursar_core::{Attribute, Timestamp};
use bursar_ledger::{Budget, Standing};
use bursar_store::ledger::Ledger;
use std::sync::Arc;

/// Budgets that are shown: what a page of a dashboard can still hold ten times over.
const BUDGETS_MAX: usize = 1_000;
/// Windows of a budget with `per` that are shown.
const TOP: usize = 5;
/// Windows that a scrape looks through: a fraction of a millisecond under the ledger's lock.
const LOOKED_THROUGH_MAX: usize = 10_000;

/// A window and the values of its labels `per` and `top`.
type Shown = (Standing, String, String);

/// One amount of a standing, where it has one.
type Amount = fn(&Standing) -> Option<i64>;

/// Writes every budget's windows, and what all attempts together hold.
pub(super) fn write(state: &State, page: &mut Page) {
    let now = state.now();
    let ledger = state.governor.ledger();
    let budgets = ledger.look(|engine| engine.budgets().take(BUDGETS_MAX).cloned().collect::<Vec<_>>());
    let budgets = budgets.unwrap_or_default();
    let shown: Vec<(&Arc<Budget>, Vec<Shown>)> =
        budgets.iter().map(|budget| (budget, windows(ledger, budget, now))).collect();
    let amounts: [(_, Amount); 5] = [
        (of::LIMIT, |standing| standing.limit),
        (of::SETTLED, |standing| Some(standing.settled)),
        (of::HELD, |standing| Some(standing.held)),
        (of::BUDGET_SUSPENSE, |standing| Some(standing.suspense)),
        (of::REMAINING, |standing| standing.remaining),
    ];
    for (metric, amount) in amounts {
        page.begin(&metric);
        for (budget, windows) in &shown {
            for (standing, per, top) in windows {
                if let Some(value) = amount(standing) {
                    let labels = [&*budget.name, budget.measure.as_str(), per, top];
                    page.sample(&metric, &labels, budget.measure.format(value));
                }
            }
        }
    }
    page.begin(&of::WINDOWS);
    for budget in budgets.iter().filter(|budget| !budget.per.is_empty()) {
        let count = ledger.look(|engine| engine.window_count(budget.id)).unwrap_or(0);
        page.sample(&of::WINDOWS, &[&budget.name], count);
    }
}

/// The window of a budget without `per`, the fullest of another.
fn windows(ledger: &Ledger, budget: &Budget, now: Timestamp) -> Vec<Shown> {
    let count = ledger.look(|engine| engine.window_count(budget.id)).unwrap_or(usize::MAX);
    if !budget.per.is_empty() && count > LOOKED_THROUGH_MAX {
        return Vec::new();
    }
    let mut standings = ledger.look(|engine| engine.standing(budget.id, now)).unwrap_or_default();
    if budget.per.is_empty() {
        return standings
            .into_iter()
            .take(1)
            .map(|standing| (standing, String::new(), String::new()))
            .collect();
    }
    let used = |standing: &Standing| {
        let used = [standing.settled, standing.suspense, standing.held];
        used.into_iter().map(i128::from).sum::<i128>()
    };
    standings.sort_by_key(|standing| (std::cmp::Reverse(used(standing)), standing.window));
    standings.truncate(TOP);
    let named = budget.per.iter().all(is_operators);
    let labelled = |(rank, standing): (usize, Standing)| {
        let values = standing.per.iter().map(|value| value.as_ref().map_or("", |value| value.as_str()));
        let pairs = budget.per.iter().zip(values).map(|(name, value)| format!("{name}={value}"));
        let per = if named { pairs.collect::<Vec<_>>().join(",") } else { String::new() };
        let top = if named { String::new() } else { (rank + 1).to_string() };
        (standing, per, top)
    };
    standings.into_iter().enumerate().map(labelled).collect()
}

/// Whether the operator names all values that it can have, and no value is a person or a key.
const fn is_operators(attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Project | Attribute::Provider | Attribute::Endpoint | Attribute::ApiFormat => true,
        Attribute::Model
        | Attribute::ServedModel
        | Attribute::Run
        | Attribute::Session
        | Attribute::Agent
        | Attribute::Key
        | Attribute::User
        | Attribute::Credential
        | Attribute::Tag(_) => false,
    }
}
