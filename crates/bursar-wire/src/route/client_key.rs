//! Where clients put the key they were given: six headers and queries, and the path.

use super::gemini::percent_decode;
use super::headers::is_key_pair;
use super::split_path_key;
use http::HeaderMap;
use smallvec::SmallVec;
use std::borrow::Cow;

/// Longest key that is looked at: far above any issued one, far below a header's limit.
const KEY_BYTES_MAX: usize = 512;

/// A key that a client presents, unchecked.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKey<'a> {
    /// The key itself.
    pub key: Cow<'a, str>,
    /// Where it stood.
    pub place: KeyPlace,
}

/// Where a key can stand, in the order in which they are looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyPlace {
    /// `x-bursar-key`: Bursar's own, beside a credential of the client's own for the provider.
    BursarHeader,
    /// `/k/<key>/…`: likewise.
    Path,
    /// `Authorization: Bearer`
    Authorization,
    /// `x-api-key`
    XApiKey,
    /// `x-goog-api-key`
    XGoogApiKey,
    /// `api-key`
    ApiKey,
    /// `?key=`
    Query,
}

impl KeyPlace {
    /// Whether only a Bursar key stands here, so that the other places may hold the client's own credential.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::BursarHeader | Self::Path)
    }
}

impl std::fmt::Debug for ClientKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key: this ends up in logs.
        write!(f, "ClientKey({:?})", self.place)
    }
}

/// Every key that a request presents, most explicit place first. The first one identifies the caller.
#[must_use]
pub fn client_keys<'a>(
    headers: &'a HeaderMap,
    path: &'a str,
    query: Option<&'a str>,
) -> SmallVec<[ClientKey<'a>; 2]> {
    let mut keys = SmallVec::new();
    let mut add = |place, key: Option<Cow<'a, str>>| {
        if let Some(key) = key.filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX) {
            keys.push(ClientKey { key, place });
        }
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    add(KeyPlace::BursarHeader, header("x-bursar-key").map(Cow::Borrowed));
    add(KeyPlace::Path, split_path_key(path).0.and_then(percent_decode).map(Cow::Owned));
    add(KeyPlace::Authorization, header("authorization").and_then(bearer).map(Cow::Borrowed));
    add(KeyPlace::XApiKey, header("x-api-key").map(Cow::Borrowed));
    add(KeyPlace::XGoogApiKey, header("x-goog-api-key").map(Cow::Borrowed));
    add(KeyPlace::ApiKey, header("api-key").map(Cow::Borrowed));
    let pair = query.and_then(|query| query.split('&').find(|pair| is_key_pair(pair)));
    add(
        KeyPlace::Query,
        pair.and_then(|pair| pair.split_once('=')).and_then(|(_, key)| percent_decode(key)).map(Cow::Owned),
    );
    keys
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn found(
        lines: &[(&'static str, &'static str)],
        path: &str,
        query: Option<&str>,
    ) -> Vec<(String, KeyPlace)> {
        let headers: HeaderMap = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        client_keys(&headers, path, query).into_iter().map(|key| (key.key.into_owned(), key.place)).collect()
    }

    #[test]
    fn a_key_is_found_in_every_place_where_clients_put_it() {
        let path = "/v1/messages";
        for (lines, path, query, place) in [
            (vec![("authorization", "Bearer k")], path, None, KeyPlace::Authorization),
            (vec![("authorization", "bearer   k")], path, None, KeyPlace::Authorization),
            (vec![("x-api-key", "k")], path, None, KeyPlace::XApiKey),
            (vec![("x-goog-api-key", "k")], path, None, KeyPlace::XGoogApiKey),
            (vec![("api-key", "k")], path, None, KeyPlace::ApiKey),
            (vec![("x-bursar-key", "k")], path, None, KeyPlace::BursarHeader),
            (vec![], "/k/k/v1/messages", None, KeyPlace::Path),
            (vec![], path, Some("alt=sse&key=k"), KeyPlace::Query),
            (vec![], path, Some("%6bey=%6b"), KeyPlace::Query),
        ] {
            assert_eq!(found(&lines, path, query), [("k".to_owned(), place)]);
        }
    }

    #[test]
    fn ours_comes_before_a_providers_and_nothing_is_no_key() {
        let both = found(&[("authorization", "Bearer sk-theirs"), ("x-bursar-key", "ours")], "/", None);
        assert_eq!(
            both,
            [("ours".to_owned(), KeyPlace::BursarHeader), ("sk-theirs".to_owned(), KeyPlace::Authorization)]
        );
        assert!(
            found(&[("authorization", "Basic dTpw"), ("x-api-key", "")], "/v1/models", Some("keys=1&key="))
                .is_empty()
        );
    }

    #[test]
    fn a_key_is_not_printed() {
        let headers: HeaderMap =
            [(HeaderName::from_static("api-key"), HeaderValue::from_static("secret"))].into_iter().collect();
        assert!(!format!("{:?}", client_keys(&headers, "/", None)).contains("secret"));
    }
}
