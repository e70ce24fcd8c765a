//! The framer against the standard's own steps, against another implementation, and in every split.

use super::{Events, Part};
use proptest::prelude::*;

/// An event as (name, data); events without data do not count.
type Event = (String, String);

fn framed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut events, mut framer) = (Vec::new(), Events::default());
    let (mut name, mut data, mut has_data) = (Vec::new(), Vec::new(), false);
    for piece in pieces {
        let mut rest = piece;
        while let Some(part) = framer.next(&mut rest) {
            match part {
                Part::Data(part) => {
                    has_data = true;
                    data.extend_from_slice(part);
                }
                Part::Newline => {
                    has_data = true;
                    data.push(b'\n');
                }
                Part::NameLine => name.clear(),
                Part::Name(part) => name.extend_from_slice(part),
                Part::Comment | Part::Other => {}
                Part::End => {
                    let event = (
                        String::from_utf8_lossy(&name).into_owned(),
                        String::from_utf8_lossy(&data).into_owned(),
                    );
                    if std::mem::take(&mut has_data) {
                        events.push(event);
                    }
                    name.clear();
                    data.clear();
                }
            }
        }
    }
    events
}

/// The standard's steps over a whole body, written as it words them.
fn by_the_standard(body: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).into_owned();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut name, mut data): (Vec<Event>, _, Option<String>) = (vec![], String::new(), None);
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop();
    for line in lines {
        if line.is_empty() {
            if let Some(data) = data.take().filter(|data| !data.is_empty()) {
                events.push((name.clone(), data));
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                data = Some(data.map_or_else(|| value.to_owned(), |before| format!("{before}\n{value}")));
            }
            "event" => value.clone_into(&mut name),
            _ => {}
        }
    }
    events
}

/// Bodies made of the bytes that matter.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data: {\"a\":1}"),
        Just("data:"),
        Just("data"),
        Just("data: [DONE]"),
        Just("event: error"),
        Just(": comment"),
        Just("id: 7"),
        Just("retry"),
        Just("datas: x"),
        Just("longer_than_eight: x"),
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just("\n\n"),
        Just(" "),
        Just(":"),
        Just("ü"),
        Just("\u{feff}"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|parts| parts.concat().into_bytes())
}

/// A body cut into pieces at some of the given places.
pub(crate) fn split<'a>(body: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    places.sort_unstable();
    let (mut pieces, mut from) = (Vec::new(), 0);
    for place in places {
        pieces.push(&body[from..place]);
        from = place;
    }
    pieces.push(&body[from..]);
    pieces
}

/// The events that the crate `eventsource-stream` sees.
fn by_another_program(pieces: Vec<&[u8]>) -> Option<Vec<Event>> {
    use eventsource_stream::Eventsource;
    use futures_util::StreamExt;
    let pieces: Vec<Result<Vec<u8>, ()>> = pieces.into_iter().map(|piece| Ok(piece.to_vec())).collect();
    let events = futures_util::stream::iter(pieces).eventsource().collect::<Vec<_>>();
    let events = futures_util::FutureExt::now_or_never(events)?;
    events
        .into_iter()
        .map(|event| {
            let event = event.ok()?;
            // It names an event without a name as the standard's default.
            let name = if event.event == "message" { String::new() } else { event.event };
            Some((name, event.data))
        })
        // It tells of events without data, too.
        .filter(|event| event.as_ref().is_none_or(|(_, data)| !data.is_empty()))
        .collect()
}

proptest! {
    #[test]
    fn frames_as_another_program_does(
        body in bodies(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        // Version 0.2.3 panics on a body that begins with a BOM, and waits for what follows a CR.
        let body = format!("{}:\n", String::from_utf8_lossy(&body).replace('\u{feff}', "")).into_bytes();
        if let Some(theirs) = by_another_program(split(&body, &cuts)) {
            let ours: Vec<Event> =
                framed(split(&body, &cuts)).into_iter().filter(|(_, data)| !data.is_empty()).collect();
            prop_assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn frames_as_the_standard_says_in_any_split(
        body in bodies(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        // Empty data makes no event there; here the caller sees it and finds no document in it.
        let ours: Vec<Event> =
            framed(split(&body, &cuts)).into_iter().filter(|(_, data)| !data.is_empty()).collect();
        prop_assert_eq!(ours, by_the_standard(&body));
    }
}

#[test]
fn every_line_ending_a_bom_comments_and_several_data_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let body = [
            "\u{feff}event: greeting",
            "data: {\"hello\":",
            "data: \"world\"}",
            "",
            ": a comment",
            "",
            "data:no space",
            "id: 1",
            "retry: 10",
            "",
            "",
        ]
        .join(end);
        let expected: Vec<Event> =
            vec![("greeting".into(), "{\"hello\":\n\"world\"}".into()), (String::new(), "no space".into())];
        assert_eq!(framed([body.as_bytes()]), expected);
        assert_eq!(framed(body.as_bytes().chunks(1)), expected, "byte by byte");
    }
}
