//! What both SQLite stores share: opening a file, migrations, words, columns, pages.
//!
//! Invariant: a file is opened with a schema that this version knows to the byte, or not at all.

pub(crate) mod backup;
pub(crate) mod column;
mod migration;
mod open;
mod page;
pub(crate) mod text;
pub(crate) mod words;

pub use backup::BackupError;
pub(crate) use migration::{Migration, Schema};
pub use open::OpenError;
pub(crate) use open::{Synchronous, is_damage, open_reader, open_writer};
pub use page::{Page, PageError, PageRequest};
