//! Providers, models, price overlays and alert channels: named documents that other crates give a meaning.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::row::{ManagedBy, Revision, check_name, document_text};
use super::{Change, Settings};
use crate::sqlite::{Page, PageRequest, column, words::words};

words! {
    /// What a document describes.
    DocumentKind {
        /// A provider and its endpoint.
        Provider = "provider",
        /// A model and its deployments.
        Model = "model",
        /// Price rows that lie over the built-in price book.
        PriceOverlay = "price_overlay",
        /// A channel that alerts go to. Its secret is a credential.
        AlertChannel = "alert_channel",
    }
}

/// One document. It must not contain a secret: those are [`super::Credential`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What it describes.
    pub kind: DocumentKind,
    /// Its name, unique within its kind.
    pub name: String,
    /// The content.
    pub document: serde_json::Value,
    /// Who decides about the row.
    pub managed_by: ManagedBy,
    /// Whether it applies.
    pub active: bool,
    /// Which state of the row this is.
    #[serde(flatten)]
    pub revision: Revision,
}

const INSERT: &str = "INSERT INTO documents VALUES (:kind, :name, :document, :managed_by, :active, :version,
  :created_at, :updated_at)";
const UPDATE: &str = "UPDATE documents SET document = :document, managed_by = :managed_by, active = :active,
  version = :version, created_at = :created_at, updated_at = :updated_at WHERE kind = :kind AND name = :name";
const SELECT: &str = "SELECT * FROM documents WHERE kind = ?1 AND name = ?2";
const LIST: &str =
    "SELECT * FROM documents WHERE kind = ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT ?3";

impl DocumentKind {
    const fn object(self) -> Object {
        match self {
            Self::Provider => Object::Provider,
            Self::Model => Object::Model,
            Self::PriceOverlay => Object::PriceOverlay,
            Self::AlertChannel => Object::AlertChannel,
        }
    }
}

impl Document {
    /// An active document.
    #[must_use]
    pub fn new(kind: DocumentKind, name: &str, document: serde_json::Value, managed_by: ManagedBy) -> Self {
        let revision = Revision::default();
        Self { kind, name: name.to_owned(), document, managed_by, active: true, revision }
    }
    fn write(&self, db: &Connection, sql: &str) -> rusqlite::Result<usize> {
        db.prepare_cached(sql)?.execute(named_params! {
            ":kind": self.kind.as_str(),
            ":name": self.name,
            ":document": self.document.to_string(),
            ":managed_by": self.managed_by.as_str(),
            ":active": self.active,
            ":version": column::integer(self.revision.version),
            ":created_at": self.revision.created_at.micros(),
            ":updated_at": self.revision.updated_at.micros(),
        })
    }
}

impl Settings {
    /// One document.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what reading may bring.
    pub fn document(&self, kind: DocumentKind, name: &str) -> Result<Document, SettingsError> {
        self.read(|db| find(db, kind, name))
    }
    /// Documents of one kind in order of their names.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn documents(&self, kind: DocumentKind, page: &PageRequest) -> Result<Page<Document>, SettingsError> {
        let position = page.position_text()?;
        let rows = self.read(|db| list(db, kind, position.as_deref(), page.fetch()))?;
        Ok(Page::cut(rows, page, |document| document.name.clone().into_bytes()))
    }
}

impl Change<'_> {
    /// Makes a document; its revision is set here.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_document(&mut self, document: &Document) -> Result<Document, SettingsError> {
        let object = document.kind.object();
        check_name(object, &document.name)?;
        document_text(object, &document.name, &document.document)?;
        let after = Document { revision: Revision::first(self.now), ..document.clone() };
        after
            .write(&self.transaction, INSERT)
            .map_err(|error| SettingsError::insert(object, &after.name, error))?;
        self.audit(Action::Create, object, &after.name, None, Some(&after))?;
        Ok(after)
    }
    /// Changes everything but kind and name.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_document(&mut self, document: &Document) -> Result<Document, SettingsError> {
        let object = document.kind.object();
        document_text(object, &document.name, &document.document)?;
        let before = find(&self.transaction, document.kind, &document.name)?;
        let revision = before.revision.follow(document.revision, object, &document.name, self.now)?;
        if (Document { revision: before.revision, ..document.clone() }) == before {
            return Ok(before);
        }
        let after = Document { revision, ..document.clone() };
        after.write(&self.transaction, UPDATE)?;
        self.audit(Action::Update, object, &after.name, Some(&before), Some(&after))?;
        Ok(after)
    }
}

pub(super) fn find(db: &Connection, kind: DocumentKind, name: &str) -> Result<Document, SettingsError> {
    let row = db.prepare_cached(SELECT)?.query_row([kind.as_str(), name], read).optional()?;
    row.ok_or_else(|| SettingsError::not_found(kind.object(), name))
}

pub(super) fn list(
    db: &Connection,
    kind: DocumentKind,
    after: Option<&str>,
    rows: i64,
) -> Result<Vec<Document>, SettingsError> {
    let mut statement = db.prepare_cached(LIST)?;
    let rows = statement.query_map((kind.as_str(), after, rows), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        kind: column::text(row, "kind")?,
        name: row.get("name")?,
        document: column::json(row, "document")?,
        managed_by: column::text(row, "managed_by")?,
        active: row.get("active")?,
        revision: Revision::read(row)?,
    })
}
