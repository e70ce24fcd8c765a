//! What was used in each period, by names: the table that most questions end in.

use super::ReportError;
use super::counts::{Tally, Totals, ended_so};
use super::limits::ROWS_DEFAULT;
use super::query::{UsageQuery, WHEN, WHOSE, check_cost};
use super::range::label;
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Records, Used};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A summary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// Everything. Where requests count under each of their tags, rows may add up to more.
    pub(crate) total: Totals,
    /// In order of time, then names.
    pub(crate) items: Vec<SummaryRow>,
    /// What to ask for to go on; null on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// What was used in a period, by names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryRow {
    /// The period's name: `2026-03-15T23` (`2026-11-01T01-04:00` where the clock shows it twice), `2026-03-15`, `2026-W11`,
    /// `2026-03`, `2026`; null without periods.
    pub(crate) period: Option<String>,
    /// Its start, or that of the range within it.
    pub(crate) starts_at: String,
    /// Its end, or that of the range within it.
    pub(crate) ends_at: String,
    /// The names in the order that was asked for; empty where requests have none.
    pub(crate) names: BTreeMap<String, String>,
    /// What was used.
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

/// Rows of the same names as one: states are added up as they count.
pub(crate) fn grouped(rows: &[Used]) -> BTreeMap<Vec<Arc<str>>, Tally> {
    let mut groups: BTreeMap<Vec<Arc<str>>, Tally> = BTreeMap::new();
    for used in rows {
        groups.entry(used.names.clone()).or_default().add(used);
    }
    // What only runs is nothing yet.
    groups.retain(|_, tally| !tally.is_empty());
    groups
}

/// Names with what they are names of.
pub(crate) fn named(by: &[Dimension], names: &[Arc<str>]) -> BTreeMap<String, String> {
    by.iter().zip(names).map(|(dimension, name)| (dimension.to_string(), name.to_string())).collect()
}

/// Tells it.
pub(crate) fn summary(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<Summary, ReportError> {
    query.only(&[WHEN, WHOSE, &["period", "by", "status", "limit", "cursor"]])?;
    let (by, filter, rows) = (query.groups()?, query.filter()?, query.page(ROWS_DEFAULT)?);
    let status = query.status()?;
    let range = query.range(zone, now, None)?;
    check_cost(&range, &by, &filter)?;
    let word = query.period.as_deref();
    let edges = word.map_or_else(|| Ok(vec![range.from, range.until]), |word| range.edges(word))?;
    let total = Tally::of(&ended_so(records.usage(range.from, range.until, &[], &filter)?, status));
    let answers = records.usage_by_period(&edges, &by, &filter)?;
    let behind = query.cursor.as_deref().map(position).transpose()?;
    let mut items = Vec::new();
    let mut next_cursor = None;
    let mut last: Option<(usize, Vec<Arc<str>>)> = None;
    'all: for (at, (answer, bounds)) in answers.into_iter().zip(edges.windows(2)).enumerate() {
        let &[starts_at, ends_at] = bounds else { continue };
        for (names, tally) in grouped(&ended_so(answer, status)) {
            let place = (at, texts(&names));
            if behind.as_ref().is_some_and(|behind| place <= *behind) {
                continue;
            }
            if items.len() >= rows {
                next_cursor = last.take().map(|(at, names)| cursor(at, &names));
                break 'all;
            }
            items.push(SummaryRow {
                period: word.map(|word| label(word, starts_at, &range.zone)),
                starts_at: starts_at.to_string(),
                ends_at: ends_at.to_string(),
                names: named(&by, &names),
                totals: Totals::of(&tally),
            });
            last = Some((at, names));
        }
    }
    Ok(Summary {
        from: range.from.to_string(),
        until: range.until.to_string(),
        time_zone: range.zone.name().to_owned(),
        total: Totals::of(&total),
        items,
        next_cursor,
    })
}

fn texts(names: &[Arc<str>]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The place of the last row of a page: the number of its period and its names, each on a line of its own.
fn cursor(at: usize, names: &[Arc<str>]) -> String {
    let lines = std::iter::once(at.to_string()).chain(texts(names));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn position(cursor: &str) -> Result<(usize, Vec<String>), ReportError> {
    let read = || {
        let pairs = cursor.as_bytes().chunks(2).map(|pair| {
            let digits = std::str::from_utf8(pair).ok().filter(|digits| digits.len() == 2)?;
            u8::from_str_radix(digits, 16).ok()
        });
        let text = String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()?;
        // What has no name is an empty line: not the same as no line.
        let mut lines = text.split('\n');
        let at = lines.next()?.parse().ok()?;
        Some((at, lines.map(str::to_owned).collect()))
    };
    read().ok_or_else(|| ReportError::input("cursor", "is not one that this report gave out"))
}
