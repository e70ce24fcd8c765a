//! What is kept of what one request said and was told.

use bursar_core::RequestId;

/// Names and values in the order in which they came; what is secret was masked before.
pub type Headers = Vec<(String, String)>;

/// What is kept of one request beside its record. A part that is absent was not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail {
    /// The request; its day says in which file this lies.
    pub id: RequestId,
    /// What the client sent.
    pub request_headers: Option<Headers>,
    /// What the provider answered with.
    pub response_headers: Option<Headers>,
    /// What the client sent.
    pub request_body: Option<Body>,
    /// What the client was given.
    pub response_body: Option<Body>,
}

/// A body, whole or its first part.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Bytes of the whole body as it was sent.
    pub size: u64,
    /// The bytes that are kept, after redaction.
    pub content: Vec<u8>,
    /// Bytes of the body, as it was sent, that come behind what is kept.
    pub cut: u64,
}

impl Detail {
    /// A detail with nothing in it.
    #[must_use]
    pub const fn new(id: RequestId) -> Self {
        Self { id, request_headers: None, response_headers: None, request_body: None, response_body: None }
    }
}

/// Never shows what was said: it may come into a log.
impl std::fmt::Debug for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detail").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Never shows what was said.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("size", &self.size).field("cut", &self.cut).finish_non_exhaustive()
    }
}
