//! `bursar ledger verify`: recomputes every counter from the journal of a stopped server, and every roll-up from records.

use crate::commands::shared;
use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_store::disk::{LockError, RealDisk};
use bursar_store::ledger::{Verification, VerifyError};
use bursar_store::records::Records;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `bursar ledger verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server's data directory [default: where the configuration says]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// The folder of the ledger's journal and checkpoints inside the data directory.
const LEDGER_FOLDER: &str = "ledger";
/// The folder of records and roll-ups beside it.
const RECORDS_FOLDER: &str = "records";

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
    let found = match bursar_store::ledger::verify(&disk) {
        Ok(found) => found,
        Err(VerifyError::Lock(LockError::Held { holder })) => {
            return Err(Failure::refused(format!("`{}` is in use by {holder}", data_dir.display()))
                .hint("stop the server, or verify a copy of the folder"));
        }
        Err(error) => return Err(anyhow::Error::from(error).into()),
    };
    let rollups = recount(&data_dir.join(RECORDS_FOLDER), context)?;
    let mut answer = as_json(&found);
    if let (Some(object), Some(rollups)) = (answer.as_object_mut(), &rollups) {
        object.insert("rollups".to_owned(), rollups.json.clone());
    }
    let rollups_text = rollups.as_ref().map_or_else(String::new, |rollups| rollups.text.clone());
    shared::show(context, &answer, |_| text(&found) + &rollups_text)?;
    if !found.is_sound() {
        return Err(Failure::failed("the ledger is not sound"));
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
        "live": found.live,
        "suspense": found.suspense,
        "differences": found.differences.iter().map(difference).collect::<Vec<_>>(),
        "problems": found.problems,
    })
}

fn text(found: &Verification) -> String {
    let mut out = format!(
        "{} entries from {} to {}, {} checkpoints, {} windows, {} attempts in flight, {} in suspense\n",
        found.entries,
        found.first,
        found.last,
        found.checkpoints.len(),
        found.windows,
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
