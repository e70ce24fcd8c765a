//! The last message of a process that ends because its ledger cannot write: through the outbox where that can be written, else
//! straight from memory, for what keeps the ledger from writing may keep the outbox from it too.

use super::channel::Channel;
use super::desk::{plan, send, tell};
use super::limits::{BACK_OFF_FIRST_MS, FAREWELL, FAREWELL_TRIES};
use super::send::Courier;
use super::sources::{SourceError, note_new, trouble};
use crate::state::State;
use bursar_core::Timestamp;
use bursar_store::settings::{Alert, NewAlert};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The last message, once there is one.
#[derive(Default)]
pub(super) struct Farewell {
    /// Whether it is in the outbox, once the ledger cannot write.
    kept: Option<bool>,
    telling: JoinSet<()>,
}

impl Farewell {
    /// Begins with it as soon as the ledger cannot write: requests that still end may take a while.
    pub(super) fn begin(&mut self, state: &Arc<State>, courier: &Courier) {
        if self.kept.is_some() {
            return;
        }
        let now = state.now();
        let Some(new) = trouble(state, now) else { return };
        let kept = keep(state, &new, now);
        self.kept = Some(kept.is_ok());
        let Err(error) = kept else { return };
        tracing::warn!(%error, "the last alert cannot be written: it is sent from memory");
        let alert = Alert {
            id: 0,
            dedup_key: new.dedup_key,
            at: new.at,
            event: new.event,
            scope: new.scope,
            document: new.document,
        };
        for channel in state.alerts.channels().iter().filter(|channel| channel.wants(&alert)) {
            let (state, channel) = (Arc::clone(state), Arc::clone(channel));
            let (courier, alert) = (courier.clone(), alert.clone());
            self.telling.spawn(async move { from_memory(&state, &channel, &courier, alert).await });
        }
    }
    /// Waits until everybody was told, [`FAREWELL`] at most: what the outbox has is sent at the next start.
    pub(super) async fn end(mut self, state: &Arc<State>, courier: &Courier) {
        self.begin(state, courier);
        if self.kept == Some(true) {
            for channel in state.alerts.channels().iter() {
                if state.alerts.take(&channel.name) {
                    let (state, channel, courier) = (Arc::clone(state), Arc::clone(channel), courier.clone());
                    self.telling.spawn(async move { tell(&state, &channel, &courier).await });
                }
            }
        }
        let all = async { while self.telling.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            tracing::warn!("not everybody was told that the ledger cannot write");
        }
    }
}

/// Writes the alert and its deliveries.
fn keep(state: &State, new: &NewAlert, now: Timestamp) -> Result<(), SourceError> {
    note_new(state, vec![new.clone()])?;
    Ok(plan(state, now)?)
}

async fn from_memory(state: &State, channel: &Channel, courier: &Courier, alert: Alert) {
    for attempt in 0..FAREWELL_TRIES {
        if attempt > 0 {
            let wait = BACK_OFF_FIRST_MS << attempt;
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
        match send(state, channel, courier, std::slice::from_ref(&alert), state.now()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(channel = channel.name, problem = error.problem, "an alert was not taken");
            }
        }
    }
}
