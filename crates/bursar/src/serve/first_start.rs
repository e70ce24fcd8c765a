//! The first start: an admin token in a file that only its owner may read.

use super::surroundings::random;
use crate::config::{Config, Surroundings};
use bursar_control::{ControlError, State};
use bursar_core::{Attribute, Timestamp, Value};
use bursar_govern::keys::{HashedSecret, KEY_PREFIX, PlainSecret, TOKEN_PREFIX};
use bursar_store::settings::{
    Key, KeyHash, KeyId, KeyKind, Role, Settings, SettingsError, Stamp, Token, TokenId,
};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in the data directory that holds the admin token.
pub const ADMIN_TOKEN: &str = "admin-token";

/// Why there is no admin token.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configured secret is gone.
    #[error("server.admin_token: {0}")]
    Secret(String),
    /// The settings refused it.
    #[error("cannot store the admin token")]
    Settings(#[from] SettingsError),
}

/// Makes sure that there is an admin token, made on the first start or configured; the file where it can be read.
///
/// # Errors
/// See [`FirstStartError`].
pub(super) fn admin_token(
    settings: &Settings,
    config: &Config,
    surroundings: &Surroundings<'_>,
    now: Timestamp,
) -> Result<Option<PathBuf>, FirstStartError> {
    if let Some(place) = &config.server.admin_token {
        let secret = place.resolve(surroundings).map_err(FirstStartError::Secret)?;
        know(settings, "configured", "configured", &HashedSecret::of(secret.expose()), now)?;
        return Ok(None);
    }
    let path = config.server.data_dir.join(ADMIN_TOKEN);
    let fail = |source| FirstStartError::File { path: path.clone(), source };
    let plain = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = PlainSecret::random(TOKEN_PREFIX, random);
            write_private(&path, secret.reveal()).map_err(fail)?;
            secret.reveal().to_owned()
        }
        Err(error) => return Err(fail(error)),
    };
    let prefix: String = plain.chars().take(TOKEN_PREFIX.len() + 4).collect();
    know(settings, "admin", &prefix, &HashedSecret::of(&plain), now)?;
    Ok(Some(path))
}

fn know(
    settings: &Settings,
    name: &str,
    prefix: &str,
    hash: &HashedSecret,
    now: Timestamp,
) -> Result<(), SettingsError> {
    let hash = KeyHash(*hash.as_bytes());
    let tokens = settings.snapshot()?.tokens;
    if tokens.iter().any(|token| token.hash == Some(hash)) {
        return Ok(());
    }
    settings.change(&Stamp::new("config", now), |change| {
        for old in tokens.iter().filter(|token| token.name == name && token.revoked_at.is_none()) {
            change.revoke_token(old.id)?;
        }
        change
            .create_token(&Token::new(TokenId::from_u128(random()), name, prefix, hash, Role::Admin))
            .map(drop)
    })
}

/// Writes a secret into a new file that only its owner may read.
pub(super) fn write_private(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

/// Whether any key works.
#[must_use]
pub fn has_keys(state: &State) -> bool {
    !state.governor.directory().keys.is_empty()
}

/// Makes a key of `project` when there is none at all; the key, to be shown once.
///
/// # Errors
/// When the settings refuse it.
pub fn first_key(state: &State, project: &str) -> Result<Option<String>, ControlError> {
    if has_keys(state) {
        return Ok(None);
    }
    let secret = PlainSecret::random(KEY_PREFIX, random);
    let hash = KeyHash(*secret.hashed().as_bytes());
    let id = KeyId::from_u128(random());
    let mut key = Key::new(id, &secret.shown_prefix(), hash, project, KeyKind::Service);
    key.may_set = [Some(Attribute::Agent), Some(Attribute::Run), Some(Attribute::Session)]
        .into_iter()
        .flatten()
        .chain(Value::new("*").ok().map(Attribute::Tag))
        .collect();
    state.change("first start", |change| Ok(change.create_key(&key).map(drop)?))?;
    Ok(Some(secret.reveal().to_owned()))
}
