//! Ranges of IP addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::IpAddr;

/// Addresses that share their first bits. An IPv4 address written as IPv6 counts as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpRange {
    first: IpAddr,
    bits: u8,
}

impl IpRange {
    /// Reads an address, or an address and the length of its prefix. Bits behind the prefix must be zero: most ranges
    /// that have some are mistakes.
    ///
    /// # Errors
    /// A fragment that says what is wrong, to stand behind the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| "is no IP address or range".to_owned())?;
        let all: u8 = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => all,
            Some(text) => match text.parse::<u8>() {
                Ok(bits) if bits <= all => bits,
                Ok(_) | Err(_) => return Err(format!("has a prefix that is not from 0 to {all}")),
            },
        };
        let range = Self { first, bits };
        if masked(number(first), bits, all) != number(first) {
            return Err("has bits behind its prefix".to_owned());
        }
        Ok(range)
    }
    /// Whether it holds addresses of this machine's loopback alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let least = if self.first.is_ipv4() { 8 } else { 128 };
        self.first.is_loopback() && self.bits >= least
    }
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let all = if self.first.is_ipv4() { 32 } else { 128 };
        address.is_ipv4() == self.first.is_ipv4()
            && masked(number(address), self.bits, all) == number(self.first)
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The first `bits` of an address of `all` bits.
fn masked(number: u128, bits: u8, all: u8) -> u128 {
    let behind = u32::from(all.saturating_sub(bits));
    number.checked_shr(behind).and_then(|prefix| prefix.checked_shl(behind)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(range: &str, address: &str) -> bool {
        IpRange::parse(range).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_contains_what_shares_its_prefix() {
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.8"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "::1"));
        assert!(has("2001:db8::/32", "2001:db8:1::5") && !has("2001:db8::/32", "2001:db9::5"));
        assert!(has("::/0", "2001:db8::1"));
        assert!(has("127.0.0.0/8", "::ffff:127.0.0.1"), "IPv4 written as IPv6");
    }

    #[test]
    fn what_is_no_range_says_why() {
        for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(IpRange::parse(text).is_err(), "{text}");
        }
        assert_eq!(IpRange::parse("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
    }
}
