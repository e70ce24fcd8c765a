//! What Bursar keeps on disk.

pub mod disk;
pub mod journal;
pub mod ledger;
pub mod limits;
pub mod records;
pub mod settings;
mod sqlite;

pub use sqlite::{BackupError, OpenError, Page, PageError, PageRequest};
