//! What is wrong with a price row: which row, which field, and what would be right.

use std::fmt;

/// One thing wrong with one field of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// The row: `provider/model`, with its number in the file where it came from one.
    pub row: String,
    /// The field, with its path inside the row, such as `tiers[1].input`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Invalid {
    pub(crate) fn new(row: &str, field: &str, problem: impl Into<String>) -> Self {
        Self { row: row.to_owned(), field: field.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "price row {}: `{}` {}", self.row, self.field, self.problem)
    }
}
impl std::error::Error for Invalid {}
