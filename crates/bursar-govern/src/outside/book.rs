//! Booking calls made elsewhere: what is reported has happened, so no budget refuses it; what is asked for beforehand is
//! refused like a proxied request.

use super::call::Call;
use super::record;
use super::report::{Bill, Report};
use super::reservable::{Reservable, SetAside};
use crate::governor::Governor;
use crate::refuse;
use bursar_core::{Charge, Code, Refusal, ReservationId, Timestamp, Usd};
use bursar_ledger::{
    Denial, Extend, Held, OpenReservation, Outcome, Past, Progress, ProvablyUnbilled, Reserve, Room, Settle,
    State, WindowId,
};
use bursar_store::ledger::{Applied, ReserveError, Seq};
use bursar_store::records::{Record, WindowUsed};

/// What a report did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booked {
    /// Progress of a call that goes on: held as far as there is room, charged nothing. The record of it.
    Progress(Box<Record>),
    /// It made no progress for too long and is charged at its hold until its final report.
    Suspense,
    /// Charged.
    Settled(Charge),
    /// Charged before, at the same amount.
    AlreadySettled(Charge),
}

/// Why nothing was booked.
#[derive(Debug)]
pub enum NotBooked {
    /// It contradicts what is final (E-LEDGER-001), or the same id stands for another call.
    Conflict(String),
    /// Refused, with numbers.
    Refused(Box<Refusal>),
    /// Nothing is known of it.
    Unknown,
    /// The ledger cannot write.
    Down(String),
}

/// Calls made elsewhere.
impl Governor {
    /// Books a report. `known`: the record of that id, where there is one. The entry to wait for before it is told.
    ///
    /// # Errors
    /// See [`NotBooked`]; nothing is changed then.
    pub fn report(&self, report: &Report, known: Option<&Record>) -> Result<(Booked, Seq), NotBooked> {
        let bill = report.bill().map_err(|mistake| NotBooked::Conflict(mistake.to_string()))?;
        let id = reservation(report);
        let past = self.ledger().past(id).map_err(down)?;
        if past.is_none_or(|past| past.state != State::Suspense)
            && let Some(known) = known
            && !known.status.is_final()
            && !known.status.may_become(report.status)
        {
            let problem = format!("it is {} already and cannot be {} again", known.status, report.status);
            return Err(NotBooked::Conflict(problem));
        }
        match past.map(|past| (past.state, past)) {
            Some((State::Live | State::Suspense, _)) if report.is_final() => self.settle_call(report, &bill),
            Some((State::Suspense, _)) => Ok((Booked::Suspense, Seq::NONE)),
            Some((State::Live, past)) => self.progress_call(report, &bill, &past),
            Some((State::Settled, past)) => settled_before(report, &bill, &past.charge),
            Some((State::Released, _)) => {
                Err(NotBooked::Conflict("it was released: nothing was charged, and that is final".to_owned()))
            }
            None => match known.filter(|known| known.status.is_final()) {
                Some(known) => settled_before(report, &bill, &known.charge),
                None => self.begin_call(report, &bill),
            },
        }
    }

