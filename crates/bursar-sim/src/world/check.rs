//! What is checked after each step, in full every thousand, and at the end.

use super::{Event, Report, World};
use crate::violation::{Rule, Violation, broken};
use bursar_core::{Charge, ReservationId};
use bursar_ledger::{Outcome, State, check_invariants};

impl World {
    /// Looks at what the step touched; at everything, every thousand steps.
    pub(super) fn after_step(&mut self) -> Result<(), Violation> {
        for id in std::mem::take(&mut self.touched) {
            self.check_bill(id)?;
        }
        if self.counts.steps.is_multiple_of(1_000) {
            self.check_all()?;
        }
        Ok(())
    }
    /// I10: the ledger is never below the provider's bill, as far as a hold can know.
    fn check_bill(&self, id: ReservationId) -> Result<(), Violation> {
        let Some(truth) = self.truths.get(&id) else { return Ok(()) };
        let Some(line) = self.book.lines.get(&id) else {
            if truth.forgotten || truth.bill == Charge::ZERO {
                return Ok(());
            }
            return Err(broken(Rule::BelowBill, format!("{id} was sent and the ledger does not know it")));
        };
        if truth.forgiven || line.estimated {
            return Ok(());
        }
        // A bill above the hold is the provider's breach; until it is settled the hold is all there is to know.
        let owed = match line.state {
            State::Live | State::Suspense => truth.bill.list.min(line.hold.list),
            State::Settled | State::Released => truth.bill.list,
        };
        if line.amount().list < owed {
            let text = format!("{id} is billed {:?}, the ledger has {line:?}", truth.bill);
            return Err(broken(Rule::BelowBill, text));
        }
        Ok(())
    }
    pub(super) fn check_all(&self) -> Result<(), Violation> {
        for id in self.truths.keys() {
            self.check_bill(*id)?;
        }
        self.book.recount()?;
        if let Some(node) = &self.node {
            check_invariants(&node.engine).map_err(|error| broken(Rule::Engine, error.to_string()))?;
            self.book.compare(&node.engine, 0)?;
            let windows = self.book.accounts.values().filter(|account| account.in_memory).count();
            if windows != node.engine.windows_in_memory() {
                return Err(broken(Rule::Isolation, "the engine has other windows in memory"));
            }
            let mut open = self.book.lines.values();
            let is_open = |state| matches!(state, State::Live | State::Suspense);
            let open = open.by_ref().filter(|line| is_open(line.state)).count();
            if open != node.engine.open_reservations() {
                return Err(broken(Rule::LifeCycle, "the engine has other reservations open"));
            }
        }
        Ok(())
    }
    /// Everything is quiet: whatever is open expires, is reconciled, and leaves nothing behind.
    pub(super) fn finish(&mut self) -> Result<Report, Violation> {
        self.quiet = true;
        if !self.is_up() {
            self.crash(false);
            self.restart()?;
        }
        self.flush()?;
        while let Some((tick, event)) = self.queue.pop() {
            self.now = self.now.max(tick);
            self.counts.steps += 1;
            self.step(event)?;
        }
        if let Some((_, waiting)) = self.waiting.front() {
            return Err(broken(Rule::Liveness, format!("{waiting:?} still waits for the journal")));
        }
        self.now = self.now.saturating_add(7_200_000_000);
        self.skew = self.skew.max(0).saturating_add(1_000_000_000_000);
        self.expire_all()?;
        let open: Vec<ReservationId> = self
            .book
            .lines
            .iter()
            .filter(|(_, line)| line.state == State::Suspense)
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            let bill = self.truths.get(&id).map_or(Charge::ZERO, |truth| truth.bill);
            self.settle(id, bill, false)?;
        }
        self.flush()?;
        self.check_all()?;
        self.check_quiet()?;
        Ok(Report { counts: self.counts, trace: self.trace })
    }
    fn expire_all(&mut self) -> Result<(), Violation> {
        for _ in 0..100 {
            let (outcome, _) = self.command(bursar_ledger::Command::Expire, None, None)?;
            match outcome {
                Outcome::Expired(expiry) if expiry.suspended.is_empty() && expiry.estimated.is_empty() => {
                    return Ok(());
                }
                Outcome::Expired(_) => {}
                other => return Err(broken(Rule::Answer, format!("{other:?} to an expire"))),
            }
        }
        Err(broken(Rule::Liveness, "expiry does not end"))
    }
    /// I11: nothing is held, nothing is in suspense, and what is settled is what was charged.
    fn check_quiet(&self) -> Result<(), Violation> {
        let open = self.node.as_ref().map_or(0, |node| node.engine.open_reservations());
        // A settle that would overflow cannot be booked; only extremes bring that about.
        let stuck =
            self.book.lines.values().filter(|line| matches!(line.state, State::Live | State::Suspense));
        let stuck = stuck.count();
        let extreme = self.faults.has(crate::faults::Fault::Extremes);
        if (open > 0 || stuck > 0) && !extreme {
            return Err(broken(Rule::Drift, format!("{open} reservations stay open")));
        }
        for (id, account) in &self.book.accounts {
            if (account.held != 0 || account.suspense != 0) && !extreme {
                return Err(broken(Rule::Drift, format!("window w{id} ends with {account:?}")));
            }
        }
        Ok(())
    }
    /// Moves what is overdue.
    pub(super) fn expire(&mut self) -> Result<(), Violation> {
        if !self.quiet {
            let pause = self.random.between(1_000_000, 60_000_000);
            self.later(pause, Event::Expire);
        }
        if !self.is_up() {
            return Ok(());
        }
        let (outcome, _) = self.command(bursar_ledger::Command::Expire, None, None)?;
        let Outcome::Expired(expiry) = outcome else {
            return Err(broken(Rule::Answer, format!("{outcome:?} to an expire")));
        };
        for id in expiry.suspended {
            let hours = self.random.between(1, 5);
            self.later(hours * 3_600_000_000, Event::Reconcile(id));
        }
        Ok(())
    }
}
