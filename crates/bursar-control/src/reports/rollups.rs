//! The proof that roll-ups and records tell the same, and how roll-ups are made anew.

use super::ReportError;
use bursar_store::records::{Month, Records, Recount};
use serde::Serialize;
use utoipa::ToSchema;

/// Differences that are shown in words.
const SHOWN: usize = 20;

/// Whether roll-ups are what their records add up to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RollupCheck {
    /// Whether nothing differs.
    pub(crate) sound: bool,
    /// By month in UTC, oldest first.
    pub(crate) months: Vec<MonthCheck>,
}

/// One month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonthCheck {
    /// `YYYYMM`.
    pub(crate) month: String,
    /// Records that were counted again.
    pub(crate) records: u64,
    /// Roll-up rows that were compared.
    pub(crate) rows: u64,
    /// Rows that differ.
    pub(crate) differing: u64,
    /// The first of them, in words.
    pub(crate) differences: Vec<String>,
}

impl MonthCheck {
    pub(crate) fn of(month: Month, recount: &Recount) -> Self {
        Self {
            month: month.to_string(),
            records: recount.records,
            rows: recount.rows,
            differing: recount.differing,
            differences: recount.differences.iter().take(SHOWN).map(ToString::to_string).collect(),
        }
    }
}

/// A month by its text.
pub(crate) fn month(text: &str) -> Result<Month, ReportError> {
    Month::parse(text).ok_or_else(|| ReportError::input("month", format!("`{text}` is none: write `202603`")))
}

/// Counts the records of a month, or of every month, again.
pub(crate) fn check(records: &Records, month: Option<Month>) -> Result<RollupCheck, ReportError> {
    over(records, month, Records::recount)
}

/// Makes the roll-ups of a month, or of every month, anew, and tells what was wrong before.
pub(crate) fn rebuild(records: &Records, month: Option<Month>) -> Result<RollupCheck, ReportError> {
    over(records, month, Records::rebuild)
}

fn over(
    records: &Records,
    month: Option<Month>,
    each: impl Fn(&Records, Month) -> Result<Recount, bursar_store::records::RecordsError>,
) -> Result<RollupCheck, ReportError> {
    let wanted = month.map_or_else(|| records.months(), |month| vec![month]);
    let mut months = Vec::with_capacity(wanted.len());
    for month in wanted {
        months.push(MonthCheck::of(month, &each(records, month)?));
    }
    Ok(RollupCheck { sound: months.iter().all(|month| month.differing == 0), months })
}
