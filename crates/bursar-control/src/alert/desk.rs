//! The desk: looks at the sources, gives each alert its deliveries, and tries them, every channel by itself.

use super::channel::Channel;
use super::farewell::Farewell;
use super::limits::{BACK_OFF_FIRST_MS, BACK_OFF_MAX_MS, DIGEST_MAX, DRAIN, ROWS, SLOW_S, TICK};
use super::projected;
use super::send::{Courier, SendError};
use super::sources::{self, SourceError};
use super::stale::Sweeps;
use crate::state::State;
use arc_swap::ArcSwap;
use bursar_core::Timestamp;
use bursar_store::settings::{Alert, AlertSource, NewDelivery, SettingsError, Tried};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// What the control plane knows about channels.
#[derive(Default)]
pub struct AlertDesk {
    channels: ArcSwap<Vec<Arc<Channel>>>,
    /// Channels that are being spoken to.
    busy: Mutex<BTreeSet<String>>,
    looked: Mutex<Looked>,
}

/// When slow sources were last looked at.
#[derive(Default)]
struct Looked {
    soon: Timestamp,
    minute: i64,
    hour: i64,
    stale: Sweeps,
    failures: u32,
}

impl AlertDesk {
    /// Sets the channels of the configuration.
    pub fn set_channels(&self, channels: Vec<Channel>) {
        self.channels.store(Arc::new(channels.into_iter().map(Arc::new).collect()));
    }
    /// Takes a channel to speak to it; whether nobody else does.
    pub(super) fn take(&self, name: &str) -> bool {
        self.busy.lock().insert(name.to_owned())
    }
    pub(crate) fn channels(&self) -> Arc<Vec<Arc<Channel>>> {
        self.channels.load_full()
    }
}

/// Looks at sources and delivers until told to stop. Blocks its own thread on the disk, so it has one.
pub async fn deliver_alerts(state: Arc<State>, mut stopped: watch::Receiver<bool>) {
    let courier = match Courier::new() {
        Ok(courier) => courier,
        Err(error) => {
            tracing::error!(%error, "no TLS for alerts: they are kept and not delivered");
            return;
        }
    };
    let tasks = TaskTracker::new();
    let mut last = Farewell::default();
    loop {
        look(&state);
        last.begin(&state, &courier);
        for channel in state.alerts.channels().iter() {
            if state.alerts.take(&channel.name) {
                let (state, channel, courier) = (Arc::clone(&state), Arc::clone(channel), courier.clone());
                tasks.spawn(async move {
                    tell(&state, &channel, &courier).await;
                    state.alerts.busy.lock().remove(&channel.name);
                });
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("alerts under way were cut; they are sent again at the next start");
    }
    last.end(&state, &courier).await;
}

/// Tells one channel something made up, at once; the problem where it does not take it.
pub(crate) async fn test_channel(
    state: &State,
    channel: &Channel,
    alert: Alert,
    now: Timestamp,
) -> Result<(), String> {
    let courier = Courier::new().map_err(|error| error.to_string())?;
    send(state, channel, &courier, &[alert], now).await.map_err(|error| error.problem)
}

/// One try, with the channel's secrets as they are now.
pub(super) async fn send(
    state: &State,
    channel: &Channel,
    courier: &Courier,
    alerts: &[Alert],
    now: Timestamp,
) -> Result<(), SendError> {
    let channel = channel.unsealed(state).map_err(SendError::new)?;
    courier.send(&channel, alerts, now).await
}

/// Brings what happened into the outbox, and the outbox to the channels. Fails open: it is tried again.
fn look(state: &State) {
    let now = state.now();
    let mut looked = state.alerts.looked.lock();
    let worked = sources::in_order(state)
        .and_then(|()| sources::circuits(state))
        .and_then(|()| slowly(state, &mut looked, now))
        .and_then(|()| plan(state, now).map_err(SourceError::from));
    match worked {
        Ok(()) => looked.failures = 0,
        Err(error) => {
            looked.failures = looked.failures.saturating_add(1);
            if looked.failures.is_power_of_two() {
                tracing::error!(%error, failures = looked.failures, "cannot look for alerts");
            }
        }
    }
}

fn slowly(state: &State, looked: &mut Looked, now: Timestamp) -> Result<(), SourceError> {
    if now < looked.soon.plus_seconds(SLOW_S) && looked.soon <= now {
        return Ok(());
    }
    sources::soon(state, now)?;
    looked.stale.sweep(state, now)?;
    looked.soon = now;
    let minute = now.seconds().div_euclid(60);
    if minute != looked.minute {
        projected::look(state, now)?;
        looked.minute = minute;
    }
    let hour = now.seconds().div_euclid(3_600);
    if hour != looked.hour {
        sources::keys(state, now)?;
        sources::pace(state, now)?;
        looked.hour = hour;
    }
    Ok(())
}

/// Gives new alerts their deliveries, and gives up those of channels that are gone.
pub(super) fn plan(state: &State, now: Timestamp) -> Result<(), SettingsError> {
    let channels = state.alerts.channels();
    loop {
        let after = state.settings.alert_cursor(AlertSource::Channels)?;
        let alerts = state.settings.alerts_after(after, ROWS)?;
        let Some(last) = alerts.last() else { break };
        let mut deliveries = Vec::new();
        for alert in &alerts {
            let urgent = alert.event.is_urgent();
            for channel in channels.iter().filter(|channel| channel.wants(alert)) {
                let wait_s = if urgent { 0 } else { channel.digest_s };
                deliveries.push(NewDelivery {
                    alert: alert.id,
                    channel: channel.name.clone(),
                    urgent,
                    due_at: now.plus_seconds(wait_s),
                });
            }
        }
        state.settings.plan_deliveries(&deliveries, last.id)?;
    }
    for name in state.settings.pending_channels()? {
        if !channels.iter().any(|channel| channel.name == name) {
            let given_up =
                state.settings.abandon_deliveries(&name, "the channel is not configured any more")?;
            tracing::warn!(channel = name, given_up, "alerts for a channel that is gone are not delivered");
        }
    }
    Ok(())
}

/// Sends what is due until nothing is.
pub(super) async fn tell(state: &State, channel: &Channel, courier: &Courier) {
    loop {
        let now = state.now();
        let found = state.settings.pending_deliveries(&channel.name, channel.is_quiet(now), DIGEST_MAX);
        let rows = match found {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, channel = channel.name, "deliveries cannot be read");
                return;
            }
        };
        let (alerts, attempts) = batch(channel, rows, now);
        if alerts.is_empty() {
            return;
        }
        let sent = send(state, channel, courier, &alerts, now).await;
        let tried = outcome(channel, &alerts, attempts, sent, state.now());
        state.metrics.alert(&channel.name, &tried, alerts.len());
        let ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
        // What was sent and is not written would be sent again: nothing more goes to this channel until it is.
        while let Err(error) = state.settings.tried_deliveries(&channel.name, &ids, &tried, state.now()) {
            tracing::error!(%error, channel = channel.name, "what became of alerts cannot be written");
            tokio::time::sleep(DRAIN).await;
        }
    }
}

