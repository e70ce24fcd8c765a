//! Trace context on its way through: the client's goes on, an attempt's span is what the provider sees as parent.

use bursar_core::Trace;
use bursar_govern::story::Story;
use http::{HeaderMap, HeaderName, HeaderValue};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// Joins the trace that a client's headers name; without one, or with one that the standard does not let count, the
/// story's own begins, of which so many percent are recorded.
pub(crate) fn join(story: &mut Story, headers: &HeaderMap, sample_pct: u32) {
    let mut given = headers.get_all(&PARENT).iter();
    // Two of them are none: which one counts?
    let parent = given.next().filter(|_| given.next().is_none()).and_then(|value| value.to_str().ok());
    match parent.and_then(|text| Trace::join(text.trim(), story.request_id)) {
        Some(trace) => story.trace = trace,
        None => {
            let drawn = story.trace.id.as_u128() & u128::from(u32::MAX);
            story.trace.sampled = drawn % 100 < u128::from(sample_pct);
        }
    }
}

/// Puts the attempt that is about to be sent into the headers that go upstream. `tracestate` goes on with the trace that
/// it belongs to, and with no other.
pub(crate) fn pass_on(story: &Story, upstream: &mut HeaderMap) {
    let trace = story.trace;
    let attempt = trace.attempt(story.attempts.len().saturating_sub(1));
    if let Ok(value) = HeaderValue::from_str(&trace.traceparent(attempt)) {
        upstream.insert(PARENT, value);
    }
    if trace.parent.is_none() {
        upstream.remove(STATE);
    }
}
