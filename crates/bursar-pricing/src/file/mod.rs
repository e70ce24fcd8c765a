//! Price files: TOML with one `[[price]]` table per dated row. Reading, checking, writing.

mod check;
mod error;
mod fields;
mod json;
mod read;
mod write;

pub use check::check;
pub use error::Invalid;
pub use json::{row_from_json, row_to_json};
pub use read::{parse, row_from_table};
pub use write::{row_to_toml, to_toml};
