//! Keys: what clients present. Only their hashes are here.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;
use std::fmt;

use super::error::{Object, SettingsError};
use super::row::{ManagedBy, Revision, check_list, check_sentence};
use super::totals::KeyTotals;
use super::{Settings, totals};
use crate::sqlite::{Page, PageRequest, column, text, text::Text, words::words};
pub use bursar_core::id::KeyId;
use bursar_core::{ApiFormat, Attribute, Attributes, IpRange, KeyLimit, Pattern, Timestamp, Usd};

words! {
    /// What a key is for.
    KeyKind {
        /// A person's.
        Member = "member",
        /// A program's.
        Service = "service",
        /// Its own account: billed to a balance, not to an owner.
        Standalone = "standalone",
    }
}

/// The SHA-256 of a key or token, made by the caller. Not shown, not serialised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 32]);

/// The hash that a rotated key had before, which still works for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PreviousHash {
    /// The hash.
    #[serde(skip)]
    pub hash: KeyHash,
    /// Until when it works.
    #[serde(with = "text")]
    pub until: Timestamp,
}

/// One key. Empty lists allow everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its id.
    #[serde(with = "text")]
    pub id: KeyId,
    /// What people call it.
    pub name: Option<String>,
    /// The first characters of the key, by which people know it again.
    pub prefix: String,
    /// The hash of the key; absent once it is deleted.
    #[serde(skip)]
    pub hash: Option<KeyHash>,
    /// The hash before the last rotation.
    pub previous: Option<PreviousHash>,
    /// Who is billed.
    pub project: String,
    /// Whose it is.
    pub user: Option<String>,
    /// What it is for.
    pub kind: KeyKind,
    /// Models it may ask for.
    #[serde(serialize_with = "text::list::serialize")]
    pub models: Vec<Pattern>,
    /// Providers that may answer.
    #[serde(serialize_with = "text::list::serialize")]
    pub providers: Vec<Pattern>,
    /// Routes it may use.
    #[serde(serialize_with = "text::list::serialize")]
    pub api_formats: Vec<ApiFormat>,
    /// Attributes that its headers may fill; `tag.*` stands for every tag.
    #[serde(serialize_with = "text::list::serialize")]
    pub may_set: Vec<Attribute>,
    /// Attributes that are fixed, whatever a header says.
    #[serde(serialize_with = "text::attributes::serialize")]
    pub bound: Attributes,
    /// Whether it consents to a lowered output limit where the asked one does not fit.
    pub fit: bool,
    /// Requests per minute; absent: unlimited.
    pub requests_per_minute: Option<u32>,
    /// Requests at once; absent: unlimited.
    pub concurrency_max: Option<u32>,
    /// How much per minute, hour or day, and at once.
    #[serde(serialize_with = "text::list::serialize")]
    pub limits: Vec<KeyLimit>,
    /// Where it may be used from; empty: anywhere.
    #[serde(serialize_with = "text::list::serialize")]
    pub allowed_ips: Vec<IpRange>,
    /// A standalone key's balance; absent: unlimited.
    #[serde(serialize_with = "text::option::serialize")]
    pub balance: Option<Usd>,
    /// When it stops working.
    #[serde(serialize_with = "text::option::serialize")]
    pub expires_at: Option<Timestamp>,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Who decides about the row.
    pub managed_by: ManagedBy,
    /// When it was deleted.
    #[serde(serialize_with = "text::option::serialize")]
    pub deleted_at: Option<Timestamp>,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

/// Which keys are asked for. Everything absent: all that are not deleted.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Of this project.
    pub project: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// With this prefix.
    pub prefix: Option<String>,
    /// Deleted ones too.
    pub deleted: bool,
}

pub(super) const INSERT: &str =
    "INSERT INTO keys VALUES (:id, :name, :prefix, :hash, :previous_hash, :previous_until, :project, :user, :kind,
  :models, :providers, :api_formats, :may_set, :bound, :fit, :requests_per_minute, :concurrency_max, :balance,
  :expires_at, :blocked, :managed_by, :deleted_at, :version, :created_at, :updated_at, :limits, :allowed_ips)";
