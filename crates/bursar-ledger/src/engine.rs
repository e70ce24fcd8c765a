//! The engine: one pure function from a command to an outcome and its effects.

mod adjust;
mod budgets;
mod effect;
mod finish;
mod invariants;
mod judge;
mod paging;
mod policy;
mod reserve;
mod restore;
mod settle;
mod snapshot;
mod standings;
pub(crate) mod state;
mod touch;

use crate::command::Command;
use crate::deadlines::Deadlines;
use crate::entry::{Entry, Sink};
use crate::hash::Seed;
use crate::history::History;
use crate::ids::Ids;
use crate::index::Index;
use crate::outcome::{Outcome, Rejection};
use crate::reservation::Past;
use crate::slab::{NO_SLOT, Slab, Slot};
use crate::variant::Variant;
use bursar_core::{ReservationId, Timestamp};
use hashbrown::{HashMap, HashTable};
use restore::Restoring;
use state::{BudgetSlot, Reservation, Window};
use std::collections::{HashSet, VecDeque};

pub use effect::ReplayError;
pub use invariants::{Broken, check_invariants};
pub use snapshot::OpenReservation;
pub use standings::{Current, Touched};

/// Whose decision it is how much of a window a node may spend.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Grants {
    /// The node's own: opening a window grants its whole limit, and changes of the limit act at once.
    #[default]
    Whole,
    /// An authority's: hard windows open empty, and a reserve that needs more is [`Outcome::Short`].
    Slices,
}

