//! The connections of one worker to one host: those of HTTP/1.1 in a stack, one of HTTP/2 for everybody.

use crate::driven::{Driven, Unanswered};
use crate::limits::{HTTP2_PING_EVERY, HTTP2_PING_WAIT, POOL_IDLE, POOL_IDLE_PER_HOST_MAX};
use crate::road::Road;
use crate::upstream::{UpstreamError, unconnected};
use crate::upstream_body::UpstreamBody;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_service::Service;

/// Tasks that drive connections of HTTP/2: they end with what owns them.
pub(crate) type Drivers = Mutex<JoinSet<()>>;

type Ask = Request<Full<Bytes>>;

/// Where requests go, and what is open there.
pub(crate) struct Host {
    road: Road,
    to: Uri,
    /// What stands in `host`.
    name: HeaderValue,
    idle: Mutex<Vec<Idle>>,
    shared: Mutex<Option<Shared>>,
}

struct Idle {
    connection: Box<Driven>,
    since: Instant,
}

struct Shared {
    requests: http2::SendRequest<Full<Bytes>>,
    used: Instant,
}

enum Open {
    Own(Box<Driven>),
    Shared(http2::SendRequest<Full<Bytes>>),
}

impl Host {
    /// A host to which nothing is open.
    ///
    /// # Errors
    /// Where scheme and authority make no URL, or the authority no header.
    pub(crate) fn new(road: Road, scheme: Scheme, authority: Authority) -> Result<Arc<Self>, http::Error> {
        let name = name_of(&scheme, &authority)?;
        let to = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build()?;
        Ok(Arc::new(Self { road, to, name, idle: Mutex::default(), shared: Mutex::default() }))
    }
    /// Sends a request and waits for the head of its answer. One that was kept may have been closed by the other side
    /// meanwhile: what was not written to it goes over another.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub(crate) async fn send(
        self: &Arc<Self>,
        mut request: Ask,
        drivers: &Drivers,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let whole = request.uri().clone();
        loop {
            let (open, was_kept) = match self.kept() {
                Some(open) => (open, true),
                None => (Box::pin(self.connect(drivers)).await?, false),
            };
            let answered = match open {
                Open::Own(connection) => self.ask(connection, request).await,
                Open::Shared(requests) => share(requests, request).await,
            };
            match answered {
                Ok(response) => return Ok(response),
                Err(unanswered) => match *unanswered {
                    Unanswered { unsent: Some(unsent), .. } if was_kept => {
                        request = unsent;
                        *request.uri_mut() = whole.clone();
                    }
                    Unanswered { error, .. } => return Err(UpstreamError::Broken(error.into())),
                },
            }
        }
    }
    /// Takes back a connection whose answer has ended, if it can be used again.
    pub(crate) fn keep(&self, mut connection: Box<Driven>) {
        if !connection.rests() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < POOL_IDLE_PER_HOST_MAX {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }
    /// Closes what was not used for long, and what the other side has closed.
    pub(crate) fn tend(&self, now: Instant) {
        let is_fresh = |used: Instant| now.saturating_duration_since(used) < POOL_IDLE;
        let mut shared = self.shared.lock();
        // Streams that are open go on: the connection ends behind the last of them.
        let old = shared.take_if(|shared| !is_fresh(shared.used) || shared.requests.is_closed());
        drop(shared);
        drop(old);
        // Taken out meanwhile: a connection is not driven under the lock.
        let mut kept = std::mem::take(&mut *self.idle.lock());
        kept.retain_mut(|idle| is_fresh(idle.since) && idle.connection.rests());
        let mut idle = self.idle.lock();
        kept.append(&mut idle);
        *idle = kept;
    }

    /// A connection that was used before: the one used last, so that those of a burst grow old.
    fn kept(&self) -> Option<Open> {
        let now = Instant::now();
        if let Some(shared) = self.shared.lock().as_mut().filter(|shared| !shared.requests.is_closed()) {
            shared.used = now;
            return Some(Open::Shared(shared.requests.clone()));
        }
        loop {
            let Idle { mut connection, since } = self.idle.lock().pop()?;
            if now.saturating_duration_since(since) < POOL_IDLE && connection.rests() {
                return Some(Open::Own(connection));
            }
        }
    }

    async fn connect(&self, drivers: &Drivers) -> Result<Open, UpstreamError> {
        let mut road = self.road.clone();
        std::future::poll_fn(|cx| road.poll_ready(cx)).await.map_err(unconnected)?;
        let stream = road.call(self.to.clone()).await.map_err(unconnected)?;
        let connected = stream.connected();
        if connected.is_negotiated_h2() {
            return self.share(stream, drivers).await.map_err(|error| UpstreamError::Broken(error.into()));
        }
        let driven = Driven::over(stream, connected.is_proxied()).await;
        driven.map(Open::Own).map_err(|error| UpstreamError::Broken(error.into()))
    }

    /// Begins to speak HTTP/2, unless another connection came first.
    async fn share(
        &self,
        stream: MaybeHttpsStream<crate::road::Lane>,
        drivers: &Drivers,
    ) -> Result<Open, hyper::Error> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(HTTP2_PING_EVERY)
            .keep_alive_timeout(HTTP2_PING_WAIT)
            .adaptive_window(true);
        let (mut requests, connection) = builder.handshake(stream).await?;
        {
            let mut drivers = drivers.lock();
            while drivers.try_join_next().is_some() {}
            drivers.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to a provider ended");
                }
            });
        }
        requests.ready().await?;
        let mut shared = self.shared.lock();
        let mine = Shared { requests, used: Instant::now() };
        let known = shared.take().filter(|first| !first.requests.is_closed()).unwrap_or(mine);
        Ok(Open::Shared(shared.insert(known).requests.clone()))
    }

    async fn ask(
        self: &Arc<Self>,
        mut connection: Box<Driven>,
        mut request: Ask,
    ) -> Result<Response<UpstreamBody>, Box<Unanswered>> {
        request.headers_mut().entry(HOST).or_insert_with(|| self.name.clone());
        if !connection.is_through_proxy() {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        }
        let response = connection.ask(request).await?;
        Ok(response.map(|incoming| UpstreamBody::own(incoming, connection, self)))
    }
}

async fn share(
    mut requests: http2::SendRequest<Full<Bytes>>,
    request: Ask,
) -> Result<Response<UpstreamBody>, Box<Unanswered>> {
    let answered = requests.try_send_request(request).await;
    answered.map(|response| response.map(UpstreamBody::shared)).map_err(Unanswered::new)
}

/// The host as a header names it: without a port that goes without saying.
fn name_of(scheme: &Scheme, authority: &Authority) -> Result<HeaderValue, http::Error> {
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let name = match authority.port_u16() {
        Some(port) if port != usual => format!("{}:{port}", authority.host()),
        Some(_) | None => authority.host().to_owned(),
    };
    Ok(HeaderValue::try_from(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_named_where_it_does_not_go_without_saying() {
        let name = |scheme: &str, authority: &'static str| {
            let scheme = Scheme::try_from(scheme).unwrap();
            let name = name_of(&scheme, &Authority::from_static(authority)).unwrap();
            name.to_str().unwrap().to_owned()
        };
        assert_eq!(name("https", "api.test"), "api.test");
        assert_eq!(name("https", "api.test:443"), "api.test");
        assert_eq!(name("http", "api.test:443"), "api.test:443");
        assert_eq!(name("http", "[::1]:8080"), "[::1]:8080");
        assert_eq!(name("http", "127.0.0.1:80"), "127.0.0.1");
    }
}
