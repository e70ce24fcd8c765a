//! W3C trace context (Level 1, <https://www.w3.org/TR/trace-context/>, read 2026-11): whose trace a request belongs to.

use crate::id::RequestId;
use std::fmt;

/// Identifies a trace: 128 bits, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(u128);

/// Identifies one span of a trace: 64 bits, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

/// The part of a trace that one request is: its own span, and whose child that is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Trace {
    /// The whole.
    pub id: TraceId,
    /// The client's span; none where the trace begins here.
    pub parent: Option<SpanId>,
    /// The span of this request.
    pub span: SpanId,
    /// Whether whoever began the trace records it.
    pub sampled: bool,
}

/// Bytes of a `traceparent` of version 00.
const LENGTH: usize = 55;

impl TraceId {
    /// From its bits; `None` for zero, which means no trace.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Option<Self> {
        if bits == 0 { None } else { Some(Self(bits)) }
    }
    /// Its bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
    /// Reads 32 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex(text, 32).and_then(Self::from_u128)
    }
}

impl SpanId {
    /// From its bits; zero, which means no span, becomes one.
    #[must_use]
    pub const fn from_u64(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }
    /// Its bits.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl Trace {
    /// A trace that begins with this request. Its id is the request's own, so the two find each other: of a UUIDv7 the
    /// last 62 bits are random, more than the 56 that the standard asks for.
    #[must_use]
    pub fn begin(request: RequestId) -> Self {
        let id = TraceId(request.as_u128().max(1));
        Self { id, parent: None, span: own_span(request), sampled: false }
    }
    /// What a client's `traceparent` says; `None` where it says nothing that the standard lets count.
    #[must_use]
    pub fn join(traceparent: &str, request: RequestId) -> Option<Self> {
        let head = traceparent.get(..LENGTH)?;
        let version = hex(head.get(..2)?, 2)?;
        let follows = traceparent.get(LENGTH..)?;
        // Later versions may append; version 00 may not, and ff is none.
        if version == 0xff || (version == 0 && !follows.is_empty()) {
            return None;
        }
        if !(follows.is_empty() || follows.starts_with('-')) {
            return None;
        }
        let mut parts = head.get(2..)?.strip_prefix('-')?.split('-');
        let (id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let parent = u64::try_from(hex(parent, 16)?).ok().filter(|bits| *bits != 0)?;
        let flags = hex(flags, 2)?;
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            id: TraceId::parse(id)?,
            parent: Some(SpanId(parent)),
            span: own_span(request),
            sampled: flags & 1 == 1,
        })
    }
    /// The span of the attempt with that number, from 0.
    #[must_use]
    pub fn attempt(&self, number: usize) -> SpanId {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        SpanId::from_u64(self.span.0.wrapping_add(number).wrapping_add(1))
    }
    /// The `traceparent` that goes upstream with an attempt, whose span is the parent there.
    #[must_use]
    pub fn traceparent(&self, attempt: SpanId) -> String {
        format!("00-{}-{}-{:02x}", self.id, attempt, u8::from(self.sampled))
    }
}

/// The random end of the request's id: two requests of one trace differ in it.
fn own_span(request: RequestId) -> SpanId {
    SpanId::from_u64(u64::try_from(request.as_u128() & u128::from(u64::MAX)).unwrap_or(1))
}

/// Exactly so many hexadecimal digits in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.as_bytes().iter().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn request() -> RequestId {
        RequestId::new(Timestamp::from_micros(1_800_000_000_000_000), 0x1234_5678_9abc_def0_1234_5678)
    }

    #[test]
    fn a_clients_trace_goes_on_with_a_span_of_our_own() {
        let trace = Trace::join(GIVEN, request()).expect("a trace");
        assert_eq!(trace.id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent.expect("a parent").to_string(), "b7ad6b7169203331");
        assert!(trace.sampled);
        let (first, second) = (trace.attempt(0), trace.attempt(1));
        assert!(trace.span != first && first != second);
        assert_eq!(trace.traceparent(first), format!("00-0af7651916cd43dd8448eb211c80319c-{first}-01"));
        assert!(Trace::join(&trace.traceparent(first), request()).is_some(), "what is written can be read");
    }

    #[test]
    fn a_trace_that_begins_here_has_the_requests_id() {
        let trace = Trace::begin(request());
        assert_eq!(trace.id.to_string(), request().to_string().replace('-', ""));
        assert_eq!((trace.parent, trace.sampled), (None, false));
    }

    #[test]
    fn a_later_version_may_say_more_and_ours_may_not() {
        let later = GIVEN.replacen("00", "cc", 1);
        assert!(Trace::join(&later, request()).is_some());
        assert!(Trace::join(&format!("{later}-what-comes"), request()).is_some());
        for wrong in [
            format!("{later}.what"),
            format!("{GIVEN}-what"),
            GIVEN.replacen("00", "ff", 1),
            GIVEN.to_uppercase(),
            GIVEN.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GIVEN.replace("b7ad6b7169203331", &"0".repeat(16)),
            GIVEN.replace("b7ad6b7169203331", "b7ad6b716920333é"),
            GIVEN.replace('-', "_"),
            GIVEN[..54].to_owned(),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920-331-01".to_owned(),
            String::new(),
        ] {
            assert_eq!(Trace::join(&wrong, request()), None, "{wrong}");
        }
    }
}
