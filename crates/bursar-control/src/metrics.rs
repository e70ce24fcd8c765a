//! `/metrics` in Prometheus' text format. Labels are bounded; never a key or a user.

use crate::state::State;
use axum::extract::State as Shared;
use axum::http::{HeaderName, header};
use bursar_core::{UsageClass, Usd};
use bursar_govern::story::{Status, Story};
use bursar_store::settings::Tried;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Labels of requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    api_format: String,
    provider: String,
    model: String,
    status: String,
}

/// Labels of refusals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    code: String,
}

/// Labels of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    class: String,
    provider: String,
    model: String,
}

/// Labels of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    channel: String,
    result: &'static str,
}

/// Cost basis, provider, model.
type CostLabels = (&'static str, String, String);

/// Counters that requests move.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    alerts: Family<AlertLabels, Counter>,
    /// Nano-USD: written as exact decimals, which the registry's own counters cannot.
    cost: Mutex<BTreeMap<CostLabels, i64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let refusals = Family::default();
        let tokens = Family::default();
        let alerts = Family::default();
        registry.register("bursar_requests", "Requests by how they ended", requests.clone());
        registry.register("bursar_refusals", "Refusals by code", refusals.clone());
        registry.register("bursar_tokens", "Tokens by class", tokens.clone());
        registry.register("bursar_alerts", "Alerts by channel and what became of a try", alerts.clone());
        Self { registry, requests, refusals, tokens, alerts, cost: Mutex::default() }
    }
}

impl Metrics {
    /// Counts what a try with so many alerts brought.
    pub(crate) fn alert(&self, channel: &str, tried: &Tried, alerts: usize) {
        let result = match tried {
            Tried::Delivered => "delivered",
            Tried::Again(..) => "retried",
            Tried::GaveUp(_) => "failed",
        };
        let labels = AlertLabels { channel: channel.to_owned(), result };
        self.alerts.get_or_create(&labels).inc_by(u64::try_from(alerts).unwrap_or(u64::MAX));
    }
    /// Counts one ended request. A model that was never priced is not a label: clients could make it anything.
    pub fn count(&self, story: &Story) {
        let provider = story.attempts.last().map(|attempt| attempt.provider.clone()).unwrap_or_default();
        let model = story.price.as_ref().map(|price| price.row.model().to_owned()).unwrap_or_default();
        let labels = RequestLabels {
            api_format: story.api_format.to_string(),
            provider: provider.clone(),
            model: model.clone(),
            status: story.status.as_str().to_owned(),
        };
        self.requests.get_or_create(&labels).inc();
        if let (Status::Denied, Some(refusal)) = (story.status, &story.refusal) {
            self.refusals.get_or_create(&RefusalLabels { code: refusal.code.to_string() }).inc();
        }
        for class in UsageClass::TOKENS {
            let count = story.usage.get(class);
            if count > 0 {
                let labels = TokenLabels {
                    class: class.to_string(),
                    provider: provider.clone(),
                    model: model.clone(),
                };
                self.tokens.get_or_create(&labels).inc_by(count);
            }
        }
        let list = story.cost.as_ref().map_or(0, |cost| cost.list.nanos());
        for (basis, nanos) in [("list", list), ("effective", story.effective.nanos())] {
            let mut cost = self.cost.lock();
            let sum = cost.entry((basis, provider.clone(), model.clone())).or_default();
            *sum = sum.saturating_add(nanos);
        }
    }
}

pub(crate) async fn answer(Shared(state): Shared<Arc<State>>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    if encode(&mut text, &state.metrics.registry).is_err() {
        tracing::warn!("metrics could not be written");
    }
    let mut text = text.trim_end_matches("# EOF\n").to_owned();
    budgets(&state, &mut text);
    let on = state.governor.kills().list(state.now()).len();
    text.push_str(&format!("# TYPE bursar_kill_active gauge\nbursar_kill_active {on}\n"));
    throttled(&state, &mut text);
    kept(&state, &mut text);
    text.push_str("# EOF\n");
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

/// Gauges of budgets without `per`, straight from the ledger: exact decimals, no float on the way.
fn budgets(state: &State, text: &mut String) {
    use std::fmt::Write as _;
    let now = state.now();
    let ledger = state.governor.ledger();
    let budgets =
        ledger.look(|engine| engine.budgets().filter(|b| b.per.is_empty()).cloned().collect::<Vec<_>>());
    let names = ["limit", "settled", "held", "suspense", "remaining"];
    let mut lines: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for budget in budgets.unwrap_or_default().iter().take(1_000) {
        for standing in ledger.standing(budget.id, now).unwrap_or_default() {
            let values = [
                standing.limit,
                Some(standing.settled),
                Some(standing.held),
                Some(standing.suspense),
                standing.remaining,
            ];
            for ((name, value), lines) in names.iter().zip(values).zip(&mut lines) {
                if let Some(value) = value {
                    let amount = budget.measure.format(value);
                    let label = budget.name.replace('\\', "\\\\").replace('"', "\\\"");
                    lines.push(format!("bursar_budget_{name}{{budget=\"{label}\"}} {amount}"));
                }
            }
        }
    }
    for (name, lines) in names.iter().zip(&lines) {
        let _ = writeln!(text, "# TYPE bursar_budget_{name} gauge");
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = writeln!(text, "# TYPE bursar_cost_usd counter");
    for ((basis, provider, model), nanos) in state.metrics.cost.lock().iter() {
        let usd = Usd::from_nanos(*nanos);
        let _ = writeln!(
            text,
            "bursar_cost_usd_total{{basis=\"{basis}\",provider=\"{provider}\",model=\"{model}\"}} {usd}"
        );
    }
}

/// What requests leave behind: attempts that nobody ends, and headers and bodies that found no room.
fn kept(state: &State, text: &mut String) {
    use std::fmt::Write as _;
    let _ = writeln!(text, "# TYPE bursar_stale_requests gauge");
    if let Some(stale) = crate::reports::active::stale(state.governor.ledger(), state.now()) {
        let _ = writeln!(text, "bursar_stale_requests {stale}");
    }
    let _ = writeln!(text, "# TYPE bursar_details_dropped counter");
    let _ = writeln!(text, "bursar_details_dropped_total {}", state.governor.capturer().dropped());
}

/// Whether anything of each provider is routed away from.
fn throttled(state: &State, text: &mut String) {
    use std::fmt::Write as _;
    let throttled = state.governor.throttled();
    let _ = writeln!(text, "# TYPE bursar_throttled gauge");
    for provider in &state.governor.directory().providers {
        let name = provider.name.as_str();
        let value = u8::from(throttled.providers().any(|own| own == name));
        let label = name.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "bursar_throttled{{provider=\"{label}\"}} {value}");
    }
}
