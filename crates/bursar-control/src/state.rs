//! What the admin API works on, and how a change reaches the data plane.

use arc_swap::ArcSwap;
use bursar_core::Timestamp;
use bursar_govern::assemble::{self, AssembleError, Installed};
use bursar_govern::budget::BudgetDocument;
use bursar_govern::idempotency::Replies;
use bursar_govern::{Directory, Governor};
use bursar_ledger::Outcome;
use bursar_store::bodies::Bodies;
use bursar_store::records::Records;
use bursar_store::settings::{BudgetRow, Change, ManagedBy, Settings, SettingsError, Stamp};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::alert::AlertDesk;
use crate::api::Probe;
use crate::drained::DrainMarks;
use crate::feed::Feed;
use crate::health::MoreChecks;
use crate::kill::KillDesk;
use crate::metrics::Metrics;
use crate::observer::Watcher;
use crate::overlay::{self, OverlayError, Overlays};
use crate::retention::Retention;
use crate::throttle::{House, Throttler};
use crate::token_use::TokenUse;

/// Everything that the control plane works on.
pub struct State {
    /// Projects, users, keys, budgets, tokens, audit.
    pub settings: Arc<Settings>,
    /// The data plane's governor.
    pub governor: Arc<Governor>,
    /// Records of requests.
    pub records: Arc<Records>,
    /// Headers and bodies of requests.
    pub bodies: Arc<Bodies>,
    /// How long what is kept.
    pub retention: Retention,
    /// What the configuration installed.
    pub installed: ArcSwap<Installed>,
    /// Numbers for `/metrics`.
    pub metrics: Arc<Metrics>,
    pub(crate) overlays: Overlays,
    pub(crate) kill_desk: KillDesk,
    pub(crate) token_use: TokenUse,
    /// The evaluator of throttles.
    pub throttle: Throttler,
    /// Alerts and the channels they go to.
    pub alerts: AlertDesk,
    revision: AtomicU64,
    reload: OnceLock<Reload>,
    pub(crate) replies: OnceLock<Arc<Replies>>,
    pub(crate) probe: OnceLock<Probe>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) drained: DrainMarks,
    pub(crate) reloaded: Mutex<Option<String>>,
    pub(crate) checks: OnceLock<MoreChecks>,
    watcher: OnceLock<Arc<Watcher>>,
}

/// Reads the configuration again and brings settings and providers in line with it: the fields that changed and count only
/// from the next start on; or what is wrong, in words.
pub type Reload = Box<dyn Fn(&State) -> Result<Vec<String>, String> + Send + Sync>;

/// What a reload brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Rises with each replacement of the directory.
    pub revision: u64,
    /// Fields of the file that differ from what this process started with, and that only a restart brings into force.
    pub needs_restart: Vec<String>,
}

/// Why a change did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The settings refused it.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A stored row cannot be used.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The operator's price rows do not lie over the installed prices.
    #[error("the price rows that were given through the admin API cannot be used: {0}")]
    Overlay(#[from] OverlayError),
    /// The ledger refused it.
    #[error("the ledger refused: {0}")]
    Ledger(String),
}

