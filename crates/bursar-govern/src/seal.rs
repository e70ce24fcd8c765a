//! Sealing secrets that were given through the API: AES-256-GCM under a key the operator provides.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// A provider credential or channel secret in clear text. Never printed, logged or serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
    /// The text itself, to be put into an upstream request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The sealing key is shorter than 16 bytes.
    #[error("sealing key is shorter than 16 bytes")]
    KeyTooShort,
    /// The randomness or cipher of the machine failed.
    #[error("cipher failed")]
    Cipher,
    /// Sealed under another key, for another purpose, or damaged.
    #[error("sealed under another key, or damaged")]
    CannotOpen,
}

/// Seals and opens. Made from any text of 16 bytes or more.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// A sealer under the operator's key.
    ///
    /// # Errors
    /// [`SealError::KeyTooShort`].
    pub fn new(key: &str) -> Result<Self, SealError> {
        if key.trim().len() < 16 {
            return Err(SealError::KeyTooShort);
        }
        let derived = Sha256::new().chain_update(b"bursar seal v1\0").chain_update(key.trim()).finalize();
        RandomizedNonceKey::new(&AES_256_GCM, &derived).map(Self).map_err(|_| SealError::Cipher)
    }

    /// Seals `plain` for `purpose`; what is sealed for one purpose does not open for another.
    ///
    /// # Errors
    /// [`SealError::Cipher`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| SealError::Cipher)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(out)
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`SealError::CannotOpen`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::CannotOpen)?;
        let mut plain = body.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut plain)
            .map_err(|_| SealError::CannotOpen)?
            .len();
        plain.truncate(opened);
        Ok(plain)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_again_for_the_same_purpose_only() {
        let sealer = Sealer::new("a key of enough bytes").unwrap();
        let sealed = sealer.seal("credential:openai", b"sk-upstream").unwrap();
        assert!(!sealed.windows(11).any(|part| part == b"sk-upstream"));
        assert_eq!(sealer.open("credential:openai", &sealed).unwrap(), b"sk-upstream");
        assert_eq!(sealer.open("credential:other", &sealed), Err(SealError::CannotOpen));
        let other = Sealer::new("another key of enough bytes").unwrap();
        assert_eq!(other.open("credential:openai", &sealed), Err(SealError::CannotOpen));
        assert_eq!(sealer.open("credential:openai", &sealed[..5]), Err(SealError::CannotOpen));
        assert_eq!(Sealer::new("short").err(), Some(SealError::KeyTooShort));
    }
}
