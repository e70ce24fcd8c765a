//! The way to the providers: pools of connections per worker, with a timeout on everything that waits.

use crate::host::{Drivers, Host};
use crate::limits::POOLS_MAX;
use crate::proxies::Proxies;
use crate::road::{Road, why};
use crate::upstream_body::UpstreamBody;
use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use parking_lot::Mutex;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

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

/// What the connections of one pool have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Way {
    connect: Duration,
    authorities: Option<Authorities>,
    scheme: Scheme,
    authority: Authority,
}

/// One worker's connections.
pub struct Upstream {
    tls: rustls::ClientConfig,
    proxies: Proxies,
    hosts: Mutex<HashMap<Way, Arc<Host>>>,
    drivers: Drivers,
}

impl Upstream {
    /// Connections that trust the platform's roots (on Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(proxies: Proxies) -> Result<Self, TlsError> {
        let tls = tls().map_err(TlsError)?;
        let tls = tls.with_platform_verifier().map_err(TlsError)?.with_no_client_auth();
        Ok(Self { tls, proxies, hosts: Mutex::default(), drivers: Mutex::default() })
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
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let authorities = request.extensions_mut().remove::<Authorities>();
        if let Some(authorization) = self.proxies.authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let host = self.host(request.uri(), connect, authorities)?;
        match tokio::time::timeout(first_byte, host.send(request, &self.drivers)).await {
            Ok(answered) => answered,
            Err(_) => Err(UpstreamError::Timeout(first_byte)),
        }
    }

    /// Closes connections that were not used for long, or that the other side has closed. To be called now and then where
    /// they live.
    pub fn tend(&self) {
        let hosts: Vec<Arc<Host>> = self.hosts.lock().values().cloned().collect();
        let now = Instant::now();
        for host in hosts {
            host.tend(now);
        }
    }

    /// Closes every connection that no request is on.
    pub fn forget_idle(&self) {
        self.hosts.lock().clear();
    }

    fn host(
        &self,
        uri: &Uri,
        connect: Duration,
        authorities: Option<Authorities>,
    ) -> Result<Arc<Host>, UpstreamError> {
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else {
            return Err(unconnected("the URL names no host".into()));
        };
        let way = Way { connect, authorities, scheme, authority };
        let mut hosts = self.hosts.lock();
        if let Some(host) = hosts.get(&way) {
            return Ok(Arc::clone(host));
        }
        let tls = match &way.authorities {
            None => self.tls.clone(),
            Some(authorities) => {
                let roots = authorities.roots().map_err(|error| unconnected(error.into()))?;
                let tls = tls().map_err(|error| unconnected(error.into()))?;
                tls.with_root_certificates(roots).with_no_client_auth()
            }
        };
        if hosts.len() >= POOLS_MAX {
            hosts.clear();
        }
        let road = Road::new(tls, self.proxies.clone(), connect);
        let host = Host::new(road, way.scheme.clone(), way.authority.clone());
        let host = host.map_err(|error| unconnected(error.into()))?;
        hosts.insert(way, Arc::clone(&host));
        Ok(host)
    }
}

pub(crate) fn unconnected(source: Box<dyn std::error::Error + Send + Sync>) -> UpstreamError {
    UpstreamError::Connect(Unconnected { why: why(&*source), source })
}

fn tls() -> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

#[cfg(test)]
mod tests;
