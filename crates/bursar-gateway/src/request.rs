//! The request that goes upstream: the client's own bytes and headers, but for the declared splices and the credential.

use crate::upstream::Authorities;
use bursar_core::{Family, RequestId};
use bursar_govern::directory::{Credential, Credentials, Provider};
use bursar_govern::route::Deployment;
use bursar_wire::route::{ClientCredentials, upstream_headers, upstream_query};
use bursar_wire::{Facts, SpendRoute, Splice, splice};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Uri};
use http_body_util::Full;
use std::sync::Arc;

/// Why no request could be made for a provider. The operator's fault, not the client's.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Base URL and path make no URL.
    #[error("the provider's base URL and the path make no URL")]
    Url(#[source] http::uri::InvalidUri),
    /// The credential has characters that no header may have.
    #[error("the provider's credential cannot stand in a header")]
    Credential(#[source] InvalidHeaderValue),
    /// The body could not be spliced.
    #[error("the body could not be edited")]
    Splice(#[source] bursar_wire::SpliceError),
    /// The caller's own credential is to be forwarded, and there is none.
    #[error("this provider takes the caller's own credential, and the request carries none")]
    NoClientCredential,
}

/// The credential for this request: by weight, the same for the same request.
#[must_use]
pub fn choose(provider: &Provider, request_id: RequestId) -> Option<&Arc<Credential>> {
    let Credentials::Own(credentials) = &provider.credentials else { return None };
    if credentials.len() < 2 {
        return credentials.first();
    }
    let total: u64 = credentials.iter().map(|credential| u64::from(credential.weight)).sum();
    let drawn = u64::try_from(request_id.as_u128() & 0xFFFF_FFFF).unwrap_or(0);
    let mut left = drawn.checked_rem(total).unwrap_or(0);
    credentials.iter().find(|credential| {
        let weight = u64::from(credential.weight);
        let chosen = left < weight;
        left = left.saturating_sub(weight);
        chosen
    })
}

/// Builds the upstream request for a deployment; `output_limit` goes in the place of the client's own.
///
/// # Errors
/// See [`BuildError`].
pub fn build(
    route: &SpendRoute,
    facts: &Facts,
    parts: &Parts,
    body: Bytes,
    deployment: &Deployment,
    credential: Option<&Credential>,
    output_limit: Option<u64>,
) -> Result<Request<Full<Bytes>>, BuildError> {
    let mut splices = Vec::new();
    if facts.stream && !facts.asks_usage {
        splices.push(Splice::IncludeUsage);
    }
    if let Some(name) = &deployment.upstream_model {
        splices.push(Splice::Model(name.to_string()));
    }
    splices.extend(output_limit.map(Splice::OutputLimit));
    let body =
        if splices.is_empty() { body } else { splice(body, facts, &splices).map_err(BuildError::Splice)? };
    let model = deployment.upstream_model.as_deref().unwrap_or(&facts.model);
    let uri = uri(&deployment.provider, &route.upstream_path(model), parts.uri.query())?;

    towards(&deployment.provider, parts, uri, body, credential)
}

/// The client's own request on its way to a provider: its method, its headers but for the key, the provider's credential.
///
/// # Errors
/// See [`BuildError`].
pub(crate) fn towards(
    provider: &Provider,
    parts: &Parts,
    uri: Uri,
    body: Bytes,
    credential: Option<&Credential>,
) -> Result<Request<Full<Bytes>>, BuildError> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    trust(&mut request, provider);
    let theirs = match provider.credentials {
        Credentials::Client => ClientCredentials::PassOn,
        Credentials::Own(_) | Credentials::None => ClientCredentials::TakeOff,
    };
    *request.headers_mut() = upstream_headers(&parts.headers, theirs);
    authorise(request.headers_mut(), provider, credential)?;
    Ok(request)
}

/// Says on a request who may vouch for the provider, where the platform does not.
pub(crate) fn trust<B>(request: &mut Request<B>, provider: &Provider) {
    if let Some(pem) = &provider.authorities {
        request.extensions_mut().insert(Authorities(Arc::clone(pem)));
    }
}

/// Where a path of the family's is at the provider.
pub(crate) fn uri(provider: &Provider, path: &str, query: Option<&str>) -> Result<Uri, BuildError> {
    let base = provider.base_url.trim_end_matches('/');
    // A base URL may end in the version that the family's paths begin with.
    let path = match path.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) if base.ends_with(&format!("/{version}")) => format!("/{rest}"),
        _ => path.to_owned(),
    };
    let query = upstream_query(query).map_or_else(String::new, |query| format!("?{query}"));
    format!("{base}{path}{query}").parse().map_err(BuildError::Url)
}

/// Puts the credential where the provider's family reads it.
pub(crate) fn authorise(
    headers: &mut HeaderMap,
    provider: &Provider,
    credential: Option<&Credential>,
) -> Result<(), BuildError> {
    match (&provider.credentials, credential) {
        (Credentials::Own(_), Some(credential)) => {
            let (name, value) = match provider.family {
                Family::OpenAi | Family::Ollama => {
                    (AUTHORIZATION, format!("Bearer {}", credential.secret.expose()))
                }
                Family::Anthropic => {
                    (HeaderName::from_static("x-api-key"), credential.secret.expose().to_owned())
                }
                Family::Gemini => {
                    (HeaderName::from_static("x-goog-api-key"), credential.secret.expose().to_owned())
                }
            };
            let mut value = HeaderValue::from_str(&value).map_err(BuildError::Credential)?;
            value.set_sensitive(true);
            headers.insert(name, value);
            if is_azure(provider) {
                let mut key =
                    HeaderValue::from_str(credential.secret.expose()).map_err(BuildError::Credential)?;
                key.set_sensitive(true);
                headers.insert(HeaderName::from_static("api-key"), key);
            }
        }
        (Credentials::Client, _) => {
            let own = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
            let is_ours =
                |value: &HeaderValue| value.as_bytes().windows(KEY_MARK.len()).any(|part| part == KEY_MARK);
            for name in own {
                if headers.get(name).is_some_and(is_ours) {
                    headers.remove(name);
                }
            }
            if !own.iter().any(|name| headers.contains_key(*name)) {
                return Err(BuildError::NoClientCredential);
            }
        }
        (Credentials::Own(_) | Credentials::None, _) => {}
    }
    Ok(())
}

/// A Bursar key never travels upstream, also where the caller's own credential is forwarded.
const KEY_MARK: &[u8] = bursar_govern::keys::KEY_PREFIX.as_bytes();

/// Azure OpenAI reads keys from a header of its own.
fn is_azure(provider: &Provider) -> bool {
    &*provider.prices == "azure_openai"
}
