//! The daily recount: running counters against the journal, roll-ups against the records. What does not add up is told.

use crate::state::State;
use bursar_core::Timestamp;
use bursar_store::ledger::{Ledger, Verification, VerifyError};
use bursar_store::records::{Records, RecordsError, Recount};
use bursar_store::settings::{AlertEvent, AlertSource, NewAlert, Settings, SettingsError};
use serde_json::json;

const DAY_S: i64 = 86_400;
/// Days that are counted at most after a pause: what is older was counted before it, or is for `bursar ledger verify`.
const DAYS_MAX: i64 = 7;

/// Why it was not counted. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] VerifyError),
    /// Where it is noted.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// What a recount found.
#[derive(Debug)]
pub struct Recounted {
    /// The day that has begun, since 1970 in UTC.
    pub day: i64,
    /// The ledger's counters.
    pub ledger: Verification,
    /// The roll-ups of the days since the last recount.
    pub rollups: Recount,
}

impl Recounted {
    /// Whether everything adds up.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.ledger.is_sound() && self.rollups.differing == 0
    }
    /// How much does not.
    #[must_use]
    pub fn count(&self) -> u64 {
        let found = self.ledger.differences.len().saturating_add(self.ledger.problems.len());
        self.rollups.differing.saturating_add(u64::try_from(found).unwrap_or(u64::MAX))
    }
    /// The first of it, in words.
    fn first(&self) -> String {
        let counter = self.ledger.differences.first().map(|differs| {
            let told = |figure: Option<i64>| figure.map_or("nothing".to_owned(), |figure| figure.to_string());
            format!(
                "`{}` of a window is {} in the {}, its entries add up to {}",
                differs.counter,
                told(differs.recorded),
                differs.recorded_in,
                told(differs.recomputed)
            )
        });
        let problem = || self.ledger.problems.first().cloned();
        let rollup = || self.rollups.differences.first().map(ToString::to_string);
        counter.or_else(problem).or_else(rollup).unwrap_or_default()
    }
}

/// Recounts once a day, after midnight in UTC: `None` where that was done. Reads much: call it where that may take long.
///
/// # Errors
/// See [`RecountError`].
pub fn recount_daily(state: &State) -> Result<Option<Recounted>, RecountError> {
    recount(&state.settings, state.governor.ledger(), &state.records, state.now())
}

fn recount(
    settings: &Settings,
    ledger: &Ledger,
    records: &Records,
    now: Timestamp,
) -> Result<Option<Recounted>, RecountError> {
    let day = now.seconds().div_euclid(DAY_S);
    let counted = settings.alert_cursor(AlertSource::Recount)?;
    if counted >= day {
        return Ok(None);
    }
    let mut rollups = Recount::default();
    for day in counted.max(day.saturating_sub(DAYS_MAX))..day {
        rollups.add(records.recount_day(Timestamp::from_micros(day.saturating_mul(DAY_S * 1_000_000)))?);
    }
    let recounted = Recounted { day, ledger: ledger.verify()?, rollups };
    let alerts: Vec<NewAlert> = (!recounted.is_sound()).then(|| alert(&recounted, now)).into_iter().collect();
    settings.note_alerts(&alerts, Some((AlertSource::Recount, day)))?;
    Ok(Some(recounted))
}

fn alert(recounted: &Recounted, now: Timestamp) -> NewAlert {
    let event = AlertEvent::LedgerDrift;
    NewAlert {
        dedup_key: format!("{event}:{}", recounted.day),
        at: now,
        event,
        scope: "platform".to_owned(),
        document: json!({ "count": recounted.count(), "why": recounted.first() }),
    }
}

#[cfg(test)]
mod tests;
