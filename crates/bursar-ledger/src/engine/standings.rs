//! Standings: the numbers of windows at an instant.

use super::Engine;
use super::state::{BudgetSlot, Window, limit, wide};
use super::touch::{key_of, per_values};
use crate::budget::{Budget, BudgetId};
use crate::period::Interval;
use crate::projection::{self, Elapsed};
use crate::standing::Standing;
use crate::window::{PerValues, WindowId, WindowImage, WindowKey};
use bursar_core::{Attributes, Timestamp};
use std::sync::Arc;

/// A window that a request with certain attributes touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Touched {
    /// The budget.
    pub budget: Arc<Budget>,
    /// What the window is found by.
    pub key: WindowKey,
    /// The window, where it is in memory.
    pub window: Option<WindowId>,
    /// Its numbers; all zero where nothing was counted yet or the window is in the store.
    pub standing: Standing,
}

/// What the windows of a budget have in common at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Current {
    /// The budget.
    pub budget: BudgetId,
    /// Which of its generations counts.
    pub generation: u32,
    /// The period.
    pub interval: Interval,
}

impl Engine {
    /// Every window that an attempt with these attributes touches at `now`, narrowest scope first.
    #[must_use]
    pub fn windows_of(&self, attributes: &Attributes, now: Timestamp) -> Vec<Touched> {
        let touched = |touch: &super::touch::Touch| {
            let own = self.budget(touch.budget)?;
            let window = touch.window.and_then(|slot| self.windows.get(slot));
            let standing = match window {
                Some(window) => standing(own, window, now),
                None => {
                    let per = per_values(&own.budget, (!touch.shared).then_some(attributes));
                    untouched(own, touch.interval, per, touch.credit, now)
                }
            };
            let key = key_of(own, touch, attributes);
            Some(Touched {
                budget: own.budget.clone(),
                key,
                window: window.map(|window| window.id),
                standing,
            })
        };
        self.touches(now, attributes).iter().filter_map(touched).collect()
    }
    /// The windows of a budget whose period contains `now`, in memory, in the order in which they were opened. A budget
    /// without `per` always has one.
    #[must_use]
    pub fn standing(&self, budget: BudgetId, now: Timestamp) -> Vec<Standing> {
        let Some(own) = self.budget_slots.get(&budget.0).and_then(|slot| self.budget(*slot)) else {
            return Vec::new();
        };
        let mut current: Vec<&Window> = self.current_windows(own, now).collect();
        current.sort_unstable_by_key(|window| window.id);
        if current.is_empty() && own.budget.per.is_empty() {
            return vec![untouched(own, own.interval_at(now), PerValues::new(), 0, now)];
        }
        current.into_iter().map(|window| standing(own, window, now)).collect()
    }
    /// As [`Self::standing`], a page of it: at most `most` of the windows that were opened after `after`.
    #[must_use]
    pub fn standings_after(
        &self,
        budget: BudgetId,
        now: Timestamp,
        after: Option<WindowId>,
        most: usize,
    ) -> Vec<Standing> {
        let Some(own) = self.budget_slots.get(&budget.0).and_then(|slot| self.budget(*slot)) else {
            return Vec::new();
        };
        let later = |window: &&Window| after.is_none_or(|after| window.id > after);
        let mut page: Vec<&Window> = self.current_windows(own, now).filter(later).collect();
        if page.len() > most {
            page.select_nth_unstable_by_key(most, |window| window.id);
            page.truncate(most);
        }
        page.sort_unstable_by_key(|window| window.id);
        page.into_iter().map(|window| standing(own, window, now)).collect()
    }
    /// What all windows of a budget whose period contains `now` have in common, in memory or not.
    #[must_use]
    pub fn current(&self, budget: BudgetId, now: Timestamp) -> Option<Current> {
        let own = self.budget(*self.budget_slots.get(&budget.0)?)?;
        Some(Current { budget, generation: own.generation, interval: own.interval_at(now) })
    }
    /// Where a window stands that is not in memory, by its image.
    #[must_use]
    pub fn standing_of_image(&self, image: &WindowImage, now: Timestamp) -> Option<Standing> {
        let slot = *self.budget_slots.get(&image.key.budget.0)?;
        let own = self.budget(slot)?;
        let window = Window::from_image(image, slot, 0, &own.budget.thresholds);
        Some(standing(own, &window, now))
    }
    /// Whether a window is in memory.
    #[must_use]
    pub fn has_window(&self, window: WindowId) -> bool {
        self.window_slots.contains_key(&window.0)
    }
    fn current_windows<'a>(
        &'a self,
        own: &'a BudgetSlot,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Window> {
        let (interval, generation) = (own.interval_at(now), own.generation);
        let windows = own.windows.iter().filter_map(|slot| self.windows.get(*slot));
        windows.filter(move |window| window.interval == interval && window.generation == generation)
    }
    /// What a window in memory has spent: settled and in suspense. Costs one lookup.
    #[must_use]
    pub fn spent(&self, window: WindowId) -> Option<i64> {
        let window = self.windows.get(*self.window_slots.get(&window.0)?)?;
        Some(window.settled.saturating_add(window.suspense))
    }
    /// How many windows of a budget are in memory, of whatever period.
    #[must_use]
    pub fn window_count(&self, budget: BudgetId) -> usize {
        let own = self.budget_slots.get(&budget.0).and_then(|slot| self.budget(*slot));
        own.map_or(0, |own| own.windows.len())
    }
    /// One window in memory, of whatever period.
    #[must_use]
    pub fn standing_of(&self, window: WindowId, now: Timestamp) -> Option<Standing> {
        let window = self.windows.get(*self.window_slots.get(&window.0)?)?;
        Some(standing(self.budget(window.budget)?, window, now))
    }
}

fn standing(own: &BudgetSlot, window: &Window, now: Timestamp) -> Standing {
    let limit = window.limit(&own.budget, now);
    let left = limit.map(|limit| wide(limit) - window.used());
    let clamped = |amount: i128| i64::try_from(amount.max(0)).unwrap_or(i64::MAX);
    let mut standing = untouched(own, window.interval, window.per.clone(), window.credit, now);
    standing.window = Some(window.id);
    standing.settled = window.settled;
    standing.suspense = window.suspense;
    standing.held = window.held;
    standing.remaining = left.map(clamped);
    standing.over_limit = left.map_or(0, |left| clamped(-left));
    standing.overage = window.overage;
    standing.burn_per_day =
        projection::burn_per_day(window.settled, window.interval.starts_at.unwrap_or(own.budget.since), now);
    standing.projection =
        projection::projection(&own.budget.period, window.interval, now, window.settled, Elapsed::ExactDays);
    standing
}

/// A window in which nothing was counted.
fn untouched(own: &BudgetSlot, interval: Interval, per: PerValues, credit: i64, now: Timestamp) -> Standing {
    let budget = &*own.budget;
    let limit = limit(budget, credit, now);
    Standing {
        budget: budget.id,
        window: None,
        scope: budget.scope(&per),
        per,
        starts_at: interval.starts_at,
        ends_at: interval.ends_at,
        limit,
        settled: 0,
        suspense: 0,
        held: 0,
        remaining: limit,
        over_limit: 0,
        overage: 0,
        burn_per_day: 0,
        projection: interval.ends_at.map(|_| 0),
        days_left: interval.ends_at.map(|end| projection::days_left(end, now)),
        resets_at: interval.ends_at.filter(|_| budget.auto_renew),
    }
}
