//! Which windows an attempt touches.

use super::Engine;
use super::state::{BudgetSlot, Window, wide};
use crate::budget::{Budget, Missing, Mode, OnExpiry};
use crate::hash::{Hash, Seed};
use crate::index::Found;
use crate::period::Interval;
use crate::slab::Slot;
use crate::variant::Variant;
use crate::window::{PerValues, WindowKey};
use bursar_core::{Attributes, Timestamp};
use smallvec::SmallVec;

/// One window that an attempt touches, in memory or yet to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    pub(crate) budget: Slot,
    pub(crate) interval: Interval,
    /// Counts in the window of all who omit the attributes, whatever the attempt's values.
    pub(crate) shared: bool,
    pub(crate) window: Option<Slot>,
    /// Room of the last period that rolls over, where the window is not open yet.
    pub(crate) credit: i64,
    /// The window of the last period may be in the store, and `credit` depends on it.
    pub(crate) before_unknown: bool,
    /// Why the budget refuses before any number is looked at.
    pub(crate) closed: Option<Closed>,
    /// A shadow budget counts it in the window of all who omit an attribute, and would have refused it for that.
    pub(crate) omits: bool,
}

/// A refusal without regard to room. Only of hard budgets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closed {
    /// The only period is over.
    Expired,
    /// An attribute is missing that it counts by.
    Missing,
    /// It has as many windows as it may.
    Full,
}

pub(crate) type Touches = SmallVec<[Touch; 8]>;

