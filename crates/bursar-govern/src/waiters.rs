//! Waiting for room: requests that would fit but for what others hold stand in line, first come first served.
//!
//! One line per window, in the order in which requests came. Whoever is first in all lines it stands in may look again
//! when room was freed; a newcomer does not overtake those who wait for the same window. A request that finds another
//! window in its way changes lines and keeps its number, so the oldest is first wherever it stands and two requests
//! never wait for each other.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The lines, by window.
pub struct Waiters<K> {
    lines: Mutex<Lines<K>>,
    waiting: AtomicUsize,
    most: usize,
}

struct Lines<K> {
    /// The number of the next one who comes.
    next: u64,
    by_key: HashMap<K, BTreeMap<u64, Arc<Notify>>>,
}

/// A place in the lines. Dropping it gives the place up and lets the next ones look.
#[must_use]
pub struct Place<'a, K: Hash + Eq> {
    waiters: &'a Waiters<K>,
    number: u64,
    keys: Vec<K>,
    turn: Arc<Notify>,
}

impl<K: Hash + Eq + Clone> Waiters<K> {
    /// Empty lines, for at most `most` requests in all.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let lines = Lines { next: 0, by_key: HashMap::new() };
        Self { lines: Mutex::new(lines), waiting: AtomicUsize::new(0), most }
    }

    /// Whether anybody waits at all: one atomic read, for the common path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// How many wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether somebody waits for one of `keys`.
    #[must_use]
    pub fn has_line<'k>(&self, keys: impl IntoIterator<Item = &'k K>) -> bool
    where
        K: 'k,
    {
        if self.is_empty() {
            return false;
        }
        let lines = self.lines.lock();
        keys.into_iter().any(|key| lines.by_key.contains_key(key))
    }

    /// Stands at the end of the line of each of `keys`. `None` when too many wait already, or for nothing.
    pub fn stand(&self, keys: Vec<K>) -> Option<Place<'_, K>> {
        let mut lines = self.lines.lock();
        if self.waiting.load(Ordering::Relaxed) >= self.most || keys.is_empty() {
            return None;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let number = lines.next;
        lines.next += 1;
        let turn = Arc::new(Notify::new());
        for key in &keys {
            lines.join(key, number, &turn);
        }
        Some(Place { waiters: self, number, keys, turn })
    }

    /// Room was freed in `keys`: the first of each line may look again.
    pub fn freed<'k>(&self, keys: impl IntoIterator<Item = &'k K>)
    where
        K: 'k,
    {
        if self.is_empty() {
            return;
        }
        let lines = self.lines.lock();
        for key in keys {
            if let Some((_, first)) = lines.by_key.get(key).and_then(BTreeMap::first_key_value) {
                first.notify_one();
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Lines<K> {
    fn join(&mut self, key: &K, number: u64, turn: &Arc<Notify>) {
        self.by_key.entry(key.clone()).or_default().insert(number, Arc::clone(turn));
    }
}

impl<K: Hash + Eq> Lines<K> {
    /// Leaves a line; who is first there now may look.
    fn leave(&mut self, key: &K, number: u64) {
        let Some(line) = self.by_key.get_mut(key) else { return };
        line.remove(&number);
        match line.first_key_value() {
            Some((_, next)) => next.notify_one(),
            None => {
                self.by_key.remove(key);
            }
        }
    }
}

impl<K: Hash + Eq> Place<'_, K> {
    /// Waits until room was freed while standing first in some line.
    pub async fn turn(&self) {
        self.turn.notified().await;
    }

    /// Whether this place is the first of every line it stands in.
    #[must_use]
    pub fn is_first(&self) -> bool {
        let lines = self.waiters.lines.lock();
        self.keys.iter().all(|key| {
            let first = lines.by_key.get(key).and_then(BTreeMap::first_key_value);
            first.is_some_and(|(number, _)| *number == self.number)
        })
    }
}

impl<K: Hash + Eq + Clone> Place<'_, K> {
    /// Stands in the lines of `keys` and in no others from now on, under the number it came with. Where that changes
    /// anything it is its turn to look once more: room may have been freed there meanwhile.
    pub fn change(&mut self, keys: Vec<K>) {
        if keys.is_empty()
            || (keys.len() == self.keys.len() && keys.iter().all(|key| self.keys.contains(key)))
        {
            return;
        }
        let mut lines = self.waiters.lines.lock();
        for key in keys.iter().filter(|key| !self.keys.contains(key)) {
            lines.join(key, self.number, &self.turn);
        }
        for key in self.keys.iter().filter(|key| !keys.contains(key)) {
            lines.leave(key, self.number);
        }
        drop(lines);
        self.keys = keys;
        self.turn.notify_one();
    }
}

impl<K: Hash + Eq> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let mut lines = self.waiters.lines.lock();
        for key in &self.keys {
            lines.leave(key, self.number);
        }
        self.waiters.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_in_line_is_the_first_to_look_again() {
        let waiters: Waiters<u8> = Waiters::new(10);
        let first = waiters.stand(vec![1]).unwrap();
        let second = waiters.stand(vec![1]).unwrap();
        assert!(first.is_first() && !second.is_first());
        waiters.freed(&[1]);
        first.turn().await;
        drop(first);
        second.turn().await;
        assert!(second.is_first());
        drop(second);
        assert!(waiters.is_empty() && !waiters.has_line(&[1]));
    }

    #[test]
    fn lines_are_apart_and_bounded() {
        let waiters: Waiters<u8> = Waiters::new(2);
        let one = waiters.stand(vec![1]).unwrap();
        let two = waiters.stand(vec![2]).unwrap();
        assert!(one.is_first() && two.is_first());
        assert!(waiters.stand(vec![3]).is_none(), "too many wait");
        assert!(waiters.has_line(&[3, 2]) && !waiters.has_line(&[3]));
    }

    #[tokio::test]
    async fn who_finds_another_window_in_the_way_stands_in_that_line_from_then_on() {
        let waiters: Waiters<u8> = Waiters::new(10);
        let mut first = waiters.stand(vec![1]).unwrap();
        let behind = waiters.stand(vec![1]).unwrap();
        first.change(vec![2]);
        first.turn().await;
        behind.turn().await;
        assert!(behind.is_first(), "the line it left moved on");
        waiters.freed(&[2]);
        first.turn().await;
        assert!(first.is_first());
    }

    #[test]
    fn the_oldest_is_first_wherever_it_stands_so_nobody_waits_in_a_circle() {
        let waiters: Waiters<u8> = Waiters::new(10);
        let mut older = waiters.stand(vec![1]).unwrap();
        let mut younger = waiters.stand(vec![2]).unwrap();
        younger.change(vec![1, 2]);
        older.change(vec![2, 1]);
        assert!(older.is_first() && !younger.is_first());
        drop(older);
        assert!(younger.is_first());
    }
}
