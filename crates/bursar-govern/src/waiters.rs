//! Waiting for room: requests that would fit but for what others hold stand in line, first come first served.
//!
//! One line per window. Whoever is first in all lines it stands in may look again when room was freed; a newcomer does
//! not overtake those who wait for the same window.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The lines, by window.
pub struct Waiters<K> {
    lines: Mutex<HashMap<K, VecDeque<Arc<Notify>>>>,
    waiting: AtomicUsize,
    most: usize,
}

/// A place in the lines. Dropping it gives the place up and lets the next ones look.
#[must_use]
pub struct Place<'a, K: Hash + Eq> {
    waiters: &'a Waiters<K>,
    keys: Vec<K>,
    turn: Arc<Notify>,
}

impl<K: Hash + Eq + Clone> Waiters<K> {
    /// Empty lines, for at most `most` requests in all.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { lines: Mutex::default(), waiting: AtomicUsize::new(0), most }
    }

    /// Whether anybody waits at all: one atomic read, for the common path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
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
        keys.into_iter().any(|key| lines.contains_key(key))
    }

    /// Stands at the end of the line of each of `keys`. `None` when too many wait already.
    pub fn stand(&self, keys: Vec<K>) -> Option<Place<'_, K>> {
        let mut lines = self.lines.lock();
        if self.waiting.load(Ordering::Relaxed) >= self.most || keys.is_empty() {
            return None;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let turn = Arc::new(Notify::new());
        for key in &keys {
            lines.entry(key.clone()).or_default().push_back(Arc::clone(&turn));
        }
        Some(Place { waiters: self, keys, turn })
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
            if let Some(first) = lines.get(key).and_then(VecDeque::front) {
                first.notify_one();
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
            let first = lines.get(key).and_then(VecDeque::front);
            first.is_some_and(|first| Arc::ptr_eq(first, &self.turn))
        })
    }
}

impl<K: Hash + Eq> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let mut lines = self.waiters.lines.lock();
        for key in &self.keys {
            if let Some(line) = lines.get_mut(key) {
                line.retain(|turn| !Arc::ptr_eq(turn, &self.turn));
                match line.front() {
                    Some(next) => next.notify_one(),
                    None => {
                        lines.remove(key);
                    }
                }
            }
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
}
