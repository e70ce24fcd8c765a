//! Clients, what the gateway does with their attempts, and the provider's answers.

use super::{Attempt, Event, Truth, Waiting, World};
use crate::book::Asked;
use crate::faults::Fault;
use crate::violation::{Rule, Violation, broken};
use crate::workload::{Ending, Wish};
use bursar_core::{Charge, RequestId, ReservationId, Usd};
use bursar_ledger::{
    Command, Extend, Outcome, Progress, ProvablyUnbilled, Record, Rejection, Reserve, Settle, State,
    SuspenseCause,
};
use bursar_store::journal::Seq;

/// Seconds without a sign of life until a reservation expires.
const TTL_S: i64 = 600;

impl World {
    /// A client comes.
    pub(super) fn arrive(&mut self) -> Result<(), Violation> {
        self.counts.requests += 1;
        if self.counts.requests < u64::from(self.options.requests) {
            let pause = self.workload.pause();
            self.later(pause, Event::Arrive);
        } else {
            self.quiet = true;
            self.skew = 0;
        }
        let wish = self.workload.wish();
        if self.now < self.paused_until || !self.is_up() {
            self.counts.unavailable += 1;
            return Ok(());
        }
        self.next_id += 1;
        let id = ReservationId { request: RequestId::from_u128(self.next_id), attempt: 0 };
        self.attempt(id, wish, false)
    }
    /// Reserves for one attempt.
    fn attempt(&mut self, id: ReservationId, wish: Wish, again: bool) -> Result<(), Violation> {
        let hold = first_part(&wish);
        let asked = Asked { attributes: wish.attributes.clone(), hold };
        let mut reserve = Reserve::new(id, wish.attributes.clone(), hold, self.wall().plus_seconds(TTL_S));
        reserve.fingerprint = u64::try_from(id.request.as_u128()).unwrap_or(0);
        reserve.estimate = Some(half(&hold));
        let (outcome, seq) = loop {
            let (outcome, seq) = self.command(Command::Reserve(reserve.clone()), Some(&asked), None)?;
            match outcome {
                Outcome::NotLoaded(missing) if reserve.looked_up != Some(missing.epoch) => {
                    for key in &missing.keys {
                        self.page_in(key)?;
                    }
                    reserve.looked_up = Some(missing.epoch);
                }
                other => break (other, seq),
            }
        };
        self.judge_reserve(&outcome, &reserve, &asked, again)?;
        if matches!(outcome, Outcome::Reserved(_)) {
            self.attempts.insert(id, Attempt { wish, hold, sent: false });
            self.wait(seq, Waiting::Send(id))?;
            if self.has(Fault::DuplicateRequest) && self.random.permille(100) {
                self.repeat_reserve(&reserve)?;
            }
        }
        Ok(())
    }
    fn repeat_reserve(&mut self, reserve: &Reserve) -> Result<(), Violation> {
        let other = self.random.permille(300);
        let fingerprint = reserve.fingerprint + u64::from(other);
        let again = Reserve { fingerprint, ..reserve.clone() };
        let (outcome, _) = self.command(Command::Reserve(again), None, None)?;
        let right = match outcome {
            Outcome::Duplicate(_) => !other,
            Outcome::Conflict(_) => other,
            _ => false,
        };
        if right {
            Ok(())
        } else {
            Err(broken(Rule::Idempotent, format!("{outcome:?} to a repeated reserve")))
        }
    }
    /// Whether the answer to a reserve is one that the protocol has, and true.
    fn judge_reserve(
        &mut self,
        outcome: &Outcome,
        reserve: &Reserve,
        asked: &Asked,
        again: bool,
    ) -> Result<(), Violation> {
        let (looks, closed) = self.book.looks(&asked.attributes, &asked.hold, self.wall());
        match outcome {
            Outcome::Reserved(held) => {
                if held.windows.len() != looks.len() {
                    return Err(broken(Rule::Atomic, format!("{} is told other windows", reserve.id)));
                }
                Ok(())
            }
            Outcome::Refused(denial) => {
                self.counts.refused += 1;
                let blocks =
                    |look: &crate::book::Look| look.mode == bursar_ledger::Mode::Hard && !look.fits();
                if !closed && !looks.iter().any(blocks) {
                    return Err(broken(Rule::PhantomDenial, format!("{denial:?}")));
                }
                Ok(())
            }
            Outcome::Rejected(Rejection::Overflow(_)) => {
                let over = |look: &crate::book::Look| look.used + look.amount > i128::from(i64::MAX);
                if looks.iter().any(over) {
                    return Ok(());
                }
                Err(broken(Rule::Range, format!("{} overflows nothing", reserve.id)))
            }
            Outcome::Duplicate(_) if again => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a new reserve"))),
        }
    }
    /// Waits until the journal has an entry.
    pub(super) fn wait(&mut self, seq: Seq, what: Waiting) -> Result<(), Violation> {
        self.waiting.push_back((seq, what));
        self.wake()
    }
    /// Goes on with everything that the journal has.
    pub(super) fn wake(&mut self) -> Result<(), Violation> {
        while let (Some(node), Some((seq, what))) = (&self.node, self.waiting.front().copied()) {
            if seq > node.durable() {
                break;
            }
            self.waiting.pop_front();
            match what {
                Waiting::Send(id) => self.send(seq, id)?,
                Waiting::GoOn(id, upto) => {
                    // What ended meanwhile goes on no more.
                    if self.attempts.contains_key(&id)
                        && let Some(truth) = self.truths.get_mut(&id)
                    {
                        truth.bill = upto;
                    }
                }
            }
        }
        Ok(())
    }
    /// The hold is durable: the attempt goes out.
    fn send(&mut self, seq: Seq, id: ReservationId) -> Result<(), Violation> {
        let Some(attempt) = self.attempts.get_mut(&id) else { return Ok(()) };
        attempt.sent = true;
        let (plan, hold) = (attempt.wish.plan.clone(), attempt.hold);
        if self.has(Fault::ClientLeaves) && self.random.permille(60) {
            return self.release(id, ProvablyUnbilled::NeverSent);
        }
        let node = self.node.as_ref();
        let safe = match self.durability {
            bursar_store::journal::Durability::Sync => node.map(crate::node::Node::synced),
            bursar_store::journal::Durability::Fast => node.map(crate::node::Node::written),
        };
        if safe.is_none_or(|safe| seq > safe) {
            return Err(broken(
                Rule::Durable,
                format!("{id} was sent with entry {seq}, the journal has {safe:?}"),
            ));
        }
        self.counts.sent += 1;
        let storm = self.now < self.storm_until;
        let bill = if storm { Charge::ZERO } else { least(&plan.bill, &hold, plan.first_tenths >= 10) };
        self.truths.insert(id, Truth { bill, sent_at: self.now, forgiven: false, forgotten: false });
        if storm {
            if let Some(attempt) = self.attempts.get_mut(&id) {
                (attempt.wish.plan.ending, attempt.wish.plan.signs) = (Ending::Rejected, 0);
            }
            self.later(50_000, Event::Answer(self.life, id));
            return Ok(());
        }
        if plan.signs > 0 {
            self.later(plan.takes / i64::from(plan.signs + 1), Event::Sign(self.life, id, plan.signs));
        } else {
            self.later(plan.takes, Event::Answer(self.life, id));
        }
        Ok(())
    }
    /// The stream goes on: more is held, or at least the deadline moves.
    pub(super) fn sign(&mut self, id: ReservationId, left: u32) -> Result<(), Violation> {
        if !self.is_up() {
            return Ok(());
        }
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let (wish, hold) = (attempt.wish.clone(), attempt.hold);
        let deadline = self.wall().plus_seconds(TTL_S);
        let step = wish.plan.takes / i64::from(wish.plan.signs + 1);
        let next = if left > 1 { Event::Sign(self.life, id, left - 1) } else { Event::Answer(self.life, id) };
        self.later(step, next);
        let more = missing(&wish.hold, &hold, i64::from(left));
        if more == Charge::ZERO {
            let estimate = Some(hold);
            let command = Command::Progress(Progress { id, deadline, estimate });
            let (outcome, _) = self.command(command, None, None)?;
            return self.expect(id, &outcome, |outcome| matches!(outcome, Outcome::Progressed));
        }
        let (outcome, seq) = self.command(Command::Extend(Extend { id, more, deadline }), None, None)?;
        self.expect(id, &outcome, |outcome| {
            matches!(
                outcome,
                Outcome::Extended | Outcome::Short(_) | Outcome::Rejected(Rejection::Overflow(_))
            )
        })?;
        if matches!(outcome, Outcome::Extended) {
            let Some(line) = self.book.lines.get(&id) else { return Ok(()) };
            let hold = line.hold;
            let whole = hold == wish.hold;
            if let Some(attempt) = self.attempts.get_mut(&id) {
                attempt.hold = hold;
            }
            let upto = least(&wish.plan.bill, &hold, whole);
            return self.wait(seq, Waiting::GoOn(id, upto));
        }
        Ok(())
    }
    /// An attempt ends.
    pub(super) fn answer(&mut self, id: ReservationId) -> Result<(), Violation> {
        if !self.is_up() {
            // The process writes nothing any more; what it knew is lost with it.
            return Ok(());
        }
        let (Some(attempt), Some(truth)) = (self.attempts.remove(&id), self.truths.get(&id).copied()) else {
            return Ok(());
        };
        match attempt.wish.plan.ending {
            Ending::Rejected => self.release(id, ProvablyUnbilled::Rejected { status: 503 }),
            Ending::NoConnection => self.release(id, ProvablyUnbilled::ConnectFailed),
            Ending::NoAnswer => {
                let cause = SuspenseCause::NoAnswer;
                let command = Command::Suspend { id, cause, record: Record::default() };
                let (outcome, _) = self.command(command, None, None)?;
                let known =
                    |outcome: &Outcome| matches!(outcome, Outcome::Suspended(_) | Outcome::Duplicate(_));
                self.expect(id, &outcome, known)?;
                let hours = self.random.between(1, 10);
                self.later(hours * 3_600_000_000, Event::Reconcile(id));
                Ok(())
            }
            Ending::Estimate => {
                let most = attempt.hold.list.nanos().max(truth.bill.list.nanos());
                let guess =
                    crate::workload::charge(self.random.between(truth.bill.list.nanos() / 2, most), 1);
                self.settle(id, guess, true)
            }
            Ending::Usage | Ending::Hangs => {
                self.settle(id, truth.bill, false)?;
                if self.has(Fault::DuplicateUsage) && self.random.permille(200) {
                    self.settle(id, truth.bill, false)?;
                    let other = crate::workload::charge(truth.bill.list.nanos() / 2 + 1, 1);
                    self.settle(id, other, false)?;
                }
                Ok(())
            }
        }
    }
    /// Settles, and compares the answer with what the book says must come.
    pub(super) fn settle(
        &mut self,
        id: ReservationId,
        charge: Charge,
        estimated: bool,
    ) -> Result<(), Violation> {
        let before = self.book.lines.get(&id).cloned();
        let settle = Settle { id, charge, estimated, record: Record::default() };
        let (outcome, _) = self.command(Command::Settle(settle), None, Some(charge))?;
        let right = match before.map(|line| (line.state, line.charge)) {
            None => matches!(outcome, Outcome::Unknown),
            Some((State::Live | State::Suspense, _)) => {
                matches!(outcome, Outcome::Settled(_) | Outcome::Rejected(Rejection::Overflow(_)))
            }
            Some((State::Settled, first)) if first == charge => matches!(outcome, Outcome::Duplicate(_)),
            Some((State::Settled | State::Released, _)) => matches!(outcome, Outcome::Conflict(_)),
        };
        if right { Ok(()) } else { Err(broken(Rule::Idempotent, format!("{outcome:?} to a settle of {id}"))) }
    }
    fn release(&mut self, id: ReservationId, reason: ProvablyUnbilled) -> Result<(), Violation> {
        self.attempts.remove(&id);
        if let Some(truth) = self.truths.get_mut(&id) {
            truth.bill = Charge::ZERO;
        }
        let before = self.book.lines.get(&id).map(|line| line.state);
        let command = Command::Release { id, reason, record: Record::default() };
        let (outcome, _) = self.command(command, None, None)?;
        let right = match before {
            None => matches!(outcome, Outcome::Unknown),
            Some(State::Live) => matches!(outcome, Outcome::Released),
            Some(State::Suspense) => matches!(outcome, Outcome::Rejected(Rejection::State(_))),
            Some(State::Settled) => matches!(outcome, Outcome::Conflict(_)),
            Some(State::Released) => matches!(outcome, Outcome::Duplicate(_)),
        };
        if !right {
            return Err(broken(Rule::LifeCycle, format!("{outcome:?} to a release of {id}, {before:?}")));
        }
        if before == Some(State::Suspense) {
            // Too late to release: the truth is that nothing is billed.
            return self.settle(id, Charge::ZERO, false);
        }
        Ok(())
    }
    /// An answer to a verb about a live attempt: as wished if it is live, else what its state asks for.
    fn expect(
        &self,
        id: ReservationId,
        outcome: &Outcome,
        wished: impl Fn(&Outcome) -> bool,
    ) -> Result<(), Violation> {
        let late = match outcome {
            Outcome::Rejected(Rejection::State(state)) => {
                self.book.lines.get(&id).map(|line| line.state) == Some(*state)
            }
            Outcome::Conflict(past) => self.book.lines.get(&id).map(|line| line.state) == Some(past.state),
            Outcome::Unknown => !self.book.lines.contains_key(&id),
            _ => false,
        };
        if wished(outcome) || late {
            return Ok(());
        }
        Err(broken(Rule::Answer, format!("{outcome:?} about {id}")))
    }
    /// The provider's export arrives: the truth about an attempt.
    pub(super) fn reconcile(&mut self, id: ReservationId) -> Result<(), Violation> {
        let Some(truth) = self.truths.get(&id).copied() else { return Ok(()) };
        if !self.is_up() || self.attempts.contains_key(&id) {
            self.later(600_000_000, Event::Reconcile(id));
            return Ok(());
        }
        match self.book.lines.get(&id).map(|line| line.state) {
            Some(State::Suspense) => self.settle(id, truth.bill, false),
            Some(State::Live | State::Settled | State::Released) | None => Ok(()),
        }
    }
}

