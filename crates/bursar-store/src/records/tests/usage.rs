//! Questions about usage: the answer is the sum of the records, whichever tables it comes from.

use super::*;
use bursar_ledger::{Period, PeriodKind, Zone};
use jiff::civil::Weekday;
use proptest::prelude::*;

/// The answer straight from the records, in the form of [`told`].
fn recounted(
    records: &[Record],
    from: Timestamp,
    until: Timestamp,
    by: &[Dimension],
    filter: &NameFilter,
) -> Vec<String> {
    let mut sums: BTreeMap<(Vec<String>, Status), (i64, i64)> = BTreeMap::new();
    let asked_for_tags = by.contains(&Dimension::Tag) || filter.contains_key(&Dimension::Tag);
    for record in records.iter().filter(|record| record.created_at >= from && record.created_at < until) {
        let tags: Vec<String> = record
            .attributes
            .iter()
            .filter_map(|(attribute, value)| match attribute {
                Attribute::Tag(name) => Some(format!("{name}={value}")),
                _named => None,
            })
            .collect();
        for tag in if asked_for_tags { tags } else { vec![String::new()] } {
            let name = |dimension: &Dimension| match dimension {
                Dimension::Tag => tag.clone(),
                Dimension::Code => code(record.status).to_owned(),
                named => {
                    let attribute = Attribute::parse(named.as_str()).unwrap();
                    record.attributes.get(&attribute).map_or(String::new(), ToString::to_string)
                }
            };
            if filter.iter().all(|(dimension, wanted)| name(dimension) == *wanted) {
                let entry = sums.entry((by.iter().map(name).collect(), record.status)).or_default();
                *entry = (entry.0 + 1, entry.1 + record.charge.list.nanos());
            }
        }
    }
    sums.iter()
        .map(|((names, status), (requests, cost))| format!("{names:?} {status} {requests} {cost}"))
        .collect()
}

/// What went wrong with a request that was answered 200 and ended so.
fn code(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Streaming | Status::Completed => "",
        Status::Failed => "200",
        Status::Cancelled => "cancelled",
        Status::Denied => "denied",
    }
}

fn told(answer: &[Used]) -> Vec<String> {
    let row = |used: &Used| {
        format!("{:?} {} {} {}", used.names, used.status, used.sums.requests, used.sums.list_cost)
    };
    answer.iter().map(row).collect()
}

fn ask(world: &World, from: &str, until: &str, by: &[Dimension]) -> Vec<String> {
    told(&world.records.usage(time(from), time(until), by, &NameFilter::new()).unwrap())
}

