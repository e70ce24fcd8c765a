//! Retention: records, headers and bodies, and the audit trail are let go when they are old, in small steps. Roll-ups and
//! the ledger stay.

use crate::state::State;
use arc_swap::ArcSwap;
use bursar_core::Timestamp;
use bursar_store::bodies::{BodiesError, Kept};
use bursar_store::records::RecordsError;
use bursar_store::records::limits::RECORDS_KEPT_S_DEFAULT;
use bursar_store::settings::{SettingsError, Stamp};

/// Who the audit trail names for what retention does.
const ACTOR: &str = "retention";
const DAY_S: i64 = 86_400;

/// How long what is kept, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetentionRules {
    /// Records.
    pub records_s: i64,
    /// Headers and bodies.
    pub details: Kept,
    /// The audit trail.
    pub audit_s: i64,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self {
            records_s: RECORDS_KEPT_S_DEFAULT,
            details: Kept { plain_s: 7 * DAY_S, bodies_s: 90 * DAY_S, headers_s: 90 * DAY_S },
            audit_s: 30 * DAY_S,
        }
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Retention {
    rules: ArcSwap<RetentionRules>,
}

impl Retention {
    /// Sets the rules from now on.
    pub fn set_rules(&self, rules: RetentionRules) {
        self.rules.store(std::sync::Arc::new(rules));
    }
}

/// What one step let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LetGo {
    /// Records, with their file or by themselves.
    pub records: u64,
    /// Whole months of records.
    pub months: usize,
    /// Requests whose bodies were compressed.
    pub compressed: u64,
    /// Requests whose bodies or headers were dropped.
    pub details: u64,
    /// Whole days of headers and bodies.
    pub days: usize,
    /// Entries of the audit trail.
    pub audit: usize,
    /// Whether nothing is left to do now.
    pub done: bool,
}

/// Why a step of retention failed. It may be taken again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The records.
    #[error("cannot let records go")]
    Records(#[from] RecordsError),
    /// Headers and bodies.
    #[error("cannot let headers and bodies go")]
    Bodies(#[from] BodiesError),
    /// The audit trail.
    #[error("cannot let the audit trail go")]
    Settings(#[from] SettingsError),
    /// What periods of budgets are open is not known, so nothing is let go.
    #[error("the ledger cannot say which periods are open")]
    Ledger,
}

impl State {
    /// One step of retention, a batch of each kind. Call again until it is done. Blocks on the disk.
    ///
    /// # Errors
    /// See [`RetentionError`].
    pub fn tend_retention(&self, now: Timestamp) -> Result<LetGo, RetentionError> {
        let rules = **self.retention.rules.load();
        let before = self.records_kept_from(now, &rules)?;
        let records = self.records.retain(before)?;
        let details = self.bodies.tend(now, &rules.details)?;
        let audit = self.settings.change(&Stamp::new(ACTOR, now), |change| {
            change.retain_audit(now.plus_seconds(rules.audit_s.saturating_neg()))
        })?;
        Ok(LetGo {
            records: records.records_deleted,
            months: records.months_dropped,
            compressed: details.compressed,
            details: details.bodies_dropped.saturating_add(details.headers_dropped),
            days: details.days_dropped,
            audit,
            done: records.done && details.done && audit == 0,
        })
    }
    /// Records of the open period of any budget are kept, however long ago it began.
    fn records_kept_from(&self, now: Timestamp, rules: &RetentionRules) -> Result<Timestamp, RetentionError> {
        let starts = self.governor.ledger().look(|engine| {
            engine.budgets().filter_map(|budget| budget.period.window_at(now).starts_at).min()
        });
        let oldest = starts.map_err(|_| RetentionError::Ledger)?;
        let before = now.plus_seconds(rules.records_s.saturating_neg());
        Ok(oldest.map_or(before, |oldest| before.min(oldest)))
    }
}
