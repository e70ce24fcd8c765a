//! `bursar ledger verify`: recomputes every counter from the journal of a stopped server, and every roll-up from records.

use super::repair;
use crate::commands::shared;
use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_store::disk::{Disk, LockError, RealDisk};
use bursar_store::ledger::{SqliteWindows, Verification, VerifyError, WindowStore};
use bursar_store::records::Records;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `bursar ledger verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's data directory [default: where the configuration says]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Give up the first damaged entry of the journal and everything behind it, list that, and verify the rest
    #[arg(long)]
    repair: bool,
}

/// The folder of the ledger's journal and checkpoints inside the data directory.
const LEDGER_FOLDER: &str = "ledger";
/// The folder of records and roll-ups beside it.
const RECORDS_FOLDER: &str = "records";
/// The file with the windows that left memory, beside it.
const WINDOWS_FILE: &str = "windows.db";

/// Verifies, and fails where anything is not what the entries say.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let data_dir = match &args.data_dir {
        Some(folder) => folder.clone(),
        None => context.server()?.data_dir,
    };
    let folder = data_dir.join(LEDGER_FOLDER);
    if !folder.is_dir() {
        return Err(Failure::failed(format!("`{}` has no ledger", data_dir.display()))
            .hint("`--data-dir`, or `--config`, names the server's data directory"));
    }
    let disk = RealDisk::open(&folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let repaired = if args.repair { repair::run(&disk)? } else { None };
    let stored = data_dir.join(WINDOWS_FILE);
    let windows = if stored.is_file() {
        let opened = SqliteWindows::open(&stored, context.now);
        Some(opened.with_context(|| format!("`{}` cannot be read", stored.display()))?)
    } else {
        None
    };
    let windows = windows.as_ref().map(|windows| -> &dyn WindowStore { windows });
    let found = match bursar_store::ledger::verify(disk.as_ref(), windows) {
        Ok(found) => found,
        Err(VerifyError::Lock(LockError::Held { holder })) => {
            return Err(Failure::refused(format!("`{}` is in use by {holder}", data_dir.display()))
                .hint("stop the server, or verify a copy of the folder"));
        }
        Err(error) => return Err(anyhow::Error::from(error).into()),
    };
    let rollups = recount(&data_dir.join(RECORDS_FOLDER), context)?;
    let mut told = as_json(&found);
    if let Some(told) = told.as_object_mut() {
        if let Some(rollups) = &rollups {
            told.insert("rollups".to_owned(), rollups.json.clone());
        }
        if let Some(repaired) = &repaired {
            told.insert("repaired".to_owned(), repair::as_json(repaired));
        }
    }
    let given_up = repaired.as_ref().map(repair::text).unwrap_or_default();
    let rollups_text = rollups.as_ref().map_or_else(String::new, |rollups| rollups.text.clone());
    shared::show(context, &told, |_| format!("{given_up}{}{rollups_text}", text(&found)))?;
    match found.is_sound() {
        true => {}
        false if args.repair => return Err(Failure::failed("the ledger is not sound")),
        false => return Err(Failure::failed("the ledger is not sound").hint(
            "keep a copy of the data directory; where the journal is damaged `bursar ledger verify --repair` gives \
             up the damaged entry and those behind it, and lists them",
        )),
    }
    if rollups.is_some_and(|rollups| !rollups.sound) {
        return Err(Failure::failed("roll-ups are not what their records add up to")
            .hint("`bursar ledger rollups --rebuild` makes them anew on a running server"));
    }
    Ok(())
}

/// What counting the records again found.
struct Recounted {
    sound: bool,
    json: Value,
    text: String,
}

/// Counts the records again and compares with the roll-ups; nothing where there are no records yet.
fn recount(folder: &Path, context: &Context<'_>) -> Result<Option<Recounted>, Failure> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let unreadable = || format!("`{}` cannot be read", folder.display());
    let records = Records::open(folder, context.now).with_context(unreadable)?;
    let (mut counted, mut rows, mut differing, mut differences) = (0, 0, 0, Vec::new());
    for month in records.months() {
        let found = records.recount(month).with_context(unreadable)?;
        counted += found.records;
        rows += found.rows;
        differing += found.differing;
        differences.extend(found.differences.iter().map(|difference| format!("{month}: {difference}")));
    }
    let mut text = format!("{counted} records against {rows} roll-up rows\n");
    for difference in &differences {
        text.push_str(difference);
        text.push('\n');
    }
    if differing == 0 {
        text.push_str("every roll-up is what its records add up to\n");
    }
    let json =
        json!({ "records": counted, "rows": rows, "differing": differing, "differences": differences });
    Ok(Some(Recounted { sound: differing == 0, json, text }))
}

fn as_json(found: &Verification) -> Value {
    let difference = |difference: &bursar_store::ledger::Difference| {
        json!({
            "at": difference.at.to_string(),
            "recorded_in": difference.recorded_in,
            "window": difference.window.to_string(),
            "counter": difference.counter,
            "recorded": difference.recorded.map(|n| n.to_string()),
            "recomputed": difference.recomputed.map(|n| n.to_string()),
        })
    };
    json!({
        "sound": found.is_sound(),
        "first": found.first.to_string(),
        "last": found.last.to_string(),
        "entries": found.entries,
        "checkpoints": found.checkpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "windows": found.windows,
        "paged": found.paged,
        "live": found.live,
        "suspense": found.suspense,
        "differences": found.differences.iter().map(difference).collect::<Vec<_>>(),
        "problems": found.problems,
    })
}

fn text(found: &Verification) -> String {
    let mut out = format!(
        "{} entries from {} to {}, {} checkpoints, {} windows, {} more that left memory, \
         {} attempts in flight, {} in suspense\n",
        found.entries,
        found.first,
        found.last,
        found.checkpoints.len(),
        found.windows,
        found.paged,
        found.live,
        found.suspense
    );
    let shown = |number: Option<i64>| number.map_or_else(|| "absent".to_owned(), |number| number.to_string());
    for difference in &found.differences {
        out.push_str(&format!(
            "window {}: {} is {} in {}, and the entries up to {} add up to {}\n",
            difference.window,
            difference.counter,
            shown(difference.recorded),
            difference.recorded_in,
            difference.at,
            shown(difference.recomputed)
        ));
    }
    for problem in &found.problems {
        out.push_str(problem);
        out.push('\n');
    }
    if found.is_sound() {
        out.push_str("every counter is what the entries say\n");
    }
    out
}
