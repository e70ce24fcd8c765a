//! Where cold windows are while they are not in memory.
//!
//! A window's image is stored, lasting, before the engine lets it go; so after any crash a window is in memory by the
//! journal, or its image is here. An image of a window that is in memory is old: whoever lists what is here says which
//! windows those are.

mod sqlite;

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_ledger::{Current, DecodeError, WindowId, WindowImage, WindowKey};
use parking_lot::Mutex;

pub use self::sqlite::SqliteWindows;

use crate::limits::WINDOW_KEPT_S_MIN;

/// A store of window images.
pub trait WindowStore: Send + Sync + std::fmt::Debug {
    /// Keeps these images, all or none, in place of older ones of the same key. They last when it returns.
    ///
    /// # Errors
    /// When they may not last.
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError>;
    /// The images that there are of these keys.
    ///
    /// # Errors
    /// When the store cannot be read: nothing is known then.
    fn find(&self, keys: &[WindowKey]) -> Result<Vec<WindowImage>, WindowStoreError>;
    /// At most `most` images of a budget's windows in one period, opened after `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(
        &self,
        of: &Current,
        after: Option<WindowId>,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError>;
    /// At most `most` images of a budget's windows in one period, those that charged most first, without those that
    /// `skip` names.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn fullest(
        &self,
        of: &Current,
        skip: &dyn Fn(WindowId) -> bool,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError>;
    /// Forgets at most `most` windows that nobody can ask for any more: see [`is_long_past`]. How many there were.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, WindowStoreError>;
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum WindowStoreError {
    /// It cannot be opened.
    #[error("cannot open the store")]
    Open(#[from] crate::OpenError),
    /// The database failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// An image in it is damaged.
    #[error("an image is damaged")]
    Image(#[from] DecodeError),
}

/// Whether a window's period ended so long ago that its image is not needed: 400 days, and twice the length of the period,
/// because a window of the next period takes its unused room from it. Windows without an end are never past: a session
/// may come back.
#[must_use]
pub fn is_long_past(key: &WindowKey, now: Timestamp) -> bool {
    let Some(end) = key.interval.ends_at else { return false };
    let length = key.interval.starts_at.map_or(0, |start| end.micros_since(start));
    let kept = length.saturating_mul(2).max(WINDOW_KEPT_S_MIN.saturating_mul(1_000_000));
    end.micros().saturating_add(kept) < now.micros()
}

/// In memory: for simulators and tests, which keep it across restarts as they keep their disk.
#[derive(Debug, Default)]
pub struct MemoryWindows {
    images: Mutex<BTreeMap<WindowKey, WindowImage>>,
}

impl MemoryWindows {
    /// How many images it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.images.lock().len()
    }

    /// The images of a budget's windows in one period.
    fn of(&self, of: &Current) -> Vec<WindowImage> {
        let images = self.images.lock();
        let is_of = |key: &WindowKey| {
            (key.budget, key.generation, key.interval) == (of.budget, of.generation, of.interval)
        };
        images.values().filter(|image| is_of(&image.key)).cloned().collect()
    }
}

impl WindowStore for MemoryWindows {
    fn put(&self, images: &[WindowImage]) -> Result<(), WindowStoreError> {
        self.images.lock().extend(images.iter().map(|image| (image.key.clone(), image.clone())));
        Ok(())
    }

    fn find(&self, keys: &[WindowKey]) -> Result<Vec<WindowImage>, WindowStoreError> {
        let images = self.images.lock();
        Ok(keys.iter().filter_map(|key| images.get(key)).cloned().collect())
    }

    fn list(
        &self,
        of: &Current,
        after: Option<WindowId>,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError> {
        let mut images = self.of(of);
        images.retain(|image| after.is_none_or(|after| image.id > after));
        images.sort_unstable_by_key(|image| image.id);
        images.truncate(most);
        Ok(images)
    }

    fn fullest(
        &self,
        of: &Current,
        skip: &dyn Fn(WindowId) -> bool,
        most: usize,
    ) -> Result<Vec<WindowImage>, WindowStoreError> {
        let mut images = self.of(of);
        images.retain(|image| !skip(image.id));
        images.sort_unstable_by_key(|image| (std::cmp::Reverse(charged(image)), image.id));
        images.truncate(most);
        Ok(images)
    }

    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, WindowStoreError> {
        let mut images = self.images.lock();
        let past: Vec<WindowKey> =
            images.keys().filter(|key| is_long_past(key, now)).take(most).cloned().collect();
        images.retain(|key, _| !past.contains(key));
        Ok(past.len())
    }
}

/// What a window that is not in memory charged: nothing is held in it.
fn charged(image: &WindowImage) -> i64 {
    image.settled.saturating_add(image.suspense)
}

#[cfg(test)]
mod tests;