/// What goes into the next message: what failed together is sent together again, under the same id.
pub(super) fn batch(
    channel: &Channel,
    rows: Vec<(Alert, u32, Timestamp)>,
    now: Timestamp,
) -> (Vec<Alert>, u32) {
    let Some((_, attempts, due_at)) =
        rows.first().map(|(alert, attempts, due_at)| (alert.id, *attempts, *due_at))
    else {
        return (Vec::new(), 0);
    };
    if due_at > now {
        return (Vec::new(), 0);
    }
    let most = if channel.digest_s > 0 { rows.len() } else { 1 };
    let together = |row: &&(Alert, u32, Timestamp)| match attempts {
        0 => row.1 == 0,
        _ => row.1 == attempts && row.2 == due_at,
    };
    let most = if attempts > 0 { rows.len() } else { most };
    let mut alerts: Vec<Alert> = rows.iter().filter(together).take(most).map(|row| row.0.clone()).collect();
    alerts.sort_by_key(|alert| alert.id);
    (alerts, attempts)
}

fn outcome(
    channel: &Channel,
    alerts: &[Alert],
    attempts: u32,
    sent: Result<(), SendError>,
    now: Timestamp,
) -> Tried {
    let Err(SendError { problem, retry_after_s }) = sent else { return Tried::Delivered };
    let tries = attempts.saturating_add(1);
    let count = alerts.len();
    if tries >= channel.attempts.max(1) {
        tracing::error!(channel = channel.name, tries, alerts = count, problem, "alerts are given up");
        return Tried::GaveUp(problem);
    }
    let doubled = BACK_OFF_FIRST_MS.saturating_mul(1i64.checked_shl(attempts.min(30)).unwrap_or(i64::MAX));
    let wait = doubled.min(BACK_OFF_MAX_MS);
    // Spread over a quarter, so that alerts that failed together do not come back at one instant.
    let seed =
        alerts.first().map_or(0, |alert| alert.id).wrapping_mul(2_654_435_761).wrapping_add(now.micros());
    let jitter = seed.rem_euclid(wait / 4 + 1);
    let asked = retry_after_s.unwrap_or(0).clamp(0, BACK_OFF_MAX_MS / 1_000) * 1_000;
    let wait = (wait + jitter).max(asked);
    tracing::warn!(
        channel = channel.name,
        tries,
        alerts = count,
        problem,
        wait_ms = wait,
        "an alert was not taken"
    );
    Tried::Again(now.plus_millis(wait), problem)
}
