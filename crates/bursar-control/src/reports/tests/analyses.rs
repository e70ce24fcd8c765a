//! Caching, gaps between requests, latencies.

use super::*;
use crate::reports::gaps::{Gap, MINUTE, Spread};
use crate::reports::{cache, gaps, latency, timeline, ttl};
use bursar_core::Rate;
use bursar_store::records::{LineUsed, PriceUsed};
use std::collections::BTreeMap;

/// Minutes of a decimal text in microseconds.
fn minutes(text: &str) -> i64 {
    let hundredths = bursar_core::decimal::parse(text, 2).unwrap();
    i64::try_from(hundredths).unwrap() * (MINUTE / 100)
}

/// Rules: S4-52, V R01.
#[test]
fn the_simple_thresholds() {
    let cases = [
        ("2", "4.9", 5),
        ("2", "5", 5),
        ("3", "5.01", 15),
        ("15", "40", 15),
        ("15.01", "40", 30),
        ("30", "90", 30),
        ("30.01", "90", 60),
    ];
    for (p75, p90, expected) in cases {
        assert_eq!(ttl::recommend(Some(minutes(p75)), Some(minutes(p90))).0, expected, "{p75} {p90}");
    }
    assert_eq!(ttl::recommend(None, None).0, 5);
}

/// Rules: S4-50, S4-51, S4-52, V R02, V R03.
#[test]
fn one_group_in_figures() {
    let row = ttl::group("u", [10, 1, 4, 2, 3].map(|n| n * MINUTE).to_vec()).unwrap();
    let spread = &row.spread;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!((spread.gaps, row.requests), (5, 6), "requests are one more than gaps");
    assert_eq!(
        (spread.p50.clone(), spread.p75.clone(), spread.p90.clone()),
        (some("3"), some("4"), some("7.6"))
    );
    assert_eq!(
        (spread.avg.clone(), spread.min.clone(), spread.max.clone()),
        (some("4"), some("1"), some("10"))
    );
    assert_eq!((spread.distribution.within_5min, spread.distribution.within_15min), (4, 1));
    assert_eq!((spread.percent.within_5min.as_str(), spread.percent.within_15min.as_str()), ("80", "20"));
    assert_eq!(row.recommended_ttl, 15);
    let edges = Spread::of(&["5", "5.01", "15", "30", "60", "60.01"].map(minutes)).distribution;
    let counts =
        [edges.within_5min, edges.within_15min, edges.within_30min, edges.within_60min, edges.over_60min];
    assert_eq!(counts, [1, 2, 1, 1, 1], "each bucket has its upper end");
}

/// Rules: S4-51, V R05.
#[test]
fn no_gap_is_a_gap_of_nothing() {
    let spread = ttl::group("u", vec![0, 0, 0]).unwrap().spread;
    let zero = Some("0".to_owned());
    assert_eq!(
        [spread.p50, spread.p75, spread.p90, spread.avg],
        [zero.clone(), zero.clone(), zero.clone(), zero]
    );
}

/// Rules: S4-53, V R07.
#[test]
fn recommendations_are_counted() {
    let distribution = ttl::TtlDistribution::of([5, 5, 15, 60]);
    assert_eq!(distribution, ttl::TtlDistribution { min_5: 2, min_15: 1, min_30: 0, min_60: 1 });
}

/// Rules: S4-52: the write premium decides, not the percentile alone.
#[test]
fn the_expected_cost_weighs_the_write_premium() {
    let cost = |gaps: &[i64]| ttl::by_cost(&gaps.iter().map(|n| n * MINUTE).collect::<Vec<_>>());
    let (expected, best) = cost(&[1, 2, 3, 4]);
    assert_eq!((expected.for_5m.as_str(), best), ("10", "5m"), "each reads at a tenth");
    let (expected, best) = cost(&[20, 20, 20, 90]);
    // An hour: three reads and one write at twice the input price; five minutes: four writes.
    assert_eq!((expected.for_5m.as_str(), expected.for_1h.as_str(), best), ("125", "57.5", "1h"));
    assert_eq!(cost(&[90, 600]).1, "none", "nothing is read in time");
    assert_eq!(cost(&[5]).1, "5m", "at the end of its time it is still there");
}