    /// Sets room aside for a call that its program will make itself, or refuses as the gateway would.
    ///
    /// # Errors
    /// See [`NotBooked`].
    pub(super) fn set_aside(
        &self,
        asked: &Reservable,
        known: Option<&Record>,
    ) -> Result<(SetAside, Seq), NotBooked> {
        let now = self.now();
        let priced = asked.hold.list > Usd::ZERO;
        if let Some(killed) = self.killed(&asked.call.attributes, priced) {
            return Err(NotBooked::Refused(Box::new(killed.refusal(asked.call.id))));
        }
        let expires_at = now.plus_seconds(self.stale_s(&asked.call.attributes));
        let id = ReservationId { request: asked.call.id, attempt: 0 };
        let mut record = record::begun(&asked.call, asked.hold);
        let mut reserve = Reserve::new(id, asked.call.attributes.clone(), asked.hold, expires_at);
        reserve.priced = priced;
        reserve.require_budget = asked.call.require_budget;
        reserve.fingerprint = asked.fingerprint();
        reserve.record = record::encode(&record);
        match self.ledger().reserve(now, reserve) {
            Ok(reserved) => {
                record.windows = record::windows(&reserved.held, &asked.hold, &Charge::ZERO);
                let held = Some(reserved.held);
                let record = Box::new(record);
                Ok((SetAside { held, record, expires_at, state: State::Live }, reserved.seq))
            }
            Err(ReserveError::Duplicate(past)) => {
                let open = self.ledger().open_reservation(id).map_err(down)?;
                let expires_at = open.map_or(now, |open| open.reserved.deadline);
                let record = Box::new(known.cloned().unwrap_or(record));
                Ok((SetAside { held: None, record, expires_at, state: past.state }, Seq::NONE))
            }
            Err(ReserveError::Conflict(_)) => {
                Err(NotBooked::Conflict("this id stands for another call".to_owned()))
            }
            Err(ReserveError::Refused(denial)) => Err(NotBooked::Refused(Box::new(denied(asked, &denial)))),
            Err(other) => Err(NotBooked::Down(other.to_string())),
        }
    }

    /// Holds more for a call that goes on and renews its deadline; nothing more: the deadline alone. The new deadline.
    ///
    /// # Errors
    /// See [`NotBooked`]; the hold is as before then.
    pub fn extend_call(
        &self,
        id: ReservationId,
        more: Charge,
        call: &Call,
    ) -> Result<(Timestamp, Seq), NotBooked> {
        let now = self.now();
        let deadline = now.plus_seconds(self.stale_s(&call.attributes));
        let applied = if more == Charge::ZERO {
            self.ledger().progress(now, Progress { id, deadline, estimate: None })
        } else {
            self.ledger().extend(now, Extend { id, more, deadline })
        };
        let Applied { outcome, seq } = applied.map_err(down)?;
        match outcome {
            Outcome::Extended | Outcome::Progressed => Ok((deadline, seq)),
            Outcome::Short(denial) => {
                let asked = Reservable { call: call.clone(), hold: more, bound: None };
                Err(NotBooked::Refused(Box::new(denied(&asked, &denial))))
            }
            other => Err(not_live(&other)),
        }
    }

    /// Gives the room back of a call that was provably not billed. False: it was released before.
    ///
    /// # Errors
    /// See [`NotBooked`]: what is settled or in suspense is not released.
    pub fn release_call(
        &self,
        id: ReservationId,
        mut record: Record,
        reason: Option<String>,
    ) -> Result<(bool, Seq), NotBooked> {
        let open = self.ledger().open_reservation(id).map_err(down)?;
        let now = self.now();
        record.status = bursar_store::records::Status::Cancelled;
        record.progressed_at = now;
        record.finalized_at = Some(now);
        record.windows.iter_mut().for_each(|window| window.charged = 0);
        record.error = Some(reason.unwrap_or_else(|| "released: the call was not made".to_owned()));
        let record = record::encode(&record);
        let released = self.ledger().release(now, id, ProvablyUnbilled::NeverSent, record);
        let Applied { outcome, seq } = released.map_err(down)?;
        match outcome {
            Outcome::Released => {
                self.freed_windows(open.as_ref());
                Ok((true, seq))
            }
            Outcome::Duplicate(past) if past.state == State::Released => Ok((false, seq)),
            other => Err(not_live(&other)),
        }
    }

    /// A report of a call that the ledger does not know yet.
    fn begin_call(&self, report: &Report, bill: &Bill) -> Result<(Booked, Seq), NotBooked> {
        let (held, hold, seq) = self.hold_reported(report, bill)?;
        if report.is_final() {
            return self.settle_call(report, bill);
        }
        let mut record = record::of(report, bill, hold, self.now());
        record.windows = record::windows(&held, &hold, &Charge::ZERO);
        Ok((Booked::Progress(Box::new(record)), seq))
    }

