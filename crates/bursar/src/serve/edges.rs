//! What the data plane needs to know of the network around it: proxies towards providers, keys of clients without one.

use crate::config::{self, Surroundings};
use bursar_gateway::default_key::DefaultKey;
use bursar_gateway::proxies::{Proxies, ProxyError};

/// Why the edges cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A proxy variable.
    #[error("the environment variable {0}")]
    Proxy(#[from] ProxyError),
    /// A key that was there at the check is gone.
    #[error("server.default_keys: {0}")]
    DefaultKey(String),
}

/// The proxies that the environment names.
pub(super) fn proxies(surroundings: &Surroundings<'_>) -> Result<Proxies, EdgeError> {
    Ok(Proxies::from_variables(|name| surroundings.environment.get(name))?)
}

/// The keys of clients that send none.
pub(super) fn default_keys(
    server: &config::Server,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<DefaultKey>, EdgeError> {
    let resolve = |declared: &config::DefaultKey| {
        let key = declared.key.resolve(surroundings).map_err(EdgeError::DefaultKey)?;
        Ok(DefaultKey { from: declared.from.clone(), key })
    };
    server.default_keys.iter().map(resolve).collect()
}
