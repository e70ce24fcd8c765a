//! One line of the log for each request that ended: who, what, how it went, what it cost. Never a prompt, a key or a header.
//!
//! The level is asked first, so a line that nobody wants costs one comparison. What reads the line is given it through a
//! bounded queue, by the binary.

use bursar_core::{Attribute, UsageClass, Value};
use bursar_govern::story::Story;

/// The target of these lines, for filters: `bursar_request=off` silences them alone.
pub(crate) const TARGET: &str = "bursar_request";

/// Writes the line.
pub(crate) fn write(story: &Story) {
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let attribute = |attribute: &Attribute| story.attributes.get(attribute).map(Value::as_str);
    let millis = |micros: i64| micros.max(0) / 1_000;
    let since = |at: bursar_core::Timestamp| millis(at.micros_since(story.created_at));
    let last = story.attempts.last();
    // A model that is no attribute yet is the client's own text: written as a text, so its line breaks are escaped.
    let asked = Some(&*story.model_asked).filter(|asked| !asked.is_empty());
    tracing::info!(
        target: TARGET,
        id = %story.request_id,
        trace_id = %story.trace.id,
        project = attribute(&Attribute::Project),
        key = attribute(&Attribute::Key),
        key_prefix = story.key().map(|key| &*key.prefix),
        user = attribute(&Attribute::User),
        agent = attribute(&Attribute::Agent),
        run = attribute(&Attribute::Run),
        api_format = story.api_format.as_str(),
        model = attribute(&Attribute::Model).or(asked),
        provider = last.map(|told| &*told.provider),
        served_model = last.map(|told| &*told.served_model),
        status = story.status.as_str(),
        status_code = story.status_code,
        code = story.refusal.as_ref().map(|refusal| refusal.code.as_str()),
        stream = story.stream,
        attempts = story.attempts.len(),
        list_cost = story.cost.as_ref().map(|cost| cost.list.to_string()),
        effective_cost = story.cost.as_ref().map(|_| story.effective.to_string()),
        estimated = story.estimated,
        hold_usd = last.map(|_| story.hold().list.to_string()),
        input = story.usage.stated(UsageClass::Input),
        cache_read = story.usage.stated(UsageClass::CacheRead),
        output = story.usage.stated(UsageClass::Output),
        added_us = story.added_us(),
        waited_ms = Some(millis(story.waited_us)).filter(|waited| *waited > 0),
        first_byte_ms = story.first_byte_at.map(since),
        total_ms = story.finalized_at.map(since),
        error = story.error.as_deref(),
        "request"
    );
}
