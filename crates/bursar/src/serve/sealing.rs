//! The key that seals secrets given through the admin API: configured, or made on the first start in a file that only its
//! owner may read.

use super::first_start::write_private;
use super::surroundings::random;
use crate::config::{Config, Surroundings};
use bursar_govern::keys::PlainSecret;
use bursar_govern::seal::{SealError, Sealer};
use std::path::PathBuf;
use std::sync::Arc;

/// The file in the data directory that holds the sealing key where none is configured.
pub const SEAL_KEY: &str = "seal-key";

/// Why nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The configured key cannot be read.
    #[error("server.seal_key: {0}")]
    Secret(String),
    /// The configured or made key cannot be used.
    #[error("the sealing key cannot be used")]
    Key(#[from] SealError),
    /// The file of the key cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The sealer of this installation.
///
/// # Errors
/// See [`SealingError`].
pub fn sealer(config: &Config, surroundings: &Surroundings<'_>) -> Result<Arc<Sealer>, SealingError> {
    if let Some(place) = &config.server.seal_key {
        let key = place.resolve(surroundings).map_err(SealingError::Secret)?;
        return Ok(Arc::new(Sealer::new(key.expose())?));
    }
    let path = config.server.data_dir.join(SEAL_KEY);
    let fail = |source| SealingError::File { path: path.clone(), source };
    let key = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = PlainSecret::random("", random);
            write_private(&path, key.reveal()).map_err(fail)?;
            key.reveal().to_owned()
        }
        Err(error) => return Err(fail(error)),
    };
    Ok(Arc::new(Sealer::new(&key)?))
}
