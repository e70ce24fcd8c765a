//! The way to the providers: pools of connections per worker, with a timeout on everything that waits.

use crate::limits::{POOL_IDLE, POOL_IDLE_PER_HOST_MAX, POOLS_MAX};
use crate::proxies::Proxies;
use crate::road::{Road, why};
use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Why no answer came. The difference decides what happens to the hold.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No byte of the request was written: provably unbilled.
    #[error("cannot connect to the provider: {0}")]
    Connect(Unconnected),
    /// The connection ended or broke after the request was written: whether it was billed is unknown.
    #[error("the connection to the provider broke before an answer")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time after the request was written: whether it was billed is unknown.
    #[error("no answer from the provider within {0:?}")]
    Timeout(Duration),
}

/// Why there is no connection: refused, no such name, no TLS, a certificate that is not trusted, too slow.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unconnected {
    why: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS with the platform's roots")]
pub struct TlsError(#[source] rustls::Error);

/// Why certificates of authorities cannot be used; a fragment that stands behind what holds them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    /// Nothing in it is a certificate in PEM.
    #[error("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    /// One cannot be read.
    #[error("holds a certificate that cannot be read: {0}")]
    Unreadable(String),
}

/// An extension of a request: who alone may vouch for the provider, in PEM, instead of the platform's roots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorities(pub Arc<str>);

impl Authorities {
    /// The certificates, as far as they can be used.
    ///
    /// # Errors
    /// See [`AuthoritiesError`].
    pub fn roots(&self) -> Result<RootCertStore, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.0.as_bytes()) {
            let unreadable = |error: String| AuthoritiesError::Unreadable(error);
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
        if roots.is_empty() { Err(AuthoritiesError::Empty) } else { Ok(roots) }
    }
}

type Pool = Client<Road, Full<Bytes>>;

/// One worker's connections: HTTP/1.1 kept in stacks, HTTP/2 shared.
pub struct Upstream {
    tls: rustls::ClientConfig,
    proxies: Proxies,
    pools: parking_lot::Mutex<HashMap<(Duration, Option<Authorities>), Pool>>,
}

impl Upstream {
    /// Connections that trust the platform's roots (on Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(proxies: Proxies) -> Result<Self, TlsError> {
        let tls = tls().map_err(TlsError)?;
        let tls = tls.with_platform_verifier().map_err(TlsError)?.with_no_client_auth();
        Ok(Self { tls, proxies, pools: parking_lot::Mutex::default() })
    }

    /// Sends `request` and waits for the head of the answer: `connect` bounds a new connection with its TLS,
    /// `first_byte` the wait from the moment of sending. An extension [`Authorities`] says whom to trust.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        connect: Duration,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let authorities = request.extensions_mut().remove::<Authorities>();
        if let Some(authorization) = self.proxies.authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let pool = self.pool(connect, authorities)?;
        match tokio::time::timeout(first_byte, pool.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(unconnected(error.into())),
            Ok(Err(error)) => Err(UpstreamError::Broken(error.into())),
            Err(_) => Err(UpstreamError::Timeout(first_byte)),
        }
    }

    fn pool(&self, connect: Duration, authorities: Option<Authorities>) -> Result<Pool, UpstreamError> {
        let mut pools = self.pools.lock();
        let key = (connect, authorities);
        if let Some(pool) = pools.get(&key) {
            return Ok(pool.clone());
        }
        let tls = match &key.1 {
            None => self.tls.clone(),
            Some(authorities) => {
                let roots = authorities.roots().map_err(|error| unconnected(error.into()))?;
                let tls = tls().map_err(|error| unconnected(error.into()))?;
                tls.with_root_certificates(roots).with_no_client_auth()
            }
        };
        if pools.len() >= POOLS_MAX {
            pools.clear();
        }
        let pool = new_pool(Road::new(tls, self.proxies.clone(), connect));
        pools.insert(key, pool.clone());
        Ok(pool)
    }
}

fn unconnected(source: Box<dyn std::error::Error + Send + Sync>) -> UpstreamError {
    UpstreamError::Connect(Unconnected { why: why(&*source), source })
}

fn tls() -> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn new_pool(road: Road) -> Pool {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20))
        .http2_adaptive_window(true)
        .build(road)
}
