//! How keys are made, changed, rotated and deleted.

use super::audit::Action;
use super::error::{Object, SettingsError};
use super::key::{INSERT, Key, KeyHash, KeyId, PreviousHash, UPDATE, find};
use super::row::Revision;
use super::{Change, project, user};
use bursar_core::Timestamp;

impl Change<'_> {
    /// Makes a key; its revision is set here. Its project and user must exist.
    ///
    /// # Errors
    /// [`SettingsError::Duplicate`] (id or hash), [`SettingsError::NotFound`] (project or user),
    /// [`SettingsError::Invalid`] and what writing may bring.
    pub fn create_key(&mut self, key: &Key) -> Result<Key, SettingsError> {
        self.check_key(key)?;
        if key.hash.is_none() || key.deleted_at.is_some() {
            return Err(SettingsError::invalid(Object::Key, key.id.to_string(), "hash", "is missing"));
        }
        let after = Key { revision: Revision::first(self.now), ..key.clone() };
        let id = after.id.to_string();
        after
            .write(&self.transaction, INSERT)
            .map_err(|error| SettingsError::insert(Object::Key, &id, error))?;
        self.audit(Action::Create, Object::Key, &id, None, Some(&after))?;
        Ok(after)
    }
    /// Changes everything but id, prefix, hashes and deletion.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Stale`], [`SettingsError::Invalid`] and what writing may bring.
    pub fn update_key(&mut self, key: &Key) -> Result<Key, SettingsError> {
        self.check_key(key)?;
        let before = self.live_key(key.id)?;
        let id = key.id.to_string();
        let revision = before.revision.follow(key.revision, Object::Key, &id, self.now)?;
        let wanted = Key {
            prefix: before.prefix.clone(),
            hash: before.hash,
            previous: before.previous,
            deleted_at: None,
            revision: before.revision,
            ..key.clone()
        };
        if wanted == before {
            return Ok(before);
        }
        let after = Key { revision, ..wanted };
        self.put_key(Action::Update, &before, &after)?;
        Ok(after)
    }
    /// Gives a key a new secret. The old one works until `previous_until`, if given, and one that was rotated away
    /// earlier stops working.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`], [`SettingsError::Duplicate`] and what writing may bring.
    pub fn rotate_key(
        &mut self,
        id: KeyId,
        prefix: &str,
        hash: KeyHash,
        previous_until: Option<Timestamp>,
    ) -> Result<Key, SettingsError> {
        let before = self.live_key(id)?;
        let previous = before.hash.zip(previous_until);
        let after = Key {
            prefix: prefix.to_owned(),
            hash: Some(hash),
            previous: previous.map(|(hash, until)| PreviousHash { hash, until }),
            revision: before.revision.next(self.now),
            ..before.clone()
        };
        after.check()?;
        self.put_key(Action::Rotate, &before, &after)?;
        Ok(after)
    }
    /// Deletes a key for good: its hashes are gone, its row stays for the records that name it.
    ///
    /// # Errors
    /// [`SettingsError::NotFound`] and what writing may bring.
    pub fn delete_key(&mut self, id: KeyId) -> Result<Key, SettingsError> {
        let before = self.live_key(id)?;
        let after = Key {
            hash: None,
            previous: None,
            deleted_at: Some(self.now),
            revision: before.revision.next(self.now),
            ..before.clone()
        };
        self.put_key(Action::Delete, &before, &after)?;
        Ok(after)
    }
    fn check_key(&self, key: &Key) -> Result<(), SettingsError> {
        key.check()?;
        project::find(&self.transaction, &key.project)?;
        if let Some(name) = &key.user {
            user::find(&self.transaction, name)?;
        }
        Ok(())
    }
    fn live_key(&self, id: KeyId) -> Result<Key, SettingsError> {
        let key = find(&self.transaction, id)?;
        match key.deleted_at {
            None => Ok(key),
            Some(_) => Err(SettingsError::not_found(Object::Key, id.to_string())),
        }
    }
    fn put_key(&self, action: Action, before: &Key, after: &Key) -> Result<(), SettingsError> {
        let id = after.id.to_string();
        after
            .write(&self.transaction, UPDATE)
            .map_err(|error| SettingsError::insert(Object::Key, &id, error))?;
        self.audit(action, Object::Key, &id, Some(before), Some(after))
    }
}
