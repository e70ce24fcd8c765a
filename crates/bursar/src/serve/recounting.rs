//! The thread of the daily recount: nothing waits for it, and it ends with the server.

use bursar_control::{State, recount_daily};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether a day has begun.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon the thread sees that it should end.
const STEP: Duration = Duration::from_millis(50);
/// Looks that are passed over after the start: it has other things to do.
const AFTER_START: u32 = 20;
/// Looks that are passed over after a failure: five minutes.
const AFTER_FAILURE: u32 = 300;

/// Starts it.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(state: &Arc<State>, stopped: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    let state = Arc::clone(state);
    std::thread::Builder::new().name("recount".to_owned()).spawn(move || run(&state, &stopped))
}

fn run(state: &State, stopped: &watch::Receiver<bool>) {
    let mut passed_over = AFTER_START;
    while !*stopped.borrow() {
        if passed_over == 0 {
            passed_over = look(state);
        } else {
            passed_over -= 1;
        }
        let until = std::time::Instant::now() + LOOK_EVERY;
        while std::time::Instant::now() < until && !*stopped.borrow() {
            std::thread::sleep(STEP);
        }
    }
}

/// Recounts where a day has begun, and answers how many looks to pass over.
fn look(state: &State) -> u32 {
    match recount_daily(state) {
        Ok(None) => 0,
        Ok(Some(recounted)) if recounted.is_sound() => {
            tracing::info!(
                records = recounted.rollups.records,
                rows = recounted.rollups.rows,
                entries = recounted.ledger.entries,
                "the daily recount: everything adds up"
            );
            0
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
            0
        }
        Err(error) => {
            tracing::warn!(%error, "the daily recount failed; it is tried again");
            AFTER_FAILURE
        }
    }
}
