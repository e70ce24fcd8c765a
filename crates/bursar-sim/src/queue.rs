//! The queue of what happens next, in the order of time and, at the same time, of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events by tick and order of arrival.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<(i64, u64, Item<E>)>>,
    arrived: u64,
}

/// An event that takes no part in the order.
#[derive(Debug)]
struct Item<E>(E);

impl<E> PartialEq for Item<E> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<E> Eq for Item<E> {}
impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Item<E> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<E> Queue<E> {
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), arrived: 0 }
    }
    pub(crate) fn push(&mut self, tick: i64, event: E) {
        self.arrived += 1;
        self.heap.push(Reverse((tick, self.arrived, Item(event))));
    }
    pub(crate) fn pop(&mut self) -> Option<(i64, E)> {
        let Reverse((tick, _, Item(event))) = self.heap.pop()?;
        Some((tick, event))
    }
}
