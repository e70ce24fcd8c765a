//! The authority: who may spend how much of a window, when several nodes share it. Pure; PostgreSQL keeps its state.
//!
//! Every number that travels is a total, so that lost, repeated and late messages change nothing. A node's share of a
//! window is `base + granted - returned`: what it had used when its present life began, and what it was granted and gave
//! back since. `committed` is the sum of the shares, and nothing but what was overspent already may lift it above the limit.

use crate::window::WindowKey;
use std::collections::{BTreeMap, BTreeSet};

/// Identifies a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u32);

/// Who calls, and which call it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub epoch: u64,
    /// Which life of the authority it knows.
    pub generation: u64,
    /// The number of the request in this life: the same number again is answered again, not done again.
    pub request: u64,
}

/// A node's totals for one window, in its present life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Totals {
    /// The window.
    pub key: WindowKey,
    /// Used when this life began.
    pub base: i64,
    /// Granted since, as far as the node knows.
    pub granted: i64,
    /// Given back since.
    pub returned: i64,
    /// Settled + suspense + held.
    pub used: i64,
}

/// What a node wants of one window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// The window.
    pub key: WindowKey,
    /// Less than this is no use.
    pub need: i64,
    /// As much as this is useful.
    pub wants: i64,
}

/// What the authority answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// All that was granted to the caller in this life, by window.
    Granted(Vec<(WindowKey, i64)>),
    /// The caller has a later life: it must stop.
    Fenced,
    /// The authority has a later life: tell it all totals, under this number.
    Recount {
        /// The authority's life.
        generation: u64,
    },
}

/// One node's share of one window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Share {
    base: i64,
    granted: i64,
    returned: i64,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Member {
    epoch: u64,
    last: Option<(u64, Answer)>,
}

/// The state of all windows and nodes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Authority {
    generation: u64,
    members: BTreeMap<NodeId, Member>,
    limits: BTreeMap<WindowKey, Option<i64>>,
    shares: BTreeMap<WindowKey, BTreeMap<NodeId, Share>>,
    /// After a failover: nodes that did not tell their totals yet. Nothing is granted until all did.
    uncounted: BTreeSet<NodeId>,
}

impl Share {
    fn sum(self) -> i128 {
        i128::from(self.base) + i128::from(self.granted) - i128::from(self.returned)
    }
}

