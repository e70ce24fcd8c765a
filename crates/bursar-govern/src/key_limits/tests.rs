//! Stories of limits under a clock of their own.

use super::*;
use bursar_core::key_limit::Span;
use bursar_core::{KeyLimit, Timestamp, Value};
use std::sync::Arc;

const MINUTE: i64 = 60_000_000;

/// `seconds` into some minute.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(29_000_000 * MINUTE + seconds * 1_000_000)
}

fn limits(texts: &[&str]) -> Arc<[KeyLimit]> {
    texts.iter().map(|text| KeyLimit::parse(text).unwrap()).collect()
}

fn key(name: &str) -> Value {
    Value::new(name).unwrap()
}

#[test]
fn a_window_slides_and_never_lets_a_doubled_burst_through() {
    let limiter = Arc::new(Limiter::default());
    let limits = limits(&["10 requests per minute"]);
    let ask = |seconds| limiter.pass(at(seconds), &key("k"), &limits, "m").map(drop);
    for _ in 0..10 {
        assert_eq!(ask(59), Ok(()));
    }
    assert_eq!(ask(60).unwrap_err().used, 10, "the next minute begins with what the last one used");
    let limited = ask(60).unwrap_err();
    assert_eq!(limited.wait_micros, 6_000_000, "a tenth of the last minute must have passed");
    assert!(ask(65).is_err());
    assert_eq!(ask(66), Ok(()));
    assert!(ask(66).is_err());
    for _ in 0..4 {
        assert_eq!(ask(90), Ok(()), "half of ten and one before");
    }
    assert!(ask(90).is_err());
    assert_eq!(ask(400), Ok(()));
}

#[test]
fn waiting_as_long_as_told_is_enough_and_a_second_less_is_not() {
    for used in 1..=30_i64 {
        for second in [0, 1, 17, 59] {
            let mut count = Sliding::default();
            count.add(at(second), Span::Minute, used);
            let most = 7;
            if count.used(at(second), Span::Minute) < most {
                continue;
            }
            let wait = count.wait_micros(at(second), Span::Minute, most);
            let later = |micros: i64| Timestamp::from_micros(at(second).micros() + wait + micros);
            assert!(count.used(later(0), Span::Minute) < most, "{used} at {second}");
            assert!(count.used(later(-1_000_000), Span::Minute) >= most, "{used} at {second}");
            assert_eq!(count.used(later(2 * MINUTE), Span::Minute), 0);
        }
    }
    let never = Sliding::default().wait_micros(at(0), Span::Hour, 0);
    assert_eq!(never, Span::Hour.micros());
}

#[test]
fn tokens_and_money_count_once_they_are_known() {
    let limiter = Arc::new(Limiter::default());
    let limits = limits(&["1000 tokens per minute", "0.01 USD per day"]);
    let enter = |seconds| limiter.pass(at(seconds), &key("k"), &limits, "m");
    let charge = |tokens, nanos| Charge { list: Usd::from_nanos(nanos), tokens, ..Charge::ZERO };
    let (one, two) = (enter(0).unwrap(), enter(0).unwrap());
    one.used(at(1), &charge(900, 1_000));
    two.used(at(1), &charge(900, 1_000));
    let limited = enter(2).unwrap_err();
    assert_eq!((limited.limit.to_string().as_str(), limited.used), ("1000 tokens per minute", 1800));
    let pass = enter(150).unwrap();
    pass.used(at(150), &charge(0, 10_000_000));
    let limited = enter(151).unwrap_err();
    assert_eq!(limited.limit.to_string(), "0.01 USD per day", "the one that takes longest is named");
}

#[test]
fn places_are_given_back_whatever_becomes_of_a_request() {
    let limiter = Arc::new(Limiter::default());
    let both = limits(&["2 at once", "1 at once for gpt-*"]);
    let enter = |model: &str| limiter.pass(at(0), &key("k"), &both, model);
    let gpt = enter("gpt-4o").unwrap();
    assert_eq!(enter("gpt-4o-mini").unwrap_err().limit, both[1], "models of one pattern count together");
    let other = enter("claude").unwrap();
    assert_eq!(enter("claude").unwrap_err().limit, both[0]);
    drop(gpt);
    let again = enter("gpt-4o").unwrap();
    // The limits change while two are in flight: what still is the key's goes on counting.
    let one = limits(&["3 at once"]);
    let third = limiter.pass(at(0), &key("k"), &one, "m").unwrap();
    assert!(limiter.pass(at(0), &key("k"), &one, "m").is_err());
    drop((third, other, again));
    let all: Vec<Pass> = (0..3).map(|_| limiter.pass(at(0), &key("k"), &one, "m").unwrap()).collect();
    assert!(limiter.pass(at(0), &key("k"), &one, "m").is_err() && all.len() == 3);
    assert!(limiter.pass(at(0), &key("another"), &one, "m").is_ok());
}

#[test]
fn what_was_used_before_the_start_counts_until_its_span_is_over() {
    let limiter = Arc::new(Limiter::default());
    let limits = limits(&["10 requests per minute", "4 requests per hour for gpt-*", "2 at once"]);
    let recall = |used: [i64; 2]| {
        limiter.recall(at(0), &key("k"), &limits, |limit| limit.model.as_ref().map(|_| used));
    };
    recall([0, 3]);
    let ask = |seconds, model| limiter.pass(at(seconds), &key("k"), &limits, model).map(drop);
    assert_eq!(ask(0, "gpt-4o"), Ok(()), "the fourth");
    recall([0, 0]);
    assert_eq!(ask(0, "gpt-4o").unwrap_err().used, 4, "what counts already is not recalled again");
    assert_eq!(ask(0, "claude"), Ok(()));
    assert_eq!(ask(3 * 3_600, "gpt-4o"), Ok(()));
    // Of the span before, the part that the window still covers: twenty minutes into the hour two thirds of it.
    let other = key("other");
    limiter.recall(at(0), &other, &limits, |limit| limit.model.as_ref().map(|_| [6, 0]));
    assert!(limiter.pass(at(0), &other, &limits, "gpt-4o").is_err());
    let covered = limiter.standing(at(0), &other, &limits, "gpt-4o");
    assert_eq!((covered[0].most, covered[0].left), (4, 0));
}

#[test]
fn the_standing_is_that_of_the_tightest_limit() {
    let limiter = Arc::new(Limiter::default());
    let limits = limits(&["10 requests per hour", "3 requests per minute", "5 USD per day"]);
    let _pass = limiter.pass(at(12), &key("k"), &limits, "m").unwrap();
    let standing = limiter.standing(at(12), &key("k"), &limits, "m");
    assert_eq!(standing.len(), 1);
    assert_eq!((standing[0].most, standing[0].left), (3, 2));
    assert_eq!(standing[0].resets_in_ms, 108_000, "the rest of this minute and the next");
}
