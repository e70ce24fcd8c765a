//! The dictionary of a file: a text that many records share is a small number in them. 0 is the empty text.

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::sync::Arc;

use super::RecordError;
use super::bytes::{Bytes, PutText, TakeText, put_u64};
use super::limits::STRINGS_CACHED_MAX;
use crate::sqlite::column;

const FIND: &str = "SELECT id FROM strings WHERE text = ?1";
const INSERT: &str = "INSERT INTO strings(text) VALUES (?1)";
const TEXT: &str = "SELECT text FROM strings WHERE id = ?1";

/// Numbers by text: what a writer has seen. Some twenty texts of each record are looked up, so the hash is a fast one.
#[derive(Default)]
pub(super) struct Numbers(HashMap<Box<str>, i64, RandomState>);

/// Texts by number: what a reader has seen.
#[derive(Default)]
pub(super) struct Texts(HashMap<i64, Arc<str>>);

impl Numbers {
    /// The number of `text`, a new one where it has none.
    pub(super) fn intern(&mut self, db: &Connection, text: &str) -> rusqlite::Result<i64> {
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(number) = self.0.get(text) {
            return Ok(*number);
        }
        let found = db.prepare_cached(FIND)?.query_row([text], |row| row.get(0)).optional()?;
        let number = match found {
            Some(number) => number,
            None => db.prepare_cached(INSERT)?.insert([text])?,
        };
        if self.0.len() >= STRINGS_CACHED_MAX {
            self.0.clear();
        }
        self.0.insert(text.into(), number);
        Ok(number)
    }
    /// Forgets everything: numbers given in a transaction that was rolled back are not in the file.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// The number of `text`, if it has one: for filters.
pub(super) fn find(db: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    if text.is_empty() {
        return Ok(Some(0));
    }
    db.prepare_cached(FIND)?.query_row([text], |row| row.get(0)).optional()
}

impl Texts {
    /// The text of `number`; a number that is not in the dictionary is damage.
    pub(super) fn text(&mut self, db: &Connection, number: i64) -> rusqlite::Result<Arc<str>> {
        if number == 0 {
            return Ok(Arc::from(""));
        }
        if let Some(text) = self.0.get(&number) {
            return Ok(Arc::clone(text));
        }
        let found: Option<String> =
            db.prepare_cached(TEXT)?.query_row([number], |row| row.get(0)).optional()?;
        let text: Arc<str> = found.ok_or_else(|| column::bad("strings.id"))?.into();
        if self.0.len() >= STRINGS_CACHED_MAX {
            self.0.clear();
        }
        self.0.insert(number, Arc::clone(&text));
        Ok(text)
    }
}

/// Puts shared texts into the dictionary. The first failure is kept; what was put after it means nothing.
pub(super) struct IntoDictionary<'a> {
    pub(super) db: &'a Connection,
    pub(super) numbers: &'a mut Numbers,
    pub(super) failure: Option<rusqlite::Error>,
}

impl PutText for IntoDictionary<'_> {
    fn shared(&mut self, text: &str, out: &mut Vec<u8>) {
        match self.numbers.intern(self.db, text) {
            Ok(number) => put_u64(out, u64::try_from(number).unwrap_or(0)),
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

/// Takes shared texts from the dictionary.
pub(super) struct FromDictionary<'a> {
    pub(super) db: &'a Connection,
    pub(super) texts: &'a mut Texts,
}

impl TakeText for FromDictionary<'_> {
    fn shared(&mut self, bytes: &mut Bytes<'_>) -> Result<String, RecordError> {
        let number = i64::try_from(bytes.u64()?).map_err(|_| RecordError::Malformed("unknown text"))?;
        let text = self.texts.text(self.db, number).map_err(|_| RecordError::Malformed("unknown text"))?;
        Ok(text.to_string())
    }
}
