use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waiter whose wakes are counted.
struct Caller<'a> {
    wakes: Arc<Counter>,
    waits: Option<Pin<Box<Durable<'a>>>>,
}

impl<'a> Caller<'a> {
    fn new(waiters: &'a Waiters, seq: u64) -> Self {
        Self { wakes: Arc::default(), waits: Some(Box::pin(waiters.wait(Seq::new(seq)))) }
    }
    /// Polls as an executor does; the future is dropped with its answer.
    fn poll(&mut self) -> Poll<Result<(), LedgerDown>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let polled = self.waits.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.waits = None;
        }
        polled
    }
    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }
}

fn callers(waiters: &Waiters, seqs: impl IntoIterator<Item = u64>) -> Vec<Caller<'_>> {
    let mut callers: Vec<_> = seqs.into_iter().map(|seq| Caller::new(waiters, seq)).collect();
    for caller in &mut callers {
        assert_eq!(caller.poll(), Poll::Pending);
    }
    callers
}

fn total(callers: &[Caller<'_>]) -> usize {
    callers.iter().map(Caller::wakes).sum()
}

#[test]
fn one_wake_from_outside_and_the_rest_from_within() {
    let waiters = Waiters::new(Seq::NONE);
    let mut callers = callers(&waiters, [1, 2, 3, 9]);
    waiters.advance(Seq::new(3));
    assert_eq!(total(&callers), 1, "one for the whole lane");
    let leader = callers.iter().position(|caller| caller.wakes() == 1).unwrap();
    assert_eq!(callers[leader].poll(), Poll::Ready(Ok(())));
    assert_eq!(total(&callers), 3, "it wakes the others that can go on");
    assert_eq!(callers[3].wakes(), 0, "and nobody else");
    for caller in callers.iter_mut().filter(|caller| caller.waits.is_some()).take(2) {
        assert_eq!(caller.poll(), Poll::Ready(Ok(())));
    }
    assert_eq!(waiters.count(), 1);
    waiters.advance(Seq::new(9));
    assert_eq!(callers[3].poll(), Poll::Ready(Ok(())));
    assert_eq!((waiters.count(), waiters.standing.load(Ordering::SeqCst)), (0, 0));
}

#[test]
fn a_leader_that_is_dropped_passes_the_wake_on() {
    let waiters = Waiters::new(Seq::NONE);
    let mut callers = callers(&waiters, [1, 1, 1]);
    waiters.advance(Seq::new(1));
    let leader = callers.iter().position(|caller| caller.wakes() == 1).unwrap();
    callers.remove(leader).waits = None;
    assert_eq!(total(&callers), 2);
}

#[test]
fn a_second_sync_before_the_leader_runs_loses_nobody() {
    let waiters = Waiters::new(Seq::NONE);
    let mut callers = callers(&waiters, [1, 1, 2, 2, 2]);
    waiters.advance(Seq::new(1));
    waiters.advance(Seq::new(2));
    // Whoever was woken runs, in any order; it goes on until nobody is woken any more.
    let mut done = 0;
    loop {
        let woken = callers.iter().rposition(|caller| caller.wakes() > 0 && caller.waits.is_some());
        let Some(woken) = woken else { break };
        assert_eq!(callers[woken].poll(), Poll::Ready(Ok(())));
        done += 1;
    }
    assert_eq!((done, waiters.count()), (5, 0));
}

#[test]
fn going_down_wakes_everybody_but_takes_nothing_back() {
    let waiters = Waiters::new(Seq::NONE);
    let mut callers = callers(&waiters, [1, 2, 3]);
    waiters.advance(Seq::new(1));
    let down = LedgerDown::new("the disk is gone");
    assert!(waiters.fail(down.clone()));
    assert!(!waiters.fail(LedgerDown::new("again")));
    assert_eq!(total(&callers), 3);
    assert_eq!(callers[0].poll(), Poll::Ready(Ok(())));
    assert_eq!(callers[1].poll(), Poll::Ready(Err(down.clone())));
    assert_eq!(Caller::new(&waiters, 7).poll(), Poll::Ready(Err(down)));
}

#[test]
fn threads_that_wait_and_advance_at_once_lose_no_wake() {
    for round in 0..300 {
        let waiters = Waiters::new(Seq::NONE);
        std::thread::scope(|scope| {
            for caller in 0..4u64 {
                let waiters = &waiters;
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    for seq in (1..=10).filter(|seq| (seq + caller + round) % 3 > 0) {
                        runtime.block_on(waiters.wait(Seq::new(seq))).unwrap();
                    }
                });
            }
            for seq in 1..=10 {
                waiters.advance(Seq::new(seq));
                std::thread::yield_now();
            }
        });
        assert_eq!((waiters.count(), waiters.standing.load(Ordering::SeqCst)), (0, 0));
    }
}