#[test]
fn a02_a04_usage_is_summed_by_state_so_that_the_asker_says_what_counts() {
    let world = World::new();
    let spent = |n, at: &str, user: &str, cost: &str| {
        let mut record = with(completed(n, at), "user", user);
        record.charge.list = Usd::parse(cost).unwrap();
        record
    };
    let mut pending = spent(2, "2026-03-01T11:00:00Z", "u2", "0");
    pending.status = Status::Pending;
    let mut failed = spent(3, "2026-03-02T11:00:00Z", "u2", "0.5");
    failed.status = Status::Failed;
    world.records.put(&[spent(1, "2026-03-01T10:00:00Z", "u1", "1"), pending, failed]).unwrap();
    assert_eq!(
        ask(&world, "2026-03-01", "2026-03-02", &[Dimension::User]),
        [r#"["u1"] completed 1 1000000000"#, r#"["u2"] pending 1 0"#]
    );
    assert_eq!(ask(&world, "2026-03-02", "2026-03-03", &[]), ["[] failed 1 500000000"]);
    assert_eq!(
        ask(&world, "2026-03-01", "2026-03-03", &[Dimension::Project, Dimension::Provider, Dimension::Model])
            .len(),
        3
    );
}

/// Rules: S2-04.
#[test]
fn two_projects_may_have_an_agent_of_the_same_name() {
    let world = World::new();
    let one = with(completed(1, "2026-03-01T10:00:00Z"), "agent", "crawler");
    let other = with(with(completed(2, "2026-03-01T10:00:00Z"), "agent", "crawler"), "project", "beta");
    world.records.put(&[one, other]).unwrap();
    let by = [Dimension::Project, Dimension::Agent];
    let expected = [r#"["alpha", "crawler"] completed 1 1000"#, r#"["beta", "crawler"] completed 1 1000"#];
    assert_eq!(ask(&world, "2026-03-01", "2026-03-02", &by), expected);
}

/// Rules: S2-03, S4-65.
#[test]
fn usage_outlives_its_records() {
    let world = World::new();
    let old = with(completed(1, "2026-01-05T10:00:00Z"), "user", "ada");
    world.records.put(&[old, with(completed(2, "2026-03-05T10:00:00Z"), "user", "ada")]).unwrap();
    let all = || ask(&world, "2026-01-01", "2026-04-01", &[Dimension::User]);
    let hours =
        || ask(&world, "2026-01-01T01:00:00Z", "2026-03-31T01:00:00Z", &[Dimension::User, Dimension::Key]);
    let before = (all(), hours());
    assert_eq!(before.0, [r#"["ada"] completed 2 2000"#]);
    world.records.retain(time("2026-03-01")).unwrap();
    assert_eq!((all(), hours()), before);
}

fn dimensions() -> impl Strategy<Value = Vec<Dimension>> {
    proptest::sample::subsequence(Dimension::ALL.to_vec(), 0..=3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_question_is_answered_as_a_recount_would(
        rows in proptest::collection::vec((0..3i64 * 86_400, 0..6usize, 0..3u8, 0..3u8, any::<u8>(), 0..1000i64), 1..60),
        (start, len) in (0..3i64 * 86_400, 1..3i64 * 86_400),
        (on_hour, on_day) in (any::<bool>(), any::<bool>()),
        by in dimensions(),
        filtered in dimensions(),
    ) {
        let world = World::new();
        // Three days around a month's end.
        let begin = time("2026-02-27");
        let mut records = Vec::new();
        for (n, (second, status, project, name, tags, cost)) in (1..).zip(rows) {
            let at = begin.plus_seconds(second).to_string();
            let mut record = with(completed(n, &at), "project", &format!("p{project}"));
            record.status = Status::ALL[status];
            record.charge.list = Usd::from_nanos(cost);
            for (bit, attribute) in ["user", "agent", "run", "session", "tag.a", "tag.b"].iter().enumerate() {
                if tags & (1 << bit) != 0 {
                    record = with(record, attribute, &format!("v{name}"));
                }
            }
            records.push(record);
        }
        world.records.put(&records).unwrap();
        let unit = if on_day { 86_400 } else if on_hour { 3600 } else { 1 };
        let from = begin.plus_seconds(start / unit * unit);
        let until = from.plus_seconds(len / unit * unit);
        let filter: NameFilter = filtered
            .into_iter()
            .map(|dimension| (dimension, match dimension {
                Dimension::Project => "p1".to_owned(),
                Dimension::Key => "key-1".to_owned(),
                Dimension::Provider => "openai".to_owned(),
                Dimension::Model => "gpt-4o-mini".to_owned(),
                Dimension::Tag => "a=v1".to_owned(),
                Dimension::Code => "200".to_owned(),
                Dimension::User | Dimension::Agent | Dimension::Run | Dimension::Session => "v1".to_owned(),
            }))
            .collect();
        let answer = told(&world.records.usage(from, until, &by, &filter).unwrap());
        prop_assert_eq!(answer, recounted(&records, from, until, &by, &filter));
    }
}

/// The edges of the periods of a kind in a zone, from the one that `at` is in, so many.
fn edges(kind: PeriodKind, zone: &str, at: Timestamp, count: usize) -> Vec<Timestamp> {
    let period = Period { kind, zone: Zone::parse(zone).unwrap() };
    let mut edges = vec![period.window_at(at).starts_at.unwrap()];
    while edges.len() <= count {
        edges.push(period.window_at(*edges.last().unwrap()).ends_at.unwrap());
    }
    edges
}

/// Around these the clocks change, a leap day passes, or a year ends.
const TURNS: [&str; 6] = ["2025-12-30", "2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31", "2028-02-28"];
const ZONES: [&str; 7] = [
    "UTC",
    "Asia/Taipei",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rules: S2-01, S2-11, S4-23.
    #[test]
    fn every_period_of_every_zone_is_what_its_records_add_up_to(
        rows in proptest::collection::vec((0..5i64 * 86_400, 0..6usize, 0..3u8, 0..1000i64), 1..60),
        turn in 0..TURNS.len(),
        zone in 0..ZONES.len(),
        kind in 0..5usize,
        by in dimensions(),
        of_project in any::<bool>(),
    ) {
        let world = World::new();
        let begin = time(TURNS[turn]);
        let mut records = Vec::new();
        for (n, (second, status, name, cost)) in (1..).zip(rows) {
            let at = begin.plus_seconds(second).to_string();
            let mut record = with(with(completed(n, &at), "project", &format!("p{name}")), "user", &format!("u{name}"));
            record.status = Status::ALL[status];
            record.charge.list = Usd::from_nanos(cost);
            records.push(record);
        }
        world.records.put(&records).unwrap();
        let week = PeriodKind::Week { start: Weekday::Monday };
        let (kind, count) =
            [(PeriodKind::Hour, 120), (PeriodKind::Day, 6), (week, 2), (PeriodKind::Month, 2), (PeriodKind::Year, 2)][kind];
        let edges = edges(kind, ZONES[zone], begin, count);
        let filter = if of_project { NameFilter::from([(Dimension::Project, "p1".to_owned())]) } else { NameFilter::new() };
        let answers = world.records.usage_by_period(&edges, &by, &filter).unwrap();
        prop_assert_eq!(answers.len(), count);
        for (answer, bounds) in answers.iter().zip(edges.windows(2)) {
            prop_assert_eq!(told(answer), recounted(&records, bounds[0], bounds[1], &by, &filter));
        }
        world.check();
    }
}

#[test]
fn completed_requests_are_given_oldest_first_and_the_newest_where_there_are_too_many() {
    let world = World::new();
    let mut records: Vec<Record> = (0..5)
        .map(|n| {
            completed(n, &time("2026-02-28T23:59:58Z").plus_seconds(i64::try_from(n).unwrap()).to_string())
        })
        .collect();
    records[1].status = Status::Failed;
    world.records.put(&records).unwrap();
    let ask = |limit, filter: &NameFilter| {
        let moments = world.records.moments(time("2026-02-28"), time("2026-03-02"), filter, limit).unwrap();
        (moments.items.iter().map(|moment| moment.at.to_string()).collect::<Vec<_>>(), moments.cut)
    };
    let all =
        ["2026-02-28T23:59:58Z", "2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z", "2026-03-01T00:00:02Z"];
    assert_eq!(ask(4, &NameFilter::new()), (all.map(str::to_owned).to_vec(), false));
    assert_eq!(ask(3, &NameFilter::new()), (all[1..].iter().map(|at| (*at).to_owned()).collect(), true));
    let nobody = NameFilter::from([(Dimension::User, "nobody".to_owned())]);
    assert_eq!(ask(4, &nobody), (vec![], false));
}
