//! Trouble in a cluster, and what the operator does.

use super::{Cluster, Event, WrongCluster};
use crate::violation::{Rule, Violation, broken};
use bursar_core::{Attribute, Measure};
use bursar_ledger::{Budget, BudgetId, Command, Interval, Outcome, PeriodKind, WindowKey};
use std::sync::Arc;

impl Cluster {
    fn budgets() -> [Budget; 3] {
        let total = |id, limit| {
            let mut budget =
                Budget::new(BudgetId(id), "shared", Measure::Usd, Some(limit), PeriodKind::Total);
            budget.thresholds.clear();
            budget
        };
        [
            total(1, 400),
            total(2, 150).matching(Attribute::Project, &["p1"]),
            total(3, 120).per(Attribute::User),
        ]
    }
    /// Every node knows the same budgets.
    pub(super) fn put_budgets(&mut self, node: usize) -> Result<(), Violation> {
        for budget in Self::budgets() {
            match self.command(node, Command::PutBudget(Arc::new(budget)))?.0 {
                Outcome::BudgetPut | Outcome::Stale => {}
                other => return Err(broken(Rule::Answer, format!("{other:?} to a budget"))),
            }
        }
        Ok(())
    }
    /// The authority's limits, for every window there can be.
    pub(super) fn set_limits(&mut self) {
        for (budget, per, limit) in
            [(1, None, 400), (2, None, 150), (3, Some("u0"), 120), (3, Some("u1"), 120), (3, Some("u2"), 120)]
        {
            let value = per.map(|text: &str| bursar_core::Value::new(text).ok());
            let per = value.into_iter().collect();
            let key = WindowKey { budget: BudgetId(budget), generation: 0, interval: Interval::ALWAYS, per };
            self.authority.set_limit(key.clone(), Some(limit));
            self.allowed.insert(key, i128::from(limit));
        }
    }
    /// Limits rise and fall; they act on the next grant.
    pub(super) fn operate(&mut self) {
        if self.quiet || self.options.spared.operator {
            return;
        }
        let pause = self.random.between(500_000, 5_000_000);
        self.later(pause, Event::Operate);
        let keys: Vec<WindowKey> = self.allowed.keys().cloned().collect();
        let Some(key) = self.random.pick(&keys) else { return };
        let limit = self.random.between(0, 500);
        self.say(|| format!("limit of {key:?} is {limit}"));
        self.authority.set_limit(key.clone(), Some(limit));
        for earlier in &mut self.earlier {
            earlier.set_limit(key.clone(), Some(limit));
        }
        let allowed = self.allowed.entry(key).or_default();
        *allowed = (*allowed).max(i128::from(limit));
    }
    /// Keeps the state from before a change, for a failover to lose the change.
    pub(super) fn remember_authority(&mut self) {
        if self.failing {
            self.earlier.push_back(self.authority.clone());
            if self.earlier.len() > 4 {
                self.earlier.pop_front();
            }
        }
    }
    pub(super) fn make_trouble(&mut self) -> Result<(), Violation> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.trouble.between(50_000, 1_500_000);
        self.later(pause, Event::Trouble);
        let nodes = u64::try_from(self.members.len()).unwrap_or(1);
        let node = usize::try_from(self.trouble.below(nodes)).unwrap_or(0);
        let until = self.now + self.trouble.between(1_000, 3_000_000);
        match self.trouble.below(5) {
            0 | 1 if self.crashing => self.kill(node),
            2 => {
                self.say(|| format!("node {node} stands still"));
                if let Some(member) = self.members.get_mut(node) {
                    member.paused_until = until;
                }
                self.reclaim_from(node);
            }
            3 if self.lossy => {
                self.say(|| format!("node {node} is cut off"));
                if let Some(cut_off) = self.cut_off.get_mut(node) {
                    *cut_off = until;
                }
            }
            4 if self.failing => self.fail_over(),
            _ => {}
        }
        Ok(())
    }
    /// For the wrong variant: a silent node's unused grants go to others.
    fn reclaim_from(&mut self, node: usize) {
        if self.options.wrong != Some(WrongCluster::TimedReclaim) {
            return;
        }
        let (Some(tamper), Some(member)) = (self.options.tamper, self.members.get(node)) else { return };
        let used =
            |image: &bursar_ledger::WindowImage| (image.key.clone(), super::member::Member::used(image));
        let used: Vec<(WindowKey, i64)> = member.engine.images(0).iter().map(used).collect();
        (tamper.reclaim)(&mut self.authority, member.id(), &used);
    }
    /// Another machine becomes the authority; it may lack the last commits.
    fn fail_over(&mut self) {
        self.counts.failovers += 1;
        let back = self.trouble.below(u64::try_from(self.earlier.len()).unwrap_or(0) + 1);
        self.say(|| format!("failover, {back} commits are lost"));
        for _ in 0..back {
            if let Some(earlier) = self.earlier.pop_back() {
                self.authority = earlier;
            }
        }
        self.earlier.clear();
        if self.options.wrong == Some(WrongCluster::ForgetfulFailover) {
            if let Some(tamper) = self.options.tamper {
                (tamper.forget_recount)(&mut self.authority);
            }
            return;
        }
        self.generation += 1;
        let nodes: Vec<_> = self.members.iter().map(super::member::Member::id).collect();
        self.authority.fail_over(self.generation, &nodes);
    }
}
