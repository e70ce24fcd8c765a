//! A small client of the admin API: one request at a time over HTTP, with timeouts; problems become sentences.

use crate::config::Secret;
use crate::exit::Failure;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls_platform_verifier::ConfigVerifierExt as _;
use serde_json::Value;
use std::time::Duration;

/// Longest wait for a connection: a server on the same network answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer: the slowest admin query is a report over a month.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for work that was asked for: a copy of a large data directory.
const WORK_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Largest answer in bytes: a page of 500 requests with all their fields has under 4 MB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

type Http = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A connection to one server with one token.
pub struct Client {
    base: String,
    token: Secret,
    http: Http,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:8787`.
    ///
    /// # Errors
    /// When the URL is none, or the machine has no certificates to trust.
    pub fn new(url: &str, token: Secret) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        let is_url = base.parse::<Uri>().is_ok_and(|uri| uri.host().is_some() && uri.scheme().is_some());
        if !is_url {
            return Err(Failure::usage(format!("`{url}` is not a URL such as `http://127.0.0.1:8787`")));
        }
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        // Another part of the process may have installed one already: both are the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tls = rustls::ClientConfig::with_platform_verifier().context("no certificates to trust")?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        Ok(Self { base, token, http, runtime })
    }
    /// `GET`.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn get(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Value, Failure> {
        self.call(&Method::GET, &with_query(path, query), None)
    }
    /// `GET`, `None` where there is no such thing.
    ///
    /// # Errors
    /// When the server is not reached or says no for another reason.
    pub fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let (status, body) = self.send(&Method::GET, path, None)?;
        if status == StatusCode::NOT_FOUND { Ok(None) } else { answer(status, body).map(Some) }
    }
    /// `GET` of a text that goes on: the text, and the cursor of what follows it.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn chunk(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<(Bytes, Option<String>), Failure> {
        let (parts, bytes) = self.exchange(&Method::GET, &with_query(path, query), None)?;
        if !parts.status.is_success() {
            return answer(parts.status, parsed(&bytes)).map(|_| (Bytes::new(), None));
        }
        let cursor = parts.headers.get("x-bursar-next-cursor").and_then(|value| value.to_str().ok());
        Ok((bytes, cursor.map(str::to_owned)))
    }
    /// `GET` by somebody who asks again: where the server is away for the moment, why.
    ///
    /// # Errors
    /// When the server says no for a reason that asking again does not change.
    pub fn poll(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Result<Value, String>, Failure> {
        let (parts, bytes) = match self.exchange(&Method::GET, &with_query(path, query), None) {
            Ok(answered) => answered,
            Err(Failure::Failed { error, .. }) => return Ok(Err(error.to_string())),
            Err(other) => return Err(other),
        };
        if parts.status.is_server_error() {
            return Ok(Err(format!("`{}` answered {}", self.base, parts.status)));
        }
        answer(parts.status, parsed(&bytes)).map(Ok)
    }
    /// `POST`.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(&Method::POST, path, Some(body))
    }
    /// `POST` of work that may take as long as it takes, up to an hour.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn post_and_wait(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let (parts, bytes) = self.exchange_within(WORK_TIMEOUT, &Method::POST, path, Some(body))?;
        answer(parts.status, parsed(&bytes))
    }
    /// `PATCH`.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(&Method::PATCH, path, Some(body))
    }
    /// `DELETE`.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call(&Method::DELETE, path, None)
    }
    /// Every row of a list, page after page, `most` at most.
    ///
    /// # Errors
    /// When the server is not reached or says no.
    pub fn all(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", Some("500")));
            query.push(("cursor", cursor.as_deref()));
            let page = self.get(path, &query)?;
            rows.extend(page.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || rows.len() >= most {
                rows.truncate(most);
                return Ok(rows);
            }
        }
    }

    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let (status, body) = self.send(method, path, body)?;
        answer(status, body)
    }

    fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Failure> {
        let (parts, bytes) = self.exchange(method, path, body)?;
        Ok((parts.status, parsed(&bytes)))
    }

    fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(http::response::Parts, Bytes), Failure> {
        self.exchange_within(ANSWER_TIMEOUT, method, path, body)
    }

    fn exchange_within(
        &self,
        timeout: Duration,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(http::response::Parts, Bytes), Failure> {
        let uri = format!("{}/admin/v1{path}", self.base);
        let mut request = Request::builder()
            .method(method)
            .uri(&uri)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("bursar/", env!("CARGO_PKG_VERSION")));
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json");
            bytes = serde_json::to_vec(body).context("the request cannot be written")?.into();
        }
        let request = request.body(Full::new(bytes)).map_err(|_| {
            Failure::failed("the admin token or address has a character that HTTP does not allow")
        })?;
        let unreachable = |error: anyhow::Error| Failure::Failed {
            error: error.context(format!("no answer from `{}`", self.base)),
            hint: Some(
                "is `bursar serve` running there? `--url` or `BURSAR_URL` names another server".to_owned(),
            ),
        };
        self.runtime.block_on(async {
            let work = async {
                let response = self.http.request(request).await.map_err(anyhow::Error::from)?;
                let (parts, body) = response.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                let bytes = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
                Ok((parts, bytes))
            };
            let answered = tokio::time::timeout(timeout, work).await;
            match answered {
                Err(_) => Err(unreachable(anyhow::anyhow!("nothing within {} s", timeout.as_secs()))),
                Ok(answered) => answered.map_err(unreachable),
            }
        })
    }
}

/// A body as JSON, else as text.
fn parsed(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

/// The body of a good answer; the problem of another as a failure.
fn answer(status: StatusCode, body: Value) -> Result<Value, Failure> {
    if status.is_success() {
        return Ok(body);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let plain = format!("the server answered {status}");
    let mut message = text("detail").or_else(|| text("title")).map_or(plain, str::to_owned);
    if let Some(code) = text("type").filter(|kind| kind.starts_with("E-")) {
        message = format!("{code}: {message}");
    }
    Err(match status {
        StatusCode::UNAUTHORIZED => Failure::failed(format!(
            "the server does not take the admin token: {message}"
        ))
        .hint("`BURSAR_ADMIN_TOKEN`, or the file `admin-token` in the server's data directory, holds it"),
        // A deliberate no, with its reason.
        StatusCode::FORBIDDEN
        | StatusCode::CONFLICT
        | StatusCode::PAYMENT_REQUIRED
        | StatusCode::TOO_MANY_REQUESTS => Failure::refused(message),
        _ => Failure::failed(message),
    })
}

/// One segment of a path, with everything but letters, digits and `-._~` escaped.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn with_query(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let pairs: Vec<String> = query
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={}", segment(value))))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
