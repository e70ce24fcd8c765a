//! Ending what is in flight: the answer that a client gets when a kill switch or a shutdown cuts its request before a
//! byte of the provider's answer went out.

use crate::Gateway;
use crate::answer::{Answer, from_wire};
use bursar_core::{ApiFormat, RequestId};
use bursar_govern::kill::CutBy;
use bursar_govern::story::{Status, Story};
use bursar_wire::refuse;

/// Ends the story of a request that was cut, and says so to its client.
pub fn answer(
    gateway: &Gateway,
    format: ApiFormat,
    story: Option<Box<Story>>,
    request_id: RequestId,
    by: &CutBy,
) -> Answer {
    let refusal = by.refusal(request_id);
    let made = refuse(format, &refusal, gateway.refusal_status);
    if let Some(mut story) = story {
        story.error = Some(refusal.message.clone());
        story.refusal = Some(refusal);
        story.status_code = Some(made.status);
        gateway.governor.end(story, Status::Cancelled);
    }
    from_wire(made)
}
