//! The thread of the daily recount: nothing waits for it, and it ends with the server.

use super::threads::{Stopped, Threads};
use bursar_control::{State, recount_daily};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After the start, before the first look: it has other things to do.
const FIRST_LOOK: Duration = Duration::from_secs(20);
/// After a failure, before the next look.
const AFTER_FAILURE: Duration = Duration::from_secs(300);

/// Starts it.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(state: &Arc<State>, threads: &mut Threads) -> io::Result<()> {
    let state = Arc::clone(state);
    threads.spawn("recount", move |stopped| run(&state, stopped))
}

fn run(state: &State, stopped: &Stopped) {
    let mut pause = FIRST_LOOK;
    while stopped.goes_on_after(pause) {
        pause = look(state);
    }
}

/// Recounts where a day has begun, and answers how long to wait then.
fn look(state: &State) -> Duration {
    match recount_daily(state) {
        Ok(None) => LOOK_EVERY,
        Ok(Some(recounted)) if recounted.is_sound() => {
            tracing::info!(
                records = recounted.rollups.records,
                rows = recounted.rollups.rows,
                entries = recounted.ledger.entries,
                "the daily recount: everything adds up"
            );
            LOOK_EVERY
        }
        Ok(Some(recounted)) => {
            for differs in &recounted.ledger.differences {
                tracing::error!(?differs, "the daily recount: a counter is not what its entries say");
            }
            for problem in &recounted.ledger.problems {
                tracing::error!(problem, "the daily recount: the ledger");
            }
            for differs in &recounted.rollups.differences {
                tracing::error!(%differs, "the daily recount: a roll-up is not what its records say");
            }
            LOOK_EVERY
        }
        Err(error) => {
            tracing::warn!(%error, "the daily recount failed; it is tried again");
            AFTER_FAILURE
        }
    }
}
