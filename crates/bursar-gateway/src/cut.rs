//! Where a stream may be cut: after whole events only, so that a client's reader gets a proper last event and never half
//! of one before it.

use bursar_core::{ApiFormat, Refusal};
use bursar_wire::route::Framing;
use bursar_wire::{BodyKind, SpendRoute, StreamEnd, end_stream};
use bytes::Bytes;

/// Follows what the client was sent, and ends it.
#[derive(Debug)]
pub struct Cutter {
    format: ApiFormat,
    place: Place,
    /// The last piece sent, where the number of its event is needed (Responses).
    last: Bytes,
}

/// Where in a stream its last byte stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    framing: Framing,
    started: bool,
    /// The last bytes, oldest first: blank lines are told by them.
    tail: [u8; 4],
    /// In a JSON array: how deep, and whether in a text.
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl Cutter {
    /// A cutter for an answer of this kind on this route.
    #[must_use]
    pub const fn new(route: &SpendRoute, kind: BodyKind) -> Self {
        let framing = match kind {
            BodyKind::Sse => Framing::Sse,
            BodyKind::JsonLines => Framing::NdJson,
            BodyKind::Json => Framing::JsonArray,
        };
        let place = Place { framing, started: false, tail: [0; 4], depth: 0, in_text: false, escaped: false };
        Self { format: route.format, place, last: Bytes::new() }
    }

    /// Follows a piece that is sent.
    pub fn note(&mut self, piece: &Bytes) {
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

    /// The bytes that end the stream.
    #[must_use]
    pub fn end(&self, refusal: Refusal, response_id: Option<&str>) -> Bytes {
        let end = StreamEnd {
            refusal,
            framing: self.place.framing,
            started: self.place.started,
            mid_event: !self.place.is_between(),
            response: response_id.map(|id| (id.to_owned(), next_number(&self.last))),
        };
        end_stream(self.format, &end).into()
    }
}

impl Place {
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

/// The number after the last `sequence_number` of an event.
fn next_number(event: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(event);
    let after = text.rsplit_once("\"sequence_number\":").map_or("", |(_, after)| after.trim_start());
    let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits).and_then(|number| number.parse::<u64>().ok()).map_or(0, |number| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::{Code, RequestId};

    fn cutter(format: ApiFormat, kind: BodyKind) -> Cutter {
        Cutter::new(&SpendRoute::of(format, Some("m")), kind)
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
            let mut cutter = cutter(ApiFormat::OpenAiChat, BodyKind::Sse);
            let (sent, rest) = body.split_at(first);
            cutter.note(&Bytes::copy_from_slice(sent.as_bytes()));
            match cutter.whole_events(&pieces(&[rest])) {
                Some(more) => assert_eq!(format!("{sent}{}", text(&more)), whole, "split at {first}"),
                None => assert!(first > whole.len(), "split at {first}"),
            }
        }
    }

    #[test]
    fn an_event_that_was_begun_is_finished_first() {
        let mut cutter = cutter(ApiFormat::OllamaChat, BodyKind::JsonLines);
        cutter.note(&Bytes::from_static(b"{\"a\""));
        assert_eq!(cutter.whole_events(&pieces(&[":1"])), None);
        assert_eq!(text(&cutter.whole_events(&pieces(&[":1}\n", "{\"b\""])).unwrap()), ":1}\n");
    }

    #[test]
    fn a_json_array_stays_one() {
        let mut cutter = cutter(ApiFormat::GeminiGenerate, BodyKind::Json);
        let first = pieces(&["[{\"a\": \"}]\\\"\"}", ",\r\n{\"b\": [1, {}]"]);
        let whole = cutter.whole_events(&first).unwrap();
        assert_eq!(text(&whole), "[{\"a\": \"}]\\\"\"}");
        whole.iter().for_each(|piece| cutter.note(piece));
        let refusal = Refusal::new(Code::BudgetRun, RequestId::from_u128(7), "no more");
        let ended = format!("{}{}", text(&whole), text(&[cutter.end(refusal, None)]));
        let read: Vec<serde_json::Value> = serde_json::from_str(&ended).expect("an array");
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn the_last_event_of_a_response_counts_on() {
        let mut cutter = cutter(ApiFormat::OpenAiResponses, BodyKind::Sse);
        cutter.note(&Bytes::from_static(b"data: {\"type\":\"x\",\"sequence_number\":41}\n\n"));
        let refusal = Refusal::new(Code::BudgetRun, RequestId::from_u128(7), "no more");
        let end = text(&[cutter.end(refusal, Some("resp_1"))]);
        assert!(end.contains("\"sequence_number\":42") && end.contains("resp_1"), "{end}");
    }
}
