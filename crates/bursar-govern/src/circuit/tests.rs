//! Stories of one circuit, and what holds for every history.

use super::*;
use proptest::prelude::*;

const NO: Limits = Limits { in_flight: None, per_minute: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// One try that goes as it is told.
fn one(circuit: &mut Circuit, now: i64, went: Went) -> Result<Option<Change>, Stop> {
    let epoch = circuit.enter(at(now), NO, false)?;
    let change = circuit.went(at(now), epoch, went);
    circuit.leave(epoch, true);
    Ok(change)
}

fn opened() -> Circuit {
    let mut circuit = Circuit::default();
    for n in 0..10 {
        let change = one(&mut circuit, n, Went::Badly).unwrap();
        assert_eq!(change.is_some(), n == 9, "after {n}");
    }
    circuit
}

/// Rules: S2-21.
#[test]
fn it_opens_at_half_of_the_last_results_and_not_before_there_are_ten() {
    opened();
    let mut mixed = Circuit::default();
    for n in 0..40 {
        let went = if n % 5 % 2 == 1 { Went::Badly } else { Went::Well };
        assert_eq!(one(&mut mixed, n, went), Ok(None), "two of five are not half");
    }
    let mut rare = Circuit::default();
    for n in 0..40 {
        assert_eq!(
            one(&mut rare, n * 60, Went::Badly),
            Ok(None),
            "what is older than five minutes is forgotten"
        );
    }
}

/// Rules: S2-21.
#[test]
fn half_open_lets_probes_through_and_closes_or_opens_for_twice_as_long() {
    let mut circuit = opened();
    assert_eq!(
        circuit.enter(at(38), NO, true),
        Err(Stop::Open(at(39))),
        "nothing is lenient about an outage"
    );
    let first = circuit.enter(at(39), NO, false).unwrap();
    let second = circuit.enter(at(39), NO, false).unwrap();
    assert!(matches!(circuit.enter(at(39), NO, false), Err(Stop::Open(_))), "two probes at once");
    assert_eq!(circuit.went(at(40), first, Went::Badly), None);
    assert_eq!(circuit.went(at(40), second, Went::Badly), Some(Change::Opened(at(100))));
    for n in 0..2 {
        assert_eq!(one(&mut circuit, 100 + n, Went::Well), Ok(None));
    }
    assert_eq!(one(&mut circuit, 103, Went::Well), Ok(Some(Change::Closed)));
    assert_eq!(one(&mut circuit, 104, Went::Badly), Ok(None), "it begins anew");
}

#[test]
fn a_probe_that_says_nothing_gives_its_place_back() {
    let mut circuit = opened();
    for _ in 0..5 {
        let epoch = circuit.enter(at(50), NO, false).expect("a free place");
        circuit.leave(epoch, false);
    }
}

#[test]
fn what_began_before_it_opened_says_nothing_about_the_probes() {
    let mut circuit = Circuit::default();
    let early = circuit.enter(at(0), NO, false).unwrap();
    for n in 0..10 {
        one(&mut circuit, n, Went::Badly).unwrap();
    }
    let probe = circuit.enter(at(39), NO, false).unwrap();
    assert_eq!(circuit.went(at(40), early, Went::Badly), None);
    circuit.leave(early, true);
    assert_eq!(circuit.went(at(40), probe, Went::Badly), None, "one bad probe is not enough");
}

#[test]
fn a_429_is_no_failure_but_lowers_what_may_be_in_flight() {
    let mut circuit = Circuit::default();
    let places: Vec<Epoch> = (0..20).map(|_| circuit.enter(at(0), NO, false).unwrap()).collect();
    assert_eq!(circuit.went(at(1), places[0], Went::Limited(None)), None);
    assert_eq!(circuit.adaptive_limit(), Some(17));
    assert_eq!(circuit.enter(at(1), NO, false), Err(Stop::Adaptive));
    assert!(circuit.enter(at(1), NO, true).is_ok(), "where nothing else can be tried it is only advice");
    for epoch in &places[1..18] {
        circuit.went(at(2), *epoch, Went::Well);
    }
    assert_eq!(circuit.adaptive_limit(), Some(18), "one more after as many good answers");
    for epoch in places {
        circuit.leave(epoch, true);
    }
    assert!(circuit.enter(at(3), NO, false).is_ok());
    assert!(circuit.enter(at(302), NO, false).is_ok());
    assert_eq!(circuit.adaptive_limit(), None, "forgotten after five minutes");
}

#[test]
fn retry_after_is_obeyed_and_bounded() {
    let mut circuit = Circuit::default();
    one(&mut circuit, 0, Went::Limited(Some(5))).unwrap();
    assert_eq!(circuit.enter(at(4), NO, false), Err(Stop::Cooling(at(5))));
    assert!(circuit.enter(at(5), NO, false).is_ok());
    one(&mut circuit, 10, Went::Limited(Some(86_400))).unwrap();
    assert_eq!(circuit.enter(at(11), NO, false), Err(Stop::Cooling(at(70))));
}

#[test]
fn configured_limits_are_never_exceeded() {
    let mut circuit = Circuit::default();
    let two = Limits { in_flight: Some(2), per_minute: None };
    let first = circuit.enter(at(0), two, false).unwrap();
    circuit.enter(at(0), two, false).unwrap();
    assert_eq!(circuit.enter(at(0), two, true), Err(Stop::InFlight));
    circuit.leave(first, false);
    assert!(circuit.enter(at(0), two, false).is_ok());
    let mut circuit = Circuit::default();
    let minute = Limits { in_flight: None, per_minute: Some(2) };
    for now in [0, 30] {
        let epoch = circuit.enter(at(now), minute, false).unwrap();
        circuit.leave(epoch, false);
    }
    assert_eq!(circuit.enter(at(59), minute, true), Err(Stop::PerMinute(at(60))));
    assert!(circuit.enter(at(60), minute, false).is_ok(), "the first is a minute old");
    assert!(circuit.enter(at(61), minute, false).is_err());
}

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Enter(bool),
    Went(usize, u8),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0i64..400).prop_map(Step::Wait),
        any::<bool>().prop_map(Step::Enter),
        any::<bool>().prop_map(Step::Enter),
        (any::<usize>(), 0u8..3).prop_map(|(which, how)| Step::Went(which, how)),
        any::<usize>().prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    /// Whatever happens: no more in flight than configured, nothing enters an open circuit, and with nothing in flight
    /// it always comes back.
    #[test]
    fn in_every_history(steps in steps(), most in 1u32..6) {
        let limits = Limits { in_flight: Some(most), per_minute: None };
        let mut circuit = Circuit::default();
        let mut now = 0;
        let mut flying: Vec<(Epoch, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Enter(lenient) => {
                    let was_open = circuit.is_open(at(now));
                    if let Ok(epoch) = circuit.enter(at(now), limits, lenient) {
                        prop_assert!(!was_open);
                        flying.push((epoch, false));
                    }
                }
                Step::Went(which, how) => {
                    let told = flying.len();
                    if told > 0 && let Some((epoch, told)) = flying.get_mut(which % told) && !*told {
                        *told = true;
                        let went = [Went::Well, Went::Badly, Went::Limited(Some(3))][usize::from(how)];
                        if let Some(Change::Opened(until)) = circuit.went(at(now), *epoch, went) {
                            prop_assert!(until > at(now) && until <= at(now + OPEN_MAX_S));
                        }
                    }
                }
                Step::Leave(which) => {
                    if !flying.is_empty() {
                        let (epoch, told) = flying.swap_remove(which % flying.len());
                        circuit.leave(epoch, told);
                    }
                }
            }
            prop_assert!(circuit.in_flight() <= most);
            prop_assert_eq!(usize::try_from(circuit.in_flight()).unwrap(), flying.len());
        }
        for (epoch, told) in flying {
            circuit.leave(epoch, told);
        }
        now += OPEN_MAX_S.max(COOLING_MAX_S);
        for _ in 0..PROBES_TO_CLOSE {
            let epoch = circuit.enter(at(now), limits, false);
            prop_assert!(epoch.is_ok(), "{:?}", epoch);
            circuit.went(at(now), epoch.unwrap(), Went::Well);
            circuit.leave(epoch.unwrap(), true);
        }
        prop_assert!(!circuit.is_open(at(now)));
    }
}
