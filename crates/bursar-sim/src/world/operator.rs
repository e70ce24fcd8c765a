//! The operator changes budgets, corrects windows, forgives; and the keeper pages windows out and in.

use super::{Event, World};
use crate::faults::Fault;
use crate::node::WrongShell;
use crate::violation::{Rule, Violation, broken};
use bursar_core::Attribute;
use bursar_ledger::{
    Adjust, AdjustmentId, Audit, Budget, BudgetId, Command, Outcome, Rejection, State, WindowId, WindowKey,
};
use std::sync::Arc;

impl World {
    /// Adds a budget.
    pub(super) fn add_budget(&mut self) -> Result<(), Violation> {
        let id = self.next_budget;
        self.next_budget += 1;
        self.versions += 1;
        let budget = self.workload.budget(id, self.versions, self.wall());
        self.put(budget)
    }
    fn put(&mut self, budget: Budget) -> Result<(), Violation> {
        let (outcome, _) = self.command(Command::PutBudget(Arc::new(budget)), None, None)?;
        match outcome {
            Outcome::BudgetPut => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a budget"))),
        }
    }
    /// The operator does something.
    pub(super) fn operate(&mut self) -> Result<(), Violation> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.random.between(1_000_000, 40_000_000);
        self.later(pause, Event::Operate);
        if !self.is_up() || self.now < self.paused_until {
            return Ok(());
        }
        match self.random.below(4) {
            0 if self.has(Fault::OperatorChanges) => self.change_budget(),
            1 if self.has(Fault::OperatorRemoves) && self.random.permille(300) => self.remove_budget(),
            2 if self.has(Fault::OperatorForgives) => self.forgive(),
            3 if self.has(Fault::OperatorAdjusts) => self.adjust(),
            _ => Ok(()),
        }
    }
    fn change_budget(&mut self) -> Result<(), Violation> {
        let now = self.wall();
        let known: Vec<Arc<Budget>> =
            self.book.budgets.values().filter(|own| !own.removed).map(|own| own.budget.clone()).collect();
        let Some(old) = self.random.pick(&known) else { return Ok(()) };
        let mut budget = Budget::clone(&old);
        self.versions += 1;
        budget.version = self.versions;
        match self.workload.random().below(10) {
            0..=5 => budget.limit = self.workload.limit(budget.measure),
            6..=7 => self.workload.policies(&mut budget, now),
            8 => {
                budget.per.clear();
                budget = budget.per(Attribute::Key);
            }
            _ => budget = self.workload.budget(old.id.0, self.versions, now),
        }
        self.put(budget)
    }
    fn remove_budget(&mut self) -> Result<(), Violation> {
        let known: Vec<u32> =
            self.book.budgets.iter().filter(|(_, own)| !own.removed).map(|(id, _)| *id).collect();
        let Some(id) = self.random.pick(&known) else { return Ok(()) };
        let (outcome, _) = self.command(Command::RemoveBudget(BudgetId(id)), None, None)?;
        if outcome != Outcome::BudgetRemoved {
            return Err(broken(Rule::Answer, format!("{outcome:?} to a removal")));
        }
        self.add_budget()
    }
    fn forgive(&mut self) -> Result<(), Violation> {
        let open = self.book.lines.iter().filter(|(_, line)| line.state == State::Suspense);
        let open: Vec<_> = open.map(|(id, _)| *id).collect();
        let Some(id) = self.random.pick(&open) else { return Ok(()) };
        if let Some(truth) = self.truths.get_mut(&id) {
            truth.forgiven = true;
        }
        let (outcome, _) = self.command(Command::Forgive { id, audit: audit() }, None, None)?;
        match outcome {
            Outcome::Forgiven => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a forgive"))),
        }
    }
    fn adjust(&mut self) -> Result<(), Violation> {
        let windows: Vec<u64> = self.book.accounts.keys().copied().collect();
        let Some(window) = self.random.pick(&windows) else { return Ok(()) };
        let Some(account) = self.book.accounts.get(&window).cloned() else { return Ok(()) };
        let settled = i64::try_from(account.settled).unwrap_or(0);
        let delta = self.random.between(-settled.min(1_000) - 1, 50);
        self.versions += 1;
        let (id, parts) = (AdjustmentId(u128::from(self.versions)), vec![(WindowId(window), delta)]);
        let adjust = Adjust { id, reservation: None, parts, audit: audit() };
        if !account.in_memory {
            self.page_in(&account.key)?;
        }
        let (outcome, _) = self.command(Command::Adjust(adjust.clone()), None, None)?;
        let right = match outcome {
            Outcome::Adjusted(_) => settled + delta >= 0,
            Outcome::Rejected(Rejection::BelowZero(_)) => settled + delta < 0,
            Outcome::Rejected(Rejection::Overflow(_)) => self.faults.has(Fault::Extremes),
            _ => false,
        };
        if !right {
            return Err(broken(Rule::Answer, format!("{outcome:?} to {adjust:?} of {account:?}")));
        }
        if matches!(outcome, Outcome::Adjusted(_)) && self.random.permille(300) {
            let (again, _) = self.command(Command::Adjust(adjust), None, None)?;
            if !matches!(again, Outcome::Duplicate(_)) {
                return Err(broken(Rule::Idempotent, format!("{again:?} to a repeated adjustment")));
            }
        }
        Ok(())
    }

    /// The keeper stores what is cold and, a little later, drops it.
    pub(super) fn cold(&mut self) -> Result<(), Violation> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.random.between(2_000_000, 30_000_000);
        self.later(pause, Event::Cold);
        if !self.is_up() || !self.has(Fault::Paging) {
            return Ok(());
        }
        // An image must contain nothing that a power cut could still forget.
        if self.node.as_ref().is_none_or(|node| node.synced() < node.last()) {
            self.sync_due = true;
            self.hand_over();
            return Ok(());
        }
        let now = self.wall();
        let images = self.node.as_ref().map(|node| node.engine.cold(now, 0, u32::MAX).0).unwrap_or_default();
        if images.is_empty() {
            return Ok(());
        }
        if self.options.wrong != Some(WrongShell::StoreLate) {
            images.iter().for_each(|image| self.store.put(image));
        }
        let windows = images.iter().map(|image| (image.id, image.changed)).collect();
        let takes = self.random.between(1_000, 3_000_000);
        self.later(takes, Event::ColdDone(self.life, windows));
        Ok(())
    }
    pub(super) fn page_out(&mut self, windows: Vec<(WindowId, u64)>) -> Result<(), Violation> {
        if !self.is_up() {
            return Ok(());
        }
        let (outcome, _) = self.command(Command::PageOut(windows), None, None)?;
        match outcome {
            Outcome::PagedOut(_) => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a page out"))),
        }
    }
    /// Brings a window back, if the store has it.
    pub(super) fn page_in(&mut self, key: &WindowKey) -> Result<(), Violation> {
        let stored = self.store.get(key);
        let known = self.book.account(key).is_some_and(|account| !account.in_memory);
        let Some(image) = stored.filter(|_| known) else {
            if known {
                return Err(broken(Rule::Isolation, format!("the image of {key:?} is lost")));
            }
            return Ok(());
        };
        let (outcome, _) = self.command(Command::PageIn(Box::new(image)), None, None)?;
        if self.options.wrong == Some(WrongShell::ForgetImageEarly) {
            self.store.remove(key);
        }
        match outcome {
            Outcome::PagedIn => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a page in"))),
        }
    }
}

fn audit() -> Audit {
    Audit { actor: "operator".into(), reason: "simulated".into() }
}
