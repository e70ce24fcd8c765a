//! Reserve, extend and progress: everything that sets money aside.

use super::judge::{Judgement, is_sane};
use super::state::{Window, limit};
use super::touch::{Touch, Touches, key_of};
use super::{Engine, Grants};
use crate::command::{Extend, Progress, Reserve};
use crate::entry::{Entry, Reserved, Sink, WindowIds};
use crate::limits::RESERVATIONS_MAX;
use crate::outcome::{Decision, Denial, Held, HeldWindow, NotLoaded, Outcome, Rejection, Room};
use crate::reservation::{Past, State};
use crate::slab::Slot;
use crate::variant::Variant;
use crate::window::{WindowId, WindowImage};
use bursar_core::limits::{RECORD_BYTES_MAX, WINDOWS_PER_ATTEMPT_MAX};
use bursar_core::{Attributes, Charge, Code, ReservationId, Timestamp, Usd};
use smallvec::SmallVec;

impl Engine {
    /// Checks all windows, then writes all, or changes nothing.
    pub(super) fn reserve(
        &mut self,
        now: Timestamp,
        mut reserve: Reserve,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if let Err(rejection) = check_reserve(&reserve) {
            return Outcome::Rejected(rejection);
        }
        let known = if self.wrong(Variant::ForgetIds) { None } else { self.past(reserve.id) };
        if let Some(past) = known {
            let same = past.fingerprint == reserve.fingerprint;
            return if same { Outcome::Duplicate(past) } else { Outcome::Conflict(past) };
        }
        if self.reservations.len() >= RESERVATIONS_MAX {
            return Outcome::Rejected(Rejection::TooManyReservations);
        }
        let touches = self.touches(now, &reserve.attributes);
        self.remember_periods(&touches);
        match self.admit(now, &touches, &reserve) {
            Ok(judgement) => self.hold(now, touches, reserve, judgement, journal),
            Err(No::Refused(denial))
                if self.wrong(Variant::ClampHold) && clamp(&mut reserve, denial.room) =>
            {
                self.reserve(now, reserve, journal)
            }
            Err(No::Refused(denial)) if self.grants == Grants::Slices => {
                self.fall_short(now, touches, &reserve, denial, journal)
            }
            Err(No::Refused(denial)) => Outcome::Refused(denial),
            Err(No::NotLoaded(missing)) => Outcome::NotLoaded(missing),
            Err(No::Rejected(rejection)) => Outcome::Rejected(rejection),
        }
    }
    /// What a reserve of this charge would find now. Reserves nothing.
    #[must_use]
    pub fn check(&self, now: Timestamp, attributes: &Attributes, charge: &Charge) -> Decision {
        let touches = self.touches(now, attributes);
        let judgement = self.judge_all(now, &touches, charge);
        let denial = if touches.len() > WINDOWS_PER_ATTEMPT_MAX {
            Some(self.too_many_windows(now, &touches, attributes, charge))
        } else {
            judgement.blocked.then(|| self.denial(now, &touches, attributes, charge))
        };
        let before = self.judge_all(now, &touches, &Charge::ZERO);
        Decision {
            denial,
            warnings: self.warnings(now, &touches, charge, false),
            shadow_refusals: self.shadow_refusals(now, &touches, attributes, charge),
            tightest_usd: before.tightest(),
            windows: touches.len(),
            not_loaded: self.not_loaded(&touches, attributes),
        }
    }
    /// Holds more for an attempt in flight, in every window or in none.
    pub(super) fn extend(
        &mut self,
        now: Timestamp,
        extend: &Extend,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        let slot = match self.live(extend.id) {
            Ok(slot) => slot,
            Err(why) => return why.into(),
        };
        let Some(open) = self.reservations.get(slot) else { return Outcome::Unknown };
        let Some(sum) = add(&open.hold, &extend.more) else {
            return Outcome::Rejected(Rejection::Charge);
        };
        if !is_sane(&extend.more) || !is_sane(&sum) {
            return Outcome::Rejected(Rejection::Charge);
        }
        let touches: Touches = open.windows.iter().filter_map(|slot| self.touch_again(*slot)).collect();
        let judgement = self.judge_all(now, &touches, &extend.more);
        if let Some(measure) = judgement.overflow {
            return Outcome::Rejected(Rejection::Overflow(measure));
        }
        if judgement.blocked && !self.wrong(Variant::ExtendUnchecked) {
            return Outcome::Short(self.denial(now, &touches, &Attributes::new(), &extend.more));
        }
        let deadline = open.alarm.at.max(extend.deadline);
        let entry = Entry::Extended { at: now, id: extend.id, more: extend.more, deadline };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Extended)
    }
    /// Renews a deadline.
    pub(super) fn progress(
        &mut self,
        now: Timestamp,
        progress: &Progress,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        let slot = match self.live(progress.id) {
            Ok(slot) => slot,
            Err(why) => return why.into(),
        };
        let Some(open) = self.reservations.get(slot) else { return Outcome::Unknown };
        let estimate = progress.estimate.unwrap_or(open.estimate);
        if !is_sane(&estimate) {
            return Outcome::Rejected(Rejection::Charge);
        }
        let deadline = open.alarm.at.max(progress.deadline);
        if (deadline, estimate) == (open.alarm.at, open.estimate) {
            return Outcome::Progressed;
        }
        let entry = Entry::Progressed { at: now, id: progress.id, deadline, estimate };
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Progressed)
    }

    /// Every reason not to hold, in the order in which they are told.
    fn admit(&self, now: Timestamp, touches: &Touches, reserve: &Reserve) -> Result<Judgement, No> {
        if touches.len() > WINDOWS_PER_ATTEMPT_MAX {
            let denial = self.too_many_windows(now, touches, &reserve.attributes, &reserve.hold);
            return Err(No::Refused(denial));
        }
        if reserve.require_budget && touches.is_empty() {
            let room = Room::default();
            let denial = Denial { code: Code::BudgetRequired, blocking: Vec::new(), room, wait_ms: 0 };
            return Err(No::Refused(Box::new(denial)));
        }
        let asks = reserve.looked_up != Some(self.page_epoch) && !self.wrong(Variant::ForgetPaged);
        if asks && touches.iter().any(|touch| touch.window.is_none()) {
            let keys = self.not_loaded(touches, &reserve.attributes);
            if !keys.is_empty() {
                return Err(No::NotLoaded(Box::new(NotLoaded { keys, epoch: self.page_epoch })));
            }
        }
        let judgement = self.judge_all(now, touches, &reserve.hold);
        if let Some(measure) = judgement.overflow {
            return Err(No::Rejected(Rejection::Overflow(measure)));
        }
        if judgement.blocked {
            return Err(No::Refused(self.denial(now, touches, &reserve.attributes, &reserve.hold)));
        }
        Ok(judgement)
    }
    fn judge_all(&self, now: Timestamp, touches: &[Touch], charge: &Charge) -> Judgement {
        let mut judgement = Judgement::default();
        for touch in touches {
            self.judge(now, touch, charge, &mut judgement);
        }
        judgement
    }
    /// Everything fits: opens what is missing and holds.
    fn hold(
        &mut self,
        now: Timestamp,
        mut touches: Touches,
        reserve: Reserve,
        judgement: Judgement,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        let mut held = Held { tightest_usd: judgement.tightest(), ..Held::default() };
        if judgement.warns {
            held.warnings = self.warnings(now, &touches, &reserve.hold, true);
        }
        let mut shadow = 0;
        if judgement.shadow {
            held.shadow_refusals = self.shadow_refusals(now, &touches, &reserve.attributes, &reserve.hold);
            shadow = self.shadow_bits(now, &touches, &reserve.hold);
        }
        for touch in &mut touches {
            if touch.window.is_none() {
                match self.open_window(now, touch, &reserve.attributes, journal) {
                    Ok(slot) => touch.window = Some(slot),
                    Err(rejection) => return Outcome::Rejected(rejection),
                }
            }
        }
        let mut windows = WindowIds::new();
        for touch in &touches {
            let Some(sight) = self.sight(now, touch, &reserve.hold) else { continue };
            let Some(window) = sight.window else { continue };
            windows.push(window.id);
            let remaining = sight.remaining();
            let budget = &sight.own.budget;
            held.windows.push(HeldWindow {
                budget: budget.id,
                window: window.id,
                starts_at: window.interval.starts_at,
                measure: budget.measure,
                cost_basis: budget.cost_basis,
                remaining,
            });
        }
        if self.wrong(Variant::PartialHold) && windows.len() > 1 {
            windows.pop();
        }
        let entry = Entry::Reserved(Reserved {
            at: now,
            id: reserve.id,
            fingerprint: reserve.fingerprint,
            deadline: reserve.deadline,
            hold: reserve.hold,
            estimate: reserve.estimate.unwrap_or(reserve.hold),
            windows,
            shadow,
            record: reserve.record,
        });
        self.commit(entry, journal).map_or_else(Outcome::Rejected, |()| Outcome::Reserved(held))
    }
    /// Under an authority: opens what is missing, empty, so that it can be granted, and says what is short.
    fn fall_short(
        &mut self,
        now: Timestamp,
        mut touches: Touches,
        reserve: &Reserve,
        denial: Box<Denial>,
        journal: &mut impl Sink<Entry>,
    ) -> Outcome {
        if touches.len() > WINDOWS_PER_ATTEMPT_MAX || touches.iter().any(|touch| touch.closed.is_some()) {
            return Outcome::Refused(denial);
        }
        for touch in &mut touches {
            if touch.window.is_none() {
                match self.open_window(now, touch, &reserve.attributes, journal) {
                    Ok(slot) => touch.window = Some(slot),
                    Err(rejection) => return Outcome::Rejected(rejection),
                }
            }
        }
        Outcome::Short(self.denial(now, &touches, &reserve.attributes, &reserve.hold))
    }
    /// Opens a window and grants its whole limit; under an authority, nothing of it.
    fn open_window(
        &mut self,
        now: Timestamp,
        touch: &Touch,
        attributes: &Attributes,
        journal: &mut impl Sink<Entry>,
    ) -> Result<Slot, Rejection> {
        let own = self.budget(touch.budget).ok_or(Rejection::Broken)?;
        let id = WindowId(self.next_window);
        let whole = limit(&own.budget, touch.credit, now).unwrap_or(i64::MAX);
        let image = WindowImage {
            id,
            key: key_of(own, touch, attributes),
            measure: own.budget.measure,
            cost_basis: own.budget.cost_basis,
            credit: touch.credit,
            granted: if self.grants == Grants::Slices { 0 } else { whole },
            returned: 0,
            settled: 0,
            suspense: 0,
            held: 0,
            overage: 0,
            crossed: SmallVec::new(),
            used_at: now,
            changed: self.entries.saturating_add(1),
        };
        self.commit(Entry::Opened(Box::new(image)), journal)?;
        self.window_slots.get(&id.0).copied().ok_or(Rejection::Broken)
    }
    fn remember_periods(&mut self, touches: &Touches) {
        for touch in touches {
            if let Some(own) = self.budget_mut(touch.budget) {
                own.interval = Some(touch.interval);
            }
        }
    }
    /// The touch of a window that is held already.
    fn touch_again(&self, slot: Slot) -> Option<Touch> {
        let window: &Window = self.windows.get(slot)?;
        Some(Touch {
            budget: window.budget,
            interval: window.interval,
            shared: false,
            window: Some(slot),
            credit: 0,
            before_unknown: false,
            closed: None,
            omits: false,
        })
    }
    /// The slot of a live reservation.
    pub(super) fn live(&self, id: ReservationId) -> Result<Slot, NotLive> {
        let open = self.find(id).and_then(|slot| Some((slot, self.reservations.get(slot)?.state)));
        match open {
            Some((slot, State::Live)) => Ok(slot),
            Some((_, state)) => Err(NotLive::Open(state)),
            None => Err(self.past(id).map_or(NotLive::Unknown, NotLive::Finished)),
        }
    }
}

