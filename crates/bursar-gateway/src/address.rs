//! Where a client is: the address of its connection, or what a proxy that is trusted says in front of it.

use bursar_core::IpRange;
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};

/// The client's address. Behind a trusted proxy it is the last address of `x-forwarded-for` that is no trusted proxy
/// itself: what stands before that a client may have written. A list that cannot be read leaves the address unknown.
#[must_use]
pub fn of_client(parts: &Parts, trusted: &[IpRange]) -> Option<IpAddr> {
    let peer = of_peer(parts)?;
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        return Some(peer);
    }
    let lines = parts.headers.get_all("x-forwarded-for").iter();
    let texts: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let texts = texts?;
    let mut nearest = peer;
    for text in texts.iter().flat_map(|line| line.split(',')).rev() {
        nearest = read(text.trim())?;
        if !is_trusted(nearest) {
            break;
        }
    }
    Some(nearest)
}

/// The address of the connection.
#[must_use]
pub fn of_peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical())
}

/// An address as proxies write it: bare, or with a port.
fn read(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut request = http::Request::new(());
        for line in forwarded {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        request.extensions_mut().insert(SocketAddr::new(peer, 5000));
        let trusted = [IpRange::parse("10.0.0.0/8").unwrap()];
        of_client(&request.into_parts().0, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn what_a_client_writes_itself_is_not_believed() {
        let told = |peer, forwarded: &[&str]| from(peer, forwarded).unwrap_or_else(|| "unknown".to_owned());
        assert_eq!(told("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(told("192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "the peer is no proxy of ours");
        assert_eq!(told("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(told("10.0.0.1", &["127.0.0.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(told("10.0.0.1", &["127.0.0.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(told("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &["nonsense"]), "unknown");
        assert_eq!(told("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }
}
