//! Who used most.

use super::ReportError;
use super::counts::{Tally, Totals, ended_so};
use super::figures::percent;
use super::limits::TOP_DEFAULT;
use super::query::{UsageQuery, WHEN, WHOSE, check_cost, dimension};
use super::summary::{grouped, named};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, Records};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A ranking.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Top {
    /// From, inclusive.
    pub(crate) from: String,
    /// Until, exclusive.
    pub(crate) until: String,
    /// In whose calendar.
    pub(crate) time_zone: String,
    /// What is ranked.
    pub(crate) by: String,
    /// By what.
    pub(crate) order: String,
    /// How many there are in all.
    pub(crate) of: usize,
    /// The first of them.
    pub(crate) items: Vec<TopRow>,
    /// Requests without such a name.
    pub(crate) without: Totals,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopRow {
    /// From 1.
    pub(crate) rank: usize,
    /// The name; with the project where names are only told apart by it.
    pub(crate) names: BTreeMap<String, String>,
    /// Its part of everything that is ranked, in percent.
    pub(crate) share_pct: String,
    /// What it used.
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

/// What a ranking is ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// List cost.
    Cost,
    /// Effective cost.
    EffectiveCost,
    /// Tokens.
    Tokens,
    /// Requests.
    Requests,
    /// List cost that no budget counted.
    Unbudgeted,
    /// Requests that were refused.
    Refused,
}

impl Order {
    pub(crate) fn parse(word: &str) -> Result<Self, ReportError> {
        match word {
            "cost" => Ok(Self::Cost),
            "effective_cost" => Ok(Self::EffectiveCost),
            "tokens" => Ok(Self::Tokens),
            "requests" => Ok(Self::Requests),
            "unbudgeted" => Ok(Self::Unbudgeted),
            "refused" => Ok(Self::Refused),
            other => {
                let problem = format!(
                    "`{other}` is none: ask for cost, effective_cost, tokens, requests, unbudgeted or refused"
                );
                Err(ReportError::input("order", problem))
            }
        }
    }
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::EffectiveCost => "effective_cost",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Unbudgeted => "unbudgeted",
            Self::Refused => "refused",
        }
    }
    pub(crate) fn of(self, tally: &Tally) -> i64 {
        match self {
            Self::Cost => tally.sums.list_cost,
            Self::EffectiveCost => tally.sums.effective_cost,
            Self::Tokens => tally.sums.tokens(),
            Self::Requests => tally.sums.requests,
            Self::Unbudgeted => tally.sums.unbudgeted_cost,
            Self::Refused => tally.refused,
        }
    }
}

/// Tells it.
pub(crate) fn top(
    records: &Records,
    query: &UsageQuery,
    zone: Zone,
    now: Timestamp,
) -> Result<Top, ReportError> {
    query.only(&[WHEN, WHOSE, &["by", "order", "status", "limit"]])?;
    let ranked = dimension(query.by.as_deref().unwrap_or("user"))?;
    let order = Order::parse(query.order.as_deref().unwrap_or("cost"))?;
    let (filter, rows) = (query.filter()?, query.page(TOP_DEFAULT)?);
    let range = query.range(zone, now, None)?;
    // Two projects may have an agent of the same name: they are two.
    let by = match ranked {
        Dimension::Agent | Dimension::Run | Dimension::Session | Dimension::Tag => {
            vec![Dimension::Project, ranked]
        }
        Dimension::Project
        | Dimension::User
        | Dimension::Key
        | Dimension::Provider
        | Dimension::Model
        | Dimension::Code => vec![ranked],
    };
    check_cost(&range, &by, &filter)?;
    let used = records.usage(range.from, range.until, &by, &filter)?;
    let mut groups = grouped(&ended_so(used, query.status()?));
    let mut without = Tally::default();
    let mut whole = 0i64;
    groups.retain(|names, tally| {
        whole = whole.saturating_add(order.of(tally));
        let has_name = names.last().is_some_and(|name| !name.is_empty());
        if !has_name {
            without.sums.add(&tally.sums);
            without.completed += tally.completed;
            without.failed += tally.failed;
            without.cancelled += tally.cancelled;
            without.refused += tally.refused;
        }
        has_name
    });
    let of = groups.len();
    let mut ranking: Vec<_> = groups.into_iter().collect();
    // Stable: what is equal stays in order of names.
    ranking.sort_by_key(|(_, tally)| Reverse(order.of(tally)));
    let row = |(rank, (names, tally)): (usize, &(Vec<std::sync::Arc<str>>, Tally))| TopRow {
        rank,
        names: named(&by, names),
        share_pct: percent(order.of(tally), whole),
        totals: Totals::of(tally),
    };
    Ok(Top {
        from: range.from.to_string(),
        until: range.until.to_string(),
        time_zone: range.zone.name().to_owned(),
        by: ranked.to_string(),
        order: order.as_str().to_owned(),
        of,
        items: (1..).zip(ranking.iter().take(rows)).map(row).collect(),
        without: Totals::of(&without),
    })
}
