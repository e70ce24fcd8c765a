//! Whether a charge fits in every window it touches, and what to say where it does not.

use super::state::{BudgetSlot, Window, bit, limit, reaches, wide};
use super::touch::{Closed, Touch, per_values};
use super::{Engine, Grants};
use crate::budget::Mode;
use crate::limits::CHARGE_PART_MAX;
use crate::outcome::{Blocked, Denial, Room, Warning};
use crate::variant::Variant;
use crate::window::PerValues;
use bursar_core::amount::CostBasis;
use bursar_core::limits::WINDOWS_PER_ATTEMPT_MAX;
use bursar_core::refusal::Blocking;
use bursar_core::{Attributes, Charge, Code, Measure, Timestamp, Usd};

/// What one window shows to one charge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) own: &'a BudgetSlot,
    pub(super) touch: &'a Touch,
    pub(super) window: Option<&'a Window>,
    pub(super) limit: Option<i64>,
    pub(super) used: i128,
    pub(super) amount: i64,
}

impl Sight<'_> {
    /// Admission: settled + suspense + held + requested <= limit; what asks for nothing fits everywhere.
    fn fits(&self) -> bool {
        let after = self.used + wide(self.amount);
        self.touch.closed.is_none()
            && (self.amount == 0 || self.limit.is_none_or(|limit| after <= wide(limit)))
    }
    /// Whether this is a shadow budget that would have refused.
    fn would_refuse(&self) -> bool {
        self.own.budget.mode == Mode::Shadow && (self.touch.omits || !self.fits())
    }
    /// What is left before the charge.
    pub(super) fn room(&self) -> Option<i64> {
        self.limit.map(|limit| clamped(wide(limit) - self.used))
    }
    /// What is left after the charge.
    pub(super) fn remaining(&self) -> Option<i64> {
        self.limit.map(|limit| clamped(wide(limit) - self.used - wide(self.amount)))
    }
    fn code(&self, per: &PerValues) -> Code {
        match self.touch.closed {
            Some(Closed::Expired) => return Code::BudgetExpired,
            Some(Closed::Missing) => return Code::BadInput,
            Some(Closed::Full) => return Code::TooManyWindows,
            None if self.touch.omits => return Code::BadInput,
            None => {}
        }
        let limit = self.limit.unwrap_or(i64::MAX);
        let spent = self.window.map_or(0, Window::spent);
        if limit > 0 && self.amount > limit {
            Code::RequestTooLarge
        } else if spent + wide(self.amount) <= wide(limit) {
            Code::BudgetHeld
        } else {
            Code::exhausted(&self.own.budget.scope(per))
        }
    }
    fn blocked(&self, attributes: &Attributes) -> Blocked {
        let budget = &*self.own.budget;
        let per = match self.window {
            Some(window) => window.per.clone(),
            None => per_values(budget, (!self.touch.shared).then_some(attributes)),
        };
        Blocked {
            budget: budget.id,
            window: self.window.map(|window| window.id),
            per_attempt: self.own.per_attempt,
            numbers: Blocking {
                code: self.code(&per),
                budget: budget.name.to_string(),
                measure: budget.measure,
                scope: budget.scope(&per),
                per: per.to_vec(),
                starts_at: self.touch.interval.starts_at,
                ends_at: self.touch.interval.ends_at,
                limit: self.limit.unwrap_or(i64::MAX),
                settled: self.window.map_or(0, |window| window.settled),
                suspense: self.window.map_or(0, |window| window.suspense),
                held: self.window.map_or(0, |window| window.held),
                requested: self.amount,
            },
        }
    }
    /// The highest threshold that is reached counting this charge; `fresh`: only ones that were not crossed.
    fn warning(&self, fresh: bool) -> Option<Warning> {
        let budget = &*self.own.budget;
        let after = self.used + wide(self.amount);
        let crossed = self.window.map_or(0, |window| window.crossed);
        let mut highest = None;
        for (at, threshold) in budget.thresholds.iter().enumerate() {
            let counts = !fresh || crossed & bit(at) == 0;
            if counts && reaches(*threshold, after, self.limit) {
                highest = highest.max(Some((mark(*threshold, self.limit), at)));
            }
        }
        let threshold = budget.thresholds.get(highest?.1)?;
        Some(Warning {
            budget: budget.id,
            name: budget.name.clone(),
            threshold: *threshold,
            used: clamped(after),
            limit: self.limit,
            permille: self
                .limit
                .filter(|limit| *limit > 0)
                .map(|limit| clamped(crate::projection::divide_half_even(after * 1000, wide(limit)))),
        })
    }
}

