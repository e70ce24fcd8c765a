//! What the engine holds of a budget, a window and a reservation.

use crate::budget::{Budget, Threshold};
use crate::deadlines::Alarm;
use crate::outcome::Crossing;
use crate::period::Interval;
use crate::reservation::State;
use crate::slab::Slot;
use crate::window::{PerValues, WindowId, WindowImage, WindowKey};
use bursar_core::amount::CostBasis;
use bursar_core::{Attribute, Charge, Measure, ReservationId, Timestamp};
use smallvec::SmallVec;
use std::sync::Arc;

/// A budget and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct BudgetSlot {
    pub(crate) budget: Arc<Budget>,
    pub(crate) generation: u32,
    pub(crate) removed: bool,
    /// Windows that are in the store and not in memory.
    pub(crate) paged: u64,
    /// Windows in memory.
    pub(crate) windows: Vec<Slot>,
    /// Position of its scope, narrowest first.
    pub(crate) rank: u8,
    pub(crate) per_attempt: bool,
    /// The period that was asked for last: a pure function of time, remembered.
    pub(crate) interval: Option<Interval>,
}

impl BudgetSlot {
    pub(crate) fn new(budget: Arc<Budget>, generation: u32) -> Self {
        let rank = rank(budget.narrowest());
        let per_attempt = budget.is_per_attempt();
        Self {
            budget,
            generation,
            removed: false,
            paged: 0,
            windows: Vec::new(),
            rank,
            per_attempt,
            interval: None,
        }
    }
    /// The period that contains `now`.
    pub(crate) fn interval_at(&self, now: Timestamp) -> Interval {
        match self.interval {
            Some(interval) if interval.contains(now) => interval,
            Some(_) | None => self.budget.period.window_at(now),
        }
    }
}

const fn rank(narrowest: Option<&Attribute>) -> u8 {
    match narrowest {
        Some(Attribute::Run) => 0,
        Some(Attribute::Session) => 1,
        Some(Attribute::Agent) => 2,
        Some(Attribute::Key) => 3,
        Some(Attribute::User) => 4,
        Some(Attribute::Model) => 5,
        Some(Attribute::Provider) => 6,
        Some(Attribute::Project) => 7,
        Some(Attribute::Endpoint) => 8,
        Some(Attribute::Credential) => 9,
        Some(Attribute::ServedModel) => 10,
        Some(Attribute::ApiFormat) => 11,
        Some(Attribute::Tag(_)) => 12,
        None => 13,
    }
}

/// The counters.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) id: WindowId,
    pub(crate) budget: Slot,
    pub(crate) generation: u32,
    pub(crate) interval: Interval,
    pub(crate) per: PerValues,
    pub(crate) measure: Measure,
    pub(crate) cost_basis: CostBasis,
    pub(crate) credit: i64,
    pub(crate) granted: i64,
    pub(crate) returned: i64,
    pub(crate) settled: i64,
    pub(crate) suspense: i64,
    pub(crate) held: i64,
    pub(crate) overage: i64,
    /// One bit for each of the budget's thresholds.
    pub(crate) crossed: u16,
    /// Open reservations that touch it.
    pub(crate) open: u32,
    /// Position in its budget's list.
    pub(crate) place: usize,
    pub(crate) used_at: Timestamp,
    pub(crate) changed: u64,
}

