//! Tokens of the admin API: hashed, with a role.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::key::KeyHash;
use super::row::{Revision, check_name, check_sentence};
use super::{Change, Settings, project, user};
use crate::sqlite::{Page, PageRequest, column, text, text::Text, words::words};
use bursar_core::Timestamp;
pub use bursar_core::id::TokenId;

words! {
    /// What the bearer of a token may do.
    Role {
        /// Everything.
        Admin = "admin",
        /// Everything within one project.
        ProjectAdmin = "project_admin",
        /// Their own keys and use.
        Member = "member",
        /// Look, not change.
        Viewer = "viewer",
    }
}

/// One token of the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id.
    #[serde(with = "text")]
    pub id: TokenId,
    /// Its name: the actor of what is done with it.
    pub name: String,
    /// The first characters, by which people know it again.
    pub prefix: String,
    /// The hash; absent once it is revoked.
    #[serde(skip)]
    pub hash: Option<KeyHash>,
    /// What its bearer may do.
    pub role: Role,
    /// Within which project; absent: all.
    pub project: Option<String>,
    /// As which user.
    pub user: Option<String>,
    /// When it stops working.
    #[serde(serialize_with = "text::option::serialize")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(serialize_with = "text::option::serialize")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used.
    #[serde(serialize_with = "text::option::serialize")]
    pub last_used_at: Option<Timestamp>,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str =
    "INSERT INTO tokens VALUES (:id, :name, :prefix, :hash, :role, :project, :user, :expires_at,
  NULL, NULL, :version, :created_at, :updated_at)";
const REVOKE: &str =
    "UPDATE tokens SET hash = NULL, revoked_at = ?2, version = version + 1, updated_at = ?2 WHERE id = ?1";
const SELECT: &str = "SELECT * FROM tokens WHERE id = ?1";
const BY_HASH: &str = "SELECT * FROM tokens WHERE hash = ?1";
const LIST: &str = "SELECT * FROM tokens WHERE (?1 IS NULL OR id > ?1) ORDER BY id LIMIT ?2";

impl Text for TokenId {
    fn to_text(&self) -> String {
        self.to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Token {
    /// A token for everything that its role allows, without an end.
    #[must_use]
    pub fn new(id: TokenId, name: &str, prefix: &str, hash: KeyHash, role: Role) -> Self {
        Self {
            id,
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            hash: Some(hash),
            role,
            project: None,
            user: None,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            revision: Revision::default(),
        }
    }
}

impl Settings {
    /// Tokens in order of their ids, revoked ones too.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn tokens(&self, page: &PageRequest) -> Result<Page<Token>, SettingsError> {
        let position = page.position_text()?;
        let rows = self.read(|db| list(db, position.as_deref(), page.fetch()))?;
        Ok(Page::cut(rows, page, |token| token.id.to_string().into_bytes()))
    }
    /// The token with this hash; a revoked one has none. One row is read, by its index: every call of the admin API asks.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn token_of(&self, hash: KeyHash) -> Result<Option<Token>, SettingsError> {
        self.read(|db| Ok(db.prepare_cached(BY_HASH)?.query_row([hash.0], read).optional()?))
    }
}

impl Change<'_> {
    /// Makes a token; its revision is set here.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`] (id or hash), [`SettingsError::NotFound`] (project or user),
    /// [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_token(&mut self, token: &Token) -> Result<Token, SettingsError> {
        check_name(Object::Token, &token.name)?;
        check_sentence(Object::Token, &token.name, "prefix", &token.prefix)?;
        if let Some(name) = &token.project {
            project::find(&self.transaction, name)?;
        }
        if let Some(name) = &token.user {
            user::find(&self.transaction, name)?;
        }
        let Some(hash) = token.hash else {
            return Err(SettingsError::invalid(Object::Token, &token.name, "hash", "is missing"));
        };
        let revision = Revision::first(self.now);
        let after = Token { revision, revoked_at: None, last_used_at: None, ..token.clone() };
        let written = self.transaction.prepare_cached(INSERT)?.execute(named_params! {
            ":id": after.id.to_string(),
            ":name": after.name,
            ":prefix": after.prefix,
            ":hash": hash.0,
            ":role": after.role.as_str(),
            ":project": after.project,
            ":user": after.user,
            ":expires_at": after.expires_at.map(Timestamp::micros),
            ":version": column::integer(revision.version),
            ":created_at": revision.created_at.micros(),
            ":updated_at": revision.updated_at.micros(),
        });
        written.map_err(|error| SettingsError::insert(Object::Token, &after.id.to_string(), error))?;
        self.audit(Action::Create, Object::Token, &after.id.to_string(), None, Some(&after))?;
        Ok(after)
    }
    /// Ends a token for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what writing may bring.
    pub fn revoke_token(&mut self, id: TokenId) -> Result<Token, SettingsError> {
        let before = find(&self.transaction, id)?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        self.transaction.prepare_cached(REVOKE)?.execute((id.to_string(), self.now.micros()))?;
        let after = find(&self.transaction, id)?;
        self.audit(Action::Revoke, Object::Token, &id.to_string(), Some(&before), Some(&after))?;
        Ok(after)
    }
}

fn find(db: &Connection, id: TokenId) -> Result<Token, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([id.to_string()], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Token, id.to_string()))
}

pub(super) fn list(db: &Connection, after: Option<&str>, rows: i64) -> Result<Vec<Token>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map((after, rows), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Token> {
    let hash: Option<[u8; 32]> = row.get("hash")?;
    Ok(Token {
        id: column::text(row, "id")?,
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        hash: hash.map(KeyHash),
        role: column::text(row, "role")?,
        project: row.get("project")?,
        user: row.get("user")?,
        expires_at: column::time_option(row, "expires_at")?,
        revoked_at: column::time_option(row, "revoked_at")?,
        last_used_at: column::time_option(row, "last_used_at")?,
        revision: Revision::read(row)?,
    })
}
