//! Reading a client's body: whole, once, under a limit per request and a cap over all.

use crate::limits::BODY_BYTES_PER_SECOND_MIN;
use bursar_core::limits::REQUEST_BODIES_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Larger than the limit of its route, in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// All memory for bodies is taken.
    #[error("too many large requests at once")]
    Busy,
    /// The client stopped sending.
    #[error("the body came too slowly: nothing for {} s, or less than 1 kB a second on the whole", .0.as_secs())]
    Slow(Duration),
    /// The client left or broke the framing.
    #[error("the body broke off")]
    Broken,
}

/// Shares the memory for request bodies among all requests.
#[derive(Clone)]
pub struct Intake {
    room: Arc<Semaphore>,
    wait: Duration,
}

/// A body and its share of the memory, given back when dropped.
pub struct Body {
    /// What the client sent.
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Semaphore permits count kilobytes: their number must fit 32 bits.
const UNIT: usize = 1024;

impl Intake {
    /// An empty house; a client may take `wait` between two parts of its body.
    #[must_use]
    pub fn new(wait: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(REQUEST_BODIES_BYTES_MAX / UNIT)), wait }
    }

    /// Reads `body` to its end, `most` bytes of it.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn read(
        &self,
        headers: &HeaderMap,
        mut body: Incoming,
        most: usize,
    ) -> Result<Body, IntakeError> {
        let declared =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > most) {
            return Err(IntakeError::TooLarge(most));
        }
        let mut share = match declared {
            Some(length) => self.take(length)?,
            None => None,
        };
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        let mut total = 0usize;
        let began = Instant::now();
        loop {
            // The next part in time, and all so far not too slow: else a byte now and then would hold memory for days.
            let due = began + self.wait + time_for(total);
            let due = due.min(Instant::now() + self.wait);
            let frame = match tokio::time::timeout_at(due, body.frame()).await {
                Err(_) => return Err(IntakeError::Slow(self.wait)),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(IntakeError::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total > most {
                return Err(IntakeError::TooLarge(most));
            }
            if declared.is_none() {
                share = merge(share, self.take(data.len())?);
            }
            match (&first, rest.is_empty()) {
                (None, _) => first = Some(data),
                (Some(head), true) => {
                    rest.reserve(declared.unwrap_or(head.len() + data.len()));
                    rest.extend_from_slice(head);
                    rest.extend_from_slice(&data);
                }
                (Some(_), false) => rest.extend_from_slice(&data),
            }
        }
        let bytes = if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() };
        Ok(Body { bytes, _share: share })
    }

    fn take(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, IntakeError> {
        if bytes < UNIT {
            return Ok(None);
        }
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| IntakeError::TooLarge(bytes))?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(units).map_err(|_| IntakeError::Busy)?;
        Ok(Some(permit))
    }
}

/// How long a client may take for so many bytes.
fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(u64::try_from(bytes).unwrap_or(u64::MAX) / BODY_BYTES_PER_SECOND_MIN)
}

fn merge(
    left: Option<OwnedSemaphorePermit>,
    right: Option<OwnedSemaphorePermit>,
) -> Option<OwnedSemaphorePermit> {
    match (left, right) {
        (Some(mut left), Some(right)) => {
            left.merge(right);
            Some(left)
        }
        (left, right) => left.or(right),
    }
}
