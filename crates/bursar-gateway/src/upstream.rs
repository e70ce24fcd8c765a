//! The way to the providers: one pool of connections per worker, with a timeout on everything that waits.

use crate::limits::{POOL_IDLE, POOL_IDLE_PER_HOST_MAX};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_platform_verifier::BuilderVerifierExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Why no answer came. The difference decides what happens to the hold.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No byte of the request was written: provably unbilled.
    #[error("cannot connect to the provider")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection ended or broke after the request was written: whether it was billed is unknown.
    #[error("the connection to the provider broke before an answer")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time after the request was written: whether it was billed is unknown.
    #[error("no answer from the provider within {0:?}")]
    Timeout(Duration),
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS with the platform's roots")]
pub struct TlsError(#[source] rustls::Error);

type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// One worker's connections: HTTP/1.1 kept in stacks, HTTP/2 shared.
pub struct Upstream {
    tls: rustls::ClientConfig,
    pools: parking_lot::Mutex<HashMap<Duration, Pool>>,
}

impl Upstream {
    /// Connections that trust the platform's roots (on Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new() -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError)?
            .with_platform_verifier()
            .map_err(TlsError)?
            .with_no_client_auth();
        Ok(Self { tls, pools: parking_lot::Mutex::default() })
    }

    /// Sends `request` and waits for the head of the answer: `connect` bounds a new connection, `first_byte` the wait
    /// from the moment of sending.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        connect: Duration,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let pool = self.pool(connect);
        match tokio::time::timeout(first_byte, pool.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(UpstreamError::Connect(error.into())),
            Ok(Err(error)) => Err(UpstreamError::Broken(error.into())),
            Err(_) => Err(UpstreamError::Timeout(first_byte)),
        }
    }

    fn pool(&self, connect: Duration) -> Pool {
        let mut pools = self.pools.lock();
        pools.entry(connect).or_insert_with(|| self.new_pool(connect)).clone()
    }

    fn new_pool(&self, connect: Duration) -> Pool {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(connect));
        http.set_keepalive(Some(Duration::from_secs(60)));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .http2_adaptive_window(true)
            .build(https)
    }
}
