//! The bell of something that its user drives: wakes the driver when it sleeps, and is only noted while it is at work.

use parking_lot::Mutex;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Parts of one thing ring it for each other all the time. While somebody drives them, that costs no turn of the
/// scheduler: whoever drives looks again by itself.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_driven: bool,
    has_rung: bool,
    sleeper: Option<Waker>,
}

impl Bell {
    /// Somebody drives from here on.
    pub(crate) fn attend(&self) {
        let mut state = self.0.lock();
        (state.is_driven, state.has_rung) = (true, false);
        let before = state.sleeper.take();
        drop(state);
        // Not under the lock: a waker may be the last that holds a task.
        drop(before);
    }
    /// Whether it rang since it was attended or asked last.
    pub(crate) fn has_rung(&self) -> bool {
        std::mem::take(&mut self.0.lock().has_rung)
    }
    /// Nobody drives from here on, and `sleeper` is woken when it rings. False where it has rung already: then it is still
    /// attended.
    pub(crate) fn leave(&self, sleeper: Option<&Waker>) -> bool {
        let mut state = self.0.lock();
        if sleeper.is_some() && std::mem::take(&mut state.has_rung) {
            return false;
        }
        state.is_driven = false;
        state.sleeper = sleeper.cloned();
        true
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.0.lock();
        if state.is_driven {
            state.has_rung = true;
            return;
        }
        let sleeper = state.sleeper.take();
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn sleeper() -> (Arc<Count>, Waker) {
        let count = Arc::<Count>::default();
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn who_sleeps_is_woken_once_and_who_drives_is_told_when_it_asks() {
        let (count, waker) = sleeper();
        let bell = Arc::<Bell>::default();
        let rings = Waker::from(Arc::clone(&bell));
        bell.attend();
        rings.wake_by_ref();
        assert!(bell.has_rung() && !bell.has_rung());
        assert!(bell.leave(Some(&waker)));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        rings.wake_by_ref();
        rings.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nobody_falls_asleep_over_a_ring() {
        let (count, waker) = sleeper();
        let bell = Arc::<Bell>::default();
        let rings = Waker::from(Arc::clone(&bell));
        bell.attend();
        rings.wake_by_ref();
        assert!(!bell.leave(Some(&waker)), "it rang between the last look and the sleep");
        rings.wake_by_ref();
        assert!(bell.has_rung(), "still attended");
        assert!(bell.leave(Some(&waker)));
        rings.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