/// A threshold as an amount, in hundredths, to compare percents with amounts.
fn mark(threshold: crate::budget::Threshold, limit: Option<i64>) -> i128 {
    match threshold {
        crate::budget::Threshold::Percent(percent) => i128::from(percent) * limit.map_or(0, wide),
        crate::budget::Threshold::Amount(amount) => wide(amount) * 100,
    }
}

pub(super) fn clamped(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

/// Whether every part of a charge is in bounds.
pub(super) fn is_sane(charge: &Charge) -> bool {
    let parts = [charge.list.nanos(), charge.effective.nanos(), charge.tokens, charge.requests];
    parts.iter().all(|part| (0..=CHARGE_PART_MAX).contains(part))
}

impl Engine {
    /// What the window of a touch shows to a charge.
    pub(super) fn sight<'a>(
        &'a self,
        now: Timestamp,
        touch: &'a Touch,
        charge: &Charge,
    ) -> Option<Sight<'a>> {
        let own = self.budget(touch.budget)?;
        let window = touch.window.and_then(|slot| self.windows.get(slot));
        let (measure, basis, credit) = match window {
            Some(window) => (window.measure, window.cost_basis, window.credit),
            None => (own.budget.measure, own.budget.cost_basis, touch.credit),
        };
        let mut used = window.map_or(0, Window::used);
        let mut limit = limit(&own.budget, credit, now);
        if self.grants == Grants::Slices && own.budget.mode == Mode::Hard {
            let share = window.map_or(0, |window| wide(window.granted) - wide(window.returned));
            limit = limit.map(|_| clamped(share));
        }
        if self.wrong(Variant::IgnoreHeld) {
            used -= window.map_or(0, |window| wide(window.held));
        }
        if self.wrong(Variant::IgnoreSuspense) {
            used -= window.map_or(0, |window| wide(window.suspense));
        }
        if self.wrong(Variant::OffByOne) {
            used -= 1;
        }
        if self.wrong(Variant::StaleLimit) {
            limit = window.map_or(limit, |window| limit.map(|_| window.granted));
        }
        Some(Sight { own, touch, window, limit, used, amount: charge.of(measure, basis) })
    }
    /// Looks at one window for a charge.
    pub(super) fn judge(&self, now: Timestamp, touch: &Touch, charge: &Charge, into: &mut Judgement) {
        let Some(sight) = self.sight(now, touch, charge) else { return };
        let after = sight.used + wide(sight.amount);
        if i64::try_from(after).is_err() && sight.limit.is_none_or(|_| sight.own.budget.mode != Mode::Hard) {
            into.overflow = Some(sight.own.budget.measure);
        }
        if self.wrong(Variant::PlatformUnchecked) && sight.own.budget.narrowest().is_none() {
            return;
        }
        if self.wrong(Variant::SoftRefuses) {
            into.blocked |= !sight.fits();
        }
        match sight.own.budget.mode {
            Mode::Hard => {
                into.blocked |= !sight.fits();
                if sight.own.budget.measure == Measure::Usd
                    && let Some(remaining) = sight.remaining()
                {
                    into.tightest_usd =
                        Some(into.tightest_usd.map_or(remaining, |other| other.min(remaining)));
                }
            }
            Mode::Shadow => into.shadow |= sight.would_refuse(),
            Mode::Soft => {}
        }
        into.warns |= sight.warns(after);
    }
    /// The full story of a refusal.
    pub(super) fn denial(
        &self,
        now: Timestamp,
        touches: &[Touch],
        attributes: &Attributes,
        charge: &Charge,
    ) -> Box<Denial> {
        let mut blocking = Vec::new();
        let mut room = Room::default();
        let mut wait_ms = u32::MAX;
        for touch in touches {
            let Some(sight) = self.sight(now, touch, charge) else { continue };
            if sight.own.budget.mode != Mode::Hard {
                continue;
            }
            if let (Some(left), None) = (sight.room(), touch.closed) {
                narrow(&mut room, sight.own.budget.measure, sight.own.budget.cost_basis, left.max(0));
            }
            if !sight.fits() {
                blocking.push(sight.blocked(attributes));
                wait_ms = wait_ms.min(sight.own.budget.wait_ms);
            }
        }
        let decisive = blocking.iter().position(|blocked| blocked.numbers.code != Code::BudgetHeld);
        if let Some(first) = blocking.get_mut(..=decisive.unwrap_or(0)) {
            first.rotate_right(1);
        }
        let code = blocking.first().map_or(Code::BudgetOther, |blocked| blocked.numbers.code);
        let wait_ms = if decisive.is_none() { wait_ms } else { 0 };
        Box::new(Denial { code, blocking, room, wait_ms })
    }
    /// A refusal because an attempt touches too many windows; names one more than may be.
    pub(super) fn too_many_windows(
        &self,
        now: Timestamp,
        touches: &[Touch],
        attributes: &Attributes,
        charge: &Charge,
    ) -> Box<Denial> {
        let named = touches.iter().take(WINDOWS_PER_ATTEMPT_MAX + 1);
        let blocked = |touch: &Touch| {
            let mut blocked = self.sight(now, touch, charge)?.blocked(attributes);
            blocked.numbers.code = Code::TooManyWindows;
            Some(blocked)
        };
        let blocking = named.filter_map(blocked).collect();
        Box::new(Denial { code: Code::TooManyWindows, blocking, room: Room::default(), wait_ms: 0 })
    }
    /// What shadow budgets would have refused.
    pub(super) fn shadow_refusals(
        &self,
        now: Timestamp,
        touches: &[Touch],
        attributes: &Attributes,
        charge: &Charge,
    ) -> Vec<Blocked> {
        let sights = touches.iter().filter_map(|touch| self.sight(now, touch, charge));
        sights.filter(Sight::would_refuse).map(|sight| sight.blocked(attributes)).collect()
    }
    /// One bit for each window where a shadow budget would have refused.
    pub(super) fn shadow_bits(&self, now: Timestamp, touches: &[Touch], charge: &Charge) -> u16 {
        touches.iter().enumerate().fold(0, |bits, (at, touch)| {
            let refused = self.sight(now, touch, charge).is_some_and(|sight| sight.would_refuse());
            if refused { bits | bit(at) } else { bits }
        })
    }
    pub(super) fn warnings(
        &self,
        now: Timestamp,
        touches: &[Touch],
        charge: &Charge,
        fresh: bool,
    ) -> Vec<Warning> {
        let sights = touches.iter().filter_map(|touch| self.sight(now, touch, charge));
        sights.filter_map(|sight| sight.warning(fresh)).collect()
    }
}

impl Sight<'_> {
    /// Cheap first look: whether any threshold may be reached.
    fn warns(&self, after: i128) -> bool {
        self.own.budget.thresholds.iter().any(|threshold| reaches(*threshold, after, self.limit))
    }
}

/// What looking at every window found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judgement {
    pub(super) blocked: bool,
    pub(super) shadow: bool,
    pub(super) warns: bool,
    pub(super) overflow: Option<Measure>,
    pub(super) tightest_usd: Option<i64>,
}

impl Judgement {
    pub(super) fn tightest(&self) -> Option<Usd> {
        self.tightest_usd.map(Usd::from_nanos)
    }
}

fn narrow(room: &mut Room, measure: Measure, basis: CostBasis, left: i64) {
    let place = match (measure, basis) {
        (Measure::Usd, CostBasis::List) => &mut room.list,
        (Measure::Usd, CostBasis::Effective) => &mut room.effective,
        (Measure::Tokens, CostBasis::List | CostBasis::Effective) => &mut room.tokens,
        (Measure::Requests, CostBasis::List | CostBasis::Effective) => &mut room.requests,
    };
    *place = Some(place.map_or(left, |other| other.min(left)));
}
