//! An answer as the script has it: after its wait, with its fault, whole or in pieces.

use crate::answer::Answer;
use crate::behaviour::{Behaviour, Billed, Fault, Gzip};
use crate::bill::Tally;
use crate::body::{Broken, MockBody, Next, Pieces, Source};
use crate::dialect;
use crate::io::Switch;
use crate::json::Out;
use crate::recorded::Recording;
use crate::respond::{Answered, error, head, whole};
use crate::script::Live;
use crate::ticket::Ticket;
use crate::zip::Zip;
use bursar_core::Family;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderValue, Response};
use std::sync::Arc;

/// Waits, fails, or answers, as the script has it.
pub(crate) async fn produce(
    live: &Live,
    answer: Answer,
    how: Behaviour,
    mut ticket: Ticket,
    switch: Arc<Switch>,
) -> Answered {
    if !how.latency.is_zero() {
        if !answer.stream {
            ticket.takes(how.latency);
        }
        tokio::time::sleep(how.latency).await;
    }
    let family = answer.format.family();
    let billed = |default: Billed| how.billed.unwrap_or(default);
    match &how.fault {
        Some(Fault::Reset) => {
            ticket.fail(billed(Billed::Full));
            switch.reset();
            return Err(Broken);
        }
        Some(Fault::Drop) => {
            ticket.fail(billed(Billed::Full));
            return Err(Broken);
        }
        Some(Fault::Stall) => {
            // Ends when the client or shutdown drops this request. All was generated, none of it comes.
            ticket.made(answer.tally.output);
            if let Some(billed) = how.billed {
                ticket.fail(billed);
            }
            return std::future::pending().await;
        }
        Some(Fault::Raw) => {
            ticket.fail(billed(Billed::Full));
            switch.raw(Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x28 this is no HTTP\r\n\r\n"));
            return Ok(whole(200, "application/json", Bytes::from_static(b"{}")));
        }
        Some(Fault::Status(status)) => {
            ticket.fail(billed(Billed::Nothing));
            let mut response = error(family, *status, "the script has this request fail");
            if let Some(seconds) = how.retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            return Ok(response);
        }
        Some(Fault::Error200) => return Ok(error_200(family, billed(Billed::Nothing), ticket)),
        Some(Fault::ErrorEvent(_)) if !answer.stream => {
            return Ok(error_200(family, billed(Billed::Nothing), ticket));
        }
        Some(Fault::Garbage) => {
            ticket.fail(billed(Billed::Full));
            return Ok(whole(200, "application/json", Bytes::from_static(b"<html>\xff\xfe not json {{{")));
        }
        Some(
            Fault::Cut(_)
            | Fault::ResetAt(_)
            | Fault::Truncate(_)
            | Fault::StallAt(_)
            | Fault::GarbageAt(_)
            | Fault::ErrorEvent(_)
            | Fault::LongLength
            | Fault::ShortLength,
        )
        | None => {}
    }
    let recording = match &how.recorded {
        Some(id) => match live.script.recorded.as_ref().and_then(|recorded| recorded.get(id)) {
            Some(recording) => Some(recording),
            None => {
                ticket.fail(Billed::Nothing);
                return Ok(error(family, 400, &format!("mock: no recording `{id}`")));
            }
        },
        None => None,
    };
    match recording {
        Some(recording) => Ok(replay(recording, &how, ticket, switch)),
        None if answer.stream => Ok(stream(answer, &how, ticket, switch)),
        None => {
            let mut out = Out::default();
            dialect::plain(&answer, &mut out);
            let body = out.take();
            if how.fault.is_none() && how.split == 0 && how.gzip == Gzip::Never {
                ticket.close();
                return Ok(whole(200, "application/json", body));
            }
            ticket.made(answer.tally.output);
            Ok(fixed(200, "application/json", body, &how, ticket, switch))
        }
    }
}

fn stream(answer: Answer, how: &Behaviour, mut ticket: Ticket, switch: Arc<Switch>) -> Response<MockBody> {
    let kind = dialect::content_type(&answer);
    if !how.chunk_delay.is_zero() {
        let chunks = answer.visible.div_ceil(how.chunk_tokens).saturating_add(1);
        ticket.takes(how.chunk_delay.saturating_mul(u32::try_from(chunks).unwrap_or(u32::MAX)));
    }
    let source = Source::Stream {
        answer: Box::new(answer),
        out: Out::default(),
        next: Next::Head,
        chunk: how.chunk_tokens,
    };
    pieces(200, kind, source, how, ticket, switch)
}

fn replay(
    recording: &Recording,
    how: &Behaviour,
    mut ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let (input, output) = recording.expected.unwrap_or_default();
    ticket.replace(Tally { input, output, ..Tally::default() });
    ticket.made(output);
    fixed(recording.status, &recording.content_type, recording.body.clone(), how, ticket, switch)
}

/// A body that stands already, in pieces, with its length in the header unless it is an event stream.
fn fixed(
    status: u16,
    kind: &str,
    body: Bytes,
    how: &Behaviour,
    ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let length = body.len();
    let length = match how.fault {
        Some(Fault::LongLength) => Some(length + 100),
        Some(Fault::ShortLength) => Some(length / 2),
        Some(Fault::Truncate(_)) => None,
        _ if kind.starts_with("application/json") => Some(length),
        _ => None,
    };
    let split = usize::try_from(how.split).unwrap_or(0);
    let mut response = pieces(status, kind, Source::Fixed { rest: body, split }, how, ticket, switch);
    if let Some(length) = length
        && how.gzip == Gzip::Never
    {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

fn pieces(
    status: u16,
    kind: &str,
    source: Source,
    how: &Behaviour,
    ticket: Ticket,
    switch: Arc<Switch>,
) -> Response<MockBody> {
    let mut pieces = Pieces::new(source, ticket, switch);
    pieces.delay = how.chunk_delay;
    pieces.fault = how.fault.clone();
    pieces.billed = how.billed;
    let zipped = how.gzip != Gzip::Never;
    pieces.zip = zipped.then(Zip::new);
    let mut response = head(status, kind, MockBody::Pieces(Box::new(pieces)));
    if zipped {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn error_200(family: Family, billed: Billed, mut ticket: Ticket) -> Response<MockBody> {
    ticket.fail(billed);
    let mut out = Out::default();
    dialect::error::body(family, 500, "the script has this request fail within status 200", &mut out);
    whole(200, "application/json", out.take())
}
