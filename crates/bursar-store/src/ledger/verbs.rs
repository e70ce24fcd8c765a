//! The ledger's verbs, each one command to the engine; and what can be asked without changing anything.

use std::sync::Arc;

use bursar_core::{Attributes, Charge, ReservationId, Timestamp};
use bursar_ledger::{
    Adjust, Audit, Budget, BudgetId, Command, Decision, Engine, Extend, Held, OpenReservation, Outcome, Past,
    Progress, ProvablyUnbilled, Record, Reserve, Settle, Standing, State, SuspenseCause, Touched, WindowId,
    WindowKey,
};

use super::{Ledger, LedgerDown, ReserveError, commit};
use crate::journal::Seq;

/// How often a reserve looks windows up again when others page out meanwhile: each time others made progress, and a
/// page-out takes minutes to come round.
const LOOK_UPS_MAX: usize = 8;

/// What a command did, and the entry after which that is certain.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Applied {
    /// The engine's answer.
    pub outcome: Outcome,
    /// The last entry so far. Where the answer is told to somebody who relies on it, wait for it with
    /// [`Ledger::durable`].
    pub seq: Seq,
}

/// A reservation that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a reservation is dispatched only once its entry is durable"]
pub struct Reserved {
    /// What is held.
    pub held: Held,
    /// Its entry: nothing may be sent before [`Ledger::durable`] of it returned.
    pub seq: Seq,
}

impl Ledger {
    /// Sets aside what one attempt may cost, in every window it touches or in none. Its entry goes to the journal with those
    /// of others: [`Ledger::durable`] says when it is there.
    ///
    /// # Errors
    /// [`ReserveError`]; a refusal is one, with its numbers.
    pub fn reserve(&self, now: Timestamp, reserve: Reserve) -> Result<Reserved, ReserveError> {
        let mut next = Some(reserve);
        for _ in 0..LOOK_UPS_MAX {
            let Some(reserve) = next.take() else { break };
            let before = reserve.looked_up;
            // A copy is needed only where windows may be missing: once any were paged out.
            let decide = |state: &commit::State| {
                next = state.paged.then(|| reserve.clone());
                Command::Reserve(reserve)
            };
            let (outcome, seq) = self.core.gather(now, decide)?;
            match outcome {
                Outcome::Reserved(held) => return Ok(Reserved { held, seq }),
                Outcome::Refused(denial) => return Err(ReserveError::Refused(denial)),
                Outcome::Duplicate(past) => return Err(ReserveError::Duplicate(past)),
                Outcome::Conflict(past) => return Err(ReserveError::Conflict(past)),
                Outcome::Rejected(rejection) => return Err(ReserveError::Rejected(rejection)),
                Outcome::NotLoaded(missing) if before != Some(missing.epoch) => {
                    self.page_in(now, &missing.keys)?;
                    if let Some(again) = &mut next {
                        again.looked_up = Some(missing.epoch);
                    }
                }
                other => return Err(unexpected(&other).into()),
            }
        }
        Err(LedgerDown::new("windows page out faster than they come back").into())
    }
    /// Sets more aside for an attempt in flight: [`Outcome::Extended`], or [`Outcome::Short`] with the numbers.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn extend(&self, now: Timestamp, extend: Extend) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Extend(extend))
    }
    /// Renews an attempt's deadline because it made progress.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn progress(&self, now: Timestamp, progress: Progress) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Progress(progress))
    }
    /// Replaces the hold by what the attempt really cost; also from suspense.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn settle(&self, now: Timestamp, settle: Settle) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Settle(settle))
    }
    /// As [`Ledger::settle`]; but under `fast` the entry goes to the operating system only with [`Ledger::handed_over`] or
    /// [`Ledger::write_now`] of it, one of which has to follow, so that the entries of several may go together.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn settle_gathered(&self, now: Timestamp, settle: Settle) -> Result<Applied, LedgerDown> {
        let (outcome, seq) = self.core.gather(now, |_| Command::Settle(settle))?;
        Ok(Applied { outcome, seq })
    }
    /// Gives the hold back, because the provider provably cannot bill it.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn release(
        &self,
        now: Timestamp,
        id: ReservationId,
        reason: ProvablyUnbilled,
        record: Record,
    ) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Release { id, reason, record })
    }
    /// Charges an attempt at its hold until its bill is known.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn suspend(
        &self,
        now: Timestamp,
        id: ReservationId,
        cause: SuspenseCause,
        record: Record,
    ) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Suspend { id, cause, record })
    }
    /// Moves what made no progress until its deadline into suspense, and settles what has been there for as long as its
    /// budgets allow. [`Outcome::Expired`] says when more is due; [`Ledger::tend`] does this among other things.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn expire(&self, now: Timestamp) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Expire)
    }
    /// Corrects windows by stated amounts, on somebody's responsibility.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn adjust(&self, now: Timestamp, adjust: Adjust) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Adjust(adjust))
    }
    /// Releases a reservation that is in suspense, on somebody's responsibility.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn forgive(&self, now: Timestamp, id: ReservationId, audit: Audit) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::Forgive { id, audit })
    }
    /// Adds or changes a budget.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn put_budget(&self, now: Timestamp, budget: Arc<Budget>) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::PutBudget(budget))
    }
    /// Removes a budget; what is in flight settles where it was held.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn remove_budget(&self, now: Timestamp, budget: BudgetId) -> Result<Applied, LedgerDown> {
        self.apply(now, Command::RemoveBudget(budget))
    }
    /// Decides any command. The verbs above are the ones with names; the rest is for simulators and the authority.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn apply(&self, now: Timestamp, command: Command) -> Result<Applied, LedgerDown> {
        let (outcome, seq) = self.core.apply(now, |_| command)?;
        Ok(Applied { outcome, seq })
    }
}

