//! What the journal's entries tell: thresholds and limits that were reached, requests above their holds, unknown bills.

use bursar_core::{Measure, Timestamp, Value};
use bursar_ledger::Crossing;
use bursar_ledger::{Budget, Entry, Standing, Threshold, WindowId};
use bursar_store::journal::Seq;
use bursar_store::ledger::Ledger;
use bursar_store::settings::{AlertEvent, NewAlert};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The alerts of these entries, of those behind number `after`.
pub(crate) fn of_entries(ledger: &Ledger, entries: &[(Seq, Entry)], after: Seq) -> Vec<NewAlert> {
    let mut alerts = Vec::new();
    let mut suspended = None;
    for (seq, entry) in entries.iter().filter(|(seq, _)| *seq > after) {
        let (at, crossings) = match entry {
            Entry::Settled(settled) => {
                let above = |charge: i64, hold: i64| charge > hold;
                if above(settled.charge.list.nanos(), settled.hold.list.nanos()) {
                    let window = settled.windows.first().copied();
                    alerts.extend(window.map(|window| overage(ledger, window, settled)));
                }
                (settled.at, &settled.crossings)
            }
            Entry::Suspended { at, crossings, .. } => {
                suspended = Some(*at);
                (*at, crossings)
            }
            Entry::Adjusted { at, crossings, .. } => (*at, crossings),
            Entry::Opened(_)
            | Entry::Reserved(_)
            | Entry::Extended { .. }
            | Entry::Progressed { .. }
            | Entry::Released { .. }
            | Entry::Forgiven { .. }
            | Entry::BudgetPut { .. }
            | Entry::BudgetRemoved { .. }
            | Entry::PagedOut { .. }
            | Entry::PagedIn { .. }
            | Entry::Granted { .. }
            | Entry::GaveBack { .. }
            | Entry::Image(_) => continue,
        };
        alerts.extend(crossings.iter().map(|crossing| crossed(ledger, *crossing, at, *seq)));
    }
    alerts.extend(suspended.map(|at| suspense(ledger, at)));
    alerts
}

/// The key of an exhausted window: the journal and refusals tell of it alike. One value of `per` is the scope; several are
/// named all, for two windows may have the narrowest in common.
pub(super) fn exhausted_key(
    budget: &str,
    scope: &str,
    per: &[Option<Value>],
    starts_at: Option<Timestamp>,
) -> String {
    if per.len() < 2 {
        return format!("exhausted:{budget}:{scope}:{}", start(starts_at));
    }
    format!("exhausted:{budget}:{}:{}", values(per), start(starts_at))
}

/// The values of `per` in one text; those that requests omit are empty.
pub(super) fn values(per: &[Option<Value>]) -> String {
    let values: Vec<&str> =
        per.iter().map(|value| value.as_ref().map_or("", |value| value.as_str())).collect();
    values.join("/")
}

pub(super) fn start(starts_at: Option<Timestamp>) -> String {
    starts_at.map_or_else(|| "total".to_owned(), |at| at.to_string())
}

fn crossed(ledger: &Ledger, crossing: Crossing, at: Timestamp, seq: Seq) -> NewAlert {
    let full = matches!(crossing.threshold, Threshold::Percent(percent) if percent >= 100);
    let event = if full { AlertEvent::Exhausted } else { AlertEvent::Threshold };
    let Some((budget, standing)) = window(ledger, crossing.window, at) else {
        let dedup_key = format!("{event}:{}:{}", crossing.window, seq.number());
        return NewAlert { dedup_key, at, event, scope: "platform".to_owned(), document: json!({}) };
    };
    let mark = match crossing.threshold {
        Threshold::Percent(percent) => format!("{percent}%"),
        Threshold::Amount(amount) => budget.measure.format(amount),
    };
    let scope = standing.scope.to_string();
    let dedup_key = match crossing.threshold {
        Threshold::Percent(100) => exhausted_key(&budget.name, &scope, &standing.per, standing.starts_at),
        Threshold::Percent(_) | Threshold::Amount(_) => {
            format!("{event}:{}:{}:{mark}:{}", budget.name, values(&standing.per), start(standing.starts_at))
        }
    };
    let mut document = figures(&budget, &standing);
    put(&mut document, "threshold", Json::from(mark));
    NewAlert { dedup_key, at, event, scope, document }
}

fn overage(ledger: &Ledger, id: WindowId, settled: &bursar_ledger::Settled) -> NewAlert {
    let (at, event) = (settled.at, AlertEvent::Overage);
    let (list, hold) = (settled.charge.list, settled.hold.list);
    let (name, scope, starts_at) = match window(ledger, id, at) {
        Some((budget, standing)) => {
            (budget.name.to_string(), standing.scope.to_string(), start(standing.starts_at))
        }
        None => (id.to_string(), "platform".to_owned(), settled.id.to_string()),
    };
    let dedup_key = format!("{event}:{name}:{scope}:{starts_at}");
    let document = json!({
        "budget": name, "measure": "usd", "amount": list.to_string(), "held": hold.to_string(),
        "request_id": settled.id.request.to_string(),
    });
    NewAlert { dedup_key, at, event, scope, document }
}

/// All bills that are unknown now, told once an hour.
fn suspense(ledger: &Ledger, at: Timestamp) -> NewAlert {
    let open = ledger.suspense().unwrap_or_default();
    let sum = open.iter().fold(bursar_core::Usd::ZERO, |sum, one| sum.saturating_add(one.reserved.hold.list));
    let hour = at.seconds().div_euclid(3_600);
    let document = json!({ "measure": "usd", "count": open.len().max(1), "amount": sum.to_string() });
    let event = AlertEvent::Suspense;
    NewAlert { dedup_key: format!("{event}:{hour}"), at, event, scope: "platform".to_owned(), document }
}

fn window(ledger: &Ledger, id: WindowId, at: Timestamp) -> Option<(Arc<Budget>, Standing)> {
    let standing = ledger.standing_of(id, at).ok().flatten()?;
    let budget = ledger.look(|engine| engine.budget_of(standing.budget).cloned()).ok().flatten()?;
    Some((budget, standing))
}

pub(super) fn figures(budget: &Budget, standing: &Standing) -> Json {
    let measure: Measure = budget.measure;
    let spent = standing.settled.saturating_add(standing.suspense);
    json!({
        "budget": &*budget.name,
        "measure": measure.as_str(),
        "spent": measure.format(spent),
        "limit": standing.limit.map(|limit| measure.format(limit)),
        "starts_at": standing.starts_at.map(|at| at.to_string()),
        "resets_at": standing.resets_at.map(|at| at.to_string()),
    })
}

pub(super) fn put(document: &mut Json, name: &str, value: Json) {
    if let Json::Object(fields) = document {
        fields.insert(name.to_owned(), value);
    }
}
