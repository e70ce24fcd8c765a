//! Several nodes and an authority: the sum over all of them stays within the limit.

use bursar_ledger::authority::Authority;
use bursar_sim::{ClusterCounts, ClusterOptions, Spared, Tamper, WrongCluster, run_cluster, shrink_cluster};

fn seeds() -> u64 {
    let set = std::env::var_os("BURSAR_SIM_SEEDS");
    set.and_then(|text| text.to_str().and_then(|text| text.parse().ok())).unwrap_or(1_000)
}

#[test]
fn the_sum_over_all_nodes_stays_within_the_limit() {
    let mut total = ClusterCounts::default();
    for seed in 0..seeds() {
        let options =
            ClusterOptions { nodes: 2 + u32::try_from(seed % 3).unwrap(), ..ClusterOptions::new(seed) };
        match run_cluster(&options) {
            Ok(counts) => total.add(&counts),
            Err(violation) => {
                let story = shrink_cluster(&options).map(|story| story.to_string());
                panic!("seed {seed}: {violation}\n{}", story.unwrap_or_default());
            }
        }
    }
    println!("{total:?}");
    let counts = [total.held, total.refused, total.crashes, total.failovers, total.lost];
    assert!(counts.iter().all(|count| *count > seeds() / 2), "{total:?}");
}

#[test]
fn a_seed_is_the_same_run_for_ever() {
    for seed in 0..20 {
        let options = ClusterOptions::new(seed);
        assert_eq!(run_cluster(&options), run_cluster(&options));
    }
}

#[test]
fn every_broken_cluster_is_found() {
    for wrong in WrongCluster::ALL {
        let found = (0..10_000)
            .find_map(|seed| run_cluster(&broken(wrong, seed)).err().map(|violation| (seed, violation)));
        let (seed, violation) = found.unwrap_or_else(|| panic!("{wrong:?} is not found"));
        println!("{wrong:?} is found by seed {seed}: {violation}");
    }
}

#[test]
fn a_story_of_a_cluster_is_small_and_replays_bit_for_bit() {
    for wrong in WrongCluster::ALL {
        let failing = (0..10_000).map(|seed| broken(wrong, seed)).find_map(|options| {
            let violation = run_cluster(&options).err()?;
            Some((options, violation))
        });
        let (options, violation) = failing.unwrap_or_else(|| panic!("{wrong:?} is not found"));
        let story = shrink_cluster(&options).unwrap();
        assert_eq!(story.violation.rule, violation.rule);
        assert!(size(&story.options) < size(&options), "{story}");
        assert_eq!(run_cluster(&story.options), Err(story.violation.clone()));
        assert!(story.to_string().contains("node 0"), "{story}");
    }
}

/// A run in which a rule is broken on purpose.
fn broken(wrong: WrongCluster, seed: u64) -> ClusterOptions {
    let tamper = Tamper {
        reclaim: |authority, node, used| authority.reclaim(node, used),
        forget_recount: Authority::forget_recount,
    };
    ClusterOptions { wrong: Some(wrong), tamper: Some(tamper), ..ClusterOptions::new(seed) }
}

/// Fewer requests, nodes and kinds of trouble are a smaller story.
fn size(options: &ClusterOptions) -> u32 {
    let Spared { loss, crashes, failovers, operator } = options.spared;
    let spared: u32 = [loss, crashes, failovers, operator].into_iter().map(u32::from).sum();
    options.requests + options.nodes + 4 - spared
}