/// Rules: S4-47, S4-48, S4-49, V R04, V R06: by user or by key, filtered by both.
#[test]
fn groups_have_two_gaps_or_more_and_are_a_users_or_a_keys() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    for (user, key, count) in [("u1", "k1", 2), ("u2", "k2", 3), ("u2", "k3", 1)] {
        for n in 0..count {
            world.put(&format!("2026-03-15T1{n}:00:00Z"), &format!("user={user} key={key}"), |_| {});
        }
    }
    world.put("2026-03-15T11:30:00Z", "user=u1 key=k1", |record| record.status = Status::Failed);
    world.put("2026-03-01T11:30:00Z", "user=u1 key=k1", |_| {});
    let analysed = |question: &str| {
        let report = ttl::ttl(&world.records, &ask(question), Zone::utc(), world.now).unwrap();
        report.items.iter().map(|row| format!("{} {}", row.name, row.requests)).collect::<Vec<_>>()
    };
    assert_eq!(analysed(""), ["u2 4"]);
    assert_eq!(analysed("by=key"), ["k2 3"]);
    assert_eq!(analysed("user=u2&key=k2"), ["k2 3"], "filtered by both, grouped by key");
    assert_eq!(analysed("user=u1&key=k2"), [""; 0]);
    assert_eq!(analysed("hours=720"), ["u2 4", "u1 3"]);
}

