//! What is sealed of a finished request: its cost, and its answer where it is small enough.

use bursar_core::Usd;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of an answer that is kept, head and body; what is larger is not (interfaces, "Idempotency").
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// An answer that is kept, to be given again byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Bytes,
}

/// Names and values, as they were sent.
type Headers = Vec<(String, Vec<u8>)>;

/// What is kept of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(super) cost: Option<Usd>,
    pub(super) kept: Option<Kept>,
}

/// Everything but the body, before which it stands with its length.
#[derive(Serialize, Deserialize)]
struct Head {
    nanos: Option<i64>,
    answer: Option<(u16, Headers)>,
}

impl Envelope {
    pub(super) fn of(cost: Option<Usd>, kept: Option<Kept>) -> Self {
        let small = |kept: &Kept| {
            let head: usize = kept.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            head.saturating_add(kept.body.len()) <= KEPT_BYTES_MAX
        };
        Self { cost, kept: kept.filter(small) }
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let answer = self.kept.as_ref().map(|kept| (kept.status, kept.headers.clone()));
        let head = Head { nanos: self.cost.map(Usd::nanos), answer };
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut bytes = u32::try_from(head.len()).unwrap_or(0).to_be_bytes().to_vec();
        bytes.extend_from_slice(&head);
        if let Some(kept) = &self.kept {
            bytes.extend_from_slice(&kept.body);
        }
        bytes
    }
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let Head { nanos, answer } = serde_json::from_slice(head).ok()?;
        let body = Bytes::copy_from_slice(body);
        let kept = answer.map(|(status, headers)| Kept { status, headers, body });
        Some(Self { cost: nanos.map(Usd::from_nanos), kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_out_as_it_went_in_and_a_large_one_as_its_cost() {
        let kept = |body: Vec<u8>| Kept {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: body.into(),
        };
        let cost = Some(Usd::from_nanos(12_345));
        let small = Envelope::of(cost, Some(kept(vec![0xff, 0, 7])));
        assert_eq!(Envelope::decode(&small.encode()), Some(small));
        let large = Envelope::of(cost, Some(kept(vec![0; KEPT_BYTES_MAX])));
        assert_eq!((large.cost, &large.kept), (cost, &None));
        assert_eq!(Envelope::decode(b"\xff\xff\xff\xff"), None);
    }
}
