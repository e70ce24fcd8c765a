//! What Bursar keeps on disk.

pub mod settings;
mod sqlite;

pub use sqlite::{OpenError, Page, PageError, PageRequest};
