//! Where budgets stand: which are exhausted, which are near, and what is tightest. Budgets overlap, so they are never added
//! up.

use super::ReportError;
use super::figures::{ratio, usd};
use super::limits::{BUDGETS_MAX, ROWS_DEFAULT};
use super::query::{UsageQuery, WHOSE_UNFAILED};
use crate::api::WouldHaveRefused;
use bursar_core::{Attribute, Attributes, Measure, Timestamp, Value};
use bursar_govern::assemble;
use bursar_ledger::{Budget, Mode, Standing, Threshold};
use bursar_store::PageRequest;
use bursar_store::records::{Dimension, NameFilter};
use bursar_store::settings::{BudgetRow, KeyId, Settings};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Where budgets stand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetStatus {
    /// Budgets that apply, those switched off included.
    pub(crate) total_budgets: usize,
    /// Of these: those that count.
    pub(crate) active_budgets: usize,
    /// Of these: those with an exhausted window.
    pub(crate) exceeded_budgets: usize,
    /// Of these: those with a window past a threshold, and none exhausted.
    pub(crate) warning_budgets: usize,
    /// What is left in the tightest window of money, USD; null where none has a limit.
    pub(crate) tightest_remaining_usd: Option<String>,
    /// The windows of this period, the tightest first: least left in proportion to the limit.
    pub(crate) items: Vec<WindowStatus>,
    /// How many windows there are.
    pub(crate) of: usize,
}

/// Where one window stands. Amounts are decimals in the measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WindowStatus {
    /// The budget.
    pub(crate) budget: String,
    /// What it is about.
    pub(crate) scope: String,
    /// `usd`, `tokens`, `requests`.
    pub(crate) measure: String,
    /// `hard`, `soft`, `shadow`.
    pub(crate) mode: String,
    /// The values of `per`; null where requests omit the attribute.
    pub(crate) per: BTreeMap<String, Option<String>>,
    /// `ok`, `warning` (past a threshold) or `exceeded` (nothing is left).
    pub(crate) state: &'static str,
    /// Null: unlimited.
    pub(crate) limit: Option<String>,
    /// Settled.
    pub(crate) settled: String,
    /// Sent, and the bill is unknown.
    pub(crate) suspense: String,
    /// Held by requests in flight.
    pub(crate) held: String,
    /// What is left, never below 0; null: unlimited.
    pub(crate) remaining: Option<String>,
    /// Settled, suspense and held in percent of the limit, two places; null where there is no limit above 0.
    pub(crate) used_pct: Option<String>,
    /// Settled per day.
    pub(crate) burn_per_day: String,
    /// What will be settled at the end of the period at that pace.
    pub(crate) projection: Option<String>,
    /// Whole days until the end of the period.
    pub(crate) days_left: Option<i64>,
    /// When the next period begins.
    pub(crate) resets_at: Option<String>,
    /// What the budget would have refused in this window; only in mode `shadow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) would_have_refused: Option<WouldHaveRefused>,
}

/// How a window stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stands {
    /// Below every threshold.
    Ok,
    /// Past a threshold.
    Warning,
    /// Nothing is left.
    Exceeded,
}

/// How a window with these counters stands.
pub(crate) fn stands(limit: Option<i64>, thresholds: &[Threshold], charged: i64, held: i64) -> Stands {
    let charged = i128::from(charged);
    if limit.is_some_and(|limit| charged + i128::from(held) >= i128::from(limit)) {
        return Stands::Exceeded;
    }
    let past = |threshold: &Threshold| match threshold {
        Threshold::Percent(percent) => {
            limit.is_some_and(|limit| charged * 100 >= i128::from(limit) * i128::from(*percent))
        }
        Threshold::Amount(amount) => charged >= i128::from(*amount),
    };
    if thresholds.iter().any(past) { Stands::Warning } else { Stands::Ok }
}

impl Stands {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Exceeded => "exceeded",
        }
    }
}

fn used(standing: &Standing) -> i128 {
    i128::from(standing.settled) + i128::from(standing.suspense) + i128::from(standing.held)
}