/// Rules: S4-47: conversations that a user holds at the same time are told apart, and those of two projects with one name.
#[test]
fn gaps_of_a_conversation_are_its_own() {
    let mut world = World::at("2026-03-15T12:00:00Z");
    // One user, two conversations: each waits twenty minutes, the user but ten.
    for minute in [0, 20, 40] {
        world.put(&format!("2026-03-15T10:{minute:02}:00Z"), "project=p user=ann session=one", |_| {});
        world.put(&format!("2026-03-15T10:{:02}:00Z", minute + 10), "project=p user=ann session=two", |_| {});
        world.put(&format!("2026-03-15T10:{:02}:00Z", minute + 5), "project=q user=bob session=one", |_| {});
        world.put(&format!("2026-03-15T10:{:02}:30Z", minute + 5), "project=q user=eve", |_| {});
    }
    let medians = |question: &str| {
        let report = ttl::ttl(&world.records, &ask(question), Zone::utc(), world.now).unwrap();
        report
            .items
            .iter()
            .map(|row| (row.name.clone(), row.spread.p50.clone().unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let told = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, p50)| ((*name).to_owned(), (*p50).to_owned())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(medians("by=session"), told(&[("one", "20"), ("two", "20")]));
    assert_eq!(medians("by=user&project=p"), told(&[("ann", "10")]));
    assert!(ttl::ttl(&world.records, &ask("by=model"), Zone::utc(), world.now).is_err());
}

/// A request at these rates: USD per million tokens.
fn priced(lines: &[(UsageClass, u64, &str)]) -> impl FnOnce(&mut Record) {
    let lines = lines.to_vec();
    let lines: Vec<(UsageClass, u64, String)> =
        lines.iter().map(|(class, units, rate)| (*class, *units, (*rate).to_owned())).collect();
    move |record| {
        let line = |(class, units, rate): &(UsageClass, u64, String)| {
            let rate = Rate::parse_per_million(rate).unwrap();
            LineUsed { class: Some(*class), units: *units, rate, amount_pico: rate.times(*units) }
        };
        for (class, units, _) in &lines {
            record.usage.set(*class, *units);
        }
        record.price = Some(PriceUsed { lines: lines.iter().map(line).collect(), ..PriceUsed::default() });
    }
}

/// Rules: S4-54, S4-55, S4-56, S4-57, V C01, V C02, V C03, V C04.
#[test]
fn what_caching_saved_net_of_what_writing_cost() {
    use UsageClass::{CacheRead, CacheWrite5m, Input};
    let mut world = World::at("2026-03-15T12:00:00Z");
    world.put(
        "2026-03-15T10:00:00Z",
        "model=a",
        priced(&[(Input, 600_000, "3"), (CacheRead, 400_000, "0.3")]),
    );
    world.put(
        "2026-03-15T10:00:00Z",
        "model=b",
        priced(&[(Input, 0, "3"), (CacheRead, 100_000, "0.3"), (CacheWrite5m, 100_000, "3.75")]),
    );
    world.put("2026-03-15T10:00:00Z", "model=c", priced(&[(Input, 0, "3"), (CacheWrite5m, 100_000, "3.75")]));
    let report = cache::cache(&world.records, &ask("by=model"), Zone::utc(), world.now).unwrap();
    let row = |model: &str| &report.items.iter().find(|row| row.names["model"] == model).unwrap().figures;
    let a = row("a");
    assert_eq!((a.token_hit_rate.as_str(), a.cache_read_cost.as_str()), ("40", "0.12"));
    assert_eq!((a.gross_savings.as_str(), a.net_savings.as_str()), ("1.08", "1.08"));
    let b = row("b");
    assert_eq!(
        (b.gross_savings.as_str(), b.write_premium.as_str(), b.net_savings.as_str()),
        ("0.27", "0.075", "0.195")
    );
    assert_eq!(row("c").net_savings, "-0.075", "written and never read");
    assert_eq!((report.total.requests, report.total.requests_with_hit), (3, 2));
    assert_eq!(report.total.request_hit_rate, "66.67");
    let nothing = cache::cache(&world.records, &ask("user=nobody"), Zone::utc(), world.now).unwrap();
    assert_eq!((nothing.total.request_hit_rate.as_str(), nothing.total.token_hit_rate.as_str()), ("0", "0"));
}

fn many(counts: &[(&str, usize)]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = counts
        .iter()
        .flat_map(|(name, count)| {
            (0..*count).map(|n| Gap {
                name: (*name).into(),
                at: Timestamp::from_micros(i64::try_from(n).unwrap()),
                model: "m".into(),
                micros: 0,
            })
        })
        .collect();
    gaps.sort_by_key(|gap| gap.at);
    gaps
}

fn kept(counts: &[(&str, usize)], limit: usize) -> BTreeMap<String, usize> {
    let mut kept = BTreeMap::new();
    for gap in timeline::sampled(many(counts), limit) {
        *kept.entry(gap.name.to_string()).or_default() += 1;
    }
    kept
}

/// Rules: S4-61, V I01, V I02, V I03.
#[test]
fn everybody_keeps_a_fair_part() {
    let told = |pairs: &[(&str, usize)]| {
        pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(kept(&[("A", 6000), ("B", 4000)], 10_000), told(&[("A", 6000), ("B", 4000)]));
    assert_eq!(kept(&[("A", 49_999), ("B", 1)], 100), told(&[("A", 100), ("B", 1)]));
    assert_eq!(kept(&[("A", 15_000), ("B", 5000)], 10_000), told(&[("A", 7500), ("B", 2500)]));
    assert_eq!(
        kept(&[("A", 2), ("B", 1)], 2),
        told(&[("A", 2), ("B", 1)]),
        "rounded up: one more than the limit"
    );
}

/// Rules: S4-61, V I07: even sampling, the newest as well as the oldest, for one user too.
#[test]
fn what_is_kept_is_spread_evenly() {
    let places = |n: usize, k: usize| {
        let kept = timeline::sampled(many(&[("A", n)]), k);
        kept.iter().map(|gap| usize::try_from(gap.at.micros()).unwrap()).collect::<Vec<_>>()
    };
    for (n, k) in [(10, 4), (10, 3), (7, 7), (100, 1), (1000, 333), (5, 4)] {
        let expected: Vec<usize> = (0..k).map(|i| i * n / k).collect();
        assert_eq!(places(n, k), expected, "{k} of {n}");
    }
}

/// Rules: S4-58, S4-59, S4-60, S4-62, V I04, V I05, V I06.
#[test]
fn points_are_gaps_of_each_user_up_to_two_hours() {
    let mut world = World::at("2026-03-15T14:00:00Z");
    for (user, at, model) in [
        ("A", "10:00:00", "m1"),
        ("B", "10:05:00", "m1"),
        ("A", "10:10:00", "m2"),
        ("A", "10:11:40", "m1"),
        ("A", "12:11:40", "m1"),
        ("B", "12:05:01", "m3"),
    ] {
        world.put(&format!("2026-03-15T{at}Z"), &format!("user={user} model={model}"), |_| {});
    }
    let line = timeline::timeline(&world.records, &ask(""), Zone::utc(), world.now).unwrap();
    let points: Vec<_> =
        line.items.iter().map(|p| (p.name.as_str(), p.y.as_str(), p.model.as_str())).collect();
    assert_eq!(
        points,
        [("A", "10", "m2"), ("A", "1.67", "m1"), ("A", "120", "m1")],
        "more than 120 minutes is a pause"
    );
    assert_eq!(
        (line.models, line.items[0].x.as_str()),
        (vec!["m1".to_owned(), "m2".to_owned()], "2026-03-15T10:10:00Z")
    );
    let one = timeline::timeline(&world.records, &ask("limit=1&user=A"), Zone::utc(), world.now).unwrap();
    assert_eq!((one.items.len(), one.total_points), (1, 3));
}

#[test]
fn latencies_are_exact_percentiles() {
    let mut world = World::at("2026-03-15T14:00:00Z");
    for n in 1..=100 {
        world.put("2026-03-15T10:00:00Z", "model=m provider=p", |record| {
            record.total_ms = Some(n * 10);
            record.first_byte_ms = Some(n);
        });
    }
    world.put("2026-03-15T10:00:00Z", "model=slow", |record| record.total_ms = Some(9_000));
    let told = latency::latency(&world.records, &ask("by=model"), Zone::utc(), world.now).unwrap();
    let row = &told.items[0];
    assert_eq!((row.name.as_str(), row.latency.requests), ("m", 100));
    let total = &row.latency.total_ms;
    assert_eq!((total.p50, total.p90, total.p99, total.max), (Some(505), Some(901), Some(990), Some(1000)));
    assert_eq!(told.total.total_ms.max, Some(9_000));
    assert_eq!(gaps::percentile(&[], 50), None);
}
