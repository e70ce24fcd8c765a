//! What the callers saw: counts, who was refused by what, and the lines to tell of it.

use super::scene::{Act, KEYS};
use bursar_mock::load::Seen;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen so far. Shared with the load client's connections.
#[derive(Default)]
pub(super) struct Watch(Mutex<Counts>);

/// The counts, and the lines not told yet.
#[derive(Default, Clone)]
pub(super) struct Counts {
    pub(super) answered: u64,
    pub(super) refused: u64,
    /// Errors of a provider that came through, such as 503.
    pub(super) provider_errors: u64,
    /// No complete answer, or one that nobody expects.
    pub(super) odd: u64,
    /// Refusals by code.
    pub(super) by_code: BTreeMap<String, u64>,
    /// Refusals by blocking budget and the value of its scope.
    pub(super) by_window: BTreeMap<(String, String), u64>,
    lines: Vec<String>,
    told: BTreeSet<(usize, String, String)>,
}

impl Watch {
    /// Counts the answer to `act`.
    pub(super) fn see(&self, act: &Act, seen: &Seen) {
        let mut counts = self.0.lock();
        let complete = seen.failure.is_none();
        match seen.status {
            Some(200) if complete => counts.answered += 1,
            Some(503) if complete && refusal(seen).is_none() => counts.provider_errors += 1,
            Some(_) => match refusal(seen) {
                Some(refusal) => counts.refuse(act, &refusal),
                None => counts.odd += 1,
            },
            None => counts.odd += 1,
        }
    }
    /// The counts as they are.
    pub(super) fn counts(&self) -> Counts {
        self.0.lock().clone()
    }
    /// The lines since the last time.
    pub(super) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().lines)
    }
}

impl Counts {
    fn refuse(&mut self, act: &Act, refusal: &Value) {
        let text = |value: &Value, name: &str| value.get(name).map(crate::table::cell).unwrap_or_default();
        let code = text(refusal, "code");
        self.refused += 1;
        *self.by_code.entry(code.clone()).or_default() += 1;
        for window in refusal.get("blocking").and_then(Value::as_array).into_iter().flatten() {
            let value = window.get("scope").map(|scope| text(scope, "value")).unwrap_or_default();
            *self.by_window.entry((text(window, "budget"), value)).or_default() += 1;
        }
        // The first of its kind is told, the rest is counted.
        if self.told.insert((act.key, text(refusal, "budget"), code.clone())) {
            let name = KEYS.get(act.key).map_or("", |key| key.name);
            let run = act.run.as_ref().map(|run| format!(" run {run}")).unwrap_or_default();
            self.lines.push(format!("refused {name}{run}: {code} {}", text(refusal, "message")));
        }
    }
    /// How often the window of that budget refused; `value` is that of its `per`, none: all its windows.
    pub(super) fn refused_by(&self, budget: &str, value: Option<&str>) -> u64 {
        let counts = self
            .by_window
            .iter()
            .filter(|((name, of), _)| name == budget && value.is_none_or(|value| of == value));
        counts.map(|(_, count)| count).sum()
    }
}

/// The `bursar` object of a refusal.
fn refusal(seen: &Seen) -> Option<Value> {
    let body: Value = serde_json::from_slice(&seen.body).ok()?;
    body.get("bursar").cloned()
}
