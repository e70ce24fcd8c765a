use super::*;
use bursar_core::Usd;
use bursar_ledger::PeriodKind;

fn usd(text: &str) -> i64 {
    Usd::parse(text).unwrap().nanos()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Judges a month of a limit of 100 USD.
fn month(rules: &Rules, spent: &str, engaged: bool, now: &str) -> Verdict {
    let period = Period::utc(PeriodKind::Month);
    let interval = period.window_at(at(now));
    let spend = Spend {
        period: &period,
        interval,
        measure: Measure::Usd,
        spent: usd(spent),
        limit: Some(usd("100")),
    };
    judge(rules, &spend, engaged, at(now))
}

/// Rules: S0-07, V T09.
#[test]
fn the_first_days_and_small_amounts_do_not_count_unless_asked_for() {
    let rules = Rules::default();
    let first = month(&rules, "4", false, "2026-04-01T12:00:00Z");
    assert_eq!((first.status, first.engaged), (Status::InsufficientData, false));
    assert_eq!(first.projected.map(|p| p.to_string()).as_deref(), Some("120"));
    // Day 2 does not count, day 3 does.
    assert_eq!(month(&rules, "12", false, "2026-04-02T23:59:59Z").status, Status::InsufficientData);
    assert_eq!(month(&rules, "12", false, "2026-04-03T00:00:00Z").status, Status::Over);
    // 9.99 of 100 is too little to tell, 10 is enough; without the guard less is, too.
    assert_eq!(month(&rules, "9.99", false, "2026-04-03T00:00:00Z").status, Status::InsufficientData);
    assert_eq!(month(&rules, "10", false, "2026-04-03T00:00:00Z").status, Status::Within);
    let bare = Rules { min_elapsed_days: 0, min_spend_pct: 0, ..rules };
    assert_eq!(month(&bare, "4", false, "2026-04-01T12:00:00Z").status, Status::Over);
}

/// Rules: S0-10.
#[test]
fn who_has_spent_the_limit_is_throttled_on_the_first_day() {
    let spent = month(&Rules::default(), "100", false, "2026-04-01T00:00:00Z");
    assert_eq!((spent.status, spent.engaged), (Status::AlreadySpent, true));
}

/// Rules: S0-12, V T06.
#[test]
fn a_ratio_that_reads_as_the_releasing_one_may_be_below_it() {
    let rules = Rules::default();
    let just_below = month(&rules, "47.499999999", true, "2026-04-15T12:00:00Z");
    assert_eq!(just_below.ratio.map(|r| r.to_string()).as_deref(), Some("0.95"));
    assert_eq!((just_below.status, just_below.engaged), (Status::Released, false));
    let exactly = month(&rules, "47.5", true, "2026-04-15T12:00:00Z");
    assert_eq!((exactly.status, exactly.engaged), (Status::Held, true));
    let over = month(&rules, "55", false, "2026-04-15T12:00:00Z");
    assert_eq!((over.status, over.ratio.map(|r| r.to_string()).as_deref()), (Status::Over, Some("1.1")));
    assert_eq!(month(&rules, "54.999999999", false, "2026-04-15T12:00:00Z").status, Status::Within);
}

/// Rules: S0-06, V T03, V T12.
#[test]
fn months_have_the_length_they_have_in_their_own_zone() {
    let rules = Rules::default();
    let taipei = Period { kind: PeriodKind::Month, zone: bursar_ledger::Zone::parse("Asia/Taipei").unwrap() };
    let judged = |now: &str| {
        let spend = Spend {
            period: &taipei,
            interval: taipei.window_at(at(now)),
            measure: Measure::Usd,
            spent: usd("20"),
            limit: Some(usd("100")),
        };
        judge(&rules, &spend, false, at(now)).projected.unwrap().to_string()
    };
    // 2024 had a leap day; at 17:00 UTC it is the next day in Taipei.
    assert_eq!(judged("2024-02-10T12:00:00Z"), "58");
    assert_eq!(judged("2026-02-10T12:00:00Z"), "56");
    assert_eq!(judged("2026-02-09T17:00:00Z"), "56");
    assert_eq!(judged("2026-01-10T12:00:00Z"), "62");
}

/// Rules: S0-11, S0-17.
#[test]
fn no_limit_never_throttles_and_a_total_does_when_it_is_spent() {
    let rules = Rules::default();
    let total = Period::utc(PeriodKind::Total);
    let judged = |spent: i64, limit: Option<i64>| {
        let spend =
            Spend { period: &total, interval: Interval::ALWAYS, measure: Measure::Requests, spent, limit };
        judge(&rules, &spend, false, at("2026-04-10"))
    };
    assert_eq!(judged(i64::MAX, None).status, Status::Unlimited);
    assert_eq!(judged(99, Some(100)).status, Status::InsufficientData);
    assert_eq!(judged(99, Some(100)).line, Some(100));
    assert_eq!(judged(100, Some(100)).status, Status::AlreadySpent);
}

/// Rules: S0-17.
#[test]
fn of_a_short_period_a_tenth_must_be_over() {
    let rules = Rules { projection: Projection::ElapsedFraction, ..Rules::default() };
    let hour = Period::utc(PeriodKind::Hour);
    let judged = |now: &str| {
        let interval = hour.window_at(at(now));
        let spend =
            Spend { period: &hour, interval, measure: Measure::Tokens, spent: 200, limit: Some(1000) };
        judge(&rules, &spend, false, at(now))
    };
    assert_eq!(judged("2026-04-10T07:05:59Z").status, Status::InsufficientData);
    let counts = judged("2026-04-10T07:06:00Z");
    assert_eq!((counts.status, counts.ratio.map(|r| r.to_string()).as_deref()), (Status::Over, Some("2")));
    assert_eq!(counts.projected.map(|p| p.to_string()).as_deref(), Some("2000"));
}

#[test]
fn figures_beyond_any_budget_are_compared_exactly_too() {
    let year = Period::utc(PeriodKind::Year);
    let rules = Rules { projection: Projection::ElapsedFraction, ..Rules::default() };
    let now = at("2026-07-01T00:00:00.000001Z");
    let spend = Spend {
        period: &year,
        interval: year.window_at(now),
        measure: Measure::Usd,
        spent: i64::MAX / 2,
        limit: Some(i64::MAX),
    };
    let verdict = judge(&rules, &spend, false, now);
    assert_eq!(verdict.status, Status::Within);
    assert!(verdict.line.unwrap() > i64::MAX / 2);
    let huge = (i128::MAX - 1, i128::MAX);
    assert_eq!(compare(huge, (1, 1)), Ordering::Less);
    assert_eq!(compare((1, 1), huge), Ordering::Greater);
    assert_eq!(compare(huge, huge), Ordering::Equal);
    assert_eq!(compare((2, 3), (4, 6)), Ordering::Equal);
    assert_eq!(compare((5, 7), (7, 10)), Ordering::Greater);
}

/// Rules: S0-15.
#[test]
fn the_line_is_the_least_spend_that_engages() {
    for projection in [Projection::CalendarDay, Projection::ElapsedFraction] {
        for (days, pct) in [(3, 10), (0, 0), (0, 60), (31, 10)] {
            let rules = Rules { projection, min_elapsed_days: days, min_spend_pct: pct, ..Rules::default() };
            for day in 1..=30 {
                let now = format!("2026-04-{day:02}T09:30:00Z");
                let line = month(&rules, "0", false, &now).line.unwrap();
                let spent = |nanos| Usd::from_nanos(nanos).to_string();
                assert!(
                    month(&rules, &spent(line), false, &now).engaged,
                    "{projection:?} {days} {pct} {now}"
                );
                assert!(
                    !month(&rules, &spent(line - 1), false, &now).engaged,
                    "{projection:?} {days} {pct} {now}"
                );
            }
        }
    }
}
