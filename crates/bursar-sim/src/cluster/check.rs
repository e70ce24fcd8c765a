//! The sum over all nodes, and what the authority committed.

use super::member::Member;
use super::{Cluster, ClusterCounts, Event};
use crate::violation::{Rule, Violation, broken};
use bursar_core::ReservationId;
use bursar_ledger::{State, WindowKey, check_invariants};
use std::collections::BTreeMap;

impl Cluster {
    /// Counts what an attempt holds or was charged now, and checks the sum over all nodes after an admission.
    pub(super) fn count(&mut self, id: ReservationId, amount: i64, admits: bool) -> Result<(), Violation> {
        let Some(fate) = self.fates.get_mut(&id) else { return Ok(()) };
        let (before, keys, hold) = (fate.counted, fate.keys.clone(), fate.hold.list.nanos());
        fate.counted = amount;
        for key in keys {
            let total = self.totals.entry(key.clone()).or_default();
            *total += i128::from(amount) - i128::from(before);
            let total = *total;
            let allowed = self.allowed.entry(key.clone()).or_insert(i128::MAX);
            if !admits && amount > hold {
                *allowed = allowed.saturating_add(i128::from(amount - hold));
            }
            if admits && amount > 0 && total > *allowed {
                let text = format!("{id} brings {key:?} to {total} of {allowed}");
                return Err(broken(Rule::Overspent, text));
            }
        }
        Ok(())
    }
    /// After a restart the journal of a node says what it holds and charged: what was never durable was never sent.
    pub(super) fn recount_node(&mut self, node: usize) {
        let Some(member) = self.members.get(node) else { return };
        let own: Vec<(ReservationId, bool, i64)> = self
            .fates
            .iter()
            .filter(|(_, fate)| fate.node == node)
            .map(|(id, fate)| {
                let past = member.engine.past(*id);
                let amount = past.map_or(0, |past| match past.state {
                    State::Live | State::Suspense | State::Settled => past.charge.list.nanos(),
                    State::Released => 0,
                });
                (*id, fate.sent, amount)
            })
            .collect();
        for (id, _, amount) in own {
            let Some(fate) = self.fates.get_mut(&id) else { continue };
            let change = i128::from(amount) - i128::from(fate.counted);
            // What was sent stays spent, whatever the node forgot.
            let change = if fate.sent && amount == 0 { 0 } else { change };
            fate.counted = i64::try_from(i128::from(fate.counted) + change).unwrap_or(0);
            for key in fate.keys.clone() {
                *self.totals.entry(key).or_default() += change;
            }
        }
    }
    /// I2: nothing but what was overspent lifts the sum of the shares above the limit.
    pub(super) fn check_commitment(&self) -> Result<(), Violation> {
        if self.authority.is_counting() {
            return Ok(());
        }
        for (key, allowed) in &self.allowed {
            let committed = self.authority.committed(key);
            if committed > *allowed {
                let text = format!("{committed} of {key:?} is committed, allowed is {allowed}");
                return Err(broken(Rule::Totals, text));
            }
        }
        Ok(())
    }
    /// Everything heals: all waits end, all suspense is reconciled, all free room comes back, and nothing has drifted.
    pub(super) fn finish(&mut self) -> Result<ClusterCounts, Violation> {
        self.quiet = true;
        for until in &mut self.cut_off {
            *until = 0;
        }
        for round in 0..6 {
            for node in 0..self.members.len() {
                self.boot(node)?;
                if round > 0 {
                    self.reconcile(node)?;
                }
                self.later(1_000, Event::Sync(node));
            }
            while let Some((tick, event)) = self.queue.pop() {
                self.now = self.now.max(tick);
                self.counts.steps += 1;
                if self.counts.steps > super::STEPS_MAX {
                    return Err(broken(Rule::Liveness, "the end does not come"));
                }
                self.step(event)?;
            }
        }
        self.check_quiet()?;
        Ok(self.counts)
    }
    fn check_quiet(&self) -> Result<(), Violation> {
        let mut used: BTreeMap<WindowKey, i128> = BTreeMap::new();
        for (node, member) in self.members.iter().enumerate() {
            check_invariants(&member.engine).map_err(|error| broken(Rule::Engine, error.to_string()))?;
            if !member.lacking.is_empty() || !member.unsent.is_empty() || !member.registered {
                return Err(broken(Rule::Liveness, format!("node {node} still waits")));
            }
            if member.engine.open_reservations() > 0 {
                return Err(broken(Rule::Drift, format!("node {node} has reservations open")));
            }
            for image in member.engine.images(0) {
                *used.entry(image.key.clone()).or_default() += i128::from(Member::used(&image));
            }
        }
        for (id, fate) in self.fates.iter().filter(|(_, fate)| fate.sent) {
            let past = self.members.get(fate.node).and_then(|member| member.engine.past(*id));
            if past.is_none_or(|past| past.charge.list < fate.bill.list) {
                let text = format!("{id} is billed {:?}, its node says {past:?}", fate.bill);
                return Err(broken(Rule::BelowBill, text));
            }
        }
        for (key, used) in &used {
            let committed = self.authority.committed(key);
            let total = self.totals.get(key).copied().unwrap_or(0);
            if committed != *used || total != *used {
                let text = format!("{key:?}: {used} used, {committed} committed, {total} counted");
                return Err(broken(Rule::Drift, text));
            }
        }
        Ok(())
    }
}