impl Engine {
    /// Every window that an attempt with these attributes touches at `now`, narrowest scope first.
    pub(crate) fn touches(&self, now: Timestamp, attributes: &Attributes) -> Touches {
        let mut found = Found::new();
        self.index.find(self.seed, attributes, &mut found);
        let key = |slot: &Slot| self.budget(*slot).map(|own| (own.rank, own.budget.id));
        found.sort_unstable_by_key(key);
        let mut touches = Touches::new();
        for slot in found {
            if let Some(own) = self.budget(slot)
                && own.budget.applies_to(attributes)
                && let Some(touch) = self.touch(now, attributes, slot, own)
            {
                touches.push(touch);
            }
        }
        touches
    }
    fn touch(&self, now: Timestamp, attributes: &Attributes, slot: Slot, own: &BudgetSlot) -> Option<Touch> {
        let budget = &*own.budget;
        let hard = budget.mode == Mode::Hard;
        let mut interval = own.interval_at(now);
        if self.wrong(Variant::ForgetPeriod) {
            interval = Interval::ALWAYS;
        }
        let mut touch = Touch {
            budget: slot,
            interval,
            shared: self.wrong(Variant::ShareAll),
            window: None,
            credit: 0,
            before_unknown: false,
            closed: None,
            omits: false,
        };
        if !budget.auto_renew && interval.ends_at.is_some() && !interval.contains(budget.since) {
            if now < budget.since {
                return None;
            }
            // After the only period. Soft budgets never refuse, so to them blocking means no longer applying.
            return match budget.on_expiry {
                OnExpiry::Block if hard => Some(Touch { closed: Some(Closed::Expired), ..touch }),
                OnExpiry::Block | OnExpiry::Deactivate => None,
            };
        }
        let missing = !budget.per.iter().all(|attribute| attributes.get(attribute).is_some());
        match budget.missing {
            Missing::Skip if missing => return None,
            Missing::Refuse if missing && hard => {
                return Some(Touch { closed: Some(Closed::Missing), ..touch });
            }
            Missing::Refuse => touch.omits = missing && budget.mode == Mode::Shadow,
            Missing::Shared | Missing::Skip => {}
        }
        touch.window = self.find_window(slot, own, interval, (!touch.shared).then_some(attributes));
        let full = !budget.per.is_empty()
            && own.windows.len() >= usize::try_from(budget.windows_max).unwrap_or(usize::MAX);
        if touch.window.is_none() && full {
            if hard {
                return Some(Touch { closed: Some(Closed::Full), ..touch });
            }
            // What cannot be told apart any more counts together: a soft budget never refuses.
            touch.shared = true;
            touch.window = self.find_window(slot, own, interval, None);
        }
        if touch.window.is_none() && budget.rollover_cap_pct > 0 {
            self.roll_over(attributes, slot, own, &mut touch);
        }
        Some(touch)
    }
    /// Unused room of the last period, once: what rolled over before is used first and never rolls over again.
    fn roll_over(&self, attributes: &Attributes, slot: Slot, own: &BudgetSlot, touch: &mut Touch) {
        let budget = &*own.budget;
        let (Some(limit), Some(start)) = (budget.limit, touch.interval.starts_at) else { return };
        if budget.since >= start {
            return;
        }
        let before = budget.period.window_before(start);
        let attributes = (!touch.shared).then_some(attributes);
        let window = self.find_window(slot, own, before, attributes).and_then(|slot| self.windows.get(slot));
        touch.before_unknown = window.is_none() && own.paged > 0;
        let unused = window.map_or(wide(limit), |window| wide(limit) + wide(window.credit) - window.used());
        let cap = wide(limit) * i128::from(budget.rollover_cap_pct) / 100;
        if self.wrong(Variant::CompoundRollover) {
            touch.credit = i64::try_from(unused.max(0)).unwrap_or(0);
            return;
        }
        touch.credit = i64::try_from(unused.clamp(0, wide(limit)).min(cap)).unwrap_or(0);
    }
    /// The window in memory for these values of `per` (`None`: of all who omit them).
    pub(crate) fn find_window(
        &self,
        slot: Slot,
        own: &BudgetSlot,
        interval: Interval,
        attributes: Option<&Attributes>,
    ) -> Option<Slot> {
        let mut hash = key_start(self.seed, slot, own.generation, interval);
        for attribute in &own.budget.per {
            let value = attributes.and_then(|attributes| attributes.get(attribute));
            hash = value.map_or(hash.word(0), |value| hash.text(value.as_str()));
        }
        let is_it = |window: &Window| {
            window.budget == slot
                && window.generation == own.generation
                && window.interval == interval
                && window.per.iter().zip(&own.budget.per).all(|(own_value, attribute)| {
                    attributes.and_then(|attributes| attributes.get(attribute)) == own_value.as_ref()
                })
        };
        let is_it = |slot: &Slot| self.windows.get(*slot).is_some_and(is_it);
        self.window_keys.find(hash.finish(), is_it).copied()
    }
    /// What is missing in memory and may be in the store.
    pub(crate) fn not_loaded(&self, touches: &[Touch], attributes: &Attributes) -> Vec<WindowKey> {
        let mut keys = Vec::new();
        for touch in touches.iter().filter(|touch| touch.window.is_none() && touch.closed.is_none()) {
            let Some(own) = self.budget(touch.budget).filter(|own| own.paged > 0) else { continue };
            let key = key_of(own, touch, attributes);
            if let (true, Some(start)) = (touch.before_unknown, touch.interval.starts_at) {
                keys.push(WindowKey { interval: own.budget.period.window_before(start), ..key.clone() });
            }
            keys.push(key);
        }
        keys
    }
    pub(crate) fn hash_of(seed: Seed, window: &Window) -> u64 {
        let start = key_start(seed, window.budget, window.generation, window.interval);
        let fold = |hash: Hash, value: &Option<bursar_core::Value>| {
            value.as_ref().map_or(hash.word(0), |v| hash.text(v.as_str()))
        };
        window.per.iter().fold(start, fold).finish()
    }
}

/// What the window of a touch is found by.
pub(crate) fn key_of(own: &BudgetSlot, touch: &Touch, attributes: &Attributes) -> WindowKey {
    let per = per_values(&own.budget, (!touch.shared).then_some(attributes));
    WindowKey { budget: own.budget.id, generation: own.generation, interval: touch.interval, per }
}

pub(crate) fn per_values(budget: &Budget, attributes: Option<&Attributes>) -> PerValues {
    let value = |attribute| attributes.and_then(|attributes| attributes.get(attribute)).cloned();
    budget.per.iter().map(value).collect()
}

fn key_start(seed: Seed, budget: Slot, generation: u32, interval: Interval) -> Hash {
    let start = interval.starts_at.map_or(i64::MIN, Timestamp::micros);
    let end = interval.ends_at.map_or(i64::MAX, Timestamp::micros);
    seed.start().word(u64::from(budget) << 32 | u64::from(generation)).signed(start).signed(end)
}
