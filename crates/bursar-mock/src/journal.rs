//! What the fake provider received: counts, and each request as it came.

use crate::limits::{RECEIVED_BYTES_MAX, RECEIVED_MAX};
use bytes::Bytes;
use http::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::sync::Arc;

/// How much of a received request is kept. Load tests keep nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// Counts only.
    Counts,
    /// Everything, bodies included.
    #[default]
    Bodies,
}

/// One received request.
#[derive(Clone, Debug)]
pub struct Received {
    /// The id that the answer's `x-request-id` header carries; it names the line of the bill.
    pub id: Arc<str>,
    /// Method.
    pub method: Method,
    /// Path and query as received.
    pub target: String,
    /// Headers as received.
    pub headers: HeaderMap,
    /// The body as received; empty where it no longer fits [`RECEIVED_BYTES_MAX`].
    pub body: Bytes,
    /// Bytes of the body.
    pub body_bytes: usize,
}

impl Received {
    /// SHA-256 of the body, in lowercase hexadecimal.
    #[must_use]
    pub fn body_sha256(&self) -> String {
        Sha256::digest(&self.body).iter().map(|byte| format!("{byte:02x}")).collect()
    }
    /// A header as text, the first of that name; empty where absent or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The journal: a bounded queue, oldest out first.
#[derive(Default)]
pub(crate) struct Entries {
    kept: VecDeque<Received>,
    bytes: usize,
}

impl Entries {
    pub(crate) fn push(&mut self, mut received: Received) {
        if received.body.len() > RECEIVED_BYTES_MAX {
            received.body = Bytes::new();
        }
        self.bytes += received.body.len();
        self.kept.push_back(received);
        while self.kept.len() > RECEIVED_MAX || self.bytes > RECEIVED_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.body.len();
        }
    }
    pub(crate) fn list(&self) -> Vec<Received> {
        self.kept.iter().cloned().collect()
    }
}
