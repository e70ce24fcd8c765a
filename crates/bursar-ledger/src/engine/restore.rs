//! Taking a snapshot in: the pieces in their order, and nothing that they do not account for.

use super::Engine;
use super::state::BudgetSlot;
use crate::ReplayError;
use crate::entry::{Image, Reserved};
use crate::reservation::{Past, State};
use crate::slab::Slot;
use bursar_core::{ReservationId, Timestamp};

/// What a snapshot still owes while its pieces come in.
#[derive(Clone, Debug)]
pub(super) struct Restoring {
    /// Of which kind the last piece was; no earlier kind comes behind it.
    last: Kind,
    /// For each window, what is held and in suspense there and in no reservation so far.
    unclaimed: Vec<(i64, i64)>,
}

/// The kinds of pieces, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Marks,
    Budget,
    Window,
    Reservation,
    Finished,
    Adjustment,
}

const fn kind_of(image: &Image) -> Kind {
    match image {
        Image::Marks { .. } => Kind::Marks,
        Image::Budget { .. } => Kind::Budget,
        Image::Window(_) => Kind::Window,
        Image::Reservation { .. } => Kind::Reservation,
        Image::Finished { .. } => Kind::Finished,
        Image::Adjustment(_) => Kind::Adjustment,
    }
}

impl Engine {
    /// Says that a snapshot ends here: any other entry, or nothing, comes behind it. Without one it does nothing.
    ///
    /// # Errors
    /// [`ReplayError::Image`]: pieces are missing, as windows hold what no reservation holds.
    pub fn restored(&mut self) -> Result<(), ReplayError> {
        let whole = |restoring: Box<Restoring>| restoring.unclaimed.iter().all(|left| *left == (0, 0));
        if self.restoring.take().is_none_or(whole) { Ok(()) } else { Err(ReplayError::Image) }
    }
    /// Takes one piece.
    pub(super) fn restore(&mut self, image: &Image) -> Result<(), ReplayError> {
        let kind = kind_of(image);
        match &mut self.restoring {
            None if kind == Kind::Marks && self.entries == 0 && self.budgets.is_empty() => {
                self.restoring = Some(Box::new(Restoring { last: kind, unclaimed: Vec::new() }));
            }
            Some(restoring) if kind >= restoring.last && kind > Kind::Marks => restoring.last = kind,
            None | Some(_) => return Err(ReplayError::Image),
        }
        match image {
            Image::Marks { entries, next_window, page_epoch } => {
                (self.entries, self.next_window, self.page_epoch) = (*entries, *next_window, *page_epoch);
                Ok(())
            }
            Image::Budget { budget, generation, paged, removed } => {
                if self.budget_slots.contains_key(&budget.id.0) {
                    return Err(ReplayError::Image);
                }
                let own = BudgetSlot::new(budget.clone(), *generation);
                self.insert_budget(BudgetSlot { paged: *paged, removed: *removed, ..own })
            }
            Image::Window(image) => {
                let slot = self.insert_window(image)?;
                self.owe(slot, (image.held, image.suspense))
            }
            Image::Reservation { reserved, state, until } => {
                self.restore_reservation(reserved, *state, *until)
            }
            Image::Finished { id, state, fingerprint, charge } => {
                self.restore_finished(*id, Past::finished(*state, *fingerprint, *charge))
            }
            Image::Adjustment(id) => {
                if self.adjusted.contains(&id.0) {
                    return Err(ReplayError::Image);
                }
                self.remember_adjustment(*id);
                Ok(())
            }
        }
    }

    fn restore_reservation(
        &mut self,
        reserved: &Reserved,
        state: State,
        until: Option<Timestamp>,
    ) -> Result<(), ReplayError> {
        let live = match state {
            State::Live if until.is_some() => true,
            State::Suspense => false,
            State::Live | State::Settled | State::Released => return Err(ReplayError::Image),
        };
        let slots = self.slots_of(&reserved.windows)?;
        for slot in &slots {
            let window = self.windows.get_mut(*slot).ok_or(ReplayError::Window)?;
            window.open += 1;
            let part = window.part(&reserved.hold);
            self.claim(*slot, if live { (part, 0) } else { (0, part) })?;
        }
        self.insert_reservation(reserved, slots, state, until)
    }
    fn restore_finished(&mut self, id: ReservationId, past: Past) -> Result<(), ReplayError> {
        let open = self.find(id).is_some();
        let twice = self.history.get(self.seed, id).is_some();
        let ended = matches!(past.state, State::Settled | State::Released);
        if open || twice || !ended {
            return Err(ReplayError::Image);
        }
        self.history.push(self.seed, id, past);
        Ok(())
    }
    /// Notes what a window says is held and in suspense.
    fn owe(&mut self, slot: Slot, amounts: (i64, i64)) -> Result<(), ReplayError> {
        let restoring = self.restoring.as_mut().ok_or(ReplayError::Image)?;
        let place = usize::try_from(slot).map_err(|_| ReplayError::Image)?;
        if restoring.unclaimed.len() <= place {
            restoring.unclaimed.resize(place.saturating_add(1), (0, 0));
        }
        *restoring.unclaimed.get_mut(place).ok_or(ReplayError::Image)? = amounts;
        Ok(())
    }
    /// Strikes off what a reservation has there.
    fn claim(&mut self, slot: Slot, (held, suspense): (i64, i64)) -> Result<(), ReplayError> {
        let restoring = self.restoring.as_mut().ok_or(ReplayError::Image)?;
        let left = usize::try_from(slot).ok().and_then(|place| restoring.unclaimed.get_mut(place));
        let left = left.ok_or(ReplayError::Image)?;
        let less = |left: i64, part: i64| left.checked_sub(part).filter(|left| *left >= 0);
        let (Some(held), Some(suspense)) = (less(left.0, held), less(left.1, suspense)) else {
            return Err(ReplayError::Image);
        };
        *left = (held, suspense);
        Ok(())
    }
}
