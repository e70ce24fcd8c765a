//! Locks, atomics and threads of the group commit: the usual ones, or under the feature `shuttle` those of a scheduler
//! that tries many interleavings. The feature is for tests alone.

#[cfg(feature = "shuttle")]
mod explored;

#[cfg(feature = "shuttle")]
pub(crate) use explored::{Condvar, Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{sync::atomic, thread};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{sync::atomic, thread};