/// Questions.
impl Ledger {
    /// What a reserve of this charge would find now. Reserves nothing; windows in the store are brought back for it.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn check(
        &self,
        now: Timestamp,
        attributes: &Attributes,
        charge: &Charge,
    ) -> Result<Decision, LedgerDown> {
        let decision = self.core.look(|engine| engine.check(now, attributes, charge))?;
        if decision.not_loaded.is_empty() || self.page_in(now, &decision.not_loaded)? == 0 {
            return Ok(decision);
        }
        self.core.look(|engine| engine.check(now, attributes, charge))
    }
    /// One window in memory, of whatever period.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn standing_of(&self, window: WindowId, now: Timestamp) -> Result<Option<Standing>, LedgerDown> {
        self.core.look(|engine| engine.standing_of(window, now))
    }
    /// Every window that an attempt with these attributes touches, narrowest scope first.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn windows_of(&self, attributes: &Attributes, now: Timestamp) -> Result<Vec<Touched>, LedgerDown> {
        self.core.look(|engine| engine.windows_of(attributes, now))
    }
    /// The windows that an attempt with these attributes touched at a past instant; those in the store are brought back.
    /// A window that was let go for good is absent.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn windows_at(
        &self,
        now: Timestamp,
        attributes: &Attributes,
        at: Timestamp,
    ) -> Result<Vec<Touched>, LedgerDown> {
        let touched = self.windows_of(attributes, at)?;
        let away = touched.iter().filter(|touched| touched.window.is_none());
        let away: Vec<WindowKey> = away.map(|touched| touched.key.clone()).collect();
        if away.is_empty() || self.page_in(now, &away)? == 0 {
            return Ok(touched);
        }
        self.windows_of(attributes, at)
    }
    /// Every reservation in suspense, by id.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn suspense(&self) -> Result<Vec<OpenReservation>, LedgerDown> {
        let mut open = self.core.look(Engine::open)?;
        open.retain(|one| one.state == State::Suspense);
        Ok(open)
    }
    /// Every open reservation, in flight and in suspense, by id.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn open_reservations(&self) -> Result<Vec<OpenReservation>, LedgerDown> {
        self.core.look(Engine::open)
    }
    /// One open reservation.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn open_reservation(&self, id: ReservationId) -> Result<Option<OpenReservation>, LedgerDown> {
        self.core.look(|engine| engine.open_one(id))
    }
    /// What is known of a reservation: open, or finished lately.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn past(&self, id: ReservationId) -> Result<Option<Past>, LedgerDown> {
        self.core.look(|engine| engine.past(id))
    }
    /// Looks at the whole engine under the lock: for invariants and figures, never on a request's way.
    ///
    /// # Errors
    /// [`LedgerDown`].
    pub fn look<T>(&self, look: impl FnOnce(&Engine) -> T) -> Result<T, LedgerDown> {
        self.core.look(look)
    }

    /// Brings back what the store has of these windows; how many.
    pub(super) fn page_in(&self, now: Timestamp, keys: &[WindowKey]) -> Result<usize, LedgerDown> {
        // Without its counters a window would be new, with its whole limit: nothing is admitted then.
        let images = self.windows.find(keys).map_err(|error| LedgerDown::because(&error))?;
        let count = images.len();
        for image in images {
            // Rejected where somebody else brought it back meanwhile.
            let _back = self.apply(now, Command::PageIn(Box::new(image)))?;
        }
        Ok(count)
    }
}

/// Whether the outcome may have given somebody room.
pub(super) fn may_free_room(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Settled(_)
        | Outcome::Released
        | Outcome::Expired(_)
        | Outcome::Adjusted(_)
        | Outcome::Forgiven
        | Outcome::BudgetPut
        | Outcome::BudgetRemoved
        | Outcome::Granted => true,
        Outcome::Reserved(_)
        | Outcome::Refused(_)
        | Outcome::NotLoaded(_)
        | Outcome::Extended
        | Outcome::Short(_)
        | Outcome::Progressed
        | Outcome::Suspended(_)
        | Outcome::Stale
        | Outcome::PagedOut(_)
        | Outcome::PagedIn
        | Outcome::GaveBack
        | Outcome::Duplicate(_)
        | Outcome::Conflict(_)
        | Outcome::Unknown
        | Outcome::Rejected(_) => false,
    }
}

fn unexpected(outcome: &Outcome) -> LedgerDown {
    debug_assert!(false, "a reserve was answered with {outcome:?}");
    LedgerDown::new("a reserve was answered with something else: this is a bug")
}
