//! `bursar-sim`: runs seeds, and tells the story of one that fails.
#![expect(clippy::print_stdout, reason = "a command's data goes to stdout")]

use bursar_sim::{ClusterCounts, ClusterOptions, Counts, Options, run, run_cluster, shrink, shrink_cluster};
use std::process::ExitCode;

const USAGE: &str =
    "usage: bursar-sim [--from SEED] [--seeds COUNT] [--requests COUNT] [--budgets COUNT] [--nodes COUNT]";

fn main() -> ExitCode {
    let (mut from, mut seeds, mut nodes, mut options) = (0u64, 1_000u64, 1u32, Options::new(0));
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let Some(number) = arguments.next().and_then(|text| text.parse::<u64>().ok()) else {
            println!("{USAGE}");
            return ExitCode::from(64);
        };
        match name.as_str() {
            "--from" => from = number,
            "--seeds" => seeds = number,
            "--requests" => options.requests = u32::try_from(number).unwrap_or(u32::MAX),
            "--nodes" => nodes = u32::try_from(number).unwrap_or(u32::MAX),
            "--budgets" => options.budgets = u32::try_from(number).unwrap_or(u32::MAX),
            _ => {
                println!("{USAGE}");
                return ExitCode::from(64);
            }
        }
    }
    if nodes > 1 {
        return cluster(from, seeds, nodes, options.requests);
    }
    let mut total = Counts::default();
    for seed in from..from.saturating_add(seeds) {
        options.seed = seed;
        match run(&options) {
            Ok(report) => total.add(&report.counts),
            Err(violation) => {
                println!("seed {seed} fails: {violation}");
                if let Some(story) = shrink(&options) {
                    println!("{story}");
                }
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds from {from}: {total:#?}");
    ExitCode::SUCCESS
}

/// Runs seeds of several nodes with one authority.
fn cluster(from: u64, seeds: u64, nodes: u32, requests: u32) -> ExitCode {
    let mut total = ClusterCounts::default();
    for seed in from..from.saturating_add(seeds) {
        let options = ClusterOptions { nodes, requests, ..ClusterOptions::new(seed) };
        match run_cluster(&options) {
            Ok(counts) => total.add(&counts),
            Err(violation) => {
                println!("seed {seed} fails: {violation}");
                if let Some(story) = shrink_cluster(&options) {
                    println!("{story}");
                }
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds from {from} with {nodes} nodes: {total:#?}");
    ExitCode::SUCCESS
}
