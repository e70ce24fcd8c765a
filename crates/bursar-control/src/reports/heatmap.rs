//! A year of days, each with how busy it was: for the calendar that shows habits and outliers at a glance.

use super::ReportError;
use super::counts::Tally;
use super::figures::usd;
use super::limits::HEATMAP_DAYS;
use super::query::{UsageQuery, WHOSE, check_cost};
use super::top::Order;
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::Records;
use serde::Serialize;
use utoipa::ToSchema;

/// The highest shade; 0 is a day without use.
const LEVELS: i64 = 4;

/// Every day of the range, those without use included.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Heatmap {
    /// The first day.
    pub(crate) start_date: String,
    /// The last day: today.
    pub(crate) end_date: String,
    /// How many.
    pub(crate) total_days: usize,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// Requests of the busiest day.
    pub(crate) max_requests: i64,
    /// What days are shaded by.
    pub(crate) order: String,
    /// In order of time.
    pub(crate) days: Vec<HeatmapDay>,
}

/// One day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeatmapDay {
    /// The date in the time zone.
    pub(crate) date: String,
    /// Requests.
    pub(crate) requests: i64,
    /// Tokens, every class once.
    pub(crate) tokens: i64,
    /// USD at list price.
    pub(crate) list_cost: String,
    /// USD after the credential's multiplier.
    pub(crate) effective_cost: String,
    /// 0 to 4, in proportion to the busiest day.
    pub(crate) level: i64,
    /// 0 to 4, by quarters of the days with use: one very busy day does not flatten the year.
    pub(crate) quantile: i64,
}

/// Tells it.
pub(crate) fn heatmap(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<Heatmap, ReportError> {
    query.only(&[WHOSE, &["days", "until", "time_zone", "order"]])?;
    let order = Order::parse(query.order.as_deref().unwrap_or("requests"))?;
    let filter = query.filter()?;
    let asked = UsageQuery { days: query.days.or(Some(HEATMAP_DAYS)), ..query.clone() };
    let range = asked.range(zone, now, None)?;
    check_cost(&range, &[], &filter)?;
    let edges = range.edges("day")?;
    let tallies: Vec<Tally> = records.usage_by_period(&edges, &[], &filter)?.iter().map(Tally::of).collect();
    let levels = levels(&tallies.iter().map(|tally| order.of(tally)).collect::<Vec<_>>());
    let day = |((tally, at), (level, quantile)): ((&Tally, &Timestamp), &(i64, i64))| HeatmapDay {
        date: range.date(*at).to_string(),
        requests: tally.sums.requests,
        tokens: tally.sums.tokens(),
        list_cost: usd(tally.sums.list_cost),
        effective_cost: usd(tally.sums.effective_cost),
        level: *level,
        quantile: *quantile,
    };
    let days: Vec<HeatmapDay> = tallies.iter().zip(&edges).zip(&levels).map(day).collect();
    let date = |day: Option<&HeatmapDay>| day.map(|day| day.date.clone()).unwrap_or_default();
    Ok(Heatmap {
        start_date: date(days.first()),
        end_date: date(days.last()),
        total_days: days.len(),
        time_zone: range.zone.name().to_owned(),
        max_requests: days.iter().map(|day| day.requests).max().unwrap_or(0),
        order: order.as_str().to_owned(),
        days,
    })
}

/// The shades of values: in proportion to the largest, and by quarters of those above 0. What is above 0 is at least 1.
pub(crate) fn levels(values: &[i64]) -> Vec<(i64, i64)> {
    let largest = i128::from(values.iter().copied().max().unwrap_or(0));
    let mut sorted: Vec<i64> = values.iter().copied().filter(|value| *value > 0).collect();
    sorted.sort_unstable();
    let shade = |part: i128, whole: i128| {
        let up = (part * i128::from(LEVELS) + whole - 1).div_euclid(whole);
        i64::try_from(up).unwrap_or(LEVELS).clamp(1, LEVELS)
    };
    let width = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
    values
        .iter()
        .map(|value| {
            if *value <= 0 {
                return (0, 0);
            }
            // Equal values have equal shades: a value stands where the last of its equals does.
            let below = sorted.partition_point(|other| other <= value);
            (shade(i128::from(*value), largest), shade(width(below), width(sorted.len())))
        })
        .collect()
}
