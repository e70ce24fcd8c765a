//! The `bursar` object of a refusal: code, window and every number, money as decimal text.

use bursar_core::refusal::{Blocking, Stopped};
use bursar_core::{Refusal, Scope};
use serde::Serialize;

/// What stands under `bursar` at the top level of an error body.
#[derive(Serialize)]
pub(super) struct Numbers {
    code: &'static str,
    message: String,
    request_id: String,
    #[serde(flatten)]
    first: Option<Window>,
    #[serde(flatten)]
    stopped: Option<Switch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocking: Vec<BlockingWindow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fits: Option<Fits>,
}

/// One window that blocks.
#[derive(Serialize)]
struct Window {
    budget: String,
    measure: &'static str,
    scope: ScopeParts,
    window: Interval,
    limit: String,
    settled: String,
    suspense: String,
    held: String,
    requested: String,
    resets_at: Option<String>,
}

/// The kill switch that is on.
#[derive(Serialize)]
struct Switch {
    scope: ScopeParts,
    reason: String,
    until: Option<String>,
}

#[derive(Serialize)]
struct BlockingWindow {
    code: &'static str,
    #[serde(flatten)]
    window: Window,
}

#[derive(Serialize)]
struct ScopeParts {
    kind: String,
    value: Option<String>,
}

#[derive(Serialize)]
struct Interval {
    starts_at: Option<String>,
    ends_at: Option<String>,
}

#[derive(Serialize)]
struct Fits {
    max_output: u64,
}

impl Numbers {
    pub(super) fn of(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.as_str(),
            message: refusal.message.clone(),
            request_id: refusal.request_id.to_string(),
            first: refusal.blocking.first().map(Window::of),
            stopped: refusal.stopped.as_deref().map(Switch::of),
            blocking: refusal.blocking.iter().map(BlockingWindow::of).collect(),
            fits: refusal.fits_max_output.map(|max_output| Fits { max_output }),
        }
    }
}

impl Switch {
    fn of(stopped: &Stopped) -> Self {
        let until = stopped.until.map(|until| until.to_string());
        Self { scope: ScopeParts::of(&stopped.scope), reason: stopped.reason.clone(), until }
    }
}

impl BlockingWindow {
    fn of(blocking: &Blocking) -> Self {
        Self { code: blocking.code.as_str(), window: Window::of(blocking) }
    }
}

impl Window {
    fn of(blocking: &Blocking) -> Self {
        let amount = |amount| blocking.measure.format(amount);
        let ends_at = blocking.ends_at.map(|at| at.to_string());
        Self {
            budget: blocking.budget.clone(),
            measure: blocking.measure.as_str(),
            scope: ScopeParts::of(&blocking.scope),
            window: Interval {
                starts_at: blocking.starts_at.map(|at| at.to_string()),
                ends_at: ends_at.clone(),
            },
            limit: amount(blocking.limit),
            settled: amount(blocking.settled),
            suspense: amount(blocking.suspense),
            held: amount(blocking.held),
            requested: amount(blocking.requested),
            resets_at: ends_at,
        }
    }
}

impl ScopeParts {
    fn of(scope: &Scope) -> Self {
        Self { kind: scope.kind(), value: scope.value().map(ToString::to_string) }
    }
}
