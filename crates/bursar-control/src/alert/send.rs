//! Sending: one try of one message to one channel. What goes wrong is said without addresses, which may be secrets.

use super::channel::{Channel, ChannelKind};
use super::limits::{ANSWER, ANSWER_BYTES_MAX, CONNECT};
use super::{mail, payload};
use bursar_core::Timestamp;
use bursar_store::settings::Alert;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_platform_verifier::BuilderVerifierExt;
use std::fmt;
use std::sync::Arc;

/// A text that must not be shown: an address or token of a channel. It is here, or sealed in the settings under a name.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Here(Box<str>),
    Sealed(Box<str>),
}

impl SecretText {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Kept::Here(text.into()))
    }
    /// One that was given through the admin API under this name, or will be.
    #[must_use]
    pub fn sealed(name: &str) -> Self {
        Self(Kept::Sealed(name.into()))
    }
    /// Under which name it is sealed.
    pub(super) fn sealed_as(&self) -> Option<&str> {
        match &self.0 {
            Kept::Here(_) => None,
            Kept::Sealed(name) => Some(name),
        }
    }
    /// The secret; of one that was not unsealed nothing.
    pub(super) fn expose(&self) -> &str {
        match &self.0 {
            Kept::Here(text) => text,
            Kept::Sealed(_) => "",
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Here(_) => f.write_str("SecretText(…)"),
            Kept::Sealed(name) => write!(f, "SecretText(sealed as {name})"),
        }
    }
}

/// Why a try failed, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendError {
    /// What went wrong.
    pub(super) problem: String,
    /// Seconds that the receiver asks to wait.
    pub(super) retry_after_s: Option<i64>,
}

impl SendError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), retry_after_s: None }
    }
}

/// Connections to the receivers of alerts, apart from those to providers.
#[derive(Clone)]
pub(super) struct Courier(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Courier {
    /// Connections that trust what the machine trusts.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(https);
        Ok(Self(client))
    }
    /// One try.
    pub(super) async fn send(
        &self,
        channel: &Channel,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Result<(), SendError> {
        if let ChannelKind::Email(mail) = &channel.kind {
            return mail::send(mail, channel, alerts, now).await.map_err(SendError::new);
        }
        let Some(post) = payload::post(channel, alerts, now) else { return Ok(()) };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(post.url.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "bursar");
        for (name, value) in &post.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(post.body)))
            .map_err(|_| SendError::new("the address is not a URL"))?;
        let answer = match tokio::time::timeout(CONNECT + ANSWER, self.0.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => {
                return Err(SendError::new("the receiver cannot be reached"));
            }
            Ok(Err(_)) => return Err(SendError::new("the connection broke before an answer")),
            Err(_) => return Err(SendError::new("the receiver did not answer in time")),
        };
        let (head, body) = answer.into_parts();
        // Read so that the connection can be used again; what it says may repeat the address.
        drop(tokio::time::timeout(ANSWER, Limited::new(body, ANSWER_BYTES_MAX).collect()).await);
        if head.status.is_success() {
            return Ok(());
        }
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.trim().parse::<i64>().ok());
        Err(SendError { problem: format!("the receiver answered {}", head.status.as_u16()), retry_after_s })
    }
}
