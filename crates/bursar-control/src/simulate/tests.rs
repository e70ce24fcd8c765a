use super::*;
use bursar_core::{Attribute, Attributes, Measure, RequestId, Usd, Value};
use bursar_ledger::PeriodKind;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn charge(text: &str) -> Charge {
    let cost = Usd::parse(text).unwrap();
    Charge { list: cost, effective: cost, tokens: 100, requests: 1 }
}

/// A request of a user that began and ended at these times of 2026-04-10, held and cost so much.
fn record(number: u128, user: &str, times: (&str, &str), hold: &str, cost: &str) -> Record {
    let time = |text: &str| at(&format!("2026-04-{text}Z"));
    let attributes = Attributes::new().with(&Attribute::User, Value::new(user).unwrap());
    let mut record = Record::new(RequestId::from_u128(number), time(times.0), attributes);
    record.status = Status::Completed;
    record.finalized_at = Some(time(times.1));
    (record.hold, record.charge) = (charge(hold), charge(cost));
    record
}

fn budget(limit: &str) -> Budget {
    let limit = Usd::parse(limit).unwrap().nanos();
    Budget::new(BudgetId(1), "each user a day", Measure::Usd, Some(limit), PeriodKind::Day)
        .per(Attribute::User)
}

fn simulated(budget: Budget, records: &[Record]) -> (Simulated, u64) {
    let mut simulation = Simulation::new(vec![budget], at("2026-04-10")).unwrap();
    for record in records {
        simulation.ask(record);
    }
    let refused = simulation.refused;
    (simulation.finish(at("2026-04-30"), 100).remove(0), refused)
}

/// Ann: 0.40, 0.30 while the first still holds 0.60, one larger than the limit, 0.50 at the end; the next day 0.90.
/// Bob: 0.10. Somebody was refused then already.
fn history() -> Vec<Record> {
    let mut denied = record(9, "ann", ("10T11:30:00", "10T11:30:00"), "5", "0");
    denied.status = Status::Denied;
    vec![
        record(1, "ann", ("10T10:00:00", "10T10:05:00"), "0.6", "0.4"),
        record(2, "ann", ("10T10:01:00", "10T10:06:00"), "0.5", "0.3"),
        record(3, "bob", ("10T10:02:00", "10T10:02:30"), "0.2", "0.1"),
        record(4, "ann", ("10T10:10:00", "10T10:11:00"), "0.6", "0.35"),
        record(5, "ann", ("10T11:00:00", "10T11:01:00"), "1.5", "0.2"),
        denied,
        record(6, "ann", ("10T12:00:00", "10T12:01:00"), "0.4", "0.25"),
        record(7, "ann", ("11T12:00:00", "11T12:01:00"), "0.9", "0.9"),
    ]
}

#[test]
fn history_says_what_a_budget_would_have_refused_held_and_left() {
    let (done, refused) = simulated(budget("1"), &history());
    // 2: 0.6 held and 0.5 asked of 1. 5: alone too large. 6: 0.75 settled and 0.4 asked.
    assert_eq!((refused, done.refused, done.admitted), (3, 3, 4));
    assert_eq!((done.refused_held, done.refused_too_large), (1, 1));
    assert_eq!(done.refused_cost, 750_000_000, "0.3 + 0.2 + 0.25");
    assert_eq!(done.first_refusal_at, Some(at("2026-04-10T10:01:00Z")));
    let told: Vec<String> = done.windows.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "ann 2026-04-10T00:00:00Z settled 0.75 left 0.25 held at most 0.6 refused 3",
            "ann 2026-04-11T00:00:00Z settled 0.9 left 0.1 held at most 0.9 refused 0",
            "bob 2026-04-10T00:00:00Z settled 0.1 left 0.9 held at most 0.2 refused 0",
        ]
    );
}

#[test]
fn what_is_refused_spends_nothing_and_a_wider_limit_refuses_nothing() {
    let (done, _) = simulated(budget("3"), &history());
    assert_eq!((done.refused, done.admitted), (0, 7));
    let ann = &done.windows[0].standing;
    // 0.4 + 0.3 + 0.35 + 0.2 + 0.25
    assert_eq!((ann.settled, ann.remaining), (1_500_000_000, Some(1_500_000_000)));
    assert_eq!(done.windows[0].held_max, 1_500_000_000);
}

#[test]
fn shadow_is_simulated_as_hard_and_soft_as_it_is() {
    let with = |mode| {
        let mut budget = budget("1");
        budget.mode = mode;
        simulated(budget, &history()).0.refused
    };
    assert_eq!((with(Mode::Shadow), with(Mode::Hard), with(Mode::Soft)), (3, 3, 0));
}

#[test]
fn a_simulation_is_what_the_ledger_does_with_the_same_requests() {
    // Whatever the limit, what is settled stays inside, and with what was refused it is all that was asked for.
    for cents in 0..200u32 {
        let limit = i64::from(cents) * 10_000_000;
        let (done, _) = simulated(budget(&Usd::from_nanos(limit).to_string()), &history());
        let settled: i64 = done.windows.iter().map(|window| window.standing.settled).sum();
        assert!(done.windows.iter().all(|window| window.standing.settled <= limit));
        assert_eq!(settled + done.refused_cost, 2_500_000_000, "{limit}");
    }
}

fn told(window: &SimulatedWindow) -> String {
    let usd = |nanos| Usd::from_nanos(nanos).to_string();
    let standing = &window.standing;
    format!(
        "{} {} settled {} left {} held at most {} refused {}",
        standing.per[0].as_ref().unwrap(),
        standing.starts_at.unwrap(),
        usd(standing.settled),
        usd(standing.remaining.unwrap()),
        usd(window.held_max),
        window.refused
    )
}
