//! Credentials: the secrets used towards providers, sealed by the caller. Nothing here can open them.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;
use std::fmt;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::limits::SEALED_BYTES_MAX;
use super::row::{Revision, check_name, document_text};
use super::{Change, Settings};
use crate::sqlite::column;

/// Bytes that the caller sealed. Not shown, not serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// One credential of one provider (or of one alert channel).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// Whose secret it is.
    pub provider: String,
    /// Its name, unique within the provider.
    pub name: String,
    /// Weight, rate multipliers and the like.
    pub document: serde_json::Value,
    /// The sealed secret.
    #[serde(skip)]
    pub sealed: Sealed,
    /// Whether it is used.
    pub active: bool,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str =
    "INSERT INTO credentials VALUES (:provider, :name, :document, :sealed, :active, :version,
  :created_at, :updated_at)";
const UPDATE: &str = "UPDATE credentials SET document = :document, sealed = :sealed, active = :active,
  version = :version, created_at = :created_at, updated_at = :updated_at WHERE provider = :provider AND name = :name";
const DELETE: &str = "DELETE FROM credentials WHERE provider = ?1 AND name = ?2";
const SELECT: &str = "SELECT * FROM credentials WHERE provider = ?1 AND name = ?2";
const LIST: &str = "SELECT * FROM credentials WHERE (?1 IS NULL OR provider = ?1) ORDER BY provider, name";

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl Credential {
    /// An active credential with no settings of its own.
    #[must_use]
    pub fn new(provider: &str, name: &str, sealed: Sealed) -> Self {
        Self {
            provider: provider.to_owned(),
            name: name.to_owned(),
            document: serde_json::Value::Object(serde_json::Map::new()),
            sealed,
            active: true,
            revision: Revision::default(),
        }
    }
    fn full_name(&self) -> String {
        full_name(&self.provider, &self.name)
    }
    fn check(&self) -> Result<(), SettingsError> {
        check_name(Object::Provider, &self.provider)?;
        check_name(Object::Credential, &self.name)?;
        document_text(Object::Credential, &self.full_name(), &self.document)?;
        if self.sealed.0.is_empty() || self.sealed.0.len() > SEALED_BYTES_MAX {
            let problem = format!("has no byte or more than {SEALED_BYTES_MAX}");
            return Err(SettingsError::invalid(Object::Credential, self.full_name(), "secret", problem));
        }
        Ok(())
    }
    fn write(&self, db: &Connection, sql: &str) -> rusqlite::Result<usize> {
        db.prepare_cached(sql)?.execute(named_params! {
            ":provider": self.provider,
            ":name": self.name,
            ":document": self.document.to_string(),
            ":sealed": self.sealed.0,
            ":active": self.active,
            ":version": column::integer(self.revision.version),
            ":created_at": self.revision.created_at.micros(),
            ":updated_at": self.revision.updated_at.micros(),
        })
    }
}

impl Settings {
    /// The credentials of one provider in order of their names.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn credentials(&self, provider: &str) -> Result<Vec<Credential>, SettingsError> {
        self.read(|db| list(db, Some(provider)))
    }
}

impl Change<'_> {
    /// Makes a credential; its revision is set here.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_credential(&mut self, credential: &Credential) -> Result<Credential, SettingsError> {
        credential.check()?;
        let after = Credential { revision: Revision::first(self.now), ..credential.clone() };
        let name = after.full_name();
        after
            .write(&self.transaction, INSERT)
            .map_err(|error| SettingsError::insert(Object::Credential, &name, error))?;
        self.audit(Action::Create, Object::Credential, &name, None, Some(&after))?;
        Ok(after)
    }
    /// Changes settings, secret and whether it is used.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_credential(&mut self, credential: &Credential) -> Result<Credential, SettingsError> {
        credential.check()?;
        let name = credential.full_name();
        let before = find(&self.transaction, &credential.provider, &credential.name)?;
        let revision = before.revision.follow(credential.revision, Object::Credential, &name, self.now)?;
        if (Credential { revision: before.revision, ..credential.clone() }) == before {
            return Ok(before);
        }
        let after = Credential { revision, ..credential.clone() };
        after.write(&self.transaction, UPDATE)?;
        self.audit(Action::Update, Object::Credential, &name, Some(&before), Some(&after))?;
        Ok(after)
    }
    /// Deletes a credential and its secret.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what writing may bring.
    pub fn delete_credential(&mut self, provider: &str, name: &str) -> Result<(), SettingsError> {
        let before = find(&self.transaction, provider, name)?;
        self.transaction.prepare_cached(DELETE)?.execute([provider, name])?;
        self.audit(Action::Delete, Object::Credential, &full_name(provider, name), Some(&before), None)
    }
}

fn full_name(provider: &str, name: &str) -> String {
    format!("{provider}/{name}")
}

fn find(db: &Connection, provider: &str, name: &str) -> Result<Credential, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([provider, name], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Credential, full_name(provider, name)))
}

pub(super) fn list(db: &Connection, provider: Option<&str>) -> Result<Vec<Credential>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map([provider], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        provider: row.get("provider")?,
        name: row.get("name")?,
        document: column::json(row, "document")?,
        sealed: Sealed(row.get("sealed")?),
        active: row.get("active")?,
        revision: Revision::read(row)?,
    })
}
