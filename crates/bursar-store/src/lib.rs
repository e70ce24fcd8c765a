//! What Bursar keeps on disk.

pub mod bodies;
pub mod disk;
pub mod journal;
pub mod ledger;
pub mod limits;
pub mod records;
pub mod settings;
mod sqlite;
mod sync;

pub use sqlite::{BackupError, OpenError, Page, PageError, PageRequest};
