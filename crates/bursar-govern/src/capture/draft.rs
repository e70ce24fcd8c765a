//! The copy of one request while it is under way.

use super::mask::{is_secret, mask};
use super::{CaptureRules, LogLevel, Share};
use bursar_core::RequestId;
use bursar_store::bodies::{Body, Detail, Headers};
use std::sync::Arc;

/// Bytes of one header's value that are kept: longer ones carry no more meaning.
const VALUE_BYTES_MAX: usize = 1024;

/// What was copied of one request so far.
pub struct Draft {
    level: LogLevel,
    rules: Arc<CaptureRules>,
    share: Share,
    request_headers: Headers,
    response_headers: Option<Headers>,
    request: Option<Copied>,
    response: Option<Copied>,
    /// There was no room: nothing of this request is kept.
    lost: bool,
}

/// The first part of a body.
#[derive(Default)]
struct Copied {
    size: u64,
    content: Vec<u8>,
}

impl Draft {
    pub(super) fn begin<'a>(
        level: LogLevel,
        rules: Arc<CaptureRules>,
        share: Share,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut draft = Self {
            level,
            rules,
            share,
            request_headers: Headers::new(),
            response_headers: None,
            request: None,
            response: None,
            lost: false,
        };
        draft.request_headers = draft.headers(headers);
        draft
    }
    /// The client's body.
    pub fn asked(&mut self, body: &[u8]) {
        if self.level.keeps_bodies() && !self.lost {
            let mut copied = Copied::default();
            self.lost = !copied.take(body, self.rules.body_bytes_max, &mut self.share);
            self.request = Some(copied);
        }
    }
    /// A provider's answer begins; what an attempt before was answered is forgotten.
    pub fn answered<'a>(&mut self, headers: impl Iterator<Item = (&'a str, &'a [u8])>, is_encoded: bool) {
        self.response_headers = Some(self.headers(headers));
        // What is compressed cannot be redacted, so it is not kept.
        self.response = (self.level.keeps_bodies() && !is_encoded).then(Copied::default);
    }
    /// A piece of the answer.
    pub fn heard(&mut self, piece: &[u8]) {
        if let Some(copied) = self.response.as_mut()
            && !self.lost
        {
            self.lost = !copied.take(piece, self.rules.body_bytes_max, &mut self.share);
        }
    }
    /// Whether there was no room for it.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }
    /// As it is kept.
    pub(super) fn finish(self, id: RequestId) -> Detail {
        let Self { rules, request_headers, response_headers, request, response, .. } = self;
        let clean = |headers: Headers| -> Headers {
            let clean = |value: String| rules.redaction.apply_to_text(&value);
            headers.into_iter().map(|(name, value)| (name, clean(value))).collect()
        };
        let body = |copied: Copied| copied.finish(&rules);
        Detail {
            request_headers: Some(clean(request_headers)),
            response_headers: response_headers.map(clean),
            request_body: request.map(body),
            response_body: response.map(body),
            ..Detail::new(id)
        }
    }
    fn headers<'a>(&mut self, headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Headers {
        let mut kept = Headers::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value);
            let value = if is_secret(name, &self.rules.secret_headers) {
                mask(&value)
            } else {
                value.chars().take(VALUE_BYTES_MAX).collect()
            };
            if !self.share.grow(name.len() + value.len()) {
                self.lost = true;
                return Headers::new();
            }
            kept.push((name.to_owned(), value));
        }
        kept
    }
}

impl Copied {
    /// Copies as much as is kept; false where there is no room for it.
    fn take(&mut self, piece: &[u8], most: usize, share: &mut Share) -> bool {
        self.size = self.size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        let left = most.saturating_sub(self.content.len());
        let first = piece.get(..left).unwrap_or(piece);
        if first.is_empty() {
            return true;
        }
        let has_room = share.grow(first.len());
        if has_room {
            self.content.extend_from_slice(first);
        } else {
            self.content = Vec::new();
        }
        has_room
    }
    /// Redacted; what redaction makes longer is cut again.
    fn finish(self, rules: &CaptureRules) -> Body {
        let length = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        let cut = self.size.saturating_sub(length);
        let mut content = rules.redaction.apply(&self.content, cut > 0);
        content.truncate(rules.body_bytes_max);
        Body { size: self.size, content, cut }
    }
}

/// Never shows what was said.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("level", &self.level).field("lost", &self.lost).finish_non_exhaustive()
    }
}