impl Authority {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Which life this is.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }
    /// Sets a window's limit; absent: unlimited. Acts on the next grant.
    pub fn set_limit(&mut self, key: WindowKey, limit: Option<i64>) {
        self.limits.insert(key, limit);
    }
    /// The sum of all nodes' shares of a window.
    #[must_use]
    pub fn committed(&self, key: &WindowKey) -> i128 {
        self.shares.get(key).map_or(0, |shares| shares.values().map(|share| share.sum()).sum())
    }
    /// Begins the life of a node that its call names: the node counts its lives itself, durably, so that a repeated or
    /// late message begins nothing. `used` is what its journal says it uses of each window: whatever else was granted to
    /// its earlier lives comes back. Whoever calls holds the exclusive lock of that journal, so that the earlier life is
    /// certainly over.
    pub fn register(&mut self, call: &Call, used: &[(WindowKey, i64)]) -> Answer {
        if call.generation != self.generation {
            return Answer::Recount { generation: self.generation };
        }
        let member = self.members.entry(call.node).or_default();
        if call.epoch < member.epoch {
            return Answer::Fenced;
        }
        if call.epoch > member.epoch {
            (member.epoch, member.last) = (call.epoch, None);
            for shares in self.shares.values_mut() {
                shares.remove(&call.node);
            }
            for (key, base) in used {
                self.share(key, call.node).base = *base;
            }
            self.uncounted.remove(&call.node);
        }
        Answer::Granted(Vec::new())
    }
    /// Grants what is wanted and left: at least the need or nothing, and at most half of a fair share.
    pub fn acquire(&mut self, call: &Call, wants: &[Want]) -> Answer {
        if let Some(answer) = self.refuse(call) {
            return answer;
        }
        for want in wants {
            let grant = self.fair(want);
            let share = self.share(&want.key, call.node);
            share.granted = share.granted.saturating_add(grant);
        }
        let keys: Vec<WindowKey> = wants.iter().map(|want| want.key.clone()).collect();
        self.answer(call, &keys)
    }
    /// Takes a node's totals: room that it gave back, and what it used beyond its share, which is granted after the fact.
    pub fn sync(&mut self, call: &Call, totals: &[Totals]) -> Answer {
        if self.uncounted.contains(&call.node) && call.generation == self.generation {
            self.count(call, totals);
        }
        if let Some(answer) = self.refuse(call) {
            return answer;
        }
        for total in totals {
            let share = self.share(&total.key, call.node);
            share.granted = share.granted.max(total.granted);
            share.returned = share.returned.max(total.returned);
            let beyond = i128::from(total.used) - share.sum();
            share.granted = share.granted.saturating_add(i64::try_from(beyond.max(0)).unwrap_or(i64::MAX));
        }
        let keys: Vec<WindowKey> = totals.iter().map(|total| total.key.clone()).collect();
        self.answer(call, &keys)
    }
    /// Begins a new life of the authority after its state may have lost the last commits: nothing is granted until each
    /// of `nodes` told its totals. They are every node that there may be, from a list that the lost commits were no part
    /// of: one that is missing in it could hold grants that nobody knows.
    pub fn fail_over(&mut self, generation: u64, nodes: &[NodeId]) {
        self.generation = generation;
        self.uncounted = self.members.keys().chain(nodes).copied().collect();
    }
    /// Whether grants wait for nodes to tell their totals.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        !self.uncounted.is_empty()
    }

    /// Why a call is not done, or what it was answered before.
    fn refuse(&self, call: &Call) -> Option<Answer> {
        if call.generation != self.generation || !self.uncounted.is_empty() {
            return Some(Answer::Recount { generation: self.generation });
        }
        let Some(member) = self.members.get(&call.node) else { return Some(Answer::Fenced) };
        if call.epoch != member.epoch {
            return Some(Answer::Fenced);
        }
        match &member.last {
            Some((request, answer)) if *request == call.request => Some(answer.clone()),
            Some((request, _)) if *request > call.request => Some(Answer::Fenced),
            Some(_) | None => None,
        }
    }
    /// The totals of a node are the truth after a failover, also of a life that the lost commits began.
    fn count(&mut self, call: &Call, totals: &[Totals]) {
        let member = self.members.entry(call.node).or_default();
        if call.epoch < member.epoch {
            return;
        }
        member.last = None;
        if call.epoch > member.epoch {
            member.epoch = call.epoch;
            for shares in self.shares.values_mut() {
                shares.remove(&call.node);
            }
        }
        for total in totals {
            let share = self.share(&total.key, call.node);
            share.base = total.base;
            share.granted = share.granted.max(total.granted);
            share.returned = share.returned.max(total.returned);
        }
        self.uncounted.remove(&call.node);
    }
    fn fair(&self, want: &Want) -> i64 {
        let Some(limit) = self.limits.get(&want.key).copied().flatten() else {
            return want.wants.max(want.need);
        };
        let left = i128::from(limit) - self.committed(&want.key);
        if left < i128::from(want.need) {
            return 0;
        }
        let nodes = i128::try_from(self.members.len().max(1)).unwrap_or(1);
        let slice = (left / 2 / nodes).max(i128::from(want.need)).min(i128::from(want.wants.max(want.need)));
        i64::try_from(slice).unwrap_or(0).max(0)
    }
    fn share(&mut self, key: &WindowKey, node: NodeId) -> &mut Share {
        self.shares.entry(key.clone()).or_default().entry(node).or_default()
    }
    fn answer(&mut self, call: &Call, keys: &[WindowKey]) -> Answer {
        let total = |key: &WindowKey| {
            let share = self.shares.get(key).and_then(|shares| shares.get(&call.node));
            (key.clone(), share.map_or(0, |share| share.granted))
        };
        let answer = Answer::Granted(keys.iter().map(total).collect());
        if let Some(member) = self.members.get_mut(&call.node) {
            member.last = Some((call.request, answer.clone()));
        }
        answer
    }
}

/// Authorities that break a rule on purpose, for the simulator.
#[cfg(feature = "wrong-variants")]
impl Authority {
    /// Takes back what a node did not report as used, because it has been silent for a while.
    pub fn reclaim(&mut self, node: NodeId, used: &[(WindowKey, i64)]) {
        for (key, shares) in &mut self.shares {
            if let Some(share) = shares.get_mut(&node) {
                let used = used.iter().find(|(own, _)| own == key).map_or(share.base, |(_, used)| *used);
                share.granted = used.saturating_sub(share.base).saturating_add(share.returned).max(0);
            }
        }
    }
    /// Goes on after a failover as if nothing could have been lost.
    pub fn forget_recount(&mut self) {
        self.uncounted.clear();
    }
}

#[cfg(test)]
mod tests;
