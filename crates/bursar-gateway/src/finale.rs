//! The last event of a stream that Bursar ends, what has to be known of the stream to write it, and where the stream may
//! end: between two events, so that a client's reader never gets half of one.

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
    place: Place,
    /// The last piece that went out, where its event is numbered (Responses).
    last: Bytes,
}

/// Where in a stream its last byte stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    framing: Framing,
    started: bool,
    /// The last bytes, oldest first: enough to see an empty line, whichever line ends the stream uses.
    tail: [u8; 4],
    /// In a JSON array: how deep, and whether in a text.
    depth: u32,
    in_text: bool,
    escaped: bool,
}

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
        Some(Self { format: route.format, place: Place::new(framing), last: Bytes::new() })
    }
    /// Takes note of a piece that goes to the client.
    pub fn passed(&mut self, piece: &Bytes) {
        if piece.is_empty() {
            return;
        }
        self.place.pass(piece);
        if self.format == ApiFormat::OpenAiResponses {
            self.last = piece.clone();
        }
    }
    /// What of `pieces` may still be sent so that the stream then stands between two events; `None`: there is no such
    /// place, and all of it belongs to an event that was begun.
    #[must_use]
    pub fn whole_events(&self, pieces: &[Bytes]) -> Option<Vec<Bytes>> {
        let mut place = self.place;
        let mut found = place.is_between().then_some((0, 0));
        for (number, piece) in pieces.iter().enumerate() {
            for (at, byte) in piece.iter().enumerate() {
                place.step(*byte);
                if place.is_between() {
                    found = Some((number, at + 1));
                }
            }
        }
        let (number, end) = found?;
        let mut whole: Vec<Bytes> = pieces.iter().take(number).cloned().collect();
        whole.extend(pieces.get(number).filter(|_| end > 0).map(|piece| piece.slice(..end)));
        Some(whole)
    }

    /// The bytes that end the stream. `response` is the answer's own id, where it told one.
    #[must_use]
    pub fn write(&self, refusal: &Refusal, response: Option<&str>) -> Bytes {
        let end = StreamEnd {
            refusal: refusal.clone(),
            framing: self.place.framing,
            started: self.place.started,
            mid_event: !self.place.is_between(),
            response: response.map(|id| (id.to_owned(), self.next_sequence_number())),
        };
        end_stream(self.format, &end).into()
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

impl Place {
    const fn new(framing: Framing) -> Self {
        Self { framing, started: false, tail: [0; 4], depth: 0, in_text: false, escaped: false }
    }
    /// Passes a whole piece; in framings told by their line ends, its last bytes are enough.
    fn pass(&mut self, piece: &[u8]) {
        match piece.last_chunk() {
            Some(tail) if self.framing != Framing::JsonArray => {
                self.started = true;
                self.tail = *tail;
            }
            Some(_) | None => piece.iter().for_each(|byte| self.step(*byte)),
        }
    }
    fn step(&mut self, byte: u8) {
        self.started = true;
        let [_, second, third, fourth] = self.tail;
        self.tail = [second, third, fourth, byte];
        if self.framing != Framing::JsonArray {
            return;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_text => self.escaped = true,
            b'"' => self.in_text = !self.in_text,
            b'[' | b'{' if !self.in_text => self.depth += 1,
            b']' | b'}' if !self.in_text => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
    /// Whether the last byte ends an event, or nothing was sent.
    const fn is_between(&self) -> bool {
        match (self.framing, self.tail) {
            _ if !self.started => true,
            (Framing::Sse, [.., b'\n', b'\n'] | [.., b'\r', b'\r'] | [.., b'\n', b'\r', b'\n']) => true,
            (Framing::NdJson, [.., b'\n']) => true,
            (Framing::JsonArray, [.., b'}']) => self.depth == 1 && !self.in_text,
            (Framing::Sse | Framing::NdJson | Framing::JsonArray, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Code, RequestId};

    fn finale(format: ApiFormat, framing: Framing, sent: &[&'static str]) -> Finale {
        let mut finale = Finale { format, place: Place::new(framing), last: Bytes::new() };
        sent.iter().for_each(|piece| finale.passed(&Bytes::from_static(piece.as_bytes())));
        finale
    }
    fn pieces(texts: &[&str]) -> Vec<Bytes> {
        texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
    }
    fn text(pieces: &[Bytes]) -> String {
        pieces.iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    }

    #[test]
    fn a_stream_is_cut_between_events_however_its_pieces_fall() {
        let body = "data: {\"a\":1}\n\ndata: {\"b\":\"\\n\"}\r\n\r\ndata: {\"c\":3}\n\ndata: {\"d\"";
        let whole = "data: {\"a\":1}\n\ndata: {\"b\":\"\\n\"}\r\n\r\ndata: {\"c\":3}\n\n";
        for first in 0..body.len() {
            let mut finale = finale(ApiFormat::OpenAiChat, Framing::Sse, &[]);
            let (sent, rest) = body.split_at(first);
            finale.passed(&Bytes::copy_from_slice(sent.as_bytes()));
            match finale.whole_events(&pieces(&[rest])) {
                Some(more) => assert_eq!(format!("{sent}{}", text(&more)), whole, "split at {first}"),
                None => assert!(first > whole.len(), "split at {first}"),
            }
        }
    }

    #[test]
    fn an_event_that_was_begun_is_finished_first() {
        let finale = finale(ApiFormat::OllamaChat, Framing::NdJson, &["{\"a\""]);
        assert_eq!(finale.whole_events(&pieces(&[":1"])), None);
        assert_eq!(text(&finale.whole_events(&pieces(&[":1}\n", "{\"b\""])).unwrap()), ":1}\n");
    }

    #[test]
    fn a_json_array_stays_one() {
        let mut finale = finale(ApiFormat::GeminiGenerate, Framing::JsonArray, &[]);
        let first = pieces(&["[{\"a\": \"}]\\\"\"}", ",\r\n{\"b\": [1, {}]"]);
        let whole = finale.whole_events(&first).unwrap();
        assert_eq!(text(&whole), "[{\"a\": \"}]\\\"\"}");
        whole.iter().for_each(|piece| finale.passed(piece));
        let refusal = Refusal::new(Code::BudgetRun, RequestId::from_u128(7), "no more");
        let ended = format!("{}{}", text(&whole), text(&[finale.write(&refusal, None)]));
        let read: Vec<serde_json::Value> = serde_json::from_str(&ended).expect("an array");
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn the_end_of_an_event_is_seen_in_any_split() {
        for pieces in [&["data: 1\n\n"][..], &["data: 1\n", "\n"], &["data: 1\r\n\r", "\n"], &[]] {
            assert!(
                finale(ApiFormat::OpenAiResponses, Framing::Sse, pieces).place.is_between(),
                "{pieces:?}"
            );
        }
        for pieces in [&["data: 1\n"][..], &["data: 1"], &["data: 1\n\n", "d"]] {
            assert!(
                !finale(ApiFormat::OpenAiResponses, Framing::Sse, pieces).place.is_between(),
                "{pieces:?}"
            );
        }
        assert!(!finale(ApiFormat::OpenAiResponses, Framing::NdJson, &["{\"a\":1}"]).place.is_between());
        assert!(finale(ApiFormat::OpenAiResponses, Framing::NdJson, &["{\"a\":1}\n"]).place.is_between());
    }

    #[test]
    fn the_last_event_of_a_response_is_numbered_on() {
        let finale = finale(
            ApiFormat::OpenAiResponses,
            Framing::Sse,
            &["data: {\"sequence_number\":7}\n\ndata: {\"sequence_number\": 8}\n\n"],
        );
        let refusal = Refusal::new(Code::KillSwitch, RequestId::from_u128(1), "stop");
        let text = String::from_utf8(finale.write(&refusal, Some("resp_1")).to_vec()).unwrap();
        assert!(text.starts_with("event: response.failed\ndata: "), "{text}");
        assert!(text.contains("\"sequence_number\":9") && text.contains("resp_1"), "{text}");
    }
}
