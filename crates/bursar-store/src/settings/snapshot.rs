//! Everything that the in-memory directory is built from, read in one transaction.

use super::Settings;
use super::budget::{self, BudgetRow};
use super::credential::{self, Credential};
use super::document::{self, Document, DocumentKind};
use super::error::SettingsError;
use super::key::{self, Key, KeyFilter, KeyId};
use super::kill_switch::{self, KillSwitch};
use super::project::{self, Project};
use super::throttle::{self, Throttle};
use super::token::{self, Token};
use super::totals::{self, KeyTotals};
use super::user::{self, User};

/// The settings at one moment. Deleted rows are not in it, inactive ones are.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// [`Settings::generation`] at or before that moment: when it has moved on, read again.
    pub generation: u64,
    /// Every project.
    pub projects: Vec<Project>,
    /// Every user.
    pub users: Vec<User>,
    /// Every key.
    pub keys: Vec<Key>,
    /// What keys have used, those that were used at all.
    pub key_totals: Vec<(KeyId, KeyTotals)>,
    /// Every budget.
    pub budgets: Vec<BudgetRow>,
    /// Every document of every kind.
    pub documents: Vec<Document>,
    /// Every credential.
    pub credentials: Vec<Credential>,
    /// Every token, revoked ones without a hash.
    pub tokens: Vec<Token>,
    /// The kill switches that are on.
    pub kill_switches: Vec<KillSwitch>,
    /// Every throttle.
    pub throttles: Vec<Throttle>,
}

impl Settings {
    /// Reads everything that decisions need.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn snapshot(&self) -> Result<Snapshot, SettingsError> {
        // Before the transaction begins: a change in between makes the snapshot look older than it is, never newer.
        let generation = self.generation();
        const ALL: i64 = -1;
        self.read(|db| {
            let mut documents = Vec::new();
            for kind in DocumentKind::ALL {
                documents.extend(document::list(db, *kind, None, ALL)?);
            }
            Ok(Snapshot {
                generation,
                projects: project::list(db, None, ALL)?,
                users: user::list(db, None, ALL)?,
                keys: key::list(db, &KeyFilter::default(), None, ALL)?,
                key_totals: totals::list(db)?,
                budgets: budget::list(db, None, ALL)?,
                documents,
                credentials: credential::list(db, None)?,
                tokens: token::list(db, None, ALL)?,
                kill_switches: kill_switch::list_on(db)?,
                throttles: throttle::list(db)?,
            })
        })
    }
}
