//! Users: the people on whose behalf keys are used.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{ManagedBy, Revision, check_name, check_sentence};
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column};

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name, which is also the attribute value.
    pub name: String,
    /// The name that people are shown.
    pub display_name: Option<String>,
    /// Where notices go.
    pub email: Option<String>,
    /// Who decides about the row.
    pub managed_by: ManagedBy,
    /// Whether the user's keys work.
    pub active: bool,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str = "INSERT INTO users VALUES (:name, :display_name, :email, :managed_by, :active, :version,
  :created_at, :updated_at)";
const UPDATE: &str = "UPDATE users SET display_name = :display_name, email = :email, managed_by = :managed_by,
  active = :active, version = :version, created_at = :created_at, updated_at = :updated_at WHERE name = :name";
const SELECT: &str = "SELECT * FROM users WHERE name = ?1";
const LIST: &str = "SELECT * FROM users WHERE (?1 IS NULL OR name > ?1) ORDER BY name LIMIT ?2";

impl User {
    /// An active user of that name.
    #[must_use]
    pub fn new(name: &str, managed_by: ManagedBy) -> Self {
        Self {
            name: name.to_owned(),
            display_name: None,
            email: None,
            managed_by,
            active: true,
            revision: Revision::default(),
        }
    }
    fn check(&self) -> Result<(), SettingsError> {
        check_name(Object::User, &self.name)?;
        for (field, text) in [("display_name", &self.display_name), ("email", &self.email)] {
            check_sentence(Object::User, &self.name, field, text.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
    fn write(&self, db: &Connection, sql: &str) -> rusqlite::Result<usize> {
        db.prepare_cached(sql)?.execute(named_params! {
            ":name": self.name,
            ":display_name": self.display_name,
            ":email": self.email,
            ":managed_by": self.managed_by.as_str(),
            ":active": self.active,
            ":version": column::integer(self.revision.version),
            ":created_at": self.revision.created_at.micros(),
            ":updated_at": self.revision.updated_at.micros(),
        })
    }
}

impl Settings {
    /// One user.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn user(&self, name: &str) -> Result<User, SettingsError> {
        self.read(|db| find(db, name))
    }
    /// Users in order of their names.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn users(&self, page: &PageRequest) -> Result<Page<User>, SettingsError> {
        let position = page.position_text()?;
        let rows = self.read(|db| list(db, position.as_deref(), page.fetch()))?;
        Ok(Page::cut(rows, page, |user| user.name.clone().into_bytes()))
    }
}

impl Change<'_> {
    /// Makes a user; the revision is set here.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_user(&mut self, user: &User) -> Result<User, SettingsError> {
        user.check()?;
        let after = User { revision: Revision::first(self.now), ..user.clone() };
        after
            .write(&self.transaction, INSERT)
            .map_err(|error| SettingsError::insert(Object::User, &after.name, error))?;
        self.audit(Action::Create, Object::User, &after.name, None, Some(&after))?;
        Ok(after)
    }
    /// Changes everything but the name.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_user(&mut self, user: &User) -> Result<User, SettingsError> {
        user.check()?;
        let before = find(&self.transaction, &user.name)?;
        let revision = before.revision.follow(user.revision, Object::User, &user.name, self.now)?;
        if (User { revision: before.revision, ..user.clone() }) == before {
            return Ok(before);
        }
        let after = User { revision, ..user.clone() };
        after.write(&self.transaction, UPDATE)?;
        self.audit(Action::Update, Object::User, &after.name, Some(&before), Some(&after))?;
        Ok(after)
    }
}

pub(super) fn find(db: &Connection, name: &str) -> Result<User, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([name], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::User, name))
}

pub(super) fn list(db: &Connection, after: Option<&str>, rows: i64) -> Result<Vec<User>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map((after, rows), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        managed_by: column::text(row, "managed_by")?,
        active: row.get("active")?,
        revision: Revision::read(row)?,
    })
}
