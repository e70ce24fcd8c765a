//! Keeps headers and bodies that the data plane copied, and lets go what is too old, each on a thread of its own.

use super::threads::{Stopped, Threads};
use crate::config::{Config, RecordLevel};
use bursar_control::State;
use bursar_control::retention::RetentionRules;
use bursar_core::Timestamp;
use bursar_govern::capture::{CaptureRules, Captured, LogLevel, Redaction};
use bursar_store::bodies::{Bodies, Kept};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The folder of headers and bodies in the data directory.
pub(super) const BODIES: &str = "bodies";
/// Requests that are written in one transaction.
const BATCH: usize = 100;
/// How often the writer looks whether it shall end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two steps of a retention that has more to do: the disk is for requests first.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// After the start, before the first look: a start has enough to do.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const DAY_S: i64 = 86_400;

/// Where headers and bodies are kept.
pub(super) fn bodies(data_dir: &Path, now: Timestamp) -> Arc<Bodies> {
    Arc::new(Bodies::new(&data_dir.join(BODIES), now))
}

/// Sets what is kept and for how long; at a reload too.
pub(super) fn set_rules(config: &Config, state: &State) {
    let (records, retention) = (&config.records, &config.retention);
    state.keep_records(records.enabled);
    let projects = records.project_levels.iter();
    let rules = CaptureRules {
        level: level(records.level),
        projects: projects.map(|(project, own)| (project.clone(), level(*own))).collect(),
        body_bytes_max: usize::try_from(records.max_body_bytes).unwrap_or(usize::MAX),
        secret_headers: records.secret_headers.clone(),
        redaction: Redaction::new(records.redact_fields.clone(), records.redact_patterns.clone()),
    };
    // Without records there is nothing that headers and bodies could stand beside.
    let rules = if records.enabled { rules } else { CaptureRules::default() };
    state.governor.capturer().set_rules(rules);
    let seconds = |days: u32| i64::from(days).saturating_mul(DAY_S);
    state.retention.set_rules(RetentionRules {
        records_s: seconds(retention.records_d),
        details: Kept {
            plain_s: seconds(retention.bodies_plain_d),
            bodies_s: seconds(retention.bodies_d),
            headers_s: seconds(retention.headers_d),
        },
        audit_s: seconds(retention.audit_d),
    });
}

const fn level(level: RecordLevel) -> LogLevel {
    match level {
        RecordLevel::Basic => LogLevel::Basic,
        RecordLevel::Headers => LogLevel::Headers,
        RecordLevel::Full => LogLevel::Full,
    }
}

/// Starts both threads. What waits to be written when they end is written.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn start(state: &Arc<State>, tend_s: u32) -> io::Result<Threads> {
    let mut threads = Threads::default();
    if let Some(queue) = state.governor.capturer().listen() {
        let bodies = Arc::clone(&state.bodies);
        threads.spawn("bodies", move |stopped| write(&bodies, &queue, stopped))?;
    }
    let tended = Arc::clone(state);
    let every = Duration::from_secs(u64::from(tend_s));
    threads.spawn("retention", move |stopped| tend(&tended, every, stopped))?;
    Ok(threads)
}

/// Writes what comes, in batches, until told to stop; then what waits.
fn write(bodies: &Bodies, queue: &Receiver<Captured>, stopped: &Stopped) {
    let mut failures = 0u32;
    loop {
        let last = stopped.is_told();
        let first = if last { queue.try_recv().ok() } else { queue.recv_timeout(LOOK_EVERY).ok() };
        let batch: Vec<_> =
            first.into_iter().chain(queue.try_iter()).take(BATCH).map(Captured::finish).collect();
        if batch.is_empty() {
            if last {
                return;
            }
            continue;
        }
        match bodies.put(&batch) {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, lost = batch.len(), "cannot keep headers and bodies");
                }
            }
        }
    }
}

/// Lets go what is too old, now and then, until told to stop.
fn tend(state: &State, every: Duration, stopped: &Stopped) {
    let mut pause = every.min(FIRST_LOOK);
    while stopped.goes_on_after(pause) {
        pause = match state.tend_retention(state.now()) {
            Ok(gone) => {
                let bursar_control::retention::LetGo {
                    records,
                    months,
                    compressed,
                    details,
                    days,
                    audit,
                    done,
                } = gone;
                if records > 0 || months > 0 || compressed > 0 || details > 0 || days > 0 || audit > 0 {
                    tracing::info!(records, months, compressed, details, days, audit, "retention");
                }
                if done { every } else { STEP_PAUSE }
            }
            Err(error) => {
                tracing::error!(%error, "retention failed; it will be tried again");
                every
            }
        };
    }
}
