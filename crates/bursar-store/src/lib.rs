//! What Bursar keeps on disk: the ledger's journal and its shell.

pub mod disk;
pub mod journal;
pub mod limits;
