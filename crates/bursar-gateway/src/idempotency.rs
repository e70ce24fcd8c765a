//! `Idempotency-Key` on the data plane: the first request under a key is paid, a repeat gets its answer or is refused.

use crate::answer::Answer;
use crate::body::AnswerBody;
use crate::exchange::Worker;
use bursar_core::{Code, Refusal, RequestId};
use bursar_govern::idempotency::{Asked, Begun, KEY_BYTES_MAX, Kept, Place, fingerprint};
use bursar_govern::story::{Status, Story};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("x-bursar-replayed");

/// What a request is under its key.
pub(crate) enum Repeat {
    /// The first one, or one without a key.
    First(Option<Place>),
    /// A repeat of this one, whose answer is at hand.
    Again(RequestId, Kept),
    /// A repeat of one whose answer is not.
    Refused(Refusal),
}

/// Looks the request's key up, if it has one.
pub(crate) async fn begin(worker: &Worker, story: &Story, parts: &Parts, body: &Bytes) -> Repeat {
    let (Some(header), Some(key)) = (parts.headers.get("idempotency-key"), story.key()) else {
        return Repeat::First(None);
    };
    let request_id = story.request_id;
    let refuse = |code, message: String| Repeat::Refused(Refusal::new(code, request_id, message));
    let text = header.to_str().ok().map(str::trim);
    let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX) else {
        let message = format!("Idempotency-Key: not 1 to {KEY_BYTES_MAX} characters of ASCII");
        return refuse(Code::BadInput, message);
    };
    let path = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let asked = Asked {
        scope: format!("key:{}", key.id),
        key: text.to_owned(),
        request_id,
        fingerprint: fingerprint(&[path.as_bytes(), body]),
    };
    let gateway = &worker.gateway;
    let spent = |first, why: &str| {
        let message = format!("this Idempotency-Key belongs to the request {first}, {why}");
        let refusal = Refusal::new(Code::Idempotency, request_id, message);
        Repeat::Refused(Refusal { retry_after_s: None, ..refusal })
    };
    match gateway.replies.begin(asked, gateway.governor.now()).await {
        Ok(Begun::New(place)) => Repeat::First(Some(place)),
        Ok(Begun::Answered(first, kept)) => Repeat::Again(first, kept),
        Ok(Begun::InFlight(first)) => {
            let message = format!("the request {first} with this Idempotency-Key is still under way");
            refuse(Code::Idempotency, message)
        }
        Ok(Begun::Done(first, Some(cost))) => {
            spent(first, &format!("which has ended, cost {cost} USD, and whose answer is not kept"))
        }
        Ok(Begun::Done(first, None)) => {
            spent(first, "which was under way when Bursar ended; what it cost stands in its record")
        }
        Ok(Begun::Other(first)) => spent(first, "which asked for something else"),
        Err(error) => refuse(Code::LedgerUnavailable, format!("{error}: this might be paid twice")),
    }
}

/// Gives an answer again. It costs nothing and has a record of its own.
pub(crate) fn again(worker: &Worker, mut story: Box<Story>, first: RequestId, kept: Kept) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(kept.body));
    *answer.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    for (name, value) in kept.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    story.status_code = Some(kept.status);
    story.anomalies.push(format!("the answer of the request {first} was given again"));
    worker.gateway.governor.end(story, Status::Completed);
    answer
}

/// Keeps a plain answer for repeats, or holds the key until a stream has ended.
pub(crate) fn finish(place: Option<Place>, mut answer: Answer) -> Answer {
    let Some(place) = place else { return answer };
    let status = answer.status();
    let header = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
    match answer.body_mut() {
        AnswerBody::Whole(bytes) => {
            let body = bytes.clone().unwrap_or_default();
            if status.is_success() {
                place.keep(status.as_u16(), answer.headers().iter().map(header).collect(), body);
            }
        }
        AnswerBody::Governed(stream) => stream.hold(Some(place)),
    }
    answer
}