/// What is set aside before anything is sent.
fn first_part(wish: &Wish) -> Charge {
    let tenths = |amount: i64| {
        if wish.plan.first_tenths >= 10 {
            amount
        } else {
            (amount / 10 * wish.plan.first_tenths).max(amount.min(1))
        }
    };
    Charge {
        list: Usd::from_nanos(tenths(wish.hold.list.nanos())),
        effective: Usd::from_nanos(tenths(wish.hold.effective.nanos())),
        tokens: tenths(wish.hold.tokens),
        requests: wish.hold.requests,
    }
}

/// What the provider bills at most while only part of the hold is set aside.
fn least(bill: &Charge, hold: &Charge, whole: bool) -> Charge {
    if whole {
        return *bill;
    }
    Charge {
        list: bill.list.min(hold.list),
        effective: bill.effective.min(hold.effective),
        tokens: bill.tokens.min(hold.tokens),
        requests: bill.requests.min(hold.requests),
    }
}

/// What is still to be set aside, in so many equal steps; the last takes the rest.
fn missing(whole: &Charge, hold: &Charge, steps: i64) -> Charge {
    let part = |whole: i64, hold: i64| (whole - hold).max(0) / steps.max(1);
    Charge {
        list: Usd::from_nanos(part(whole.list.nanos(), hold.list.nanos())),
        effective: Usd::from_nanos(part(whole.effective.nanos(), hold.effective.nanos())),
        tokens: part(whole.tokens, hold.tokens),
        requests: part(whole.requests, hold.requests),
    }
}

fn half(charge: &Charge) -> Charge {
    crate::workload::charge(charge.list.nanos() / 2, charge.requests)
}