impl Window {
    pub(crate) fn from_image(
        image: &WindowImage,
        budget: Slot,
        place: usize,
        thresholds: &[Threshold],
    ) -> Self {
        Self {
            id: image.id,
            budget,
            generation: image.key.generation,
            interval: image.key.interval,
            per: image.key.per.clone(),
            measure: image.measure,
            cost_basis: image.cost_basis,
            credit: image.credit,
            granted: image.granted,
            returned: image.returned,
            settled: image.settled,
            suspense: image.suspense,
            held: image.held,
            overage: image.overage,
            crossed: bits(thresholds, &image.crossed),
            open: 0,
            place,
            used_at: image.used_at,
            changed: image.changed,
        }
    }
    pub(crate) fn image(&self, budget: &Budget) -> WindowImage {
        let crossed = budget.thresholds.iter().enumerate();
        let crossed = crossed.filter(|(at, _)| self.crossed & bit(*at) != 0).map(|(_, threshold)| *threshold);
        WindowImage {
            id: self.id,
            key: WindowKey {
                budget: budget.id,
                generation: self.generation,
                interval: self.interval,
                per: self.per.clone(),
            },
            measure: self.measure,
            cost_basis: self.cost_basis,
            credit: self.credit,
            granted: self.granted,
            returned: self.returned,
            settled: self.settled,
            suspense: self.suspense,
            held: self.held,
            overage: self.overage,
            crossed: crossed.collect(),
            used_at: self.used_at,
            changed: self.changed,
        }
    }
    /// The part of a charge that it counts.
    pub(crate) const fn part(&self, charge: &Charge) -> i64 {
        charge.of(self.measure, self.cost_basis)
    }
    /// Settled + suspense + held.
    pub(crate) const fn used(&self) -> i128 {
        wide(self.settled) + wide(self.suspense) + wide(self.held)
    }
    /// Settled + suspense: what crosses thresholds.
    pub(crate) const fn spent(&self) -> i128 {
        wide(self.settled) + wide(self.suspense)
    }
    /// The limit at `now`, with room that rolled over and a temporary raise.
    pub(crate) fn limit(&self, budget: &Budget, now: Timestamp) -> Option<i64> {
        limit(budget, self.credit, now)
    }
    /// Thresholds that `spent` reaches and that were not crossed before, as crossings.
    pub(crate) fn crossings(&self, budget: &Budget, spent: i128, now: Timestamp, into: &mut Vec<Crossing>) {
        let limit = self.limit(budget, now);
        for (at, threshold) in budget.thresholds.iter().enumerate() {
            if self.crossed & bit(at) == 0 && reaches(*threshold, spent, limit) {
                into.push(Crossing { window: self.id, threshold: *threshold });
            }
        }
    }
}

/// An open reservation.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    pub(crate) id: ReservationId,
    pub(crate) state: State,
    pub(crate) fingerprint: u64,
    /// Each window holds (or, in suspense, is charged) the part of this that it counts.
    pub(crate) hold: Charge,
    pub(crate) estimate: Charge,
    pub(crate) windows: SmallVec<[Slot; 6]>,
    /// Live: when it expires. Suspense: when it settles at its estimate, if ever.
    pub(crate) alarm: Alarm,
    /// When it was last heard of.
    pub(crate) at: Timestamp,
}

/// The limit of a window at `now`, with room that rolled over and a temporary raise.
pub(crate) fn limit(budget: &Budget, credit: i64, now: Timestamp) -> Option<i64> {
    let base = budget.limit?;
    let raise = budget.raise.as_ref().filter(|raise| now < raise.until).map_or(0, |raise| raise.amount);
    Some(base.saturating_add(credit).saturating_add(raise))
}

/// Whether an amount reaches a threshold. Nothing reaches a percentage of no limit, and zero reaches nothing.
pub(crate) fn reaches(threshold: Threshold, amount: i128, limit: Option<i64>) -> bool {
    match (threshold, limit) {
        (Threshold::Amount(mark), _) => amount >= wide(mark),
        (Threshold::Percent(_), None) => false,
        (Threshold::Percent(percent), Some(limit)) => {
            amount > 0 && amount * 100 >= wide(limit) * i128::from(percent)
        }
    }
}

/// Widens for sums that must not overflow.
pub(crate) const fn wide(amount: i64) -> i128 {
    #[expect(clippy::as_conversions, reason = "widening; `From` is not const")]
    {
        amount as i128
    }
}

pub(crate) fn bit(position: usize) -> u16 {
    u32::try_from(position).ok().and_then(|position| 1u16.checked_shl(position)).unwrap_or(0)
}

/// The bits of those `thresholds` that are among `crossed`.
pub(crate) fn bits(thresholds: &[Threshold], crossed: &[Threshold]) -> u16 {
    let own = thresholds.iter().enumerate().filter(|(_, threshold)| crossed.contains(threshold));
    own.fold(0, |bits, (at, _)| bits | bit(at))
}
