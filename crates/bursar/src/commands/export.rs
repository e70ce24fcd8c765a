//! `bursar export`: records for spreadsheets, warehouses and finance tools. A chunk at a time is in memory.

mod parquet;

use super::shared::Server;
use super::which::Which;
use crate::client::Client;
use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One row per request
    Csv,
    /// One object per request and line
    Jsonl,
    /// One row per request, in columns with types; needs `--output`
    Parquet,
    /// FOCUS 1.2 as CSV: one row per line of a cost
    Focus,
}

/// Arguments of `bursar export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How records are written
    #[arg(long, value_enum)]
    format: Format,
    /// Write there instead of standard output; an existing file is not overwritten
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// At or after: a time or a date
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before: a time or a date
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    server: Server,
}

/// Asks for chunk after chunk and writes each before it asks for the next.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(args.server.url.as_deref())?;
    let Some(path) = &args.output else {
        if args.format == Format::Parquet {
            return Err(Failure::usage(
                "`--format parquet` is no text: name a file with `--output`".to_owned(),
            ));
        }
        each_chunk(args, &client, |chunk| Ok(context.console.out.write_all(&chunk)?))?;
        return Ok(context.console.out.flush()?);
    };
    let file = create(path)?;
    let written = write(args, &client, file);
    match written {
        Ok(()) => {
            context.console.say(&format!("wrote `{}`", path.display()));
            Ok(())
        }
        Err(failure) => {
            // Half an export looks like a whole one.
            let _ = std::fs::remove_file(path);
            Err(failure)
        }
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    Ok(made.with_context(|| format!("cannot make `{}`", path.display()))?)
}

fn write(args: &Args, client: &Client, file: File) -> Result<(), Failure> {
    if args.format == Format::Parquet {
        let mut writer = parquet::Writer::new(file)?;
        each_chunk(args, client, |chunk| writer.write(&chunk))?;
        return writer.finish();
    }
    let mut out = BufWriter::new(file);
    each_chunk(args, client, |chunk| Ok(out.write_all(&chunk)?))?;
    out.flush()?;
    Ok(out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}

fn each_chunk(
    args: &Args,
    client: &Client,
    mut take: impl FnMut(Bytes) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let path = match args.format {
        Format::Csv => "/export/csv",
        Format::Jsonl | Format::Parquet => "/export/jsonl",
        Format::Focus => "/export/focus",
    };
    let mut cursor: Option<String> = None;
    loop {
        let mut query = args.which.query();
        query.extend([
            ("from", args.from.as_deref()),
            ("until", args.until.as_deref()),
            ("cursor", cursor.as_deref()),
        ]);
        let (chunk, next) = client.chunk(path, &query)?;
        take(chunk)?;
        cursor = next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
