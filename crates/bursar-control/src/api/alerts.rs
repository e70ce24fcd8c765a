//! `/alerts`: what people were told, what became of telling them, and whether channels work.

use crate::alert::{ChannelKind, sample, test_channel};
use crate::auth::Actor;
use crate::page::List;
use crate::problem::Problem;
use crate::state::State;
use axum::Json;
use axum::extract::{Query, State as Shared};
use bursar_store::PageRequest;
use bursar_store::settings::{Alert, AlertEvent, Delivery};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// An alert and its deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertView {
    /// Its number, in the order of writing.
    id: i64,
    /// When it happened; RFC 3339.
    at: String,
    /// `threshold`, `exhausted`, `overage`, `projected`, `burn_spike`, `throttle_engaged`, `throttle_released`,
    /// `throttle_would_engage`, `throttle_would_release`, `throttle_stale`, `kill_on`, `kill_off`, `kill_expiring`,
    /// `circuit_opened`, `suspense`, `stale_requests`, `price_missing`, `key_expiring`, `ledger_trouble`,
    /// `ledger_drift`.
    event: &'static str,
    /// Whether quiet hours and digests do not hold it back.
    urgent: bool,
    /// `platform`, `project=alpha`, …
    scope: String,
    /// Tells it from every other: the same event is never written twice.
    dedup_key: String,
    /// The figures.
    #[schema(value_type = Object)]
    figures: serde_json::Value,
    /// What became of it, channel by channel.
    deliveries: Vec<DeliveryView>,
}

/// An alert on its way to a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// The channel.
    channel: String,
    /// `pending`, `delivered`, `failed`.
    state: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it is to be sent next; null once it is delivered or given up.
    due_at: Option<String>,
    /// When it was last tried.
    tried_at: Option<String>,
    /// Why the last try failed; null where it did not.
    problem: Option<String>,
}

/// Which alerts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsQuery {
    /// Of this event.
    event: Option<String>,
    /// Rows of the page.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which channel to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestInput {
    /// Its name; absent: every one.
    channel: Option<String>,
}

/// What a try brought.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tested {
    /// One for each channel.
    items: Vec<TestedChannel>,
}

/// What a channel made of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestedChannel {
    /// The channel.
    channel: String,
    /// `webhook`, `slack`, `discord`, `teams`, `telegram`, `email`.
    kind: &'static str,
    /// Whether it took the message.
    delivered: bool,
    /// Why not.
    problem: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test))
}

impl AlertView {
    fn of(alert: Alert, deliveries: Vec<Delivery>) -> Self {
        Self {
            id: alert.id,
            at: alert.at.to_string(),
            event: alert.event.as_str(),
            urgent: alert.event.is_urgent(),
            scope: alert.scope,
            dedup_key: alert.dedup_key,
            figures: alert.document,
            deliveries: deliveries.into_iter().map(DeliveryView::of).collect(),
        }
    }
}

impl DeliveryView {
    fn of(delivery: Delivery) -> Self {
        let pending = delivery.state == bursar_store::settings::DeliveryState::Pending;
        Self {
            channel: delivery.channel,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            due_at: pending.then(|| delivery.due_at.to_string()),
            tried_at: delivery.tried_at.map(|at| at.to_string()),
            problem: Some(delivery.problem).filter(|problem| !problem.is_empty()),
        }
    }
}

#[utoipa::path(get, path = "/alerts", tag = "alerts", params(AlertsQuery),
    responses((status = 200, body = List<AlertView>), (status = 400, body = Problem), (status = 422, body = Problem)))]
async fn list(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<AlertsQuery>,
) -> Result<Json<List<AlertView>>, Problem> {
    let event = query.event.as_deref().map(|word| {
        AlertEvent::parse(word).ok_or_else(|| {
            let words: Vec<&str> = AlertEvent::ALL.iter().map(|event| event.as_str()).collect();
            Problem::field("event", format!("`{word}` is none of {}", words.join(", ")))
        })
    });
    let page =
        PageRequest { cursor: query.cursor, limit: query.limit.unwrap_or(PageRequest::default().limit) };
    let found = state.settings.alerts(event.transpose()?, &page)?;
    let with = |alert: Alert| {
        state.settings.alert_deliveries(alert.id).map(|deliveries| AlertView::of(alert, deliveries))
    };
    let items = found.items.into_iter().map(with).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(List { items, next_cursor: found.next_cursor }))
}

#[utoipa::path(post, path = "/alerts/test", tag = "alerts", request_body = TestInput,
    responses((status = 200, body = Tested), (status = 422, body = Problem)))]
async fn test(
    _actor: Actor,
    Shared(state): Shared<Arc<State>>,
    Json(input): Json<TestInput>,
) -> Result<Json<Tested>, Problem> {
    let channels = state.alerts.channels();
    let wanted: Vec<_> = channels
        .iter()
        .filter(|channel| input.channel.as_ref().is_none_or(|name| *name == channel.name))
        .collect();
    if wanted.is_empty() {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        if names.is_empty() {
            return Err(Problem::field(
                "channel",
                "none is configured: write a section `[alerts.NAME]`, then `bursar reload`",
            ));
        }
        let (name, known) = (input.channel.unwrap_or_default(), names.join(", "));
        return Err(Problem::field("channel", format!("no channel `{name}`; there are: {known}")));
    }
    let mut items = Vec::new();
    for channel in wanted {
        let now = state.now();
        let tested = test_channel(&state, channel, sample(now), now).await;
        items.push(TestedChannel {
            channel: channel.name.clone(),
            kind: kind(&channel.kind),
            delivered: tested.is_ok(),
            problem: tested.err(),
        });
    }
    Ok(Json(Tested { items }))
}

const fn kind(kind: &ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Webhook { .. } => "webhook",
        ChannelKind::Slack { .. } => "slack",
        ChannelKind::Discord { .. } => "discord",
        ChannelKind::Teams { .. } => "teams",
        ChannelKind::Telegram { .. } => "telegram",
        ChannelKind::Email(_) => "email",
    }
}
