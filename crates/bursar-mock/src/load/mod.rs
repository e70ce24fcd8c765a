//! A load client: many connections, plain answers and streams, closed or open loop, aborts, and what came of it.

mod client;
mod histogram;
mod report;

pub use client::{run, send};
pub use histogram::Histogram;
pub use report::{Failure, Report};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One request to send.
#[derive(Clone, Debug)]
pub struct Shot {
    /// When, after the start of the run; `None`: as soon as a connection is free.
    pub at: Option<Duration>,
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: Arc<str>,
    /// Headers; `Host` is added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Leave after that many bytes of the answer's body.
    pub abort_after: Option<u64>,
}

/// Told of each request when it ended.
pub type Observer = Arc<dyn Fn(&Seen) + Send + Sync>;

/// How to drive.
#[derive(Clone)]
pub struct Plan {
    /// Where to connect.
    pub addr: SocketAddr,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// HTTP/2 with prior knowledge instead of HTTP/1.1.
    pub http2: bool,
    /// Longest wait for one request from its first to its last byte.
    pub timeout: Duration,
    /// No new request after that long.
    pub stop_after: Option<Duration>,
    /// Told of each request when it ended. The body is only there with `keep_bodies`.
    pub observe: Option<Observer>,
    /// Keep the answers' bodies for `observe`.
    pub keep_bodies: bool,
}

/// What came of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number in the run, from 0.
    pub index: u64,
    /// The answer's status; `None` where no answer came.
    pub status: Option<u16>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The answer's body as far as it came, where it is kept.
    pub body: Bytes,
    /// Bytes of the answer's body that came.
    pub bytes: u64,
    /// How long after its time (or after it was sent, where it had none) it was sent.
    pub late: Duration,
    /// From sending to the first byte of the answer's body, or to its end where the body is empty.
    pub first_byte: Duration,
    /// From sending to the end.
    pub total: Duration,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
}

impl Shot {
    /// A POST of JSON.
    #[must_use]
    pub fn post(target: &str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            at: None,
            method: Method::POST,
            target: target.into(),
            headers,
            body: body.into(),
            abort_after: None,
        }
    }
    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self { method: Method::GET, headers: HeaderMap::new(), ..Self::post(target, Bytes::new()) }
    }
    /// With `Authorization: Bearer …`. A key that is no header text is left out.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }
    /// With a header. What is no header is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
        self
    }
    /// Sent that long after the start of the run.
    #[must_use]
    pub const fn at(mut self, at: Duration) -> Self {
        self.at = Some(at);
        self
    }
    /// Left after that many bytes of the answer's body.
    #[must_use]
    pub const fn abort_after(mut self, bytes: u64) -> Self {
        self.abort_after = Some(bytes);
        self
    }
}

impl Plan {
    /// That many HTTP/1.1 connections to an address, at most a minute for each request.
    #[must_use]
    pub fn new(addr: SocketAddr, connections: usize) -> Self {
        Self {
            addr,
            connections,
            http2: false,
            timeout: Duration::from_secs(60),
            stop_after: None,
            observe: None,
            keep_bodies: false,
        }
    }
    /// Over HTTP/2.
    #[must_use]
    pub const fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }
    /// With a bound on the time of one request.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
    /// Without new requests after that long.
    #[must_use]
    pub const fn stop_after(mut self, stop_after: Duration) -> Self {
        self.stop_after = Some(stop_after);
        self
    }
    /// With an observer of each request, bodies kept for it.
    #[must_use]
    pub fn observe(mut self, observe: impl Fn(&Seen) + Send + Sync + 'static) -> Self {
        self.observe = Some(Arc::new(observe));
        self.keep_bodies = true;
        self
    }
}

#[cfg(test)]
mod tests;
