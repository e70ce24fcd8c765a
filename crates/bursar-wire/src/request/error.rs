//! Why a body was not taken: which field, where, and what would be right.

use bursar_core::{Code, Refusal, RequestId};
use std::fmt;

/// A body that cannot be governed: malformed, ambiguous, or with a governed field that is not what it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputError {
    /// Path of the field, such as `messages[2].content[0].type`; empty for the body as a whole.
    pub field: String,
    /// Byte of the body at which it was seen, from 0.
    pub at: usize,
    /// What is wrong and what would be right, as a fragment without the field's name.
    pub message: String,
}

impl InputError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { field: String::new(), at, message: message.into() }
    }
    /// The same error, seen from one level up: prefixes the path with a key.
    pub(crate) fn under(mut self, key: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{key}{dot}{}", self.field);
        self
    }
    /// The same error, seen from one level up: prefixes the path with an index.
    pub(crate) fn at_index(self, index: usize) -> Self {
        self.under(&format!("[{index}]"))
    }
    /// As the refusal `E-INPUT-001`.
    #[must_use]
    pub fn refusal(&self, request_id: RequestId) -> Refusal {
        Refusal::new(Code::BadInput, request_id, self.to_string())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "the request body, at byte {}: {}", self.at, self.message)
        } else {
            write!(f, "`{}`, at byte {}: {}", self.field, self.at, self.message)
        }
    }
}

impl std::error::Error for InputError {}
