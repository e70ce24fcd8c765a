//! What `/readyz?verbose` tells: each part by name, whether it works, and if not, why. Only a part without which no priced
//! request may pass makes the whole unready; the others are told so that a person can look.

use crate::state::State;
use bursar_govern::kill::KILL_UNKNOWN_S;
use serde::Serialize;

/// Seconds of draining behind which records count as late: a checkpoint and a slow disk take a tenth of it.
const DRAIN_LATE_S: i64 = 30;

/// What else is asked, by those who can.
pub type MoreChecks = Box<dyn Fn() -> Vec<Check> + Send + Sync>;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Requests pass, but somebody should look.
    Warn,
    /// No priced request passes.
    Failed,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub name: &'static str,
    /// How it is.
    pub state: CheckState,
    /// Why, with numbers, in words without secrets.
    pub reason: String,
}

impl Check {
    /// A part that is as it should be, or that somebody should look at.
    #[must_use]
    pub fn new(name: &'static str, is_well: bool, reason: impl Into<String>) -> Self {
        let state = if is_well { CheckState::Ok } else { CheckState::Warn };
        Self { name, state, reason: reason.into() }
    }
    /// A part without which no priced request passes.
    fn vital(name: &'static str, is_well: bool, reason: impl Into<String>) -> Self {
        let state = if is_well { CheckState::Ok } else { CheckState::Failed };
        Self { name, state, reason: reason.into() }
    }
}

/// Every check, vital ones first.
pub(super) fn all(state: &State) -> Vec<Check> {
    let mut checks = vec![
        ledger(state),
        kill_state(state),
        records(state),
        prices(state),
        configuration(state),
        circuits(state),
        throttle(state),
    ];
    checks.extend(state.checks.get().into_iter().flat_map(|more| more()));
    checks
}

fn ledger(state: &State) -> Check {
    let down = state.governor.ledger().down();
    let reason = down.as_ref().map_or_else(|| "writable".to_owned(), ToString::to_string);
    Check::vital("ledger", down.is_none(), reason)
}

fn kill_state(state: &State) -> Check {
    let now = state.now();
    let kills = state.governor.kills();
    let is_known = !kills.is_unknown(now);
    let on = kills.list(now).len();
    let reason = match is_known {
        true => format!("known; {on} switches are on"),
        false => format!("not confirmed for more than {KILL_UNKNOWN_S} s: priced requests are refused"),
    };
    Check::vital("kill_state", is_known, reason)
}

fn records(state: &State) -> Check {
    let drain = state.drain_state();
    let is_late = drain.age_s > DRAIN_LATE_S;
    let mut reason = format!("{} entries are not drained, {} s behind", drain.entries, drain.age_s);
    if drain.dropped > 0 {
        reason.push_str(&format!("; {} records were given up since the start", drain.dropped));
    }
    if let Some(problem) = &drain.problem {
        reason.push_str(&format!("; {problem}"));
    }
    Check::new("records", !is_late && drain.problem.is_none() && drain.dropped == 0, reason)
}

/// Whether what the configuration serves has a price: without one no call is made.
fn prices(state: &State) -> Check {
    let directory = state.governor.directory();
    let now = state.now();
    let mut missing = Vec::new();
    for (name, model) in &directory.models {
        let has_price = |at: &std::sync::Arc<bursar_govern::directory::ModelAt>| {
            let served = at.upstream_model.as_deref().unwrap_or(name);
            at.price.is_some() || directory.prices.find(&at.provider.prices, served, now).is_some()
        };
        if !model.deployments.iter().any(has_price) {
            missing.push(&**name);
        }
    }
    missing.sort_unstable();
    let rows = directory.prices.len();
    if missing.is_empty() {
        return Check::new("prices", rows > 0, format!("{rows} rows"));
    }
    let more = missing.len().saturating_sub(3);
    let first: Vec<&str> = missing.into_iter().take(3).collect();
    let and = if more > 0 { format!(" and {more} more") } else { String::new() };
    Check::new("prices", false, format!("{rows} rows, and none for the configured {}{and}", first.join(", ")))
}

fn configuration(state: &State) -> Check {
    let revision = state.governor.directory().revision;
    match &*state.reloaded.lock() {
        None => Check::new("configuration", true, format!("revision {revision}")),
        // The problem itself may quote the file: it is in the log.
        Some(_) => Check::new(
            "configuration",
            false,
            format!("revision {revision}; the last reload failed and changed nothing, the log says why"),
        ),
    }
}

fn circuits(state: &State) -> Check {
    let open = state.governor.circuits().open(state.now());
    let mut names: Vec<&str> = open.iter().map(|endpoint| endpoint.provider.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => Check::new("circuits", true, "none is open"),
        false => Check::new("circuits", false, format!("avoided for failures: {}", names.join(", "))),
    }
}

fn throttle(state: &State) -> Check {
    match state.throttle.age(state.now()) {
        None => Check::new("throttle", true, "nothing to evaluate yet"),
        Some(age) => {
            let reason = format!("evaluated {} s ago, {} missed", age.age_s, age.missed);
            Check::new("throttle", !age.stale, reason)
        }
    }
}
