//! Adding, changing and removing budgets.

use super::Engine;
use super::state::{BudgetSlot, bits};
use crate::ReplayError;
use crate::budget::{Budget, BudgetError, BudgetId, HoldPolicy, Threshold};
use crate::entry::{Entry, Sink};
use crate::outcome::{Outcome, Rejection};
use crate::slab::Slot;
use bursar_core::Timestamp;
use bursar_core::limits::BUDGETS_MAX;
use std::sync::Arc;

impl Engine {
    /// Adds or changes a budget. Changes act at once: a lowered limit stops new holds, what is in flight finishes.
    pub(super) fn put_budget(
        &mut self,
        now: Timestamp,
        budget: Arc<Budget>,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if let Err(error) = budget.validate() {
            return Outcome::Rejected(Rejection::Budget(error));
        }
        match self.budget_slots.get(&budget.id.0).and_then(|slot| self.budget(*slot)) {
            Some(own) if own.removed => return Outcome::Rejected(Rejection::NoBudget(budget.id)),
            Some(own) if own.budget.version >= budget.version => return Outcome::Stale,
            Some(_) => {}
            None if self.budgets.len() >= BUDGETS_MAX => {
                return Outcome::Rejected(Rejection::Budget(BudgetError::TooMany));
            }
            None => {}
        }
        let own = self.budget_slots.get(&budget.id.0).copied();
        if budget.active && !self.index.has_room(self.seed, &budget, own) {
            return Outcome::Rejected(Rejection::Budget(BudgetError::Bucket));
        }
        let entry = Entry::BudgetPut { at: now, budget };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::BudgetPut)
    }
    /// Removes a budget for ever.
    pub(super) fn remove_budget(
        &mut self,
        now: Timestamp,
        budget: BudgetId,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        match self.budget_slots.get(&budget.0).and_then(|slot| self.budget(*slot)) {
            None => Outcome::Rejected(Rejection::NoBudget(budget)),
            Some(own) if own.removed => Outcome::Stale,
            Some(_) => {
                let entry = Entry::BudgetRemoved { at: now, budget };
                self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::BudgetRemoved)
            }
        }
    }
    /// A budget, unless it was removed.
    #[must_use]
    pub fn budget_of(&self, id: BudgetId) -> Option<&Arc<Budget>> {
        let own = self.budget_slots.get(&id.0).and_then(|slot| self.budget(*slot))?;
        (!own.removed).then_some(&own.budget)
    }
    /// Every budget that was not removed, in the order in which they were added.
    pub fn budgets(&self) -> impl Iterator<Item = &Arc<Budget>> {
        self.budgets.iter().filter(|own| !own.removed).map(|own| &own.budget)
    }

    pub(super) fn apply_budget_put(&mut self, budget: &Arc<Budget>) -> Result<(), ReplayError> {
        let seed = self.seed;
        self.has_lenient |= budget.hold != HoldPolicy::WorstCase;
        let Some(slot) = self.budget_slots.get(&budget.id.0).copied() else {
            return self.insert_budget(BudgetSlot::new(budget.clone(), 0));
        };
        let own = self.budget(slot).ok_or(ReplayError::Budget)?;
        if own.removed || own.budget.version >= budget.version {
            return Err(ReplayError::Undecided);
        }
        let old = own.budget.clone();
        let apart = old.per != budget.per || old.measure != budget.measure;
        let generation = own.generation.saturating_add(u32::from(apart));
        let (paged, windows) = (own.paged, own.windows.clone());
        if old.active {
            self.index.remove(seed, &old, slot);
        }
        if budget.active {
            self.index.insert(seed, budget, slot);
        }
        if old.thresholds != budget.thresholds {
            self.remap_thresholds(&windows, &old.thresholds, &budget.thresholds);
        }
        let new = BudgetSlot { paged, windows, ..BudgetSlot::new(budget.clone(), generation) };
        *self.budget_mut(slot).ok_or(ReplayError::Budget)? = new;
        Ok(())
    }
    /// Adds a budget that is not known.
    pub(super) fn insert_budget(&mut self, own: BudgetSlot) -> Result<(), ReplayError> {
        let slot = Slot::try_from(self.budgets.len()).map_err(|_| ReplayError::Budget)?;
        self.has_lenient |= own.budget.hold != HoldPolicy::WorstCase;
        if own.budget.active && !own.removed {
            self.index.insert(self.seed, &own.budget, slot);
        }
        self.budget_slots.insert(own.budget.id.0, slot);
        self.budgets.push(own);
        Ok(())
    }
    pub(super) fn apply_budget_removed(&mut self, budget: BudgetId) -> Result<(), ReplayError> {
        let slot = *self.budget_slots.get(&budget.0).ok_or(ReplayError::Budget)?;
        let own = self.budget_mut(slot).ok_or(ReplayError::Budget)?;
        if own.removed {
            return Err(ReplayError::Undecided);
        }
        own.removed = true;
        let budget = own.budget.clone();
        self.index.remove(self.seed, &budget, slot);
        Ok(())
    }
    /// What was crossed stays crossed, by its value, when the list of thresholds changes. A window that forgets one is
    /// not any more what was stored of it.
    fn remap_thresholds(&mut self, windows: &[Slot], old: &[Threshold], new: &[Threshold]) {
        let entries = self.entries;
        for slot in windows {
            let Some(window) = self.windows.get_mut(*slot) else { continue };
            let crossed =
                old.iter().enumerate().filter(|(at, _)| window.crossed & super::state::bit(*at) != 0);
            let crossed: Vec<Threshold> = crossed.map(|(_, threshold)| *threshold).collect();
            if !crossed.iter().all(|threshold| new.contains(threshold)) {
                window.changed = entries;
            }
            window.crossed = bits(new, &crossed);
        }
    }
}
