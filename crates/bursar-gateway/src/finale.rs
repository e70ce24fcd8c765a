//! The last event of a stream that Bursar ends, and what has to be known of the stream to write it.

use bursar_core::{ApiFormat, Refusal};
use bursar_wire::route::Framing;
use bursar_wire::{BodyKind, SpendRoute, StreamEnd, end_stream};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// Follows a stream on its way to the client, to be able to end it in its own format at any moment.
#[derive(Debug)]
pub struct Finale {
    format: ApiFormat,
    framing: Framing,
    /// The last piece that went out.
    last: Bytes,
    /// The last bytes that went out, across pieces.
    tail: Vec<u8>,
}

/// Enough of the end to see an empty line, whichever line ends the stream uses.
const TAIL: usize = 4;

impl Finale {
    /// For an answer with this head; `None` where nothing can be appended: an encoded body, one of a stated length, or
    /// one that is no stream.
    #[must_use]
    pub fn of(route: &SpendRoute, stream: bool, kind: BodyKind, head: &HeaderMap) -> Option<Self> {
        if head.contains_key(CONTENT_ENCODING) || head.contains_key(CONTENT_LENGTH) || !stream {
            return None;
        }
        let framing = match (kind, route.framing) {
            (BodyKind::Sse, _) => Framing::Sse,
            (BodyKind::JsonLines, _) => Framing::NdJson,
            (BodyKind::Json, Framing::JsonArray) => Framing::JsonArray,
            (BodyKind::Json, Framing::Sse | Framing::NdJson) => return None,
        };
        Some(Self { format: route.format, framing, last: Bytes::new(), tail: Vec::with_capacity(TAIL) })
    }
    /// Takes note of a piece that goes to the client.
    pub fn passed(&mut self, piece: &Bytes) {
        if piece.is_empty() {
            return;
        }
        self.last = piece.clone();
        match piece.last_chunk::<TAIL>() {
            Some(end) => {
                self.tail.clear();
                self.tail.extend_from_slice(end);
            }
            None => {
                self.tail.extend_from_slice(piece);
                let surplus = self.tail.len().saturating_sub(TAIL);
                self.tail.drain(..surplus);
            }
        }
    }
    /// The bytes that end the stream. `response` is the answer's own id, where it told one.
    #[must_use]
    pub fn write(&self, refusal: &Refusal, response: Option<&str>) -> Bytes {
        let end = StreamEnd {
            refusal: refusal.clone(),
            framing: self.framing,
            started: !self.tail.is_empty(),
            mid_event: self.is_mid_event(),
            response: response.map(|id| (id.to_owned(), self.next_sequence_number())),
        };
        end_stream(self.format, &end).into()
    }
    fn is_mid_event(&self) -> bool {
        if self.tail.is_empty() {
            return false;
        }
        match self.framing {
            Framing::Sse => {
                !["\n\n", "\r\n\r\n", "\r\r"].iter().any(|end| self.tail.ends_with(end.as_bytes()))
            }
            Framing::NdJson => !self.tail.ends_with(b"\n"),
            Framing::JsonArray => false,
        }
    }
    /// Behind the last one that went out: events of the Responses API are numbered.
    fn next_sequence_number(&self) -> u64 {
        const NAME: &[u8] = b"\"sequence_number\":";
        let last = self.last.windows(NAME.len()).rposition(|part| part == NAME);
        let number = last.and_then(|at| self.last.get(at + NAME.len()..)).unwrap_or_default();
        let digits = number.iter().skip_while(|byte| **byte == b' ').take_while(|byte| byte.is_ascii_digit());
        let text: String = digits.map(|byte| char::from(*byte)).collect();
        text.parse::<u64>().map_or(0, |number| number.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Code, RequestId};

    fn finale(framing: Framing, pieces: &[&'static str]) -> Finale {
        let mut finale =
            Finale { format: ApiFormat::OpenAiResponses, framing, last: Bytes::new(), tail: Vec::new() };
        pieces.iter().for_each(|piece| finale.passed(&Bytes::from_static(piece.as_bytes())));
        finale
    }

    #[test]
    fn the_end_of_an_event_is_seen_in_any_split() {
        for pieces in [&["data: 1\n\n"][..], &["data: 1\n", "\n"], &["data: 1\r\n\r", "\n"], &[]] {
            assert!(!finale(Framing::Sse, pieces).is_mid_event(), "{pieces:?}");
        }
        for pieces in [&["data: 1\n"][..], &["data: 1"], &["data: 1\n\n", "d"]] {
            assert!(finale(Framing::Sse, pieces).is_mid_event(), "{pieces:?}");
        }
        assert!(finale(Framing::NdJson, &["{\"a\":1}"]).is_mid_event());
        assert!(!finale(Framing::NdJson, &["{\"a\":1}\n"]).is_mid_event());
    }

    #[test]
    fn the_last_event_of_a_response_is_numbered_on() {
        let finale =
            finale(Framing::Sse, &["data: {\"sequence_number\":7}\n\ndata: {\"sequence_number\": 8}\n\n"]);
        let refusal = Refusal::new(Code::KillSwitch, RequestId::from_u128(1), "stop");
        let text = String::from_utf8(finale.write(&refusal, Some("resp_1")).to_vec()).unwrap();
        assert!(text.starts_with("event: response.failed\ndata: "), "{text}");
        assert!(text.contains("\"sequence_number\":9") && text.contains("resp_1"), "{text}");
    }
}
