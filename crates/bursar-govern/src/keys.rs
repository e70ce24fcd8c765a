//! Virtual API keys: made once, shown once, stored only as a hash.

use sha2::{Digest, Sha256};
use std::fmt;

/// What every key starts with, so that leaked ones can be found by scanners.
pub const KEY_PREFIX: &str = "sk-bursar-";
/// What every admin token starts with.
pub const TOKEN_PREFIX: &str = "bursar-admin-";
/// Characters of a key that lists may show: enough to tell keys apart, far too few to guess the rest.
const SHOWN_CHARACTERS: usize = 6;

/// A secret in clear text: shown once to its owner, never stored, never logged.
pub struct PlainSecret(String);

impl PlainSecret {
    /// A new secret from 256 random bits.
    #[must_use]
    pub fn generate(prefix: &str, random: [u8; 32]) -> Self {
        let digits = random.iter().map(|byte| format!("{byte:02x}"));
        Self(std::iter::once(prefix.to_owned()).chain(digits).collect())
    }
    /// A new secret from a source of random numbers.
    #[must_use]
    pub fn random(prefix: &str, random: impl Fn() -> u128) -> Self {
        let mut bytes = [0u8; 32];
        let (low, high) = bytes.split_at_mut(16);
        low.copy_from_slice(&random().to_be_bytes());
        high.copy_from_slice(&random().to_be_bytes());
        Self::generate(prefix, bytes)
    }
    /// The text itself. The caller shows it once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// What is stored.
    #[must_use]
    pub fn hashed(&self) -> HashedSecret {
        HashedSecret::of(&self.0)
    }
    /// The part that lists show.
    #[must_use]
    pub fn shown_prefix(&self) -> String {
        let body = self.0.strip_prefix(KEY_PREFIX).or_else(|| self.0.strip_prefix(TOKEN_PREFIX));
        let known = self.0.len() - body.map_or(0, str::len);
        self.0.chars().take(known + SHOWN_CHARACTERS).collect()
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

/// SHA-256 of a secret. A random 256-bit secret needs no slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashedSecret([u8; 32]);

impl HashedSecret {
    /// The hash of what a client presented.
    #[must_use]
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented.as_bytes()).into())
    }
    /// From its stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// As stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// Compares without telling by its duration where the two differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        bool::from(subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]))
    }
}

impl fmt::Debug for HashedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_hash_and_not_shown_in_lists() {
        let secret = PlainSecret::generate(KEY_PREFIX, [7; 32]);
        assert!(secret.reveal().starts_with(KEY_PREFIX));
        assert_eq!(secret.reveal().len(), KEY_PREFIX.len() + 64);
        assert!(secret.hashed().is_same(&HashedSecret::of(secret.reveal())));
        assert!(!secret.hashed().is_same(&HashedSecret::of("sk-bursar-other")));
        assert_eq!(secret.shown_prefix().len(), KEY_PREFIX.len() + SHOWN_CHARACTERS);
        assert_eq!(format!("{secret:?}"), "PlainSecret(…)");
    }

    #[test]
    fn different_randomness_gives_different_secrets() {
        let texts: std::collections::BTreeSet<String> =
            (0..=255u8).map(|n| PlainSecret::generate(KEY_PREFIX, [n; 32]).reveal().to_owned()).collect();
        assert_eq!(texts.len(), 256);
    }
}
