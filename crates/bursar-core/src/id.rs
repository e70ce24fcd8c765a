//! Ids made by Bursar. Randomness and time are arguments.

use crate::time::Timestamp;
use std::fmt;

/// What ids that are UUIDs have alike: their bits and their hyphenated form.
macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// From the 128 bits of a UUID.
            #[must_use]
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }
            /// Its 128 bits.
            #[must_use]
            pub const fn as_u128(self) -> u128 {
                self.0
            }
            /// Reads the hyphenated form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                uuid::Uuid::try_parse(text).ok().map(|id| Self(id.as_u128()))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_u128(self.0).as_hyphenated().fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

/// Identifies a key: a UUID. It is also the value of the attribute `key`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u128);

/// Identifies a token of the admin API: a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(u128);

/// Identifies one governed client request: a UUIDv7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u128);

impl RequestId {
    /// A new id from an instant and 80 random bits (the upper bits of `random` are not used).
    #[must_use]
    pub fn new(now: Timestamp, random: u128) -> Self {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let bytes = random.to_be_bytes();
        let [_, _, _, _, _, _, tail @ ..] = bytes;
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid().as_u128())
    }
}

uuid_id!(RequestId);
uuid_id!(KeyId);
uuid_id!(TokenId);

/// Identifies what was set aside for one attempt: the request and the attempt's number within it, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId {
    /// The client request.
    pub request: RequestId,
    /// Which attempt of it.
    pub attempt: u16,
}

impl ReservationId {
    /// Reads `<uuid>` (attempt 0) or `<uuid>.<attempt>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (request, attempt) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self { request: RequestId::parse(request)?, attempt: attempt.parse().ok()? })
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.request, self.attempt)
    }
}
impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-05.
    #[test]
    fn a_request_id_is_a_uuid_v7_in_time_order() {
        let early = RequestId::new(Timestamp::from_micros(1_000_000), u128::MAX);
        let late = RequestId::new(Timestamp::from_micros(2_000_000), 0);
        assert!(early < late);
        assert_eq!(RequestId::parse(&early.to_string()), Some(early));
        assert_eq!(early.to_string().as_bytes()[14], b'7');
        let reservation = ReservationId { request: early, attempt: 3 };
        assert_eq!(ReservationId::parse(&reservation.to_string()), Some(reservation));
    }
}