/// Why nothing is held.
enum No {
    Refused(Box<Denial>),
    NotLoaded(Box<NotLoaded>),
    Rejected(Rejection),
}

/// What a reservation is that is not live.
pub(super) enum NotLive {
    Open(State),
    Finished(Past),
    Unknown,
}

impl From<NotLive> for Outcome {
    fn from(why: NotLive) -> Self {
        match why {
            NotLive::Open(state) => Self::Rejected(Rejection::State(state)),
            NotLive::Finished(past) => Self::Conflict(past),
            NotLive::Unknown => Self::Unknown,
        }
    }
}

fn check_reserve(reserve: &Reserve) -> Result<(), Rejection> {
    if !is_sane(&reserve.hold) || reserve.estimate.is_some_and(|estimate| !is_sane(&estimate)) {
        return Err(Rejection::Charge);
    }
    if reserve.priced && reserve.hold.list.nanos() == 0 {
        return Err(Rejection::UnpricedHold);
    }
    if reserve.record.len() > RECORD_BYTES_MAX {
        return Err(Rejection::Record);
    }
    Ok(())
}

/// For the wrong variant: cuts a hold down to what is left. Whether that leaves anything and changed anything.
fn clamp(reserve: &mut Reserve, room: Room) -> bool {
    let before = reserve.hold;
    let least = |part: i64, room: Option<i64>| room.map_or(part, |room| part.min(room));
    let usd = |part: Usd, room| Usd::from_nanos(least(part.nanos(), room));
    reserve.hold.list = usd(before.list, room.list);
    reserve.hold.effective = usd(before.effective, room.effective);
    reserve.hold.tokens = least(before.tokens, room.tokens);
    reserve.hold != before && reserve.hold.list > Usd::ZERO
}

/// The sum of two charges, `None` on overflow.
pub(super) fn add(one: &Charge, other: &Charge) -> Option<Charge> {
    Some(Charge {
        list: one.list.checked_add(other.list)?,
        effective: one.effective.checked_add(other.effective)?,
        tokens: one.tokens.checked_add(other.tokens)?,
        requests: one.requests.checked_add(other.requests)?,
    })
}
