//! The scanner against `serde_json`: what one takes the other takes, and both read the same at every place.

use super::super::sse::tests::split;
use super::{Reader, Scalar, Scanner, Take};
use proptest::prelude::*;
use serde_json::Value;

/// Interested in `s` (scalars), `t` (text), `r` (raw) and `o` (containers of those), at any level.
#[derive(Default, Debug)]
struct Probe {
    seen: Vec<String>,
    text: u64,
    raw: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Place {
    #[default]
    Elsewhere,
    Open,
    Scalar,
    Text,
    Raw,
}

impl Reader for Probe {
    type Place = Place;
    const ROOT: Place = Place::Open;
    fn member(at: Place, key: &[u8]) -> Place {
        match (at, key) {
            (Place::Open, b"s") => Place::Scalar,
            (Place::Open, b"t") => Place::Text,
            (Place::Open, b"r") => Place::Raw,
            (Place::Open, b"o" | b"\xC3\xB6") => Place::Open,
            _ => Place::Elsewhere,
        }
    }
    fn item(at: Place) -> Place {
        if at == Place::Open { Place::Open } else { Place::Elsewhere }
    }
    fn take(at: Place) -> Take {
        match at {
            Place::Elsewhere | Place::Open => Take::Nothing,
            Place::Scalar => Take::Scalar,
            Place::Text => Take::Text,
            Place::Raw => Take::Raw,
        }
    }
    fn begin(&mut self, at: Place) {
        self.seen.push(format!("begin {at:?}"));
    }
    fn end(&mut self, at: Place) {
        self.seen.push(format!("end {at:?}"));
    }
    fn scalar(&mut self, _at: Place, value: Scalar<'_>) {
        self.seen.push(match value {
            Scalar::Number(text) => text.to_owned(),
            Scalar::Word(word) => format!("{word:?}"),
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Null => "null".to_owned(),
        });
    }
    fn text(&mut self, at: Place, bytes: u64) {
        match at {
            Place::Text => self.text += bytes,
            _ => self.raw += bytes,
        }
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap()
}

fn written(value: &Value) -> u64 {
    length(&value.to_string())
}

/// What the probe should see of a document that serde_json wrote without spaces.
fn walk(value: &Value, at: Place, probe: &mut Probe) {
    match value {
        Value::Object(members) => {
            if at == Place::Raw {
                probe.raw += written(value);
            }
            if at != Place::Elsewhere {
                probe.begin(at);
            }
            for (key, value) in members {
                walk(value, Probe::member(at, key.as_bytes()), probe);
            }
            if at != Place::Elsewhere {
                probe.end(at);
            }
        }
        Value::Array(items) => {
            if at == Place::Raw {
                probe.raw += written(value);
            }
            if at != Place::Elsewhere {
                probe.begin(at);
            }
            for value in items {
                walk(value, Probe::item(at), probe);
            }
            if at != Place::Elsewhere {
                probe.end(at);
            }
        }
        Value::String(text) => match at {
            Place::Text => probe.text += length(text),
            Place::Raw => probe.raw += length(text),
            Place::Scalar => {
                let cut: Vec<u8> = text.bytes().take(256).collect();
                probe.scalar(at, Scalar::Word(String::from_utf8_lossy(&cut)));
            }
            Place::Elsewhere | Place::Open => {}
        },
        Value::Number(number) if at == Place::Scalar => probe.scalar(at, Scalar::Number(&number.to_string())),
        Value::Bool(flag) if at == Place::Scalar => probe.scalar(at, Scalar::Flag(*flag)),
        Value::Null if at == Place::Scalar => probe.scalar(at, Scalar::Null),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn scanned<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (bool, Probe) {
    let (mut scanner, mut probe) = (Scanner::default(), Probe::default());
    for piece in pieces {
        scanner.feed(piece, &mut probe);
    }
    (scanner.finish(&mut probe), probe)
}

fn documents() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}",
        Just("\u{1F600}\n\"\\/\u{8}\u{7f}é".to_owned()),
        "[a-z]{250,300}",
        Just(String::new())
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|f| Value::from(f64::from(f))),
        text.prop_map(Value::String),
    ];
    let key = prop_oneof![Just("s"), Just("t"), Just("r"), Just("o"), Just("ö"), Just("x"), Just("a\"b")];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn reads_the_same_as_serde_json_in_any_split(
        document in documents(),
        escaped in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
    ) {
        let mut body = serde_json::to_string(&document).unwrap();
        if escaped {
            // The same document with everything beyond ASCII, and one known name, escaped.
            body = body.replace("\"s\":", "\"\\u0073\":").chars().fold(String::new(), |mut out, c| {
                if c.is_ascii() {
                    out.push(c);
                } else {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                out
            });
        }
        let mut expected = Probe::default();
        walk(&document, Place::Open, &mut expected);
        let (whole, probe) = scanned(split(body.as_bytes(), &cuts));
        prop_assert!(whole);
        prop_assert_eq!(&probe.seen, &expected.seen);
        prop_assert_eq!(probe.text, expected.text);
        if !escaped {
            prop_assert_eq!(probe.raw, expected.raw);
        }
    }

    #[test]
    fn takes_every_text_that_serde_json_takes(
        text in "[\\[\\]{}:,\"\\\\0-9.eE+\\- tfnrualsex]{0,24}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (whole, _) = scanned(split(text.as_bytes(), &cuts));
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(whole, theirs, "{:?}", text);
    }
}

#[test]
fn half_a_number_is_never_told() {
    let (whole, probe) = scanned([br#"{"s":12"#.as_slice()]);
    assert!(!whole);
    assert_eq!(probe.seen, ["begin Open"]);
}

#[test]
fn nesting_ends_somewhere() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(scanned([deep(256).as_bytes()]).0);
    assert!(!scanned([deep(257).as_bytes()]).0);
}

#[test]
fn the_scanner_starts_anew_after_a_broken_document() {
    let (mut scanner, mut probe) = (Scanner::default(), Probe::default());
    for broken in [r#"{"s":"#, r#"{"s":"abc\u00"#, r#"{"r":{"a":["#, r#"{"s":1}}"#, "[DONE]"] {
        scanner.feed(broken.as_bytes(), &mut probe);
        assert!(!scanner.finish(&mut probe), "{broken}");
        probe = Probe::default();
        scanner.feed(br#"{"s":"whole","r":{}}"#, &mut probe);
        assert!(scanner.finish(&mut probe));
        assert_eq!(probe.seen, ["begin Open", "\"whole\"", "begin Raw", "end Raw", "end Open"]);
        assert_eq!(probe.raw, 2);
        probe = Probe::default();
    }
}

#[test]
fn text_before_a_broken_escape_counts_in_any_split() {
    // Found by fuzzing.
    let body = br#"{"t":"seen\x"#;
    assert_eq!(scanned([body.as_slice()]).1.text, 4);
    assert_eq!(scanned(body.chunks(1)).1.text, 4);
}
