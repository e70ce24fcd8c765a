//! Windows leave memory when they are cold and come back with their counters.
//!
//! To page out: store the images that [`Engine::cold`] gives, then ask with [`crate::Command::PageOut`]; what was used in
//! between stays. To page in: answer [`crate::NotLoaded`] with [`crate::Command::PageIn`].

use super::Engine;
use super::state::Window;
use crate::ReplayError;
use crate::entry::{Entry, Sink};
use crate::limits::WINDOWS_PER_COMMAND_MAX;
use crate::outcome::{Outcome, Rejection};
use crate::slab::Slot;
use crate::variant::Variant;
use crate::window::{WindowId, WindowImage};
use bursar_core::Timestamp;

impl Engine {
    /// Windows that may page out at `now`, among `examine` slots beginning with `from`; and where to begin next time (0: all
    /// were seen). At most [`WINDOWS_PER_COMMAND_MAX`]. Changes nothing.
    #[must_use]
    pub fn cold(&self, now: Timestamp, from: u32, examine: u32) -> (Vec<WindowImage>, u32) {
        let mut images = Vec::new();
        let end = self.windows.end();
        let mut slot = from;
        while slot < end && slot < from.saturating_add(examine) && images.len() < WINDOWS_PER_COMMAND_MAX {
            if let Some(window) = self.windows.get(slot)
                && let Some(own) = self.budget(window.budget)
                && self.is_cold(now, window)
            {
                images.push(window.image(&own.budget));
            }
            slot += 1;
        }
        (images, if slot < end { slot } else { 0 })
    }
    fn is_cold(&self, now: Timestamp, window: &Window) -> bool {
        let Some(own) = self.budget(window.budget) else { return false };
        let idle = window.used_at.plus_seconds(i64::from(own.budget.idle_after_s)) <= now;
        // The one window of a budget without `per` is shown on every screen: it stays while its period lasts.
        let standing = own.budget.per.is_empty()
            && window.interval.contains(now)
            && window.generation == own.generation
            && !own.removed;
        window.open == 0 && idle && !standing
    }
    /// Drops windows that did not change since their images were stored.
    pub(super) fn page_out(
        &mut self,
        now: Timestamp,
        windows: &[(WindowId, u64)],
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if windows.is_empty() || windows.len() > WINDOWS_PER_COMMAND_MAX {
            return Outcome::Rejected(Rejection::Windows);
        }
        let unchanged = |(id, changed): &&(WindowId, u64)| {
            let window = self.window_slots.get(&id.0).and_then(|slot| self.windows.get(*slot));
            window.is_some_and(|window| {
                let same = window.changed == *changed || self.wrong(Variant::PageOutChanged);
                window.open == 0 && same
            })
        };
        let mut windows: Vec<WindowId> = windows.iter().filter(unchanged).map(|(id, _)| *id).collect();
        windows.sort_unstable();
        windows.dedup();
        let count = windows.len();
        if count == 0 {
            return Outcome::PagedOut(0);
        }
        let entry = Entry::PagedOut { at: now, windows };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::PagedOut(count))
    }
    /// Takes a window back into memory.
    pub(super) fn page_in(
        &mut self,
        now: Timestamp,
        image: Box<WindowImage>,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if !self.was_paged(&image)
            || self.window_slots.contains_key(&image.id.0)
            || image.id.0 >= self.next_window
        {
            return Outcome::Rejected(Rejection::Image(image.id));
        }
        let entry = Entry::PagedIn { at: now, image };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::PagedIn)
    }
    /// Whether this may be a window that left memory: nothing was open in it then.
    fn was_paged(&self, image: &WindowImage) -> bool {
        let budget = self.budget_slots.get(&image.key.budget.0).and_then(|slot| self.budget(*slot));
        let known = budget.is_some_and(|own| own.generation >= image.key.generation && own.paged > 0);
        known && image.held == 0 && image.suspense == 0
    }

    pub(super) fn apply_paged_out(&mut self, windows: &[WindowId]) -> Result<(), ReplayError> {
        self.page_epoch = self.page_epoch.saturating_add(1);
        for id in windows {
            let slot = self.window_slots.remove(&id.0).ok_or(ReplayError::Window)?;
            // What is held in it would be held nowhere.
            let window =
                self.windows.get(slot).filter(|window| window.open == 0).ok_or(ReplayError::Window)?;
            let hash = Self::hash_of(self.seed, window);
            if let Ok(entry) = self.window_keys.find_entry(hash, |own| *own == slot) {
                entry.remove();
            }
            let window = self.windows.remove(slot).ok_or(ReplayError::Window)?;
            let own = self.budget_mut(window.budget).ok_or(ReplayError::Budget)?;
            own.paged = own.paged.saturating_add(1);
            own.windows.swap_remove(window.place);
            let moved: Option<Slot> = own.windows.get(window.place).copied();
            if let Some(moved) = moved.and_then(|slot| self.windows.get_mut(slot)) {
                moved.place = window.place;
            }
        }
        Ok(())
    }
    pub(super) fn apply_paged_in(&mut self, image: &WindowImage) -> Result<(), ReplayError> {
        let slot = *self.budget_slots.get(&image.key.budget.0).ok_or(ReplayError::Budget)?;
        if !self.was_paged(image) {
            return Err(ReplayError::Undecided);
        }
        self.insert_window(image)?;
        let own = self.budget_mut(slot).ok_or(ReplayError::Budget)?;
        own.paged = own.paged.saturating_sub(1);
        Ok(())
    }
}
