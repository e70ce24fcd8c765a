//! Stories about settings, told through a few helpers.

mod alerts;
mod golden;
mod stories;
mod walk;

use super::*;
use crate::sqlite::PageRequest;
use bursar_core::{ApiFormat, Attribute, Attributes, Pattern, RequestId, Scope, Usd, Value};
use serde_json::json;

/// 2026-03-01T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

fn at(second: i64) -> Timestamp {
    START.plus_seconds(second)
}

/// An open settings file in a directory of its own.
struct World {
    dir: tempfile::TempDir,
    settings: Settings,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::open(&dir.path().join("settings.db"), START).unwrap();
        Self { dir, settings }
    }
    /// Closes the file and opens it again.
    fn reopened(self) -> Self {
        drop(self.settings);
        let settings = Settings::open(&self.dir.path().join("settings.db"), at(1_000_000)).unwrap();
        Self { dir: self.dir, settings }
    }
    /// Makes one change as `ada`, a second after the start.
    fn change<T>(
        &self,
        make: impl FnOnce(&mut Change<'_>) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        self.settings.change(&Stamp::new("ada", at(1)), make)
    }
    /// With project `alpha`, user `bob` and a key of theirs.
    fn with_alpha() -> Self {
        let world = Self::new();
        world
            .change(|change| {
                change.create_project(&Project::new("alpha", ManagedBy::Api))?;
                change.create_user(&User::new("bob", ManagedBy::Api))?;
                change.create_key(&key(1))
            })
            .unwrap();
        world
    }
    fn audit(&self) -> Vec<AuditEntry> {
        let mut entries =
            self.settings.audit(&AuditFilter::default(), &PageRequest::first(500)).unwrap().items;
        entries.reverse();
        entries
    }
}

/// The `n`th key: bob's, in alpha.
fn key(n: u8) -> Key {
    let mut key = Key::new(key_id(n), &format!("bk-{n:04}"), hash(n), "alpha", KeyKind::Member);
    key.user = Some("bob".to_owned());
    key.models = vec![Pattern::new("gpt-*")];
    key.api_formats = vec![ApiFormat::OpenAiChat];
    key.may_set = vec![Attribute::Agent, Attribute::parse("tag.team").unwrap()];
    key.bound = Attributes::new().with(&Attribute::Agent, Value::new("crawler").unwrap());
    key
}

fn key_id(n: u8) -> KeyId {
    KeyId::from_u128(u128::from(n))
}

/// The hash that a caller would have made of a key's text.
fn hash(n: u8) -> KeyHash {
    KeyHash([n; 32])
}

fn request(n: u128) -> RequestId {
    RequestId::from_u128(n)
}

fn platform() -> Scope {
    Scope::Platform
}
