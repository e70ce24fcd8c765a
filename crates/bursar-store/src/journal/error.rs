//! What can go wrong with the journal, each with the file, the place and the way out.

use crate::disk::DiskError;
use crate::journal::Seq;

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk failed. After a write or a sync what is on it is unknown: the process must end.
    #[error("the disk failed")]
    Disk(#[from] DiskError),
    /// Bytes that were once good are not any more.
    #[error("`{file}` is damaged at byte {offset}: {what}; run `bursar ledger verify`")]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A file that must be there is not.
    #[error("`{file}` is missing: {what}; run `bursar ledger verify`")]
    Missing {
        /// Which file.
        file: String,
        /// How that is known.
        what: &'static str,
    },
    /// The file was written by a later version.
    #[error("`{file}` has format {version}, which this version of Bursar does not know; run a newer one")]
    NewerFormat {
        /// Which file.
        file: String,
        /// Its format.
        version: u16,
    },
    /// The file belongs to another journal.
    #[error("`{file}` belongs to another journal; put back the files that belong together")]
    Foreign {
        /// Which file.
        file: String,
    },
    /// The bytes are whole, but the entry means nothing to the reader.
    #[error(
        "entry {seq} in `{file}`, in the batch at byte {offset}, cannot be replayed: {what}; run `bursar ledger verify`"
    )]
    Unreadable {
        /// Which file.
        file: String,
        /// Where its batch starts, in bytes.
        offset: u64,
        /// Which entry.
        seq: Seq,
        /// Why not.
        what: String,
    },
    /// An entry is larger than a segment can hold.
    #[error("entry {seq} of {bytes} bytes does not fit into a segment")]
    TooLarge {
        /// Which entry.
        seq: Seq,
        /// Its size.
        bytes: usize,
    },
    /// A batch does not start where the journal ends: a fault of the caller.
    #[error("the batch starts at entry {found}, the journal goes on at {expected}")]
    OutOfOrder {
        /// Where it should start.
        expected: Seq,
        /// Where it does.
        found: Seq,
    },
    /// An earlier write or sync failed.
    #[error("the journal failed before and takes no more entries")]
    Failed,
}
