//! Threads that end together: each waits for its next turn at a place where the end wakes it at once.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Threads of one part of the server. Dropping them tells them to end, [`Threads::shutdown`] waits for that too.
#[derive(Debug, Default)]
pub(super) struct Threads {
    stop: Vec<Sender<()>>,
    running: Vec<JoinHandle<()>>,
}

/// What tells one thread that it is to end.
#[derive(Debug)]
pub(super) struct Stopped(Receiver<()>);

impl Threads {
    /// Starts a thread that ends soon after it was told to.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&Stopped) + Send + 'static,
    ) -> io::Result<()> {
        let (stop, told) = channel();
        let stopped = Stopped(told);
        self.running.push(Builder::new().name(name.to_owned()).spawn(move || work(&stopped))?);
        self.stop.push(stop);
        Ok(())
    }
    /// Starts a thread that does the same again and again, with a pause before each.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn every(
        &mut self,
        pause: Duration,
        name: &str,
        mut work: impl FnMut() + Send + 'static,
    ) -> io::Result<()> {
        self.spawn(name, move |stopped| {
            while stopped.goes_on_after(pause) {
                work();
            }
        })
    }
    /// Waits in the end for a thread too that is told to end by other means.
    pub(super) fn adopt(&mut self, thread: JoinHandle<()>) {
        self.running.push(thread);
    }
    /// Ends the threads. Blocks for what they are at.
    pub(super) fn shutdown(self) {
        drop(self.stop);
        for thread in self.running {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(name, "a thread ended by a panic");
            }
        }
    }
}

impl Stopped {
    /// Waits so long, or until it is time to end; whether the thread goes on.
    pub(super) fn goes_on_after(&self, pause: Duration) -> bool {
        self.0.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
    }
    /// Whether it is time to end.
    pub(super) fn is_told(&self) -> bool {
        !self.goes_on_after(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The pause is longer than any test may take: what ends here was woken.
    const LONG: Duration = Duration::from_secs(100_000);

    #[test]
    fn the_end_wakes_whoever_waits() {
        let mut threads = Threads::default();
        let (turns, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (turned, told) = (Arc::clone(&turns), Arc::clone(&ended));
        let turn = move || {
            turned.fetch_add(1, Ordering::SeqCst);
        };
        threads.every(LONG, "slow", turn).unwrap();
        let (asked, has_asked) = channel();
        threads
            .spawn("asking", move |stopped| {
                assert!(!stopped.is_told());
                assert!(stopped.goes_on_after(Duration::from_millis(1)), "nobody ends it yet");
                asked.send(()).unwrap();
                assert!(!stopped.goes_on_after(LONG) && stopped.is_told());
                told.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
        let (begin, begun) = channel::<()>();
        threads.adopt(std::thread::spawn(move || assert!(begun.recv().is_err())));
        has_asked.recv().unwrap();
        drop(begin);
        threads.shutdown();
        assert_eq!((turns.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (0, 1));
    }

    #[test]
    fn a_panic_of_one_keeps_no_other_from_ending() {
        let mut threads = Threads::default();
        threads.spawn("wrong", |_| panic!("as it is to be")).unwrap();
        threads.every(LONG, "slow", || {}).unwrap();
        threads.shutdown();
    }
}
