//! Rules broken on purpose, one at a time, to prove that the simulator would notice. Only built with the feature
//! `wrong-variants`; without it every question about a variant is answered no at compile time.

/// One broken rule. Most are what other governors do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Variant {
    /// Expiry gives the hold back.
    RefundOnExpiry,
    /// A hold that does not fit is clamped to what is left, and admitted.
    ClampHold,
    /// Admission looks at what was spent, not at what is held.
    IgnoreHeld,
    /// Admission forgets what is in suspense.
    IgnoreSuspense,
    /// Admission lets one unit more than the limit pass.
    OffByOne,
    /// Budgets for the whole platform are not asked.
    PlatformUnchecked,
    /// The last window of a reservation is not written.
    PartialHold,
    /// A settle books the charge and keeps the hold.
    KeepHoldOnSettle,
    /// A charge above the hold is cut down to it.
    CapAtHold,
    /// A reservation in suspense can be released like one in flight.
    ReleaseSuspense,
    /// Ids of open reservations are not looked up.
    ForgetIds,
    /// Ids of finished reservations are not remembered.
    ForgetFinished,
    /// A lowered limit does not count in windows that are open.
    StaleLimit,
    /// Rolled over room rolls over again.
    CompoundRollover,
    /// A threshold is reported each time it is reached.
    CrossAgain,
    /// Windows page out though they changed since they were stored.
    PageOutChanged,
    /// Windows in the store are not asked for.
    ForgetPaged,
    /// An extension is not checked.
    ExtendUnchecked,
    /// An adjustment is booked each time it arrives.
    AdjustTwice,
    /// After a restart what was in flight is given back.
    RecoverReleases,
    /// Suspense settles at its estimate though a budget says that it stays.
    EstimateAlways,
    /// Requests with different values of `per` count in one window.
    ShareAll,
    /// A window is found by its budget and values, whatever its period.
    ForgetPeriod,
    /// Soft budgets refuse too.
    SoftRefuses,
}

impl Variant {
    /// Every one.
    pub const ALL: [Self; 24] = [
        Self::RefundOnExpiry,
        Self::ClampHold,
        Self::IgnoreHeld,
        Self::IgnoreSuspense,
        Self::OffByOne,
        Self::PlatformUnchecked,
        Self::PartialHold,
        Self::KeepHoldOnSettle,
        Self::CapAtHold,
        Self::ReleaseSuspense,
        Self::ForgetIds,
        Self::ForgetFinished,
        Self::StaleLimit,
        Self::CompoundRollover,
        Self::CrossAgain,
        Self::PageOutChanged,
        Self::ForgetPaged,
        Self::ExtendUnchecked,
        Self::AdjustTwice,
        Self::RecoverReleases,
        Self::EstimateAlways,
        Self::ShareAll,
        Self::ForgetPeriod,
        Self::SoftRefuses,
    ];
}
