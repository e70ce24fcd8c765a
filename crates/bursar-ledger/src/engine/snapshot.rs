//! The whole state as entries: a snapshot is a journal that begins with it.

use super::Engine;
use super::state::{Reservation, Window};
use crate::command::AdjustmentId;
use crate::entry::{Entry, Image, Reserved, Sink, WindowIds};
use crate::reservation::{Past, State};
use crate::window::WindowImage;
use bursar_core::{ReservationId, Timestamp};

/// An open reservation, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReservation {
    /// As it was held, with deadline and estimate of now.
    pub reserved: Reserved,
    /// Live, or suspense.
    pub state: State,
    /// Live: when it expires. Suspense: when it settles at its estimate, if ever.
    pub until: Option<Timestamp>,
}

impl Engine {
    /// Pushes the whole state, in an order that depends on nothing but the state. Replayed into an empty engine it rebuilds it.
    pub fn snapshot(&self, into: &mut impl Sink<Entry>) {
        let mut push = |image| into.push(Entry::Image(image));
        push(Image::Marks {
            entries: self.entries,
            next_window: self.next_window,
            page_epoch: self.page_epoch,
        });
        for own in &self.budgets {
            push(Image::Budget {
                budget: own.budget.clone(),
                generation: own.generation,
                paged: own.paged,
                removed: own.removed,
            });
        }
        for image in self.images_where(|_| true) {
            push(Image::Window(Box::new(image)));
        }
        for open in self.open() {
            push(Image::Reservation { reserved: open.reserved, state: open.state, until: open.until });
        }
        for (id, Past { state, fingerprint, charge }) in self.history.iter() {
            push(Image::Finished { id, state, fingerprint, charge });
        }
        for id in &self.adjustments {
            push(Image::Adjustment(AdjustmentId(*id)));
        }
    }
    /// Windows in memory that changed after so many entries, by id.
    #[must_use]
    pub fn images(&self, after: u64) -> Vec<WindowImage> {
        self.images_where(|window| window.changed > after)
    }
    /// Every open reservation, by id.
    #[must_use]
    pub fn open(&self) -> Vec<OpenReservation> {
        let mut open: Vec<&Reservation> = self.reservations.iter().map(|(_, open)| open).collect();
        open.sort_unstable_by_key(|open| open.id);
        open.into_iter().map(|open| self.image_of(open)).collect()
    }
    /// One open reservation.
    #[must_use]
    pub fn open_one(&self, id: ReservationId) -> Option<OpenReservation> {
        self.find(id).and_then(|slot| self.reservations.get(slot)).map(|open| self.image_of(open))
    }
    /// A number that tells two states apart: equal states have equal hashes, whatever way led to them.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut entries = Vec::new();
        self.snapshot(&mut entries);
        let mut bytes = Vec::new();
        for entry in &entries {
            entry.encode(&mut bytes);
        }
        crate::hash::Seed::new(0).start().bytes(&bytes).finish()
    }

    /// Windows in memory for which that holds, by id.
    fn images_where(&self, holds: impl Fn(&Window) -> bool) -> Vec<WindowImage> {
        let windows = self.windows.iter().filter(|(_, window)| holds(window));
        let image = |(_, window): (u32, &Window)| Some(window.image(&self.budget(window.budget)?.budget));
        let mut images: Vec<WindowImage> = windows.filter_map(image).collect();
        images.sort_unstable_by_key(|image| image.id);
        images
    }
    fn image_of(&self, open: &Reservation) -> OpenReservation {
        let id = |slot: &u32| self.windows.get(*slot).map(|window| window.id);
        let windows: WindowIds = open.windows.iter().filter_map(id).collect();
        let reserved = Reserved {
            at: open.at,
            id: open.id,
            fingerprint: open.fingerprint,
            deadline: open.alarm.at,
            hold: open.hold,
            estimate: open.estimate,
            windows,
            shadow: 0,
            record: Box::default(),
        };
        OpenReservation { reserved, state: open.state, until: open.alarm.time() }
    }
}
