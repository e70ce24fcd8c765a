//! Which headers travel: what goes up to a provider, what comes down to a client, and what stays here.

use crate::request::InputError;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers of one connection, never of the next (RFC 9110, section 7.6.1), with `host` and `content-length`, which the
/// sender sets anew, and `expect`, which was answered here.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Where clients put keys, cookies of this host, and what tells who stands behind the gateway.
const OF_THE_CLIENT: &[&str] = &["cookie", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
/// The headers that can hold a client's key.
pub(super) const KEYS: &[&str] = &["authorization", "x-api-key", "x-goog-api-key", "api-key"];
/// What a provider says about itself to whoever connects to it, which is the gateway.
const OF_THE_PROVIDER: &[&str] =
    &["alt-svc", "set-cookie", "strict-transport-security", "public-key-pins", "www-authenticate"];
/// Prefix of Bursar's own headers. They are read here and written here, never passed on in either direction.
const OURS: &str = "x-bursar-";

/// Whether the credentials that a client sent travel on to the provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientCredentials {
    /// The provider has a credential of its own: the client's are taken off.
    TakeOff,
    /// `credential = "client"`: the client's own go on; its Bursar key came by `x-bursar-key` or the path.
    PassOn,
}

/// The headers of a request that go on to a provider. `accept-encoding` becomes `identity`, so that what is metered is
/// what is sent; the provider's credential, `host` and `content-length` are the caller's to add.
#[must_use]
pub fn upstream_headers(client: &HeaderMap, credentials: ClientCredentials) -> HeaderMap {
    let listed = listed_in_connection(client);
    let mut passed = HeaderMap::with_capacity(client.len() + 1);
    for (name, value) in client {
        let is_key = KEYS.contains(&name.as_str()) && credentials == ClientCredentials::TakeOff;
        let stays = of_the_connection(name, &listed) || OF_THE_CLIENT.contains(&name.as_str()) || is_key;
        if !stays && !name.as_str().starts_with(OURS) && name != header::ACCEPT_ENCODING {
            passed.append(name.clone(), value.clone());
        }
    }
    passed.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    passed
}

/// The headers of an answer that come down to a client. `content-length` comes too where the body is not changed.
#[must_use]
pub fn downstream_headers(provider: &HeaderMap, body_is_unchanged: bool) -> HeaderMap {
    let listed = listed_in_connection(provider);
    let mut passed = HeaderMap::with_capacity(provider.len());
    for (name, value) in provider {
        let length = name == header::CONTENT_LENGTH && body_is_unchanged;
        let stays = of_the_connection(name, &listed) && !length;
        let secret = OF_THE_PROVIDER.contains(&name.as_str()) || KEYS.contains(&name.as_str());
        if !stays && !secret && !name.as_str().starts_with(OURS) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// Checks that no header changes what the body or the answer means.
///
/// # Errors
/// When the body is compressed, or a header asks Google for an answer without its usage or for another method.
pub fn check_headers(client: &HeaderMap) -> Result<(), InputError> {
    let refused = |name: &str, message: &str| Err(InputError::new(0, message).under(name));
    for encoding in client.get_all(header::CONTENT_ENCODING) {
        if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            return refused("content-encoding", "is not read; send the body uncompressed");
        }
    }
    for name in ["x-goog-fieldmask", "x-http-method-override", "x-http-method", "x-method-override"] {
        if client.contains_key(name) {
            return refused(name, "is a header that cannot be metered behind; leave it out");
        }
    }
    Ok(())
}

/// The query that goes on to a provider: everything but a key.
#[must_use]
pub fn upstream_query(query: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = query?.split('&').filter(|pair| !pair.is_empty() && !is_key_pair(pair)).collect();
    if kept.is_empty() { None } else { Some(kept.join("&")) }
}

/// Whether a pair of a query is `key=…`, under any percent-encoding of its name.
pub(super) fn is_key_pair(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or(pair);
    name == "key" || super::gemini::percent_decode(name).is_some_and(|name| name == "key" || name == "$key")
}

fn of_the_connection(name: &HeaderName, listed: &[String]) -> bool {
    OF_THE_CONNECTION.contains(&name.as_str()) || listed.iter().any(|listed| listed == name.as_str())
}

fn listed_in_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }
    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_clients_key_never_travels_up_and_unknown_headers_do() {
        let client = headers(&[
            ("host", "127.0.0.1:8787"),
            ("authorization", "Bearer bsr_1"),
            ("x-api-key", "bsr_1"),
            ("x-goog-api-key", "bsr_1"),
            ("api-key", "bsr_1"),
            ("x-bursar-key", "bsr_1"),
            ("x-bursar-tags", "team=x"),
            ("cookie", "session=1"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("content-length", "12"),
            ("accept-encoding", "gzip, br"),
            ("anthropic-beta", "brand-new-2027-01-01"),
            ("anthropic-version", "2026-10-21"),
            ("openai-organization", "org-1"),
            ("traceparent", "00-1-2-01"),
            ("x-stainless-retry-count", "0"),
            ("x-unheard-of", "1"),
        ]);
        let up = upstream_headers(&client, ClientCredentials::TakeOff);
        assert_eq!(
            names(&up),
            [
                "accept-encoding",
                "anthropic-beta",
                "anthropic-version",
                "openai-organization",
                "traceparent",
                "x-stainless-retry-count",
                "x-unheard-of"
            ]
        );
        assert_eq!(up["accept-encoding"], "identity");
        let own = upstream_headers(&client, ClientCredentials::PassOn);
        assert!(own.contains_key("authorization") && !own.contains_key("x-bursar-key"));
    }

    #[test]
    fn a_providers_credentials_never_travel_down() {
        let provider = headers(&[
            ("content-type", "text/event-stream"),
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "__cf_bm=1"),
            ("alt-svc", "h3=\":443\""),
            ("authorization", "Bearer sk"),
            ("x-bursar-cost-usd", "0"),
            ("x-request-id", "req_1"),
            ("x-ratelimit-remaining-tokens", "7"),
        ]);
        let down = downstream_headers(&provider, true);
        assert_eq!(
            names(&down),
            ["content-length", "content-type", "x-ratelimit-remaining-tokens", "x-request-id"]
        );
        assert!(!downstream_headers(&provider, false).contains_key("content-length"));
    }

    #[test]
    fn headers_that_hide_the_usage_are_refused() {
        assert!(check_headers(&headers(&[("content-encoding", "identity")])).is_ok());
        for line in [
            ("content-encoding", "gzip"),
            ("x-goog-fieldmask", "candidates"),
            ("x-http-method-override", "GET"),
        ] {
            assert!(check_headers(&headers(&[line])).is_err(), "{line:?}");
        }
    }

    #[test]
    fn the_key_is_cut_out_of_the_query() {
        assert_eq!(upstream_query(Some("alt=sse&key=bsr_1")).as_deref(), Some("alt=sse"));
        assert_eq!(
            upstream_query(Some("%6bey=bsr_1&beta=true&api-version=1")).as_deref(),
            Some("beta=true&api-version=1")
        );
        assert_eq!(upstream_query(Some("key=bsr_1")), None);
        assert_eq!(upstream_query(None), None);
    }
}
