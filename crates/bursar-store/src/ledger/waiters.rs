//! Who waits for which entry to be durable, and waking them with one wake per worker thread and sync.
//!
//! Waiters stand in lanes, one per thread. The writer wakes one waiter of each lane, from outside; that one wakes the
//! others of its lane from within their own thread, which costs no switch. It does so when it finishes or is dropped,
//! so that a cancelled waiter leaves nobody behind.
//!
//! Invariant: while anybody in a lane could go on, the lane has a leader that was woken and not yet dropped.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::journal::Seq;
use crate::ledger::LedgerDown;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Lanes: more than the worker threads of any machine this runs on; two threads that share one still work.
const LANES: usize = 64;

/// How far the journal is durable, and who waits.
#[derive(Debug)]
pub(super) struct Waiters {
    durable: AtomicU64,
    /// How many stand in the lanes.
    standing: AtomicUsize,
    down: OnceLock<LedgerDown>,
    lanes: Box<[Lane]>,
}

#[derive(Debug, Default)]
struct Lane {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Slab<Waiting>,
    /// Who was woken from outside last and wakes the rest.
    leader: Option<Ticket>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    seq: Seq,
    waker: Waker,
}

/// Tells waiters of one lane apart, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ticket(u64);

impl Waiters {
    pub(super) fn new(durable: Seq) -> Self {
        let lanes = (0..LANES).map(|_| Lane::default()).collect();
        Self {
            durable: AtomicU64::new(durable.number()),
            standing: AtomicUsize::new(0),
            down: OnceLock::new(),
            lanes,
        }
    }
    /// Up to here everything is durable.
    pub(super) fn durable(&self) -> Seq {
        Seq::new(self.durable.load(Ordering::SeqCst))
    }
    /// Why the ledger is down, if it is.
    pub(super) fn down(&self) -> Option<&LedgerDown> {
        self.down.get()
    }
    /// Moves on to `seq` and wakes those who waited for it.
    pub(super) fn advance(&self, seq: Seq) {
        // Both in one total order with standing in a lane and looking again: one side sees the other.
        self.durable.fetch_max(seq.number(), Ordering::SeqCst);
        if self.standing.load(Ordering::SeqCst) == 0 {
            return;
        }
        for lane in &self.lanes {
            let woken = lane.wake_leader(self.durable());
            self.standing.fetch_sub(woken, Ordering::SeqCst);
        }
    }
    /// Ends all waiting, now and later. Only the first reason counts; whether this was it.
    pub(super) fn fail(&self, down: LedgerDown) -> bool {
        let first = self.down.set(down).is_ok();
        for lane in &self.lanes {
            let woken = lane.wake_all(Seq::new(u64::MAX));
            self.standing.fetch_sub(woken, Ordering::SeqCst);
        }
        first
    }
    /// Waits until `seq` is durable.
    pub(super) fn wait(&self, seq: Seq) -> Durable<'_> {
        Durable { waiters: self, seq, place: None }
    }
    /// Waiters of all lanes.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.lock().waiting.len()).sum()
    }

    /// Up to here nobody need wait any more.
    fn reached(&self) -> Seq {
        if self.down().is_some() { Seq::new(u64::MAX) } else { self.durable() }
    }

    fn lane(&self, number: usize) -> Option<&Lane> {
        self.lanes.get(number % LANES)
    }

    fn outcome(&self, seq: Seq) -> Option<Result<(), LedgerDown>> {
        // What was durable before the ledger went down stays so.
        if self.durable() >= seq {
            return Some(Ok(()));
        }
        self.down().map(|down| Err(down.clone()))
    }
}

impl Lane {
    /// Wakes one whose entry is durable, to lead the others. How many left the lane.
    fn wake_leader(&self, durable: Seq) -> usize {
        let mut queue = self.queue.lock();
        let first = queue.waiting.iter().find(|(_, one)| one.seq <= durable).map(|(key, _)| key);
        let Some(taken) = first.and_then(|key| queue.waiting.try_remove(key)) else { return 0 };
        queue.leader = Some(taken.ticket);
        drop(queue);
        taken.waker.wake();
        1
    }

    /// Wakes all whose entry is durable. How many left the lane.
    fn wake_all(&self, durable: Seq) -> usize {
        let mut queue = self.queue.lock();
        let keys: Vec<usize> =
            queue.waiting.iter().filter(|(_, one)| one.seq <= durable).map(|(key, _)| key).collect();
        let ready: Vec<Waiting> = keys.into_iter().filter_map(|key| queue.waiting.try_remove(key)).collect();
        drop(queue);
        let woken = ready.len();
        for one in ready {
            one.waker.wake();
        }
        woken
    }

    /// Ends the waiting of one: whether it stood there, and whether it was the leader.
    fn leave(&self, key: usize, ticket: Ticket) -> (bool, bool) {
        let mut queue = self.queue.lock();
        let stood = queue.waiting.get(key).is_some_and(|one| one.ticket == ticket);
        if stood {
            queue.waiting.remove(key);
        }
        let leads = queue.leader == Some(ticket);
        if leads {
            queue.leader = None;
        }
        (stood, leads)
    }
}

impl Queue {
    /// Puts one in, or renews its waker: its place, and whether it is new there.
    fn stand(&mut self, place: Option<(usize, Ticket)>, seq: Seq, waker: &Waker) -> (usize, Ticket, bool) {
        if let Some((key, ticket)) = place
            && let Some(own) = self.waiting.get_mut(key).filter(|own| own.ticket == ticket)
        {
            own.waker.clone_from(waker);
            return (key, ticket, false);
        }
        self.next = self.next.wrapping_add(1);
        let ticket = place.map_or(Ticket(self.next), |(_, ticket)| ticket);
        (self.waiting.insert(Waiting { ticket, seq, waker: waker.clone() }), ticket, true)
    }
}

/// Waits until one entry is durable, or the ledger is down.
#[derive(Debug)]
#[must_use = "what is not durable must not be acted on"]
pub(super) struct Durable<'a> {
    waiters: &'a Waiters,
    seq: Seq,
    /// Its lane and place in it, once it stands in one.
    place: Option<(usize, usize, Ticket)>,
}

impl Future for Durable<'_> {
    type Output = Result<(), LedgerDown>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.waiters.outcome(self.seq) {
            return Poll::Ready(outcome);
        }
        self.stand(context.waker());
        // The journal may have moved on between the first look and standing in the lane.
        self.waiters.outcome(self.seq).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Durable<'_> {
    fn stand(&mut self, waker: &Waker) {
        let number = self.place.map_or_else(this_lane, |(number, ..)| number);
        let Some(lane) = self.waiters.lane(number) else { return };
        let place = self.place.map(|(_, key, ticket)| (key, ticket));
        let (key, ticket, new) = lane.queue.lock().stand(place, self.seq, waker);
        self.waiters.standing.fetch_add(usize::from(new), Ordering::SeqCst);
        self.place = Some((number, key, ticket));
    }
}

impl Drop for Durable<'_> {
    fn drop(&mut self) {
        let Some((number, key, ticket)) = self.place else { return };
        let Some(lane) = self.waiters.lane(number) else { return };
        let (stood, leads) = lane.leave(key, ticket);
        let woken = if leads { lane.wake_all(self.waiters.reached()) } else { 0 };
        self.waiters.standing.fetch_sub(woken.saturating_add(usize::from(stood)), Ordering::SeqCst);
    }
}

/// The lane of this thread.
fn this_lane() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    thread_local! {
        static LANE: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    LANE.with(|lane| *lane)
}