pub(super) const UPDATE: &str =
    "UPDATE keys SET name = :name, prefix = :prefix, hash = :hash, previous_hash = :previous_hash,
  previous_until = :previous_until, project = :project, user = :user, kind = :kind, models = :models,
  providers = :providers, api_formats = :api_formats, may_set = :may_set, bound = :bound, fit = :fit,
  requests_per_minute = :requests_per_minute, concurrency_max = :concurrency_max, balance = :balance,
  expires_at = :expires_at, blocked = :blocked, managed_by = :managed_by, deleted_at = :deleted_at,
  version = :version, created_at = :created_at, updated_at = :updated_at, limits = :limits,
  allowed_ips = :allowed_ips WHERE id = :id";
const SELECT: &str = "SELECT id, name, prefix, hash, previous_hash, previous_until, project, user, kind, models, providers,
  api_formats, may_set, bound, fit, requests_per_minute, concurrency_max, balance, expires_at, blocked, managed_by,
  deleted_at, version, created_at, updated_at, limits, allowed_ips
  FROM keys WHERE id = ?1";
const LIST: &str = "SELECT id, name, prefix, hash, previous_hash, previous_until, project, user, kind, models, providers,
  api_formats, may_set, bound, fit, requests_per_minute, concurrency_max, balance, expires_at, blocked, managed_by,
  deleted_at, version, created_at, updated_at, limits, allowed_ips
  FROM keys WHERE (?1 IS NULL OR id > ?1) AND (?2 IS NULL OR project = ?2)
  AND (?3 IS NULL OR user = ?3) AND (?4 IS NULL OR substr(prefix, 1, length(?4)) = ?4)
  AND (?5 OR deleted_at IS NULL) ORDER BY id LIMIT ?6";

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}
impl Text for KeyId {
    fn to_text(&self) -> String {
        self.to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Key {
    /// A key that may do everything in its project and lets headers set nothing.
    #[must_use]
    pub fn new(id: KeyId, prefix: &str, hash: KeyHash, project: &str, kind: KeyKind) -> Self {
        Self {
            id,
            name: None,
            prefix: prefix.to_owned(),
            hash: Some(hash),
            previous: None,
            project: project.to_owned(),
            user: None,
            kind,
            models: Vec::new(),
            providers: Vec::new(),
            api_formats: Vec::new(),
            may_set: Vec::new(),
            bound: Attributes::new(),
            fit: false,
            requests_per_minute: None,
            concurrency_max: None,
            limits: Vec::new(),
            allowed_ips: Vec::new(),
            balance: None,
            expires_at: None,
            blocked: false,
            managed_by: ManagedBy::Api,
            deleted_at: None,
            revision: Revision::default(),
        }
    }
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let id = self.id.to_string();
        check_sentence(Object::Key, &id, "name", self.name.as_deref().unwrap_or_default())?;
        check_sentence(Object::Key, &id, "prefix", &self.prefix)?;
        check_list(Object::Key, &id, "models", &self.models)?;
        check_list(Object::Key, &id, "providers", &self.providers)?;
        check_list(Object::Key, &id, "api_formats", &self.api_formats)?;
        check_list(Object::Key, &id, "may_set", &self.may_set)?;
        check_list(Object::Key, &id, "limits", &self.limits)?;
        check_list(Object::Key, &id, "allowed_ips", &self.allowed_ips)?;
        if self.balance.is_some() && self.kind != KeyKind::Standalone {
            return Err(SettingsError::invalid(Object::Key, id, "balance", "is for standalone keys only"));
        }
        if self.balance.is_some_and(|balance| balance < Usd::ZERO) {
            return Err(SettingsError::invalid(Object::Key, id, "balance", "is negative"));
        }
        Ok(())
    }
    pub(super) fn write(&self, db: &Connection, sql: &str) -> rusqlite::Result<usize> {
        db.prepare_cached(sql)?.execute(named_params! {
            ":id": self.id.to_string(),
            ":name": self.name,
            ":prefix": self.prefix,
            ":hash": self.hash.map(|hash| hash.0),
            ":previous_hash": self.previous.map(|previous| previous.hash.0),
            ":previous_until": self.previous.map(|previous| previous.until.micros()),
            ":project": self.project,
            ":user": self.user,
            ":kind": self.kind.as_str(),
            ":models": text::list_to_json(&self.models),
            ":providers": text::list_to_json(&self.providers),
            ":api_formats": text::list_to_json(&self.api_formats),
            ":may_set": text::list_to_json(&self.may_set),
            ":bound": text::attributes_to_json(&self.bound),
            ":fit": self.fit,
            ":requests_per_minute": self.requests_per_minute,
            ":concurrency_max": self.concurrency_max,
            ":balance": self.balance.map(Usd::nanos),
            ":expires_at": self.expires_at.map(Timestamp::micros),
            ":blocked": self.blocked,
            ":managed_by": self.managed_by.as_str(),
            ":deleted_at": self.deleted_at.map(Timestamp::micros),
            ":version": column::integer(self.revision.version),
            ":created_at": self.revision.created_at.micros(),
            ":updated_at": self.revision.updated_at.micros(),
            ":limits": text::list_to_json(&self.limits),
            ":allowed_ips": text::list_to_json(&self.allowed_ips),
        })
    }
}

impl Settings {
    /// One key and what it has used.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn key(&self, id: KeyId) -> Result<(Key, KeyTotals), SettingsError> {
        self.read(|db| Ok((find(db, id)?, totals::find(db, id)?)))
    }
    /// Keys and what they have used, in order of their ids.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn keys(
        &self,
        filter: &KeyFilter,
        page: &PageRequest,
    ) -> Result<Page<(Key, KeyTotals)>, SettingsError> {
        let position = page.position_text()?;
        self.read(|db| {
            let keys = list(db, filter, position.as_deref(), page.fetch())?;
            let with_totals = |key: Key| totals::find(db, key.id).map(|totals| (key, totals));
            let rows = keys.into_iter().map(with_totals).collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(rows, page, |(key, _)| key.id.to_string().into_bytes()))
        })
    }
}

