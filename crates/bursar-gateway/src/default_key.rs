//! The key of clients that send none, such as Ollama's: only from where the operator says, and never for a web page.

use bursar_core::IpRange;
use bursar_govern::seal::Secret;
use http::HeaderMap;
use http::header::{FORWARDED, ORIGIN, VIA};
use std::net::IpAddr;

/// A key for clients that send none.
#[derive(Debug, Clone)]
pub struct DefaultKey {
    /// Where such a client may be.
    pub from: Vec<IpRange>,
    /// The virtual API key that its requests count on.
    pub key: Secret,
}

/// The key of a client that sends none, if it may have one. `peer` is who holds the connection, `client` who asks.
///
/// Nobody gets one through a proxy that is not trusted, for everybody behind it looks like the proxy itself; and no web
/// page does: any page could make the browser of somebody at this machine ask.
pub(crate) fn find<'a>(
    keys: &'a [DefaultKey],
    headers: &HeaderMap,
    (peer, client): (Option<IpAddr>, Option<IpAddr>),
    trusted: &[IpRange],
) -> Option<&'a str> {
    let (peer, client) = (peer?, client?);
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return None;
    }
    let is_trusted = trusted.iter().any(|range| range.contains(peer));
    let is_relayed = headers.contains_key("x-forwarded-for");
    let shows_proxy = is_relayed
        || [FORWARDED, VIA].iter().any(|name| headers.contains_key(name))
        || headers.contains_key("x-real-ip");
    // A trusted proxy says whom it speaks for; whoever else shows signs of one hides it.
    if is_trusted != is_relayed || (!is_trusted && shows_proxy) {
        return None;
    }
    let own = keys.iter().find(|key| key.from.iter().any(|range| range.contains(client)))?;
    Some(own.key.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(peer: &str, client: &str, headers: &[(&'static str, &str)]) -> bool {
        let range = |text| IpRange::parse(text).unwrap();
        let keys =
            [DefaultKey { from: vec![range("127.0.0.0/8"), range("10.1.0.0/16")], key: Secret::new("k") }];
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let addresses = (peer.parse().ok(), client.parse().ok());
        find(&keys, &headers, addresses, &[range("10.9.9.9")]).is_some()
    }

    #[test]
    fn only_a_client_that_is_surely_in_the_range_gets_the_key() {
        assert!(given("127.0.0.1", "127.0.0.1", &[]));
        assert!(!given("192.0.2.1", "192.0.2.1", &[]));
        assert!(given("10.9.9.9", "10.1.2.3", &[("x-forwarded-for", "10.1.2.3")]), "a trusted proxy tells");
        assert!(!given("10.9.9.9", "10.9.9.9", &[]), "a trusted proxy that does not tell");
        assert!(!given("127.0.0.1", "", &[]), "an address that cannot be read");
        for sign in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "origin", "sec-fetch-site"] {
            assert!(!given("127.0.0.1", "127.0.0.1", &[(sign, "x")]), "{sign}");
        }
    }
}
