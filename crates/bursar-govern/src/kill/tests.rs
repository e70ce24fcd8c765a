//! The board of kill switches: what stops whom, when it ends, and when it is unknown.

use super::*;
use bursar_core::Value;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_772_323_200_000_000).plus_seconds(seconds)
}

fn kill(scope: &str) -> Kill {
    Kill {
        scope: Scope::parse(scope).unwrap(),
        reason: "runaway agent".into(),
        cut: false,
        actor: "ada".into(),
        since: at(0),
        until: None,
        source: KillSource::Api,
    }
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let mut attributes = Attributes::new();
    for (word, value) in pairs {
        attributes.set(&Attribute::parse(word).unwrap(), Value::new(value).unwrap());
    }
    attributes
}

/// Rules: S1-23.
#[test]
fn every_scope_stops_what_is_inside_and_nothing_else() {
    let inside = [
        ("project", "alpha"),
        ("user", "ann"),
        ("key", "k1"),
        ("agent", "coder"),
        ("run", "r1"),
        ("session", "s1"),
        ("provider", "openai"),
        ("model", "gpt-4o"),
        ("tag.team", "x"),
    ];
    let request = attributes(&inside);
    for (word, value) in inside {
        let kills = Kills::default();
        assert!(kills.stop(&request, at(1)).is_none());
        kills.replace(KillSource::Api, vec![kill(&format!("{word}={value}"))], None);
        let stop = kills.stop(&request, at(1)).unwrap_or_else(|| panic!("{word} does not stop"));
        assert_eq!(stop.per_attempt, word == "provider", "{word}");
        let outside = attributes(&[(word, "other")]);
        assert!(kills.stop(&outside, at(1)).is_none(), "{word} stops too much");
        assert!(kills.stop(&Attributes::new(), at(1)).is_none(), "{word} stops who has none");
    }
    let kills = Kills::default();
    kills.replace(KillSource::File, vec![kill("platform")], None);
    assert!(kills.stop(&Attributes::new(), at(1)).is_some(), "the platform is everybody");
}

#[test]
fn a_model_is_stopped_under_every_name_it_is_served_by() {
    let kills = Kills::default();
    kills.replace(KillSource::Api, vec![kill("model=gpt-4o")], None);
    let alias = attributes(&[("model", "fast"), ("served_model", "gpt-4o")]);
    assert!(kills.stop(&alias, at(1)).unwrap().per_attempt, "another deployment of `fast` may do");
    let asked = attributes(&[("model", "gpt-4o"), ("served_model", "gpt-4o-2024")]);
    assert!(!kills.stop(&asked, at(1)).unwrap().per_attempt);
}

/// Rules: S1-25, V K16.
#[test]
fn a_switch_stays_on_unless_an_end_was_asked_for() {
    let kills = Kills::default();
    kills.replace(KillSource::Api, vec![kill("platform")], None);
    let eight_days = 8 * 86_400;
    assert!(kills.stop(&Attributes::new(), at(eight_days)).is_some());
    let until = Kill { until: Some(at(60)), ..kill("platform") };
    kills.replace(KillSource::Api, vec![until], None);
    assert!(kills.stop(&Attributes::new(), at(59)).is_some());
    assert!(kills.stop(&Attributes::new(), at(60)).is_none(), "it ends at its end");
    assert!(kills.list(at(60)).is_empty());
}

#[test]
fn one_side_does_not_turn_off_what_another_turned_on() {
    let kills = Kills::default();
    let file = Kill { source: KillSource::File, ..kill("platform") };
    kills.replace(KillSource::Api, vec![kill("platform")], None);
    kills.replace(KillSource::File, vec![file], None);
    kills.replace(KillSource::Api, Vec::new(), None);
    assert_eq!(kills.list(at(1)).len(), 1);
    kills.replace(KillSource::File, Vec::new(), None);
    assert!(kills.is_empty());
}

/// Rules: S1-16.
#[test]
fn a_state_that_nobody_confirms_is_unknown_after_thirty_seconds() {
    let kills = Kills::default();
    assert!(!kills.is_unknown(at(1_000)), "where nobody watches there is nothing to confirm");
    kills.replace(KillSource::Api, Vec::new(), Some(at(0)));
    kills.confirm(KillSource::File, at(20));
    assert!(!kills.is_unknown(at(30)));
    assert!(kills.is_unknown(at(31)), "the stored state is too old");
    kills.confirm(KillSource::Api, at(31));
    assert!(!kills.is_unknown(at(50)));
    assert!(kills.is_unknown(at(51)), "the file's state is too old");
    assert!(kills.is_unknown(at(-100)), "a clock that jumped back knows nothing");
}
