//! Budgets as documents: what they mean is the ledger's; here they have an id, a name and a history.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{ManagedBy, Revision, check_name, document_text};
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column, text};
use bursar_core::{Timestamp, limits::BUDGETS_MAX};

/// One budget as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetRow {
    /// Its id, given here and never given again.
    pub id: u32,
    /// Its name, unique among the budgets that are not deleted.
    pub name: String,
    /// Limit, period, match and all the rest.
    pub document: serde_json::Value,
    /// Who decides about the row.
    pub managed_by: ManagedBy,
    /// Whether it counts and refuses. A deactivated budget keeps its id and its windows.
    pub active: bool,
    /// When it was deleted.
    #[serde(serialize_with = "text::option::serialize")]
    pub deleted_at: Option<Timestamp>,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str =
    "INSERT INTO budgets(name, document, managed_by, active, version, created_at, updated_at)
  VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)";
const UPDATE: &str =
    "UPDATE budgets SET name = ?2, document = ?3, managed_by = ?4, active = ?5, deleted_at = ?6,
  version = ?7, updated_at = ?8 WHERE id = ?1";
const COUNT: &str = "SELECT count(*) FROM budgets WHERE deleted_at IS NULL";
const BY_NAME: &str =
    "SELECT id, name, document, managed_by, active, deleted_at, version, created_at, updated_at
  FROM budgets WHERE name = ?1 AND deleted_at IS NULL";
const BY_ID: &str =
    "SELECT id, name, document, managed_by, active, deleted_at, version, created_at, updated_at
  FROM budgets WHERE id = ?1";
const LIST: &str =
    "SELECT id, name, document, managed_by, active, deleted_at, version, created_at, updated_at
  FROM budgets WHERE deleted_at IS NULL AND (?1 IS NULL OR name > ?1) ORDER BY name
  LIMIT ?2";

impl Settings {
    /// The budget of that name that is not deleted.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn budget(&self, name: &str) -> Result<BudgetRow, SettingsError> {
        self.read(|db| find(db, name))
    }
    /// The budget of that id, deleted ones too: records speak of budgets by id.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn budget_by_id(&self, id: u32) -> Result<BudgetRow, SettingsError> {
        self.read(|db| find_by_id(db, id))
    }
    /// Budgets that are not deleted, in order of their names.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn budgets(&self, page: &PageRequest) -> Result<Page<BudgetRow>, SettingsError> {
        let position = page.position_text()?;
        let rows = self.read(|db| list(db, position.as_deref(), page.fetch()))?;
        Ok(Page::cut(rows, page, |budget| budget.name.clone().into_bytes()))
    }
}

impl Change<'_> {
    /// Makes a budget and gives it an id.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_budget(
        &mut self,
        name: &str,
        document: &serde_json::Value,
        managed_by: ManagedBy,
    ) -> Result<BudgetRow, SettingsError> {
        check_name(Object::Budget, name)?;
        let text = document_text(Object::Budget, name, document)?;
        let count: i64 = self.transaction.prepare_cached(COUNT)?.query_row([], |row| row.get(0))?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= BUDGETS_MAX {
            let problem = format!("would be one more than {BUDGETS_MAX} budgets");
            return Err(SettingsError::invalid(Object::Budget, name, "it", problem));
        }
        self.transaction
            .prepare_cached(INSERT)?
            .execute((name, text, managed_by.as_str(), true, self.now.micros()))
            .map_err(|error| SettingsError::insert(Object::Budget, name, error))?;
        let after = find(&self.transaction, name)?;
        self.audit(Action::Create, Object::Budget, name, None, Some(&after))?;
        Ok(after)
    }
    /// Changes name, document, manager and whether it is active.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Duplicate`] (the new name),
    /// [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_budget(&mut self, budget: &BudgetRow) -> Result<BudgetRow, SettingsError> {
        check_name(Object::Budget, &budget.name)?;
        document_text(Object::Budget, &budget.name, &budget.document)?;
        let before = self.live_budget(budget.id)?;
        let revision = before.revision.follow(budget.revision, Object::Budget, &before.name, self.now)?;
        let wanted = BudgetRow { deleted_at: None, revision: before.revision, ..budget.clone() };
        if wanted == before {
            return Ok(before);
        }
        let after = BudgetRow { revision, ..wanted };
        self.put_budget(Action::Update, &before, &after)?;
        Ok(after)
    }
    /// Deletes a budget. Its name may be used again, its id never is.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what writing may bring.
    pub fn delete_budget(&mut self, id: u32) -> Result<BudgetRow, SettingsError> {
        let before = self.live_budget(id)?;
        let after = BudgetRow {
            active: false,
            deleted_at: Some(self.now),
            revision: before.revision.next(self.now),
            ..before.clone()
        };
        self.put_budget(Action::Delete, &before, &after)?;
        Ok(after)
    }
    fn live_budget(&self, id: u32) -> Result<BudgetRow, SettingsError> {
        let budget = find_by_id(&self.transaction, id)?;
        match budget.deleted_at {
            None => Ok(budget),
            Some(_) => Err(SettingsError::not_found(Object::Budget, budget.name)),
        }
    }
    fn put_budget(&self, action: Action, before: &BudgetRow, after: &BudgetRow) -> Result<(), SettingsError> {
        let values = (
            after.id,
            &after.name,
            after.document.to_string(),
            after.managed_by.as_str(),
            after.active,
            after.deleted_at.map(Timestamp::micros),
            column::integer(after.revision.version),
            after.revision.updated_at.micros(),
        );
        self.transaction
            .prepare_cached(UPDATE)?
            .execute(values)
            .map_err(|error| SettingsError::insert(Object::Budget, &after.name, error))?;
        self.audit(action, Object::Budget, &before.name, Some(before), Some(after))
    }
}

fn find(db: &Connection, name: &str) -> Result<BudgetRow, SettingsError> {
    let row = db.prepare_cached(BY_NAME)?.query_row([name], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Budget, name))
}

fn find_by_id(db: &Connection, id: u32) -> Result<BudgetRow, SettingsError> {
    let row = db.prepare_cached(BY_ID)?.query_row([id], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(Object::Budget, id.to_string()))
}

pub(super) fn list(db: &Connection, after: Option<&str>, rows: i64) -> Result<Vec<BudgetRow>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map((after, rows), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads a row of all columns in the order of the table, by number: installations have many budgets.
fn read(row: &Row<'_>) -> rusqlite::Result<BudgetRow> {
    Ok(BudgetRow {
        id: row.get(0)?,
        name: row.get(1)?,
        document: column::json(row, 2)?,
        managed_by: column::text(row, 3)?,
        active: row.get(4)?,
        deleted_at: column::time_option(row, 5)?,
        revision: Revision::read_at(row, [6, 7, 8])?,
    })
}