    /// Holds what is reported, as far as there is room: what is above is overage once it settles.
    fn hold_reported(&self, report: &Report, bill: &Bill) -> Result<(Held, Charge, Seq), NotBooked> {
        let id = reservation(report);
        let mut hold = bill.charge;
        let mut last = None;
        for _ in 0..3 {
            let deadline = self.now().plus_seconds(self.stale_s(&report.call.attributes));
            let reserve = Reserve::new(id, report.call.attributes.clone(), hold, deadline);
            match self.ledger().reserve(report.call.created_at, reserve) {
                Ok(reserved) => return Ok((reserved.held, hold, reserved.seq)),
                Err(ReserveError::Refused(denial)) => {
                    hold = if last.is_none() { fitting(&hold, &denial.room) } else { Charge::ZERO };
                    last = Some(denial);
                }
                Err(ReserveError::Duplicate(_) | ReserveError::Conflict(_)) => {
                    return Err(NotBooked::Conflict(
                        "the same id was reported at the same time: report it again".to_owned(),
                    ));
                }
                Err(other) => return Err(NotBooked::Down(other.to_string())),
            }
        }
        // Not for want of room: a budget that expired, counts by an attribute that is missing, or has too many windows.
        let denial = last.ok_or(NotBooked::Unknown)?;
        let asked = Reservable { call: report.call.clone(), hold: bill.charge, bound: None };
        Err(NotBooked::Refused(Box::new(denied(&asked, &denial))))
    }

    fn settle_call(&self, report: &Report, bill: &Bill) -> Result<(Booked, Seq), NotBooked> {
        let now = self.now();
        let id = reservation(report);
        let open = self.ledger().open_reservation(id).map_err(down)?.ok_or(NotBooked::Unknown)?;
        let mut record = record::of(report, bill, open.reserved.hold, now);
        record.windows = self.windows_used(&open, &bill.charge);
        if open.state == State::Suspense && record.status == bursar_store::records::Status::Cancelled {
            // Its record says that it failed: from there it can only turn out to have been completed.
            record.status = bursar_store::records::Status::Failed;
            record.notes.push("cancelled".to_owned());
        }
        let record = record::encode(&record);
        let settle = Settle { id, charge: bill.charge, estimated: report.estimated, record };
        let Applied { outcome, seq } = self.ledger().settle(now, settle).map_err(down)?;
        match outcome {
            Outcome::Settled(_) => {
                self.freed_windows(Some(&open));
                Ok((Booked::Settled(bill.charge), seq))
            }
            Outcome::Duplicate(_) => Ok((Booked::AlreadySettled(bill.charge), seq)),
            Outcome::Conflict(past) => settled_before(report, bill, &past.charge),
            other => Err(not_live(&other)),
        }
    }

    fn progress_call(&self, report: &Report, bill: &Bill, past: &Past) -> Result<(Booked, Seq), NotBooked> {
        let id = reservation(report);
        let more = Charge {
            list: bill.charge.list.saturating_sub(past.charge.list).max(Usd::ZERO),
            effective: bill.charge.effective.saturating_sub(past.charge.effective).max(Usd::ZERO),
            tokens: bill.charge.tokens.saturating_sub(past.charge.tokens).max(0),
            requests: 0,
        };
        let seq = match self.extend_call(id, more, &report.call) {
            // It goes on elsewhere, whatever is left here: the rest counts once it is final.
            Err(NotBooked::Refused(_)) => self.extend_call(id, Charge::ZERO, &report.call)?.1,
            extended => extended?.1,
        };
        let open = self.ledger().open_reservation(id).map_err(down)?.ok_or(NotBooked::Unknown)?;
        let mut record = record::of(report, bill, open.reserved.hold, self.now());
        record.windows = self.windows_used(&open, &Charge::ZERO);
        Ok((Booked::Progress(Box::new(record)), seq))
    }