impl State {
    /// A control plane over open stores.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        governor: Arc<Governor>,
        records: Arc<Records>,
        bodies: Arc<Bodies>,
        installed: Installed,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let epoch = u64::try_from(governor.now().micros()).unwrap_or(0);
        Arc::new(Self {
            settings,
            governor,
            records,
            bodies,
            retention: Retention::default(),
            installed: ArcSwap::from_pointee(installed),
            metrics,
            overlays: Overlays::default(),
            kill_desk: KillDesk::default(),
            token_use: TokenUse::default(),
            throttle: Throttler::default(),
            alerts: AlertDesk::default(),
            revision: AtomicU64::new(0),
            reload: OnceLock::new(),
            replies: OnceLock::new(),
            probe: OnceLock::new(),
            feed: Arc::new(Feed::new(epoch)),
            drained: DrainMarks::default(),
            reloaded: Mutex::default(),
            checks: OnceLock::new(),
            watcher: OnceLock::new(),
        })
    }
    /// Now, by the governor's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.governor.now()
    }
    /// Sets how the configuration is read again; the first one counts.
    pub fn reload_by(&self, reload: Reload) {
        if self.reload.set(reload).is_err() {
            tracing::error!("the way to reload was set before");
        }
    }
    /// Sets where the answers of repeated requests are kept; the first one counts.
    pub fn repeat_by(&self, replies: Arc<Replies>) {
        if self.replies.set(replies).is_err() {
            tracing::error!("where answers are kept was set before");
        }
    }
    /// Sets how providers are asked whether they answer; the first one counts.
    pub fn probe_by(&self, probe: Probe) {
        if self.probe.set(probe).is_err() {
            tracing::error!("the way to ask providers was set before");
        }
    }
    /// Sets what else readiness asks; the first one counts.
    pub fn check_by(&self, checks: MoreChecks) {
        if self.checks.set(checks).is_err() {
            tracing::error!("what else readiness asks was set before");
        }
    }
    /// Sends away who watches requests: the process ends.
    pub fn end_watching(&self) {
        self.feed.close();
    }
    /// Sets who hears of requests, so that records can be switched on and off; the first one counts.
    pub fn watch_by(&self, watcher: Arc<Watcher>) {
        if self.watcher.set(watcher).is_err() {
            tracing::error!("who hears of requests was set before");
        }
    }
    /// Switches records on or off from now on; what has a record already is told to its end either way.
    pub fn keep_records(&self, keep: bool) {
        if let Some(watcher) = self.watcher.get() {
            watcher.keep_records(keep);
        }
    }
    /// Reads the configuration again. A configuration with mistakes leaves the old one in force.
    ///
    /// # Errors
    /// What is wrong, in words; also when this process has no configuration to read.
    pub fn reload(&self) -> Result<Reloaded, String> {
        let reload = self.reload.get().ok_or("this process has no configuration to read again")?;
        let published = |left| self.publish().map(|()| left).map_err(|error| error.to_string());
        let done = reload(self).and_then(published);
        *self.reloaded.lock() = done.as_ref().err().cloned();
        let needs_restart = done?;
        if !needs_restart.is_empty() {
            tracing::warn!(
                fields = needs_restart.join(", "),
                "changed in the file, in force only after a restart"
            );
        }
        Ok(Reloaded { revision: self.revision.load(Ordering::Acquire), needs_restart })
    }
    /// Makes a change and lets the data plane see it.
    ///
    /// # Errors
    /// See [`ControlError`]; the settings are as before then, unless only the publishing failed.
    pub fn change<T>(
        &self,
        actor: &str,
        make: impl FnOnce(&mut Change<'_>) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let made = self.settings.change(&Stamp::new(actor, self.now()), make)?;
        self.publish()?;
        Ok(made)
    }
    /// Brings directory and ledger in line with the settings.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn publish(&self) -> Result<(), ControlError> {
        let snapshot = self.settings.snapshot()?;
        let revision = self.revision.fetch_add(1, Ordering::AcqRel) + 1;
        let installed = self.overlays.over(&self.installed.load_full(), &snapshot.documents)?;
        let directory: Directory = assemble::directory(&snapshot, &installed, revision)?;
        self.publish_budgets(&snapshot.budgets)?;
        self.publish_kills()?;
        self.governor.replace_directory(directory);
        self.throttle.ask();
        Ok(())
    }
    /// Checks that the price rows of the admin API lie over what is to be installed.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn check_prices(&self, installed: &Installed) -> Result<(), ControlError> {
        let rows = overlay::specs(&self.settings.snapshot()?.documents)?;
        if !rows.is_empty() {
            overlay::lay(installed, rows)?;
        }
        Ok(())
    }
    /// Evaluates throttles if it is time or anything asks for it; whether it did. Blocks on the disk.
    pub fn tend_throttles(&self) -> bool {
        self.throttle.tick(House { settings: &self.settings, governor: &self.governor }, self.now())
    }
    /// Puts what the ledger does not have yet, and removes what the settings no longer have.
    fn publish_budgets(&self, rows: &[BudgetRow]) -> Result<(), ControlError> {
        let ledger = self.governor.ledger();
        let now = self.now();
        let fail = |error: &dyn std::fmt::Display| ControlError::Ledger(error.to_string());
        let known = ledger
            .look(|engine| engine.budgets().map(|budget| (budget.id, budget.version)).collect::<Vec<_>>())
            .map_err(|error| fail(&error))?;
        for row in rows {
            let budget = assemble::budget(row)?;
            let current = known.iter().any(|(id, version)| *id == budget.id && *version >= budget.version);
            if !current {
                let applied = ledger.put_budget(now, Arc::new(budget)).map_err(|error| fail(&error))?;
                if let Outcome::Rejected(rejection) = applied.outcome {
                    return Err(ControlError::Ledger(format!("budget `{}`: {rejection}", row.name)));
                }
            }
        }
        for (id, _) in known.iter().filter(|(id, _)| !rows.iter().any(|row| row.id == id.0)) {
            let _removed = ledger.remove_budget(now, *id).map_err(|error| fail(&error))?;
        }
        Ok(())
    }
    /// Creates or updates the budget of that name within a change.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn upsert_budget(
        change: &mut Change<'_>,
        existing: Option<BudgetRow>,
        name: &str,
        document: &BudgetDocument,
        managed_by: ManagedBy,
    ) -> Result<BudgetRow, ControlError> {
        let json = serde_json::to_value(document)
            .map_err(|error| ControlError::Ledger(format!("the budget cannot be stored: {error}")))?;
        Ok(match existing {
            None => change.create_budget(name, &json, managed_by)?,
            Some(row) => {
                change.update_budget(&BudgetRow { document: json, active: true, managed_by, ..row })?
            }
        })
    }
}
