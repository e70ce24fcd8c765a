//! Which proxy leads to a provider: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, as curl reads them.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use std::net::IpAddr;
use std::sync::Arc;

/// The proxies of the environment. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Option<Arc<Matcher>>);

/// A variable that names no proxy that can be used. Its value, which may hold a password, is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no proxy that can be used: write `http://host:port`, with `user:password@` where the proxy asks for it"
)]
pub struct ProxyError(pub &'static str);

impl Proxies {
    /// Reads the usual variables by `get`; the spelling in capitals wins over the one in small letters.
    ///
    /// # Errors
    /// [`ProxyError`] for a proxy that is not reached by `http`, such as SOCKS.
    pub fn from_variables<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ProxyError> {
        let read = |names: [&'static str; 2]| {
            let found = names.into_iter().find_map(|name| Some((name, get(name)?)));
            match found {
                Some((name, value)) if !is_http(value) => Err(ProxyError(name)),
                Some((_, value)) => Ok(Some(value.to_owned())),
                None => Ok(None),
            }
        };
        let all = read(["ALL_PROXY", "all_proxy"])?;
        let http = read(["HTTP_PROXY", "http_proxy"])?;
        let https = read(["HTTPS_PROXY", "https_proxy"])?;
        if all.is_none() && http.is_none() && https.is_none() {
            return Ok(Self::default());
        }
        let no = get("NO_PROXY").or_else(|| get("no_proxy")).unwrap_or_default();
        let matcher = Matcher::builder()
            .all(all.unwrap_or_default())
            .http(http.unwrap_or_default())
            .https(https.unwrap_or_default())
            .no(no.to_owned())
            .build();
        Ok(Self(Some(Arc::new(matcher))))
    }

    /// The proxy on the way to `uri`. Never one towards this machine itself: from elsewhere it is another machine.
    pub(crate) fn towards(&self, uri: &Uri) -> Option<Intercept> {
        let matcher = self.0.as_deref()?;
        if is_here(uri.host()?) { None } else { matcher.intercept(uri) }
    }

    /// What a proxy wants to see in the head of a request that it reads itself, which it does without TLS alone.
    pub(crate) fn authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme_str() != Some("http") {
            return None;
        }
        self.towards(uri)?.basic_auth().cloned()
    }
}

fn is_http(value: &str) -> bool {
    let is_known = value.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some());
    is_known && (!value.contains("://") || value.starts_with("http://"))
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or_else(
        |_| bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost"),
        |address| address.to_canonical().is_loopback(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &'static str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_variables(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| *v))
    }

    fn way(proxies: &Proxies, to: &str) -> String {
        let found = proxies.towards(&to.parse().unwrap());
        found.map_or_else(|| "straight".to_owned(), |proxy| proxy.uri().to_string())
    }

    #[test]
    fn each_scheme_has_its_proxy_and_exceptions_hold() {
        let known = [
            ("HTTPS_PROXY", "http://secure.test:3128"),
            ("http_proxy", "plain.test:8080"),
            ("NO_PROXY", "internal.test, 10.0.0.0/8"),
        ];
        let proxies = proxies(&known).unwrap();
        assert_eq!(way(&proxies, "https://api.test/v1"), "http://secure.test:3128/");
        assert_eq!(way(&proxies, "http://api.test/v1"), "http://plain.test:8080/");
        for straight in ["https://llm.internal.test/v1", "https://10.1.2.3/v1"] {
            assert_eq!(way(&proxies, straight), "straight", "{straight}");
        }
        for here in ["http://127.0.0.1:11434", "http://localhost:11434", "https://[::1]:8443"] {
            assert_eq!(way(&proxies, here), "straight", "{here}");
        }
    }

    #[test]
    fn capitals_win_and_one_proxy_may_serve_for_all() {
        let known = [
            ("ALL_PROXY", "http://all.test:1"),
            ("https_proxy", "http://b.test:3"),
            ("HTTPS_PROXY", "http://a.test:2"),
        ];
        let proxies = proxies(&known).unwrap();
        assert_eq!(way(&proxies, "https://api.test"), "http://a.test:2/");
        assert_eq!(way(&proxies, "http://api.test"), "http://all.test:1/");
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_by_the_name_of_its_variable() {
        for value in ["socks5://p.test:1080", "https://p.test:443", "http://", "what is this"] {
            let error = proxies(&[("https_proxy", value)]).unwrap_err();
            assert_eq!(error, ProxyError("https_proxy"), "{value}");
            assert!(!error.to_string().contains("p.test"), "{error}");
        }
    }

    #[test]
    fn without_variables_every_way_is_straight() {
        assert_eq!(way(&proxies(&[("NO_PROXY", "*")]).unwrap(), "https://api.test"), "straight");
    }
}