pub(super) fn find(db: &Connection, id: KeyId) -> Result<Key, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([id.to_string()], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Key, id.to_string()))
}

pub(super) fn list(
    db: &Connection,
    filter: &KeyFilter,
    after: Option<&str>,
    rows: i64,
) -> Result<Vec<Key>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let values = (after, &filter.project, &filter.user, &filter.prefix, filter.deleted, rows);
    let rows = statement.query_map(values, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads a row of all columns in the order of the table, by number: installations have many keys.
fn read(row: &Row<'_>) -> rusqlite::Result<Key> {
    let hash: Option<[u8; 32]> = row.get(3)?;
    let previous_hash: Option<[u8; 32]> = row.get(4)?;
    let previous_until = column::time_option(row, 5)?;
    let balance: Option<i64> = row.get(17)?;
    let previous = |(hash, until)| PreviousHash { hash: KeyHash(hash), until };
    Ok(Key {
        id: column::text(row, 0)?,
        name: row.get(1)?,
        prefix: row.get(2)?,
        hash: hash.map(KeyHash),
        previous: previous_hash.zip(previous_until).map(previous),
        project: row.get(6)?,
        user: row.get(7)?,
        kind: column::text(row, 8)?,
        models: column::text_list(row, 9)?,
        providers: column::text_list(row, 10)?,
        api_formats: column::text_list(row, 11)?,
        may_set: column::text_list(row, 12)?,
        bound: column::attributes(row, 13)?,
        fit: row.get(14)?,
        requests_per_minute: row.get(15)?,
        concurrency_max: row.get(16)?,
        balance: balance.map(Usd::from_nanos),
        expires_at: column::time_option(row, 18)?,
        blocked: row.get(19)?,
        managed_by: column::text(row, 20)?,
        deleted_at: column::time_option(row, 21)?,
        revision: Revision::read_at(row, [22, 23, 24])?,
        limits: column::text_list(row, 25)?,
        allowed_ips: column::text_list(row, 26)?,
    })
}
