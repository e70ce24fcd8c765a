//! A recorded trace: when each request came, how long its prompt was, how long its answer.

use crate::exit::Failure;
use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

/// Rows that are read at most: fifty times the public trace of 19,366 rows, about 24 MB in memory.
const ROWS_MAX: usize = 1_000_000;
/// Longest line: three columns have under a hundred bytes.
const LINE_BYTES_MAX: u64 = 4096;
/// Most tokens of a prompt or answer that are taken from a row: above every model's window of 2026.
const TOKENS_MAX: u64 = 2_000_000;

/// One recorded request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row {
    /// When it came, after the first.
    pub(super) at: Duration,
    /// Tokens of its prompt.
    pub(super) input: u64,
    /// Tokens of its answer.
    pub(super) output: u64,
}

/// Reads up to `most` rows of a CSV file, gzipped or not, with the columns TIMESTAMP, ContextTokens, GeneratedTokens.
pub(super) fn read(path: &Path, most: Option<usize>) -> Result<Vec<Row>, Failure> {
    let name = || format!("`{}` cannot be read", path.display());
    let mut file = BufReader::new(File::open(path).with_context(name)?);
    let zipped = file.fill_buf().with_context(name)?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let rows = rows(BufReader::new(text), most.unwrap_or(ROWS_MAX).min(ROWS_MAX))
        .with_context(|| format!("`{}` is no trace", path.display()))?;
    if rows.is_empty() {
        return Err(Failure::failed(format!("`{}` has no rows", path.display())));
    }
    Ok(rows)
}

fn rows(mut text: impl BufRead, most: usize) -> anyhow::Result<Vec<Row>> {
    let mut line = String::new();
    let mut next = |line: &mut String| {
        line.clear();
        text.by_ref().take(LINE_BYTES_MAX).read_line(line)
    };
    next(&mut line)?;
    let head: Vec<String> = line.trim().split(',').map(str::to_owned).collect();
    let column = |name: &str| {
        let at = head.iter().position(|title| title == name);
        at.with_context(|| format!("its first line has no column `{name}`"))
    };
    let (time, input, output) = (column("TIMESTAMP")?, column("ContextTokens")?, column("GeneratedTokens")?);
    let mut rows = Vec::new();
    let mut first = None;
    let mut number = 1u64;
    while rows.len() < most && next(&mut line)? > 0 {
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = line.trim().split(',').collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default().trim();
        let tokens = |at: usize| {
            let count: Result<u64, _> = cell(at).parse();
            count
                .map(|count| count.min(TOKENS_MAX))
                .with_context(|| format!("line {number}: no count of tokens"))
        };
        let at = instant(cell(time)).with_context(|| format!("line {number}: no time"))?;
        let start = *first.get_or_insert(at);
        let after = at.duration_since(start).unsigned_abs();
        // A row out of order comes at once: the recording's order is kept.
        let after = if at < start { Duration::ZERO } else { after };
        rows.push(Row { at: after, input: tokens(input)?, output: tokens(output)? });
    }
    Ok(rows)
}

/// `2023-11-16 18:15:46.6805900`, also with a zone.
fn instant(text: &str) -> Result<jiff::Timestamp, jiff::Error> {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(at),
        Err(_) => {
            let civil: jiff::civil::DateTime = text.parse()?;
            Ok(civil.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_distance_from_the_first() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n\
                    2023-11-16 18:15:47.1805900,396,109\n";
        let read = rows(text.as_bytes(), 10).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1], Row { at: Duration::from_millis(500), input: 396, output: 109 });
        assert!(rows("a,b\n1,2\n".as_bytes(), 1).is_err());
    }
}
