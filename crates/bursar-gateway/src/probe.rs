//! Probing a provider: asks for its list of models, which costs nothing, to see whether it is there and takes a credential.

use crate::request::{BuildError, authorise, trust, uri};
use crate::upstream::{Upstream, UpstreamError};
use bursar_core::Family;
use bursar_govern::directory::{Credential, Credentials, Provider};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use std::time::Duration;

/// How long a probe waits for a connection, and for an answer: a person waits for it.
const WAIT: Duration = Duration::from_secs(8);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No request could be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Nothing answered.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Asks `provider` for its models with `credential`; the status of its answer. One that takes its callers' own
/// credentials is asked without any.
///
/// # Errors
/// See [`ProbeError`].
pub async fn probe(
    upstream: &Upstream,
    provider: &Provider,
    credential: Option<&Credential>,
) -> Result<u16, ProbeError> {
    let path = match provider.family {
        Family::OpenAi | Family::Anthropic => "/v1/models",
        Family::Gemini => "/v1beta/models",
        Family::Ollama => "/api/tags",
    };
    let mut headers = HeaderMap::new();
    if let Credentials::Own(_) = provider.credentials {
        authorise(&mut headers, provider, credential)?;
    }
    if provider.family == Family::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri(provider, path, None)?;
    *request.headers_mut() = headers;
    trust(&mut request, provider);
    let wait = provider.timeouts.first_byte.min(WAIT);
    let answer = upstream.send(request, provider.timeouts.connect.min(WAIT), wait).await?;
    Ok(answer.status().as_u16())
}
