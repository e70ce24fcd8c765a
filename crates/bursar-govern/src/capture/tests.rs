//! What is kept of a request by log level, what is masked, redacted and cut, and what finds no room.

use super::*;
use proptest::prelude::*;

const HEADERS: [(&str, &[u8]); 2] =
    [("authorization", b"Bearer sk-bursar-0123456789abcdef"), ("user-agent", b"a client")];

fn capturer(level: LogLevel, most: usize) -> (Capturer, Receiver<Captured>) {
    let capturer = Capturer::default();
    let queue = capturer.listen().unwrap();
    capturer.set_rules(CaptureRules { level, body_bytes_max: most, ..CaptureRules::default() });
    (capturer, queue)
}

/// One request with that body and a short answer, as it is kept.
fn keep(capturer: &Capturer, queue: &Receiver<Captured>, body: &[u8]) -> Option<Detail> {
    let mut draft = capturer.begin(Some("alpha"), HEADERS.into_iter())?;
    draft.asked(body);
    draft.answered([("set-cookie", &b"id=0123456789"[..])].into_iter(), false);
    draft.heard(b"{\"an\":");
    draft.heard(b"\"answer\"}");
    capturer.offer(RequestId::from_u128(7), draft);
    queue.try_recv().ok().map(Captured::finish)
}

/// Rules: S4-21, V L07.
#[test]
fn the_log_level_decides_what_is_kept() {
    for (level, headers, bodies) in
        [(LogLevel::Basic, false, false), (LogLevel::Headers, true, false), (LogLevel::Full, true, true)]
    {
        let (capturer, queue) = capturer(level, 1000);
        let kept = keep(&capturer, &queue, b"{}");
        let has = |part: fn(&Detail) -> bool| kept.as_ref().is_some_and(part);
        assert_eq!(has(|kept| kept.request_headers.is_some() && kept.response_headers.is_some()), headers);
        assert_eq!(has(|kept| kept.request_body.is_some() && kept.response_body.is_some()), bodies);
        assert_eq!(capturer.dropped(), 0);
    }
    let rules = CaptureRules {
        level: LogLevel::Basic,
        projects: [("alpha".to_owned(), LogLevel::Full)].into(),
        ..CaptureRules::default()
    };
    assert_eq!(rules.level_of(Some("alpha")), LogLevel::Full);
    assert_eq!(rules.level_of(Some("beta")), LogLevel::Basic);
    assert_eq!(rules.level_of(None), LogLevel::Basic);
}