    fn windows_used(&self, open: &OpenReservation, charge: &Charge) -> Vec<WindowUsed> {
        let now = self.now();
        let hold = &open.reserved.hold;
        let used = self.ledger().look(|engine| {
            let used = |window: &WindowId| {
                let standing = engine.standing_of(*window, now)?;
                let budget = engine.budgets().find(|budget| budget.id == standing.budget)?;
                let part = |charge: &Charge| charge.of(budget.measure, budget.cost_basis);
                let (held, charged) = (part(hold), part(charge));
                Some(WindowUsed { budget: budget.id.0, starts_at: standing.starts_at, held, charged })
            };
            open.reserved.windows.iter().filter_map(used).collect()
        });
        used.unwrap_or_default()
    }

    fn freed_windows(&self, open: Option<&OpenReservation>) {
        if let Some(open) = open {
            let windows: Vec<WindowId> = open.reserved.windows.iter().copied().collect();
            self.waiters.freed(&windows);
        }
    }
}

const fn reservation(report: &Report) -> ReservationId {
    ReservationId { request: report.call.id, attempt: 0 }
}

fn settled_before(report: &Report, bill: &Bill, charged: &Charge) -> Result<(Booked, Seq), NotBooked> {
    let amount = |charge: &Charge| (charge.list, charge.effective, charge.tokens);
    if !report.is_final() {
        return Err(NotBooked::Conflict("it is final already: progress comes too late".to_owned()));
    }
    if amount(charged) == amount(&bill.charge) {
        return Ok((Booked::AlreadySettled(*charged), Seq::NONE));
    }
    let show = |charge: &Charge| format!("{} USD and {} tokens", charge.list, charge.tokens);
    let (was, is) = (show(charged), show(&bill.charge));
    Err(NotBooked::Conflict(format!("it is final at {was}, and this report says {is}")))
}

/// As much of a charge as fits.
fn fitting(charge: &Charge, room: &Room) -> Charge {
    let usd =
        |amount: Usd, room: Option<i64>| room.map_or(amount, |room| amount.min(Usd::from_nanos(room.max(0))));
    let count = |amount: i64, room: Option<i64>| room.map_or(amount, |room| amount.min(room.max(0)));
    Charge {
        list: usd(charge.list, room.list),
        effective: usd(charge.effective, room.effective),
        tokens: count(charge.tokens, room.tokens),
        requests: count(charge.requests, room.requests),
    }
}

fn denied(asked: &Reservable, denial: &Denial) -> Refusal {
    let call = &asked.call;
    let fits = asked.bound.as_ref().zip(call.price.as_ref()).and_then(|(bound, price)| {
        let conditions = call.conditions(None, false);
        let quote = bursar_pricing::quote(&price.row, bound, &conditions);
        let multiplier = call.multiplier;
        let quote = crate::quote::AttemptQuote { hold: asked.hold, quote, multiplier, calibrated: false };
        refuse::fits(&denial.room, &price.row, bound, &conditions, &quote)
    });
    refuse::from_denial(denial, call.id, fits)
}

fn not_live(outcome: &Outcome) -> NotBooked {
    let conflict = |text: &str| NotBooked::Conflict(text.to_owned());
    let of_state = |state: State| match state {
        State::Live => conflict("it is in flight"),
        State::Suspense => conflict(
            "it made no progress for too long and is in suspense, charged at its hold: settle it, or let an operator forgive it",
        ),
        State::Settled => conflict("it is settled, and that is final"),
        State::Released => conflict("it is released, and that is final"),
    };
    match outcome {
        Outcome::Unknown => NotBooked::Unknown,
        Outcome::Duplicate(past) | Outcome::Conflict(past) => of_state(past.state),
        Outcome::Rejected(bursar_ledger::Rejection::State(state)) => of_state(*state),
        Outcome::Rejected(rejection) => NotBooked::Refused(Box::new(Refusal::new(
            Code::BadInput,
            bursar_core::RequestId::from_u128(0),
            rejection.to_string(),
        ))),
        other => NotBooked::Down(format!("the ledger answered {other:?}")),
    }
}

fn down(error: impl std::fmt::Display) -> NotBooked {
    NotBooked::Down(error.to_string())
}
