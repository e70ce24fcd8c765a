//! `bursar ledger verify`: recomputes every counter from the journal of a stopped server.

use super::repair;
use crate::commands::shared;
use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_store::disk::{Disk, LockError, RealDisk};
use bursar_store::ledger::{SqliteWindows, Verification, VerifyError, WindowStore};
use serde_json::{Value, json};
use std::path::PathBuf;
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
    let mut told = as_json(&found);
    if let (Some(repaired), Some(told)) = (&repaired, told.as_object_mut()) {
        told.insert("repaired".to_owned(), repair::as_json(repaired));
    }
    let given_up = repaired.as_ref().map(repair::text).unwrap_or_default();
    shared::show(context, &told, |_| format!("{given_up}{}", text(&found)))?;
    match found.is_sound() {
        true => Ok(()),
        false if args.repair => Err(Failure::failed("the ledger is not sound")),
        false => Err(Failure::failed("the ledger is not sound").hint(
            "keep a copy of the data directory; where the journal is damaged `bursar ledger verify --repair` gives \
             up the damaged entry and those behind it, and lists them",
        )),
    }
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
