//! Several nodes and an authority: the sum over all of them stays within the limit.

use bursar_ledger::authority::Authority;
use bursar_sim::{ClusterCounts, ClusterOptions, Tamper, WrongCluster, run_cluster, run_cluster_with_story};

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
                let (_, lines) = run_cluster_with_story(&ClusterOptions { story: true, ..options });
                panic!("seed {seed}: {violation}\n{}", lines.join("\n"));
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
    let tamper = Tamper {
        reclaim: |authority, node, used| authority.reclaim(node, used),
        forget_recount: Authority::forget_recount,
    };
    for wrong in WrongCluster::ALL {
        let found = (0..10_000).find_map(|seed| {
            let options =
                ClusterOptions { wrong: Some(wrong), tamper: Some(tamper), ..ClusterOptions::new(seed) };
            run_cluster(&options).err().map(|violation| (seed, violation))
        });
        let (seed, violation) = found.unwrap_or_else(|| panic!("{wrong:?} is not found"));
        println!("{wrong:?} is found by seed {seed}: {violation}");
    }
}
