//! A failing cluster as a story: the smallest run that still breaks the same rule, and its last moments.

use super::{ClusterOptions, run_cluster, run_cluster_with_story};
use crate::violation::{Rule, Violation};
use std::fmt;

/// Kinds of trouble that a run is spared, whatever its seed says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Spared {
    /// Messages are neither lost nor repeated nor slow, and nobody is cut off.
    pub loss: bool,
    /// No node ends.
    pub crashes: bool,
    /// The authority stays where it is.
    pub failovers: bool,
    /// Limits stay as they are.
    pub operator: bool,
}

/// The smallest run of a cluster found that breaks a rule.
#[derive(Debug)]
pub struct ClusterStory {
    /// What was run.
    pub options: ClusterOptions,
    /// What it broke.
    pub violation: Violation,
    /// The last moments.
    pub lines: Vec<String>,
}

/// Makes a failing run smaller as long as it breaks the same rule: fewer kinds of trouble, fewer nodes, fewer requests.
/// `None` when it does not fail.
#[must_use]
pub fn shrink_cluster(options: &ClusterOptions) -> Option<ClusterStory> {
    let rule = run_cluster(options).err()?.rule;
    let mut shrinker = Shrinker { smallest: options.clone(), rule, tries: 200 };
    shrinker.attempt(|options| options.spared.loss = true);
    shrinker.attempt(|options| options.spared.crashes = true);
    shrinker.attempt(|options| options.spared.failovers = true);
    shrinker.attempt(|options| options.spared.operator = true);
    while shrinker.smallest.nodes > 1 && shrinker.attempt(|options| options.nodes -= 1) {}
    let mut cut = shrinker.smallest.requests / 2;
    while cut > 0 {
        if shrinker.smallest.requests <= cut || !shrinker.attempt(|options| options.requests -= cut) {
            cut /= 2;
        }
    }
    let options = ClusterOptions { story: true, ..shrinker.smallest };
    let (result, lines) = run_cluster_with_story(&options);
    Some(ClusterStory { options, violation: result.err()?, lines })
}

struct Shrinker {
    smallest: ClusterOptions,
    rule: Rule,
    tries: u32,
}

impl Shrinker {
    /// Keeps a change if the run still breaks the rule.
    fn attempt(&mut self, change: impl FnOnce(&mut ClusterOptions)) -> bool {
        let mut candidate = self.smallest.clone();
        change(&mut candidate);
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let breaks = run_cluster(&candidate).is_err_and(|violation| violation.rule == self.rule);
        if breaks {
            self.smallest = candidate;
        }
        breaks
    }
}

impl fmt::Display for ClusterStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClusterOptions { seed, requests, nodes, spared, .. } = &self.options;
        writeln!(f, "seed {seed}, {requests} requests, {nodes} nodes, {spared:?}")?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.violation)
    }
}