/// Rules: S4-22, V L06.
#[test]
fn a_body_is_cut_at_a_number_of_bytes_and_says_how_many_are_missing() {
    let (capturer, queue) = capturer(LogLevel::Full, 10);
    let body = br#"{"a": "0123456789"}"#;
    let kept = keep(&capturer, &queue, body).unwrap().request_body.unwrap();
    assert_eq!((kept.size, kept.cut), (19, 9));
    assert_eq!(kept.content, br#"{"a": "012"#);
    let whole = keep(&capturer, &queue, b"0123456789").unwrap();
    assert_eq!(whole.request_body.unwrap().cut, 0);
    let answer = whole.response_body.unwrap();
    assert_eq!((answer.size, answer.cut, answer.content.len()), (15, 5, 10), "cut across its pieces");
}

/// Rules: S4-21.
#[test]
fn secret_headers_are_masked() {
    for (value, kept) in [
        ("Bearer sk-bursar-0123456789abcdef", "Bear***"),
        ("123456789", "12***"),
        ("1234", "1***"),
        ("123", "***"),
        ("", "***"),
        ("äöüßäöüß", "äö***"),
    ] {
        assert_eq!(mask(value), kept);
    }
    let more = ["x-mine".to_owned()];
    for name in [
        "Authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "set-cookie",
        "x-goog-api-key",
        "x-bursar-key",
        "X-Mine",
        "x-auth-token",
        "x-amz-security-token",
        "proxy-authorization",
    ] {
        assert!(is_secret(name, &more), "{name}");
    }
    for name in ["user-agent", "x-ratelimit-limit-tokens", "x-bursar-session", "content-type", "x-mine-too"] {
        assert!(!is_secret(name, &more), "{name}");
    }
    let (capturer, queue) = capturer(LogLevel::Headers, 10);
    let kept = keep(&capturer, &queue, b"").unwrap();
    assert_eq!(kept.request_headers.unwrap()[0].1, "Bear***");
    assert_eq!(kept.response_headers.unwrap()[0].1, "id=***");
}

/// Rules: S4-22.
#[test]
fn fields_and_words_are_taken_out_of_what_is_kept() {
    let rules =
        Redaction::new(vec!["password".into(), "card".into()], vec!["cust-*".into(), "*@example.org".into()]);
    for (text, kept) in [
        (r#"{"password":"p\"w","x":1}"#, r#"{"password":"[redacted]","x":1}"#),
        (r#"{"PASSWORD" : {"a":["}"]} ,"x":1}"#, r#"{"PASSWORD" : "[redacted]" ,"x":1}"#),
        (r#"{"pass\u0077ord":12}"#, r#"{"pass\u0077ord":"[redacted]"}"#),
        (r#"["password","card"]"#, r#"["password","card"]"#),
        ("data: {\"card\":4711}\n\ndata: \"{\n", "data: {\"card\":\"[redacted]\"}\n\ndata: \"{\n"),
        (r#"{"a":"\"card\":5"}"#, r#"{"a":"\"card\":5"}"#),
        ("mail ann@example.org, cust-17!", "mail [redacted], [redacted]!"),
        ("import sk-learn", "import sk-learn"),
        ("key sk-proj-0123456789abcdef0 it is", "key [redacted] it is"),
    ] {
        assert_eq!(String::from_utf8(rules.apply(text.as_bytes(), false)).unwrap(), kept);
    }
    // What was cut in the middle of a secret keeps no part of it.
    for (text, kept) in [
        (r#"{"password":"hunt"#, r#"{"password":"[redacted]""#),
        (r#"{"card":{"number":47"#, r#"{"card":"[redacted]""#),
        ("the key sk-ab", "the key [redacted]"),
        ("of cust-1", "of [redacted]"),
    ] {
        assert_eq!(String::from_utf8(rules.apply(text.as_bytes(), true)).unwrap(), kept);
    }
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let (capturer, queue) = capturer(LogLevel::Full, COPIED_BYTES_MAX);
    let mut first = capturer.begin(None, HEADERS.into_iter()).unwrap();
    first.asked(&vec![0; COPIED_BYTES_MAX / 2]);
    assert!(keep(&capturer, &queue, &vec![0; COPIED_BYTES_MAX / 2]).is_none());
    assert_eq!(capturer.dropped(), 1);
    drop(first);
    assert!(keep(&capturer, &queue, &vec![0; COPIED_BYTES_MAX / 2]).is_some(), "room was given back");
    // A queue that nobody empties fills up and takes no more; nobody waits.
    for _ in 0..=QUEUE {
        let draft = capturer.begin(None, HEADERS.into_iter()).unwrap();
        capturer.offer(RequestId::from_u128(7), draft);
    }
    assert_eq!(capturer.dropped(), 2);
}

#[test]
fn nothing_that_was_said_is_shown_for_debugging() {
    let (capturer, queue) = capturer(LogLevel::Full, 1000);
    let mut draft = capturer.begin(None, HEADERS.into_iter()).unwrap();
    draft.asked(b"a prompt");
    let shown = format!("{draft:?}");
    capturer.offer(RequestId::from_u128(7), draft);
    let shown = format!("{shown} {:?}", queue.try_recv().unwrap().finish());
    assert!(!shown.contains("prompt") && !shown.contains("client"), "{shown}");
}

proptest! {
    /// Nothing to take out: not a byte changes, whatever it is.
    #[test]
    fn other_bytes_stay(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let rules = Redaction::new(vec!["a field that is not there".into()], vec![]);
        let has_key = KEY_STARTS.iter().any(|start| text.windows(start.len()).any(|part| part == *start));
        prop_assume!(!has_key);
        prop_assert_eq!(rules.apply(&text, false), text);
    }
    /// A field's value is gone from any JSON, wherever it is cut.
    #[test]
    fn a_secret_is_gone_wherever_a_body_is_cut(before in "[a-z\" \\\\{}]{0,20}", after in "[a-z\"]{0,20}", share in 0usize..=100) {
        let json = serde_json::json!({"before": before, "inner": {"secret": ["TOP5ECRET", {"x": "TOP5ECRET"}]}, "after": after}).to_string();
        let cut = json.len() * share / 100;
        let rules = Redaction::new(vec!["secret".into()], vec![]);
        let kept = rules.apply(&json.as_bytes()[..cut], cut < json.len());
        prop_assert!(!kept.windows(3).any(|part| part == b"TOP"), "{}", String::from_utf8_lossy(&kept));
        if cut == json.len() {
            let read: serde_json::Value = serde_json::from_slice(&kept).unwrap();
            prop_assert_eq!(&read["inner"]["secret"], "[redacted]");
            prop_assert_eq!(&read["after"], &after);
        }
    }
}

const KEY_STARTS: [&[u8]; 4] = [b"sk", b"AI", b"AK", b"gh"];