/// The one with less left in proportion first; unlimited ones last.
fn tighter(one: &Standing, other: &Standing) -> Ordering {
    match (one.limit, other.limit) {
        (Some(one_limit), Some(other_limit)) => {
            // used/limit, the larger first; a limit of 0 is tightest of all.
            let left = used(one).max(i128::from(one_limit == 0)) * i128::from(other_limit);
            let right = used(other).max(i128::from(other_limit == 0)) * i128::from(one_limit);
            right.cmp(&left)
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => used(other).cmp(&used(one)),
    }
}

impl WindowStatus {
    fn of(budget: &Budget, standing: &Standing) -> Self {
        let show = |amount: i64| budget.measure.format(amount);
        let per = budget.per.iter().zip(&standing.per);
        let charged = standing.settled.saturating_add(standing.suspense);
        let pct = |limit: i64| ratio(used(standing) * 100, i128::from(limit), 2);
        Self {
            budget: budget.name.to_string(),
            scope: standing.scope.to_string(),
            measure: budget.measure.as_str().to_owned(),
            mode: match budget.mode {
                Mode::Hard => "hard",
                Mode::Soft => "soft",
                Mode::Shadow => "shadow",
            }
            .to_owned(),
            per: per
                .map(|(attribute, value)| (attribute.to_string(), value.as_ref().map(ToString::to_string)))
                .collect(),
            state: stands(standing.limit, &budget.thresholds, charged, standing.held).as_str(),
            limit: standing.limit.map(show),
            settled: show(standing.settled),
            suspense: show(standing.suspense),
            held: show(standing.held),
            remaining: standing.remaining.map(show),
            used_pct: standing.limit.filter(|limit| *limit > 0).map(pct),
            burn_per_day: show(standing.burn_per_day),
            projection: standing.projection.map(show),
            days_left: standing.days_left,
            resets_at: standing.resets_at.map(|at| at.to_string()),
            would_have_refused: None,
        }
    }
}

/// Puts windows of budgets together; `rows` are all budgets that apply.
pub(crate) fn status(
    rows: &[BudgetRow],
    mut windows: Vec<(std::sync::Arc<Budget>, Standing)>,
    most: usize,
) -> BudgetStatus {
    windows.sort_by(|(_, one), (_, other)| tighter(one, other));
    let mut worst: BTreeMap<u32, Stands> = BTreeMap::new();
    for (budget, standing) in &windows {
        let charged = standing.settled.saturating_add(standing.suspense);
        let stands = stands(standing.limit, &budget.thresholds, charged, standing.held);
        let own = worst.entry(budget.id.0).or_insert(stands);
        *own = stands.max(*own);
    }
    let count = |wanted: Stands| worst.values().filter(|stands| **stands == wanted).count();
    let money = windows.iter().filter(|(budget, _)| budget.measure == Measure::Usd);
    let active: BTreeSet<u32> = rows.iter().filter(|row| row.active).map(|row| row.id).collect();
    BudgetStatus {
        total_budgets: rows.len(),
        active_budgets: active.len(),
        exceeded_budgets: count(Stands::Exceeded),
        warning_budgets: count(Stands::Warning),
        tightest_remaining_usd: money.filter_map(|(_, standing)| standing.remaining).min().map(usd),
        of: windows.len(),
        items: windows
            .iter()
            .take(most)
            .map(|(budget, standing)| WindowStatus::of(budget, standing))
            .collect(),
    }
}

/// Tells it: of the budgets that a request with these names would touch, or of all.
pub(crate) fn budgets(
    settings: &Settings,
    ledger: &bursar_store::ledger::Ledger,
    query: &UsageQuery,
    now: Timestamp,
) -> Result<BudgetStatus, ReportError> {
    query.only(&[WHOSE_UNFAILED, &["limit"]])?;
    let most = query.page(ROWS_DEFAULT)?;
    let attributes = attributes(settings, &query.filter()?)?;
    let mut rows = Vec::new();
    let mut page = PageRequest::first(bursar_core::limits::PAGE_MAX);
    loop {
        let found = settings.budgets(&page)?;
        let next = page.after(&found);
        rows.extend(found.items);
        match next {
            Some(next) if rows.len() < BUDGETS_MAX => page = next,
            Some(_) | None => break,
        }
    }
    let down = |error: bursar_store::ledger::LedgerDown| ReportError::Ledger(error.to_string());
    let windows = match &attributes {
        Some(attributes) => {
            rows.retain(|row| assemble::budget(row).is_ok_and(|budget| budget.applies_to(attributes)));
            let touched = ledger.windows_of(attributes, now).map_err(down)?;
            touched.into_iter().map(|touched| (touched.budget, touched.standing)).collect()
        }
        None => ledger.look(|engine| all(engine, now)).map_err(down)?,
    };
    let mut tightest = windows.clone();
    tightest.sort_by(|(_, one), (_, other)| tighter(one, other));
    let mut told = status(&rows, windows, most);
    for (item, (budget, standing)) in told.items.iter_mut().zip(&tightest) {
        item.would_have_refused = WouldHaveRefused::in_window(settings, budget, standing)?;
    }
    Ok(told)
}

fn all(engine: &bursar_ledger::Engine, now: Timestamp) -> Vec<(std::sync::Arc<Budget>, Standing)> {
    let of = |budget: &std::sync::Arc<Budget>| {
        let standings = engine.standing(budget.id, now).into_iter();
        standings.map(|standing| (budget.clone(), standing)).collect::<Vec<_>>()
    };
    engine.budgets().flat_map(of).collect()
}

/// The attributes of a request that is asked about; those that a key binds come with it. `None`: no name is given.
fn attributes(settings: &Settings, filter: &NameFilter) -> Result<Option<Attributes>, ReportError> {
    if filter.is_empty() {
        return Ok(None);
    }
    let mut attributes = Attributes::new();
    let mut set = |attribute: &Attribute, text: &str| -> Result<(), ReportError> {
        let value = Value::new(text)
            .map_err(|error| ReportError::input("project", format!("`{text}` is no name: {error}")))?;
        attributes.set(attribute, value);
        Ok(())
    };
    if let Some(key) = filter.get(&Dimension::Key).and_then(|id| KeyId::parse(id)) {
        let (key, _) = settings.key(key)?;
        set(&Attribute::Project, &key.project)?;
        if let Some(user) = &key.user {
            set(&Attribute::User, user)?;
        }
        for (attribute, value) in key.bound.iter() {
            set(&attribute, value.as_str())?;
        }
    }
    for (dimension, name) in filter {
        match (dimension, name.split_once('=')) {
            (Dimension::Tag, Some((tag, value))) => {
                let tag = Value::new(tag).map_err(|error| ReportError::input("tag", error.to_string()))?;
                set(&Attribute::Tag(tag), value)?;
            }
            (Dimension::Tag | Dimension::Code, _) => {
                return Err(ReportError::input("code", "budgets are not about codes"));
            }
            (named, _) => {
                if let Some(attribute) = Attribute::parse(named.as_str()) {
                    set(&attribute, name)?;
                }
            }
        }
    }
    Ok(Some(attributes))
}
