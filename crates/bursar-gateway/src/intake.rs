//! Reading a client's body: whole, once, under a limit per request and a cap over all.

use crate::limits::BODY_IDLE;
use bursar_core::limits::{REQUEST_BODIES_BYTES_MAX, REQUEST_BODY_BYTES_MAX};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Larger than the limit.
    #[error("the body is larger than {REQUEST_BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// All memory for bodies is taken.
    #[error("too many large requests at once")]
    Busy,
    /// The client stopped sending.
    #[error("the body did not arrive within {} s", BODY_IDLE.as_secs())]
    Slow,
    /// The client left or broke the framing.
    #[error("the body broke off")]
    Broken,
}

/// Shares the memory for request bodies among all requests.
#[derive(Clone)]
pub struct Intake {
    room: Arc<Semaphore>,
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
    /// An empty house.
    #[must_use]
    pub fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(REQUEST_BODIES_BYTES_MAX / UNIT)) }
    }

    /// Reads `body` to its end.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn read(&self, headers: &HeaderMap, mut body: Incoming) -> Result<Body, IntakeError> {
        let declared =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > REQUEST_BODY_BYTES_MAX) {
            return Err(IntakeError::TooLarge);
        }
        let mut share = match declared {
            Some(length) => self.take(length)?,
            None => None,
        };
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        let mut total = 0usize;
        loop {
            let frame = match tokio::time::timeout(BODY_IDLE, body.frame()).await {
                Err(_) => return Err(IntakeError::Slow),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(IntakeError::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total > REQUEST_BODY_BYTES_MAX {
                return Err(IntakeError::TooLarge);
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
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| IntakeError::TooLarge)?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(units).map_err(|_| IntakeError::Busy)?;
        Ok(Some(permit))
    }
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

impl Default for Intake {
    fn default() -> Self {
        Self::new()
    }
}
