//! Where windows stand, also those that are not in memory.

use std::collections::BTreeSet;

use bursar_core::Timestamp;
use bursar_ledger::{BudgetId, PerValues, Standing, WindowId, WindowKey};

use super::{Ledger, LedgerDown};
use crate::limits::COLD_STANDINGS_MAX;

/// Standings.
impl Ledger {
    /// The windows of a budget whose period contains `now`: all in memory in the order in which they were opened, then of
    /// the cold ones those that charged most, at most [`COLD_STANDINGS_MAX`]. Reads the disk where windows were paged
    /// out.
    ///
    /// # Errors
    /// [`LedgerDown`]; also when the store of cold windows cannot be read.
    pub fn standing(&self, budget: BudgetId, now: Timestamp) -> Result<Vec<Standing>, LedgerDown> {
        let (mut standings, current) =
            self.core.look(|engine| (engine.standing(budget, now), engine.current(budget, now)))?;
        let Some(current) = current.filter(|_| self.core.has_paged()) else { return Ok(standings) };
        let known: BTreeSet<WindowId> = standings.iter().filter_map(|standing| standing.window).collect();
        let cold = self.windows.fullest(&current, &|id| known.contains(&id), COLD_STANDINGS_MAX);
        let cold = cold.map_err(|error| LedgerDown::because(&error))?;
        if !cold.is_empty() {
            // A window without counters stands for one that is in the store.
            standings.retain(|standing| standing.window.is_some());
        }
        let of_images = |engine: &bursar_ledger::Engine| {
            cold.iter().filter_map(|image| engine.standing_of_image(image, now)).collect::<Vec<_>>()
        };
        standings.extend(self.core.look(of_images)?);
        Ok(standings)
    }
    /// A page of the windows of a budget whose period contains `now`, in memory or not: at most `most` of those that were
    /// opened after `after`, in that order. The last one's window is where the next page begins; an empty page is behind
    /// the end. No window is missed or told twice because it goes out of memory or comes back meanwhile.
    ///
    /// # Errors
    /// [`LedgerDown`]; also when the store of cold windows cannot be read.
    pub fn standings_after(
        &self,
        budget: BudgetId,
        now: Timestamp,
        after: Option<WindowId>,
        most: usize,
    ) -> Result<Vec<Standing>, LedgerDown> {
        // First memory, then the store: what leaves memory in between is in the store by then.
        let (mut page, current) = self
            .core
            .look(|engine| (engine.standings_after(budget, now, after, most), engine.current(budget, now)))?;
        let stored = match &current {
            Some(current) if self.core.has_paged() => self.windows.list(current, after, most),
            Some(_) | None => Ok(Vec::new()),
        };
        let stored = stored.map_err(|error| LedgerDown::because(&error))?;
        // Behind a full page of memory nothing is known of what else is in memory.
        let upto = page.last().filter(|_| page.len() >= most).and_then(|last| last.window);
        let known: BTreeSet<WindowId> = page.iter().filter_map(|standing| standing.window).collect();
        let cold = self.core.look(|engine| {
            let asked = stored
                .iter()
                .filter(|image| !known.contains(&image.id) && upto.is_none_or(|upto| image.id < upto));
            asked.filter_map(|image| engine.standing_of_image(image, now)).collect::<Vec<_>>()
        })?;
        page.extend(cold);
        page.sort_unstable_by_key(|standing| standing.window);
        page.truncate(most);
        if page.is_empty() && after.is_none() {
            // A budget without `per` has a window even where nothing was counted.
            return self.core.look(|engine| engine.standing(budget, now));
        }
        Ok(page)
    }
    /// The window of a budget and of these values of its `per` whose period contains `now`, in memory or not. `None` where
    /// nothing was counted in it.
    ///
    /// # Errors
    /// [`LedgerDown`]; also when the store of cold windows cannot be read.
    pub fn standing_at(
        &self,
        budget: BudgetId,
        per: &PerValues,
        now: Timestamp,
    ) -> Result<Option<Standing>, LedgerDown> {
        let find = |engine: &bursar_ledger::Engine| {
            let found = engine.standing(budget, now).into_iter().find(|standing| standing.per == *per);
            (found, engine.current(budget, now))
        };
        let (found, current) = self.core.look(find)?;
        if found.as_ref().is_some_and(|standing| standing.window.is_some()) || !self.core.has_paged() {
            return Ok(found);
        }
        let Some(current) = current else { return Ok(None) };
        let key = WindowKey {
            budget,
            generation: current.generation,
            interval: current.interval,
            per: per.clone(),
        };
        let stored = self.windows.find(&[key]).map_err(|error| LedgerDown::because(&error))?;
        let Some(image) = stored.first() else { return Ok(found) };
        self.core.look(|engine| engine.standing_of_image(image, now))
    }
    /// Brings back the windows of a budget and period that a command is about to name; those in memory stay as they are.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn wake(&self, budget: BudgetId, per: &PerValues, now: Timestamp) -> Result<(), LedgerDown> {
        let Some(current) = self.core.look(|engine| engine.current(budget, now))? else { return Ok(()) };
        let key = WindowKey {
            budget,
            generation: current.generation,
            interval: current.interval,
            per: per.clone(),
        };
        if self.core.has_paged() {
            let _back = self.page_in(now, &[key])?;
        }
        Ok(())
    }
}
