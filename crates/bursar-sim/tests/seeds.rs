//! Seeds: every rule holds in each of them, and a seed is the same run for ever.

use bursar_sim::{Counts, Fault, Faults, Options, run, shrink};

/// How many seeds; `BURSAR_SIM_SEEDS` for more.
fn seeds() -> u64 {
    let set = std::env::var_os("BURSAR_SIM_SEEDS");
    set.and_then(|text| text.to_str().and_then(|text| text.parse().ok())).unwrap_or(2_000)
}

/// Rules: S1-15, S1-17, S3-17.
#[test]
fn every_rule_holds_in_every_seed() {
    let halves = std::thread::scope(|scope| {
        let half = |odd: u64| {
            move || {
                let mut total = Counts::default();
                for seed in (odd..seeds()).step_by(2) {
                    let options = Options::new(seed);
                    match run(&options) {
                        Ok(report) => total.add(&report.counts),
                        Err(violation) => {
                            let story = shrink(&options).map(|story| story.to_string());
                            panic!("seed {seed}: {violation}\n{}", story.unwrap_or_default());
                        }
                    }
                }
                total
            }
        };
        [0, 1].map(|odd| scope.spawn(half(odd))).map(|thread| thread.join().unwrap())
    });
    let mut total = Counts::default();
    halves.iter().for_each(|half| total.add(half));
    println!("{total:#?}");
    // A simulator that does nothing finds nothing.
    let least = seeds() / 100;
    for (what, count) in [
        ("held", total.held),
        ("refused", total.refused),
        ("crashes", total.crashes),
        ("fenced", total.fenced),
        ("suspended", total.suspended),
        ("paged out", total.paged_out),
        ("overages", total.overages),
        ("damage refused", total.damage_refused),
    ] {
        assert!(count > least, "{what} {count} times");
    }
}

/// More seeds than anybody waits for, each with its own world: other ones than the quick tests'.
#[test]
#[ignore = "hours: make soak"]
fn every_rule_holds_for_hours() {
    let asked = std::env::var("BURSAR_SOAK_SEEDS").ok().and_then(|count| count.parse().ok());
    let mut total = Counts::default();
    for seed in (1u64 << 32..).take(asked.unwrap_or(1_000_000)) {
        let options = Options::new(seed);
        match run(&options) {
            Ok(report) => total.add(&report.counts),
            Err(violation) => {
                let story = shrink(&options).map(|story| story.to_string());
                panic!("seed {seed}: {violation}\n{}", story.unwrap_or_default());
            }
        }
    }
    println!("{total:#?}");
}

#[test]
fn a_seed_is_the_same_run_for_ever() {
    for seed in 0..30 {
        let options = Options::new(seed);
        assert_eq!(run(&options), run(&options), "seed {seed}");
        let told = Options { story: true, ..options.clone() };
        assert_eq!(run(&options), run(&told), "telling the story changes nothing");
    }
    let traces = (0..30).map(|seed| run(&Options::new(seed)).unwrap().trace);
    assert_eq!(traces.collect::<std::collections::BTreeSet<_>>().len(), 30, "seeds differ");
}

#[test]
fn a_calm_world_admits_whatever_fits() {
    for seed in 0..50 {
        let report = run(&Options { faults: Some(Faults::NONE), ..Options::new(seed) }).unwrap();
        assert_eq!((report.counts.crashes, report.counts.unavailable, report.counts.overages), (0, 0, 0));
        assert!(report.counts.held + report.counts.refused >= 299);
    }
}

#[test]
fn seeds_have_their_own_trouble() {
    let count = |fault| (0..1_000).filter(|seed| Faults::of_seed(*seed).has(fault)).count();
    assert!((400..600).contains(&count(Fault::Kill)));
    assert!((20..100).contains(&count(Fault::Extremes)));
}