/// Budgets, windows and open reservations of one node.
///
/// Every change goes through [`Self::apply`], which pushes its effects to a journal, or through [`Self::replay`], which
/// takes them from one; both change the state by the same code. Deterministic: two runs of the same commands give the
/// same outcomes, entries and state.
#[derive(Clone, Debug)]
pub struct Engine {
    seed: Seed,
    index: Index,
    budgets: Vec<BudgetSlot>,
    budget_slots: HashMap<u32, Slot, Seed>,
    windows: Slab<Window>,
    window_slots: HashMap<u64, Slot, Seed>,
    window_keys: HashTable<Slot>,
    reservations: Slab<Reservation>,
    reservation_slots: Ids,
    /// The slot of the reservation that is worked on: found without the table. Any other is as good, only slower.
    hint: Slot,
    deadlines: Deadlines,
    history: History,
    adjustments: VecDeque<u128>,
    adjusted: HashSet<u128, Seed>,
    /// Entries applied so far.
    entries: u64,
    next_window: u64,
    page_epoch: u64,
    grants: Grants,
    /// Whether any budget ever had another policy for holds than the worst case.
    has_lenient: bool,
    /// While a snapshot is being taken in.
    restoring: Option<Box<Restoring>>,
    #[cfg(feature = "wrong-variants")]
    variant: Option<Variant>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An empty engine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_key(0)
    }
    /// An empty engine whose tables are keyed, so that nobody who chooses attribute values can slow it down. The key
    /// changes nothing else.
    #[must_use]
    pub fn with_key(key: u64) -> Self {
        let seed = Seed::new(key);
        Self {
            seed,
            index: Index::new(),
            budgets: Vec::new(),
            budget_slots: HashMap::with_hasher(seed),
            windows: Slab::new(),
            window_slots: HashMap::with_hasher(seed),
            window_keys: HashTable::new(),
            reservations: Slab::new(),
            reservation_slots: Ids::default(),
            hint: NO_SLOT,
            deadlines: Deadlines::default(),
            history: History::default(),
            adjustments: VecDeque::new(),
            adjusted: HashSet::with_hasher(seed),
            entries: 0,
            next_window: 1,
            page_epoch: 0,
            grants: Grants::Whole,
            has_lenient: false,
            restoring: None,
            #[cfg(feature = "wrong-variants")]
            variant: None,
        }
    }
    /// The same engine under other rules for grants. Only before the first command.
    #[must_use]
    pub const fn under(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }
    /// Decides one command at `now`, changes the state and pushes the effects, or does neither.
    pub fn apply(&mut self, now: Timestamp, command: Command, journal: &mut impl Sink<Entry>) -> Outcome {
        match command {
            Command::Reserve(reserve) => self.reserve(now, reserve, journal),
            Command::Extend(extend) => self.extend(now, &extend, journal),
            Command::Progress(progress) => self.progress(now, &progress, journal),
            Command::Settle(settle) => self.settle(now, settle, journal),
            Command::Release { id, reason, record } => self.release(now, id, reason, record, journal),
            Command::Suspend { id, cause, record } => self.suspend(now, id, cause, record, journal),
            Command::Expire => self.expire(now, journal),
            Command::Recover => self.recover(now, journal),
            Command::Adjust(adjust) => self.adjust(now, adjust, journal),
            Command::Forgive { id, audit } => self.forgive(now, id, audit, journal),
            Command::PutBudget(budget) => self.put_budget(now, budget, journal),
            Command::RemoveBudget(budget) => self.remove_budget(now, budget, journal),
            Command::PageOut(windows) => self.page_out(now, &windows, journal),
            Command::PageIn(image) => self.page_in(now, image, journal),
            Command::Granted { window, total } => self.granted(now, window, total, journal),
            Command::GiveBack { window, amount } => self.give_back(now, window, amount, journal),
        }
    }
    /// What is known of a reservation: open, or finished lately.
    #[must_use]
    pub fn past(&self, id: ReservationId) -> Option<Past> {
        match self.find(id).and_then(|slot| self.reservations.get(slot)) {
            Some(open) => Some(Past { state: open.state, fingerprint: open.fingerprint, charge: open.hold }),
            None if self.wrong(Variant::ForgetFinished) => None,
            None => self.history.get(self.seed, id),
        }
    }
    /// Breaks one rule from now on.
    #[cfg(feature = "wrong-variants")]
    pub const fn break_rule(&mut self, variant: Variant) {
        self.variant = Some(variant);
    }
    /// How many entries were applied.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }
    /// How many reservations are open: in flight, or in suspense.
    #[must_use]
    pub const fn open_reservations(&self) -> usize {
        self.reservations.len()
    }
    /// How many windows are in memory.
    #[must_use]
    pub const fn windows_in_memory(&self) -> usize {
        self.windows.len()
    }

    /// Whether this rule is broken on purpose.
    #[cfg(feature = "wrong-variants")]
    fn wrong(&self, variant: Variant) -> bool {
        self.variant == Some(variant)
    }
    /// Whether this rule is broken on purpose: never, in a build that ships.
    #[cfg(not(feature = "wrong-variants"))]
    #[expect(clippy::unused_self, reason = "the same question with and without the feature")]
    const fn wrong(&self, _: Variant) -> bool {
        false
    }
    fn find(&self, id: ReservationId) -> Option<Slot> {
        let hinted = self.reservations.get(self.hint).is_some_and(|open| open.id == id);
        if hinted { Some(self.hint) } else { self.look_up(id) }
    }
    /// As [`Self::find`], by the table alone.
    fn look_up(&self, id: ReservationId) -> Option<Slot> {
        let is_it = |slot: Slot| self.reservations.get(slot).is_some_and(|open| open.id == id);
        self.reservation_slots.find(self.seed.of_reservation(id), is_it)
    }
    fn budget(&self, slot: Slot) -> Option<&BudgetSlot> {
        self.budgets.get(usize::try_from(slot).ok()?)
    }
    fn budget_mut(&mut self, slot: Slot) -> Option<&mut BudgetSlot> {
        self.budgets.get_mut(usize::try_from(slot).ok()?)
    }
    /// Applies an effect that was just decided, and journals it.
    fn commit(&mut self, entry: Entry, journal: &mut impl Sink<Entry>) -> Result<(), Rejection> {
        match self.replay(&entry) {
            Ok(()) => {
                journal.push(entry);
                Ok(())
            }
            Err(error) => {
                let meant = cfg!(feature = "wrong-variants");
                debug_assert!(meant, "the effects of a command do not apply: {error} in {entry:?}");
                Err(Rejection::Broken)
            }
        }
    }
}
