//! What may go wrong. Each seed enables its own subset, so that some runs are calm and others are not.

use crate::random::Random;

/// One kind of trouble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// The process is killed.
    Kill,
    /// The machine loses power.
    PowerCut,
    /// The process stands still for up to ten minutes.
    Pause,
    /// A write or read fails.
    DiskError,
    /// The disk is full.
    DiskFull,
    /// A sync fails.
    SyncError,
    /// A write happens in part.
    TornWrite,
    /// A bit of a segment flips while the process is down.
    BitFlip,
    /// Power fails in the middle of recovery.
    CrashInRecovery,
    /// The clock is wrong by up to an hour.
    ClockSkew,
    /// The clock jumps.
    ClockJump,
    /// Time goes fast towards the edge of a period.
    PeriodEdge,
    /// The provider answers after the reservation expired.
    LateAnswer,
    /// The provider bills what it made after the client left.
    BillAfterDisconnect,
    /// The provider bills more than the hold.
    BillAboveHold,
    /// The answer has no usage.
    NoUsage,
    /// The usage arrives twice.
    DuplicateUsage,
    /// No answer, billed or not.
    NoAnswer,
    /// The provider refuses for a while.
    Storm,
    /// The client asks twice with the same id.
    DuplicateRequest,
    /// The client leaves before anything is sent.
    ClientLeaves,
    /// Limits, modes and raises change.
    OperatorChanges,
    /// Budgets are removed and added.
    OperatorRemoves,
    /// Suspense is forgiven.
    OperatorForgives,
    /// Windows are adjusted.
    OperatorAdjusts,
    /// Holds near the largest number there is.
    Extremes,
    /// Windows page out as soon as they may.
    Paging,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 27] = [
        Self::Kill,
        Self::PowerCut,
        Self::Pause,
        Self::DiskError,
        Self::DiskFull,
        Self::SyncError,
        Self::TornWrite,
        Self::BitFlip,
        Self::CrashInRecovery,
        Self::ClockSkew,
        Self::ClockJump,
        Self::PeriodEdge,
        Self::LateAnswer,
        Self::BillAfterDisconnect,
        Self::BillAboveHold,
        Self::NoUsage,
        Self::DuplicateUsage,
        Self::NoAnswer,
        Self::Storm,
        Self::DuplicateRequest,
        Self::ClientLeaves,
        Self::OperatorChanges,
        Self::OperatorRemoves,
        Self::OperatorForgives,
        Self::OperatorAdjusts,
        Self::Extremes,
        Self::Paging,
    ];
    fn bit(self) -> u32 {
        let at = Self::ALL.iter().position(|other| *other == self).unwrap_or(0);
        1u32.checked_shl(u32::try_from(at).unwrap_or(0)).unwrap_or(0)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults(u32);

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(0);

    /// Those of a seed: each with even odds, and extremes rarely because they drown the rest.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let mut faults = Self::NONE;
        for fault in Fault::ALL {
            let odds = if fault == Fault::Extremes { 50 } else { 500 };
            if random.permille(odds) {
                faults.0 |= fault.bit();
            }
        }
        faults
    }
    /// Whether this kind may happen.
    #[must_use]
    pub fn has(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }
    /// Without this kind.
    #[must_use]
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !fault.bit())
    }
    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
