//! Periods: calendar intervals that follow each other without gap or overlap, in every zone.

use crate::world::{World, attributes, daily, nanos, time};
use bursar_core::{Code, Timestamp};
use bursar_ledger::{ANCHOR_DEFAULT, Budget, BudgetId, Interval, OnExpiry, Period, PeriodKind, Zone};
use jiff::civil::{Weekday, date};
use proptest::prelude::*;

fn period(kind: PeriodKind, zone: &str) -> Period {
    Period { kind, zone: Zone::parse(zone).unwrap() }
}

/// Start, end and hours of the interval that contains an instant.
fn bounds(kind: PeriodKind, zone: &str, at: &str) -> (String, String, i64) {
    let Interval { starts_at, ends_at } = period(kind, zone).window_at(time(at));
    let (start, end) = (starts_at.unwrap(), ends_at.unwrap());
    (start.to_string(), end.to_string(), end.micros_since(start) / 3_600_000_000)
}

fn check(kind: PeriodKind, zone: &str, at: &str, start: &str, end: &str, hours: i64) {
    assert_eq!(bounds(kind, zone, at), (start.to_owned(), end.to_owned(), hours), "{kind:?} {zone} {at}");
}

/// Rules: S2-11.
#[test]
fn days_are_23_or_25_hours_where_the_clock_is_changed() {
    let day = PeriodKind::Day;
    check(day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23);
    check(day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25);
    check(
        day,
        "America/New_York",
        "2026-03-08T12:00:00Z",
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
        23,
    );
    check(day, "Asia/Taipei", "2026-03-10T12:00:00Z", "2026-03-09T16:00:00Z", "2026-03-10T16:00:00Z", 24);
    // Midnight itself does not exist on this day.
    check(
        day,
        "America/Santiago",
        "2026-09-06T12:00:00Z",
        "2026-09-06T04:00:00Z",
        "2026-09-07T03:00:00Z",
        23,
    );
    // A zone that skipped a whole day.
    check(day, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", 24);
    check(day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", 24);
}

#[test]
fn midnight_that_comes_twice_counts_once() {
    // St. John's turned back from 00:01 to 23:01 of the day before.
    let zone = "America/St_Johns";
    let first = bounds(PeriodKind::Day, zone, "2006-10-29T02:30:30Z");
    assert_eq!(first, bounds(PeriodKind::Day, zone, "2006-10-29T02:45:00Z"));
    assert_eq!(first.0, "2006-10-29T02:30:00Z");
}

/// Rules: S2-11, S3-24.
#[test]
fn weeks_months_years_and_cycles() {
    let week = |start| PeriodKind::Week { start };
    let at = "2026-03-15T12:00:00Z"; // a Sunday
    check(week(Weekday::Monday), "UTC", at, "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z", 168);
    check(week(Weekday::Sunday), "UTC", at, "2026-03-15T00:00:00Z", "2026-03-22T00:00:00Z", 168);
    check(week(Weekday::Saturday), "UTC", at, "2026-03-14T00:00:00Z", "2026-03-21T00:00:00Z", 168);
    check(PeriodKind::Month, "UTC", at, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 744);
    check(
        PeriodKind::Month,
        "UTC",
        "2028-02-29T00:00:00Z",
        "2028-02-01T00:00:00Z",
        "2028-03-01T00:00:00Z",
        696,
    );
    check(
        PeriodKind::Month,
        "Europe/Berlin",
        "2026-03-15T00:00:00Z",
        "2026-02-28T23:00:00Z",
        "2026-03-31T22:00:00Z",
        743,
    );
    check(PeriodKind::Year, "UTC", at, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", 8_760);
    let cycle = |days, anchor| PeriodKind::Days { days, anchor };
    check(
        cycle(7, date(2026, 1, 1)),
        "UTC",
        "2026-01-08T00:00:00Z",
        "2026-01-08T00:00:00Z",
        "2026-01-15T00:00:00Z",
        168,
    );
    check(
        cycle(10, date(2026, 1, 1)),
        "UTC",
        "2025-12-31T23:59:59Z",
        "2025-12-22T00:00:00Z",
        "2026-01-01T00:00:00Z",
        240,
    );
    check(
        cycle(30, ANCHOR_DEFAULT),
        "Asia/Taipei",
        "2024-01-31T00:00:00Z",
        "2024-01-30T16:00:00Z",
        "2024-02-29T16:00:00Z",
        720,
    );
    assert_eq!(period(PeriodKind::Total, "UTC").window_at(time(at)), Interval::ALWAYS);
}

#[test]
fn u03_half_open_period_bounds() {
    let cases = [
        (PeriodKind::Month, "2026-12-15T10:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        (PeriodKind::Day, "2026-03-15T23:59:59.999Z", "2026-03-15T00:00:00Z", "2026-03-16T00:00:00Z"),
        (PeriodKind::Hour, "2026-03-15T23:59:59.999Z", "2026-03-15T23:00:00Z", "2026-03-16T00:00:00Z"),
        (PeriodKind::Month, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
    ];
    for (kind, at, start, end) in cases {
        let (own_start, own_end, _) = bounds(kind, "UTC", at);
        assert_eq!((own_start.as_str(), own_end.as_str()), (start, end));
    }
}

#[test]
fn both_hours_of_a_repeated_one_are_windows_of_their_own() {
    let hour = PeriodKind::Hour;
    check(hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", 1);
    check(hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", 1);
    check(hour, "Asia/Kolkata", "2026-03-10T12:00:00Z", "2026-03-10T11:30:00Z", "2026-03-10T12:30:00Z", 1);
    // Lord Howe changes by half an hour: at 01:30 the clock goes from 02:00 back to 01:30.
    check(
        hour,
        "Australia/Lord_Howe",
        "2026-04-04T15:10:00Z",
        "2026-04-04T15:00:00Z",
        "2026-04-04T15:30:00Z",
        0,
    );
}

fn kinds() -> impl Strategy<Value = PeriodKind> {
    let weekday = (0i8..7).prop_map(|offset| Weekday::from_monday_zero_offset(offset).unwrap());
    prop_oneof![
        Just(PeriodKind::Hour),
        Just(PeriodKind::Day),
        weekday.prop_map(|start| PeriodKind::Week { start }),
        Just(PeriodKind::Month),
        Just(PeriodKind::Year),
        (1u16..400).prop_map(|days| PeriodKind::Days { days, anchor: date(2024, 2, 29) }),
    ]
}

proptest! {
    /// Rules: S2-11, S3-26.
    #[test]
    fn intervals_follow_each_other_without_gap_or_overlap(
        kind in kinds(),
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Asia/Taipei",
            "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Gaza", "Antarctica/Troll",
        ]),
        second in 0i64..4_102_444_800,
    ) {
        let period = period(kind, zone);
        let at = Timestamp::from_micros(second * 1_000_000);
        let interval = period.window_at(at);
        let (start, end) = (interval.starts_at.unwrap(), interval.ends_at.unwrap());
        prop_assert!(interval.contains(at) && start < end);
        let next = period.window_at(end);
        prop_assert_eq!(next.starts_at, Some(end), "the next begins where this one ends");
        prop_assert_eq!(period.window_at(Timestamp::from_micros(end.micros() - 1)), interval);
        prop_assert_eq!(period.window_at(start), interval);
        prop_assert_eq!(period.window_before(start).ends_at, Some(start));
    }
}

#[test]
fn far_away_instants_do_not_break_the_calendar() {
    for micros in [i64::MIN, i64::MAX, -62_135_596_800_000_000] {
        for kind in [PeriodKind::Hour, PeriodKind::Day, PeriodKind::Month, PeriodKind::Year] {
            let _ = period(kind, "Europe/Berlin").window_at(Timestamp::from_micros(micros));
        }
    }
}

/// Rules: S1-20, S3-18, S3-26.
#[test]
fn what_is_in_flight_at_midnight_settles_into_the_day_of_its_hold() {
    let mut world = World::with(&[daily(1, 100)]);
    let anyone = attributes(&[]);
    world.at("2026-03-10T23:59:59Z").reserve(1, &anyone, nanos(80));
    world.at("2026-03-11T00:00:00Z").reserve(2, &anyone, nanos(100));
    world.settle(1, nanos(95));
    assert_eq!(world.counters(1), (0, 0, 100));
    let yesterday = world.engine.images(0).into_iter().find(|image| image.settled > 0).unwrap();
    assert_eq!((yesterday.settled, yesterday.held, yesterday.overage), (95, 0, 15));
}

/// Rules: S3-13.
#[test]
fn a_budget_that_does_not_renew_blocks_or_goes_away() {
    let once = |id, on_expiry| {
        let mut budget = daily(id, 100);
        (budget.since, budget.auto_renew, budget.on_expiry) =
            (time("2026-03-10T09:00:00Z"), false, on_expiry);
        budget
    };
    let mut world = World::with(&[once(1, OnExpiry::Deactivate)]);
    let anyone = attributes(&[]);
    assert_eq!(world.refuse(1, &anyone, nanos(101)).code, Code::RequestTooLarge);
    assert_eq!(world.standing(1).resets_at, None);
    world.at("2026-03-11T00:00:00Z").reserve(2, &anyone, nanos(101));
    world.put(once(2, OnExpiry::Block));
    assert_eq!(world.refuse(3, &anyone, nanos(1)).code, Code::BudgetExpired);
    world.at("2026-03-09T08:00:00Z").reserve(4, &anyone, nanos(101));
}

/// Rules: S3-25.
#[test]
fn unused_room_rolls_over_once() {
    let mut budget = Budget::new(BudgetId(1), "b", bursar_core::Measure::Usd, Some(1_000), PeriodKind::Month);
    (budget.rollover_cap_pct, budget.since) = (50, time("2026-01-20"));
    let mut world = World::with(&[budget]);
    let anyone = attributes(&[]);
    let mut month = |at: &str, n: u128, spend: i64| {
        world.at(at).spend(n, &anyone, nanos(spend));
        world.standing(1).limit.unwrap()
    };
    assert_eq!(month("2026-01-25", 1, 400), 1_000, "the first month has nothing before it");
    assert_eq!(month("2026-02-01", 2, 1_200), 1_500, "600 unused, capped at half of the limit");
    assert_eq!(
        month("2026-03-01", 3, 1),
        1_300,
        "the 500 of February were used first, 300 of its own are left"
    );
    assert_eq!(month("2026-05-01", 4, 1), 1_500, "nobody used April");
}
