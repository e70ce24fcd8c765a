//! One turn of one way: drive it for a while, and read what it cost.

use crate::house::{House, Way};
use bursar_mock::load::{Plan, Shot, run};
use std::time::Duration;

/// How many connections, and how long the bodies are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) connections: usize,
    pub(crate) bytes: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.connections, self.bytes)
    }
}

/// What a turn showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Requests that were answered.
    pub(crate) answered: u64,
    pub(crate) per_second: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// CPU time of the processes in between, for each request.
    pub(crate) cpu_us: u64,
}

/// Drives one way for `each`. Anything but complete answers of 200 ends the benchmark: it would measure something else.
pub(crate) async fn take(house: &House, way: Way, case: Case, each: Duration) -> Turn {
    let target = house.target(way);
    let prompt = "x".repeat(case.bytes);
    let body = format!(
        r#"{{"model":"mock-out-57-in-900","max_tokens":100,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    let mut shot = Shot::post("/v1/chat/completions", body);
    if let Some(key) = &target.key {
        shot = shot.bearer(key);
    }
    let plan = Plan::new(target.addr, case.connections).stop_after(each);
    let before = target.cpu();
    let report = run(&plan, move |_| Some(shot.clone())).await;
    let used = target.cpu() - before;
    let ok = report.of_status(200);
    assert!(ok == report.requests && ok > 0, "{way} at {case}: {:?} {:?}", report.statuses, report.failures);
    let micros =
        |per_mille| u64::try_from(report.latency.per_mille(per_mille).as_micros()).unwrap_or(u64::MAX);
    Turn {
        answered: ok,
        per_second: report.per_second(),
        p50_us: micros(500),
        p99_us: micros(990),
        cpu_us: u64::try_from(used.as_micros()).unwrap_or(u64::MAX) / ok,
    }
}
