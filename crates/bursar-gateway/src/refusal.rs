//! Refusals on their way to the client, in its own format, told once.

use crate::Gateway;
use crate::answer::{Answer, from_wire};
use bursar_core::{ApiFormat, Code, Refusal};
use bursar_govern::story::Story;
use bursar_wire::{RefusalStatus, refuse};

/// Refuses a request whose story is known.
pub fn answer(gateway: &Gateway, format: ApiFormat, story: Box<Story>, refusal: Refusal) -> Answer {
    let style = match gateway.refusal_status {
        RefusalStatus::Native if story.retries_on_429 => RefusalStatus::Always402,
        other => other,
    };
    let mut made = refuse(format, &refusal, style);
    made.headers.extend(bursar_wire::rate_limit_headers(format, &story.rate_limits));
    gateway.governor.refuse(story, refusal, made.status);
    from_wire(made)
}

/// Refuses a request that leaves no record: it was never about money.
#[must_use]
pub fn plain(gateway: &Gateway, format: ApiFormat, refusal: &Refusal) -> Answer {
    from_wire(refuse(format, refusal, gateway.refusal_status))
}

/// Refuses a request of which only the path was read. It has a record like every refusal.
pub fn without_story(gateway: &Gateway, format: ApiFormat, code: Code, message: String) -> Answer {
    let governor = &gateway.governor;
    let request_id = governor.ports().request_id();
    let story = Story::begin(request_id, governor.now(), format);
    answer(gateway, format, story, Refusal::new(code, request_id, message))
}
