//! The usage of one project, user, key, agent, run, session, provider, model or tag, by model.

use super::ReportError;
use super::counts::{Tally, Totals, ended_so};
use super::query::{UsageQuery, WHOSE, check_cost};
use super::range::{PERIODS, Range, instant, label};
use super::summary::grouped;
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Records, Used};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What one of them used in one period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageReport {
    /// What it is about: `project`, `agent`, ….
    pub(crate) entity: String,
    /// Its name.
    pub(crate) name: String,
    /// The project within which it is meant; null: all.
    pub(crate) project: Option<String>,
    /// The period's name, or `total`.
    pub(crate) period: String,
    /// Inclusive; null for `total`.
    pub(crate) starts_at: Option<String>,
    /// Exclusive; null for `total`.
    pub(crate) ends_at: Option<String>,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// What it used.
    pub(crate) total: Totals,
    /// The same by model. Of runs, sessions and tags: as far as records are kept.
    pub(crate) by_model: BTreeMap<String, Totals>,
}

/// From the narrowest to the widest: what a question with several names is about.
const NARROWEST: [Dimension; 9] = [
    Dimension::Run,
    Dimension::Session,
    Dimension::Agent,
    Dimension::Key,
    Dimension::User,
    Dimension::Tag,
    Dimension::Model,
    Dimension::Provider,
    Dimension::Project,
];

/// Tells it: of today unless a period is asked for; `total` is everything that is known.
pub(crate) fn report(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<UsageReport, ReportError> {
    query.only(&[WHOSE, &["period", "at", "status", "time_zone"]])?;
    let (filter, status) = (query.filter()?, query.status()?);
    let entity = NARROWEST.iter().find_map(|entity| Some((*entity, filter.get(entity)?.clone())));
    let (entity, name) = entity.ok_or_else(|| {
        ReportError::input(
            "project",
            "say whose: a project, user, key, agent, run, session, provider, model or tag",
        )
    })?;
    let word = query.period.as_deref().unwrap_or("day");
    let at = query.at.as_deref().map_or(Ok(now), |text| instant("at", text, &zone))?;
    let whole = word == "total";
    let range = if whole {
        // Whole days, so that everything is answered from roll-ups.
        let until = Timestamp::from_micros(now.micros().saturating_add(super::range::DAY));
        Range::containing("day", until, zone).map(|range| Range { from: Timestamp::default(), ..range })?
    } else {
        Range::containing(word, at, zone).map_err(|_| {
            let all = PERIODS.join(", ");
            ReportError::input("period", format!("`{word}` is none: ask for {all} or total"))
        })?
    };
    check_cost(&range, &[Dimension::Model], &filter).map_err(|_| {
        let problem = "codes by model are counted from records: ask for a month or less, or for one run, session or tag";
        ReportError::input("period", problem)
    })?;
    let used = |by: &[Dimension]| -> Result<Vec<Used>, ReportError> {
        Ok(ended_so(records.usage(range.from, range.until, by, &filter)?, status))
    };
    let total = Tally::of(&used(&[])?);
    let by_model = grouped(&used(&[Dimension::Model])?);
    Ok(UsageReport {
        entity: entity.to_string(),
        name,
        project: filter.get(&Dimension::Project).filter(|_| entity != Dimension::Project).cloned(),
        period: if whole { word.to_owned() } else { label(word, range.from, &range.zone) },
        starts_at: (!whole).then(|| range.from.to_string()),
        ends_at: (!whole).then(|| range.until.to_string()),
        time_zone: range.zone.name().to_owned(),
        total: Totals::of(&total),
        by_model: by_model
            .iter()
            .map(|(names, tally)| (names.iter().map(ToString::to_string).collect(), Totals::of(tally)))
            .collect(),
    })
}
