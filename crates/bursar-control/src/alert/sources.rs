//! Sources that are looked at from time to time: throttles, kill switches, keys, the pace of projects, the ledger's health.

use super::limits::{KEY_EXPIRING_S, ROWS, SPIKE_LEAST_NANOS, SPIKE_TIMES};
use crate::kill::EXPIRING_S;
use crate::state::State;
use bursar_core::{Timestamp, Usd};
use bursar_govern::circuits::RouteEvent;
use bursar_store::PageRequest;
use bursar_store::records::{Dimension, NameFilter, RecordsError};
use bursar_store::settings::{
    Action, AlertEvent, AlertSource, AuditEntry, KeyFilter, NewAlert, Object, SettingsError, ThrottleEvent,
    ThrottleEventKind as Kind,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Why a source was not read. It is read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Events of throttles and changes of kill switches that are new, each with how far they were read.
pub(super) fn in_order(state: &State) -> Result<(), SourceError> {
    let settings = &state.settings;
    let events = settings.throttle_events_after(settings.alert_cursor(AlertSource::Throttle)?, ROWS)?;
    if let Some(last) = events.last() {
        let alerts: Vec<NewAlert> = events.iter().filter_map(throttle).collect();
        settings.note_alerts(&alerts, Some((AlertSource::Throttle, last.id)))?;
    }
    let after = settings.alert_cursor(AlertSource::Audit)?;
    let entries = settings.audit_after(after, Object::KillSwitch, ROWS)?;
    if let Some(last) = entries.last() {
        let alerts: Vec<NewAlert> = entries.iter().filter_map(kill).collect();
        settings.note_alerts(&alerts, Some((AlertSource::Audit, last.id)))?;
    }
    Ok(())
}

/// Whether the ledger can no longer write.
pub(super) fn trouble(state: &State, now: Timestamp) -> Option<NewAlert> {
    let down = state.governor.ledger().down()?;
    let event = AlertEvent::LedgerTrouble;
    let dedup_key = format!("{event}:{}", now.seconds().div_euclid(3_600));
    let document = json!({ "why": down.to_string() });
    Some(NewAlert { dedup_key, at: now, event, scope: "platform".to_owned(), document })
}

/// What ends soon.
pub(super) fn soon(state: &State, now: Timestamp) -> Result<(), SourceError> {
    let mut alerts = Vec::new();
    for switch in state.settings.kill_switches_on()? {
        let Some(until) = switch.until else { continue };
        if until > now && until <= now.plus_seconds(EXPIRING_S) {
            let event = AlertEvent::KillExpiring;
            let document = json!({
                "until": until.to_string(), "reason": switch.reason, "actor": switch.actor,
            });
            let dedup_key = format!("{event}:{}:{until}", switch.id);
            alerts.push(NewAlert { dedup_key, at: now, event, scope: switch.scope.to_string(), document });
        }
    }
    note_new(state, alerts)
}

/// Circuits that opened, told once an hour for each endpoint: one that opens and closes is one fault.
pub(super) fn circuits(state: &State) -> Result<(), SourceError> {
    let told = |event: RouteEvent| {
        let RouteEvent::CircuitOpened { endpoint, at, until } = event else { return None };
        let (event, hour) = (AlertEvent::CircuitOpened, at.seconds().div_euclid(3_600));
        let provider = endpoint.provider.to_string();
        let credential = endpoint.credential.map(|name| name.to_string());
        Some(NewAlert {
            dedup_key: format!("{event}:{provider}:{}:{hour}", credential.as_deref().unwrap_or_default()),
            at,
            event,
            scope: format!("provider={provider}"),
            document: json!({
                "provider": provider, "credential": credential, "until": until.to_string(),
            }),
        })
    };
    let alerts: Vec<NewAlert> =
        state.governor.circuits().drain_events().into_iter().filter_map(told).collect();
    note_new(state, alerts)
}

/// Keys that end soon.
pub(super) fn keys(state: &State, now: Timestamp) -> Result<(), SourceError> {
    let mut page = PageRequest::first(bursar_core::limits::PAGE_MAX);
    loop {
        let found = state.settings.keys(&KeyFilter::default(), &page)?;
        let soon = found.items.iter().filter_map(|(key, _)| {
            let until = key.expires_at.filter(|at| *at > now && *at <= now.plus_seconds(KEY_EXPIRING_S))?;
            let event = AlertEvent::KeyExpiring;
            let document = json!({
                "key": key.id.to_string(), "name": key.name, "project": key.project, "user": key.user,
                "until": until.to_string(),
            });
            let (dedup_key, scope) =
                (format!("{event}:{}:{until}", key.id), format!("project={}", key.project));
            Some(NewAlert { dedup_key, at: now, event, scope, document })
        });
        note_new(state, soon.collect())?;
        match page.after(&found) {
            Some(next) => page = next,
            None => return Ok(()),
        }
    }
}

/// Projects whose last full hour cost several times the most of the 24 hours before it. Once a day each.
pub(super) fn pace(state: &State, now: Timestamp) -> Result<(), SourceError> {
    let hour = now.seconds().div_euclid(3_600);
    let edges: Vec<Timestamp> =
        (hour - 25..=hour).map(|hour| Timestamp::from_micros(hour * 3_600_000_000)).collect();
    let hours = state.records.usage_by_period(&edges, &[Dimension::Project], &NameFilter::new())?;
    let costs: Vec<Costs> = hours
        .iter()
        .map(|rows| {
            let mut costs = Costs::new();
            for row in rows {
                let Some(project) = row.names.first().filter(|name| !name.is_empty()) else { continue };
                *costs.entry(project.to_string()).or_default() += row.sums.effective_cost;
            }
            costs
        })
        .collect();
    let day = hour.div_euclid(24);
    let alert = |(project, cost, usual): (String, i64, i64)| NewAlert {
        dedup_key: format!("{}:{project}:{day}", AlertEvent::BurnSpike),
        at: now,
        event: AlertEvent::BurnSpike,
        scope: format!("project={project}"),
        document: json!({
            "project": project, "measure": "usd", "spent": Usd::from_nanos(cost).to_string(),
            "usual": Usd::from_nanos(usual).to_string(),
        }),
    };
    note_new(state, spikes(&costs).into_iter().map(alert).collect())
}

/// What each project cost in an hour, in nano-USD.
pub(super) type Costs = BTreeMap<String, i64>;

/// Projects whose last hour is a spike: what it cost, and the most of the hours before.
pub(super) fn spikes(hours: &[Costs]) -> Vec<(String, i64, i64)> {
    let Some((last, before)) = hours.split_last() else { return Vec::new() };
    let spike = |(project, cost): (&String, &i64)| {
        let usual = before.iter().filter_map(|hour| hour.get(project)).copied().max().unwrap_or(0);
        // Who spent nothing before has no pace yet.
        let is_spike = usual > 0 && *cost >= SPIKE_LEAST_NANOS && *cost > usual.saturating_mul(SPIKE_TIMES);
        is_spike.then(|| (project.clone(), *cost, usual))
    };
    last.iter().filter_map(spike).collect()
}

pub(super) fn note_new(state: &State, alerts: Vec<NewAlert>) -> Result<(), SourceError> {
    let mut new = Vec::new();
    for alert in alerts {
        if !state.settings.alert_is_known(&alert.dedup_key)? {
            new.push(alert);
        }
    }
    if !new.is_empty() {
        state.settings.note_alerts(&new, None)?;
    }
    Ok(())
}

pub(super) fn throttle(event: &ThrottleEvent) -> Option<NewAlert> {
    let told = match event.kind {
        Kind::Engaged | Kind::ForcedOn => AlertEvent::ThrottleEngaged,
        Kind::Released | Kind::ForcedOff => AlertEvent::ThrottleReleased,
        Kind::WouldEngage => AlertEvent::ThrottleWouldEngage,
        Kind::WouldRelease => AlertEvent::ThrottleWouldRelease,
        Kind::Projected => AlertEvent::Projected,
        Kind::Stale => AlertEvent::ThrottleStale,
        // Told by what follows them, or no news.
        Kind::PeriodReset
        | Kind::Cleared
        | Kind::ForceExpired
        | Kind::ProjectedNoMore
        | Kind::Fresh
        | Kind::RulesChanged => return None,
    };
    let scope = match (event.provider.as_str(), &event.project, &event.model) {
        ("*" | "", Some(project), _) => format!("project={project}"),
        ("*" | "", None, Some(model)) => format!("model={model}"),
        ("*" | "", None, None) => "platform".to_owned(),
        (provider, ..) => format!("provider={provider}"),
    };
    let mut document = event.document.clone();
    if !document.is_object() {
        document = json!({});
    }
    if let Value::Object(fields) = &mut document {
        fields.insert("provider".to_owned(), json!(event.provider));
        fields.insert("project".to_owned(), json!(event.project));
        fields.insert("model".to_owned(), json!(event.model));
        fields.insert("dry_run".to_owned(), json!(event.dry_run));
        fields.insert("actor".to_owned(), json!(event.actor));
        fields.insert("reason".to_owned(), json!(event.reason));
    }
    Some(NewAlert { dedup_key: format!("throttle:{}", event.id), at: event.at, event: told, scope, document })
}

fn kill(entry: &AuditEntry) -> Option<NewAlert> {
    if entry.object != Object::KillSwitch {
        return None;
    }
    let event = match entry.action {
        Action::TurnOn => AlertEvent::KillOn,
        Action::TurnOff => AlertEvent::KillOff,
        Action::Create
        | Action::Update
        | Action::Delete
        | Action::Rotate
        | Action::Revoke
        | Action::Correct
        | Action::Retain => return None,
    };
    let switch = entry.after.as_ref().or(entry.before.as_ref());
    let get = |name: &str| switch.and_then(|switch| switch.get(name)).and_then(Value::as_str);
    let scope = get("scope").unwrap_or(&entry.name).to_owned();
    let document = json!({ "actor": entry.actor, "reason": get("reason"), "until": get("until") });
    Some(NewAlert { dedup_key: format!("kill:{}", entry.id), at: entry.at, event, scope, document })
}
