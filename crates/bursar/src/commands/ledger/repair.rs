//! `bursar ledger verify --repair`: gives up what is damaged, and says what that was.

use crate::exit::Failure;
use crate::serve::surroundings::boot_id;
use bursar_store::disk::Disk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, LedgerOptions, Repaired};
use bursar_store::limits::{CHECKPOINT_BYTES_DEFAULT, SEGMENT_BYTES_DEFAULT};
use serde_json::{Value, json};
use std::sync::Arc;

/// Entries that are listed one by one; more are counted.
const LISTED_MAX: usize = 1_000;

/// Cuts the journal before its first damage; `None` where there is none.
pub(super) fn run(disk: &Arc<dyn Disk>) -> Result<Option<Repaired>, Failure> {
    let options = LedgerOptions {
        // Says of the new segment that a power cut loses nothing in it: nothing is written to it here.
        durability: Durability::Sync,
        segment_bytes: SEGMENT_BYTES_DEFAULT,
        checkpoint_bytes: CHECKPOINT_BYTES_DEFAULT,
        boot_id: boot_id(),
        holder: "bursar ledger verify".to_owned(),
        random: 0,
        commits: Commits::ByHand,
    };
    bursar_store::ledger::repair(disk, &options).map_err(|error| anyhow::Error::from(error).into())
}

/// What was given up, for machines.
pub(super) fn as_json(repaired: &Repaired) -> Value {
    let lost = repaired.lost.iter().take(LISTED_MAX);
    let lost = lost.map(|(seq, entry)| {
        json!({ "entry": seq.to_string(), "says": entry.as_ref().map(|entry| format!("{entry:?}")) })
    });
    json!({
        "damage": repaired.damage,
        "last": repaired.last.to_string(),
        "next": repaired.next.to_string(),
        "lost": lost.collect::<Vec<_>>(),
        "lost_count": repaired.lost.len(),
        "set_aside": repaired.set_aside,
    })
}

/// What was given up, for people.
pub(super) fn text(repaired: &Repaired) -> String {
    let mut out = format!(
        "{}\nthe journal ends at entry {} now and goes on at {}; {} entries behind the damage could still be read\n",
        repaired.damage,
        repaired.last,
        repaired.next,
        repaired.lost.len()
    );
    for (seq, entry) in repaired.lost.iter().take(LISTED_MAX) {
        let says = entry.as_ref().map_or_else(|| "means nothing".to_owned(), |entry| format!("{entry:?}"));
        out.push_str(&format!("given up: {seq}: {says}\n"));
    }
    for name in &repaired.set_aside {
        out.push_str(&format!("set aside: {name}.damaged\n"));
    }
    out
}
