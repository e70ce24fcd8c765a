//! Refusals on their way to the client, in its own format, told once.

use crate::Gateway;
use crate::answer::{Answer, from_wire};
use bursar_core::{ApiFormat, Code, Refusal};
use bursar_govern::reservation::Sent;
use bursar_govern::story::{Status, Story};
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

/// Ends a request whose attempt was sent: the client is told why, and so is the record, where it is still at hand.
pub fn end(
    gateway: &Gateway,
    format: ApiFormat,
    story: Option<Box<Story>>,
    refusal: Refusal,
    status: Status,
) -> Answer {
    let made = refuse(format, &refusal, gateway.refusal_status);
    if let Some(mut story) = story {
        tell(&mut story, refusal, made.status);
        gateway.governor.end(story, status);
    }
    from_wire(made)
}

/// Tells the record what the client will be told: it is written when the attempt settles, which is before that.
pub fn note(gateway: &Gateway, format: ApiFormat, sent: &mut Sent, refusal: &Refusal) {
    if let Some(story) = sent.story() {
        tell(story, refusal.clone(), gateway.refusal_status.of(format, refusal.code));
    }
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

fn tell(story: &mut Story, refusal: Refusal, status: u16) {
    story.error = Some(refusal.message.clone());
    story.status_code = Some(status);
    story.refusal = Some(refusal);
}
