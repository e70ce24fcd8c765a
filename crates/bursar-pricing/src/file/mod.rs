//! Price files: TOML with one `[[price]]` table per dated row. Reading, checking, writing.

mod check;
mod error;
mod fields;
mod read;
mod write;

pub use check::check;
pub use error::Invalid;
pub use read::{parse, row_from_table};
pub use write::{row_to_toml, to_toml};
