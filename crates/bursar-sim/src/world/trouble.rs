//! Things go wrong from time to time.

use super::{Event, World};
use crate::faults::Fault;
use crate::violation::Violation;
use bursar_core::Timestamp;
use bursar_store::disk::simulated::Fault as DiskFault;

impl World {
    /// One thing goes wrong, of those that this run has.
    pub(super) fn make_trouble(&mut self) -> Result<(), Violation> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.trouble.between(1_000_000, 100_000_000);
        self.later(pause, Event::Trouble);
        let kinds = [
            Fault::Kill,
            Fault::PowerCut,
            Fault::Pause,
            Fault::DiskError,
            Fault::DiskFull,
            Fault::SyncError,
            Fault::TornWrite,
            Fault::ClockSkew,
            Fault::ClockJump,
            Fault::PeriodEdge,
            Fault::Storm,
        ];
        let Some(kind) = self.trouble.pick(&kinds).filter(|kind| self.has(*kind)) else { return Ok(()) };
        self.say(|| format!("trouble: {kind:?}"));
        match kind {
            Fault::Kill | Fault::PowerCut => {
                if self.node.is_some() {
                    self.crash(kind == Fault::PowerCut);
                    let soon = self.trouble.between(10_000, 5_000_000);
                    self.later(soon, Event::Restart);
                }
            }
            Fault::Pause => {
                let until = self.now + self.trouble.between(10_000, 600_000_000);
                // What waits for the end of a longer pause must not be overtaken by what comes after a shorter one.
                if self.paused_until < until {
                    self.pauses.push((self.now.max(self.paused_until), until));
                    self.paused_until = until;
                }
            }
            Fault::DiskError | Fault::SyncError => self.arm(DiskFault::Broken),
            Fault::DiskFull => self.arm(DiskFault::Full),
            Fault::TornWrite => self.arm(DiskFault::Torn),
            Fault::ClockSkew => self.skew = self.trouble.between(-3_600_000_000, 3_600_000_000),
            Fault::ClockJump => {
                let jump = self.trouble.between(-3 * 86_400_000_000, 35 * 86_400_000_000);
                self.skew = self.skew.saturating_add(jump);
            }
            Fault::PeriodEdge => self.go_to_an_edge(),
            Fault::Storm => self.storm_until = self.now + self.trouble.between(1_000_000, 60_000_000),
            Fault::BitFlip
            | Fault::CrashInRecovery
            | Fault::LateAnswer
            | Fault::BillAfterDisconnect
            | Fault::BillAboveHold
            | Fault::NoUsage
            | Fault::DuplicateUsage
            | Fault::NoAnswer
            | Fault::DuplicateRequest
            | Fault::ClientLeaves
            | Fault::OperatorChanges
            | Fault::OperatorRemoves
            | Fault::OperatorForgives
            | Fault::OperatorAdjusts
            | Fault::Extremes
            | Fault::Paging => {}
        }
        Ok(())
    }
    fn arm(&mut self, fault: DiskFault) {
        if let Ok(mut armed) = self.armed.lock() {
            *armed = Some(fault);
        }
    }
    /// Sets the clock to just before some budget's period ends.
    fn go_to_an_edge(&mut self) {
        let budgets: Vec<u32> = self.book.budgets.keys().copied().collect();
        let Some(own) = self.trouble.pick(&budgets).and_then(|id| self.book.budgets.get(&id)) else { return };
        let end = own.budget.period.window_at(self.wall()).ends_at.map_or(0, Timestamp::micros);
        let ahead = end.saturating_sub(self.wall().micros());
        if (0..40 * 86_400_000_000).contains(&ahead) {
            self.skew = self.skew.saturating_add(ahead - self.trouble.between(0, 2_000_000));
        }
    }
}
