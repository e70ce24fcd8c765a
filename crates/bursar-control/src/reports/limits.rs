//! Bounds of reports, each with a sentence on how it was chosen.

/// Periods of one series: five years of days, or eleven weeks of hours.
pub(crate) const PERIODS_MAX: usize = 1_900;
/// Days that one report may span: ten years.
pub(crate) const SPAN_DAYS_MAX: i64 = 3_660;
/// Days of records that a question may go through which no roll-up answers: one busy month.
pub(crate) const SCAN_DAYS_MAX: i64 = 31;
/// Dimensions that one report is grouped by: more make rows that hold one request each.
pub(crate) const GROUPS_MAX: usize = 3;
/// Rows of one page or ranking.
pub(crate) const ROWS_MAX: u32 = 500;
/// Rows of one page or ranking unless asked otherwise.
pub(crate) const ROWS_DEFAULT: u32 = 100;
/// Names of a ranking unless asked otherwise.
pub(crate) const TOP_DEFAULT: u32 = 10;
/// Hours that analyses of records look back at most: a month.
pub(crate) const HOURS_MAX: i64 = 720;
/// Hours of the cache analyses unless asked otherwise: a week, with its quiet days.
pub(crate) const CACHE_HOURS: i64 = 168;
/// Hours of the timeline unless asked otherwise.
pub(crate) const TIMELINE_HOURS: i64 = 24;
/// Points of a timeline: what a chart can show.
pub(crate) const POINTS_MAX: u32 = 10_000;
/// Days of a heat map unless asked otherwise.
pub(crate) const HEATMAP_DAYS: i64 = 365;
/// Attempts in flight that are listed at once.
pub(crate) const ACTIVE_MAX: usize = 500;
/// Budgets that one status goes through: above what one installation declares by hand.
pub(crate) const BUDGETS_MAX: usize = 10_000;
