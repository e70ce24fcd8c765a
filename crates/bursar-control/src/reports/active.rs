//! Requests in flight: how old they are and what they hold. Straight from the ledger; who they are, from their records.

use super::ReportError;
use super::limits::ACTIVE_MAX;
use super::query::{UsageQuery, WHOSE_UNFAILED};
use bursar_core::limits::{PROGRESS_EVERY_S, RESERVATION_TTL_S};
use bursar_core::{Attribute, Attributes, Timestamp};
use bursar_govern::directory::Provider;
use bursar_ledger::{OpenReservation, State};
use bursar_store::records::{Dimension, NameFilter, Record, Records};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Rows unless asked otherwise.
const ROWS: u32 = 50;
/// Seconds without progress after which an attempt is late, where its provider says nothing else.
const TIMEOUT_S: i64 = 300;
const SECOND: i64 = 1_000_000;

/// Requests in flight.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Active {
    /// How many attempts are in flight in all; to a bound token: how many are shown.
    pub(crate) of: usize,
    /// What they hold, USD at list price.
    pub(crate) held_usd: String,
    /// The newest of those that were asked for.
    pub(crate) items: Vec<ActiveRow>,
}

impl Active {
    /// As somebody may know it who is not to know of the rest: counts and sums of the shown alone, without credentials.
    pub(crate) fn within(mut self) -> Self {
        let held = self.items.iter().filter_map(|row| bursar_core::Usd::parse(&row.held_usd).ok());
        self.held_usd = held.fold(bursar_core::Usd::ZERO, bursar_core::Usd::saturating_add).to_string();
        self.of = self.items.len();
        for row in &mut self.items {
            row.attributes.retain(|name, _| !matches!(name.as_str(), "credential" | "endpoint"));
        }
        self
    }
}

/// An attempt in flight.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActiveRow {
    /// The request.
    pub(crate) id: String,
    /// Which try of it, from 0.
    pub(crate) attempt: u32,
    /// `pending` or `streaming`.
    pub(crate) status: String,
    /// Who asked for what; empty in the first moments.
    pub(crate) attributes: BTreeMap<String, String>,
    /// When it was reserved.
    pub(crate) started_at: String,
    /// Whole seconds since.
    pub(crate) age_s: i64,
    /// Whole seconds since it last made progress.
    pub(crate) idle_s: i64,
    /// Whether it has made no progress for longer than its provider's idle timeout.
    pub(crate) late: bool,
    /// What it holds, USD at list price.
    pub(crate) held_usd: String,
    /// The same after the credential's multiplier.
    pub(crate) held_effective_usd: String,
    /// Tokens held.
    pub(crate) held_tokens: i64,
    /// When it goes into suspense without progress.
    pub(crate) expires_at: Option<String>,
}

/// Whether an attempt that was quiet for so long is late: strictly more than its endpoint allows. An answer tells of its
/// progress only so often; where its endpoint allows less than that, it is not late before it would have told.
pub(crate) fn is_late(idle_s: i64, patience: Option<Patience>) -> bool {
    let Some(Patience { idle_s: most_s, stale_s }) = patience else { return idle_s > TIMEOUT_S };
    let told_every_s = PROGRESS_EVERY_S.min(stale_s / 5);
    idle_s > if most_s < told_every_s { told_every_s + most_s } else { most_s }
}

/// What a provider's timeouts say, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Between two parts of an answer.
    pub(crate) idle_s: i64,
    /// Until an attempt counts as lost.
    pub(crate) stale_s: i64,
}

impl Patience {
    /// Of a provider.
    pub(crate) fn of(provider: &Provider) -> Self {
        let idle_s = i64::try_from(provider.timeouts.idle.as_secs()).unwrap_or(i64::MAX);
        Self { idle_s, stale_s: provider.timeouts.stale_s }
    }
}

/// Tells it. `patience`: of a provider, by name.
pub(crate) fn active(
    records: &Records,
    open: Vec<OpenReservation>,
    query: &UsageQuery,
    now: Timestamp,
    patience: impl Fn(&str) -> Option<Patience>,
) -> Result<Active, ReportError> {
    query.only(&[WHOSE_UNFAILED, &["limit"]])?;
    let (filter, most) = (query.filter()?, query.page(ROWS)?);
    let mut live: Vec<OpenReservation> = open.into_iter().filter(|open| open.state == State::Live).collect();
    live.sort_by_key(|open| std::cmp::Reverse(open.reserved.at));
    let held =
        live.iter().fold(bursar_core::Usd::ZERO, |sum, open| sum.saturating_add(open.reserved.hold.list));
    let of = live.len();
    let mut items = Vec::new();
    // With names asked for, so many are looked at; each costs a look at its record.
    for open in live.iter().take(if filter.is_empty() { most } else { ACTIVE_MAX.max(most) }) {
        let record = records.get(open.reserved.id.request)?;
        let attributes = record.as_ref().map(|record| &record.attributes);
        if items.len() < most && has_names(attributes, &filter) {
            items.push(row(open, record.as_ref(), now, &patience));
        }
    }
    Ok(Active { of, held_usd: held.to_string(), items })
}

fn has_names(attributes: Option<&Attributes>, filter: &NameFilter) -> bool {
    let Some(attributes) = attributes else { return filter.is_empty() };
    filter.iter().all(|(dimension, wanted)| match (dimension, wanted.split_once('=')) {
        (Dimension::Tag, Some((tag, value))) => {
            let tag = bursar_core::Value::new(tag).ok().map(Attribute::Tag);
            tag.and_then(|tag| attributes.get(&tag)).is_some_and(|own| own.as_str() == value)
        }
        (Dimension::Tag | Dimension::Code, _) => false,
        (named, _) => {
            let attribute = Attribute::parse(named.as_str());
            attribute.and_then(|attribute| attributes.get(&attribute)).map_or("", |own| own.as_str())
                == wanted
        }
    })
}

fn row(
    open: &OpenReservation,
    record: Option<&Record>,
    now: Timestamp,
    patience: &impl Fn(&str) -> Option<Patience>,
) -> ActiveRow {
    let hold = &open.reserved.hold;
    let provider = record.and_then(|record| record.attributes.get(&Attribute::Provider));
    let patience = provider.and_then(|provider| patience(provider.as_str()));
    let stale_s = patience.map_or(RESERVATION_TTL_S, |patience| patience.stale_s);
    let attributes = record.into_iter().flat_map(|record| record.attributes.iter());
    let idle_s = idle_s(open, stale_s, now);
    ActiveRow {
        id: open.reserved.id.request.to_string(),
        attempt: u32::from(open.reserved.id.attempt),
        status: record.map_or_else(|| "pending".to_owned(), |record| record.status.to_string()),
        attributes: attributes.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        started_at: open.reserved.at.to_string(),
        age_s: seconds(open.reserved.at, now),
        idle_s,
        late: is_late(idle_s, patience),
        held_usd: hold.list.to_string(),
        held_effective_usd: hold.effective.to_string(),
        held_tokens: hold.tokens,
        expires_at: open.until.map(|at| at.to_string()),
    }
}

/// For how many seconds an attempt has made no progress: a reservation ends `stale_s` after its last.
pub(crate) fn idle_s(open: &OpenReservation, stale_s: i64, now: Timestamp) -> i64 {
    let progressed = open.until.map_or(open.reserved.at, |until| until.plus_seconds(-stale_s));
    seconds(progressed.max(open.reserved.at), now)
}

fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    now.micros_since(since).div_euclid(SECOND).max(0)
}
