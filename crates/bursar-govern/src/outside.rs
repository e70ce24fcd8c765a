//! Calls that programs make to providers themselves: priced by the same engine, booked in the same windows, recorded
//! alike. Bursar as a ledger without the proxy.
//!
//! Their ids are UUIDs of version 8, those of proxied requests of version 7: neither can be mistaken for the other.

mod book;
mod call;
mod record;
mod report;
mod reservable;

use crate::governor::Governor;
use bursar_core::{RequestId, Timestamp, Usd};
use bursar_store::journal::Seq;
use bursar_store::records::Record;
use sha2::{Digest, Sha256};

pub use book::{Booked, NotBooked};
pub use call::{Call, Mistake};
pub use report::Report;
pub use reservable::{Reservable, SetAside};

/// How far back a call may have been made, in seconds: the longest usual period, a year, and a month to be late.
pub const CALL_AGE_MAX_S: i64 = 400 * 86_400;
/// How far ahead of Bursar's clock a call may claim to be, in seconds: clocks of well-kept machines differ by less.
pub const CLOCK_SKEW_MAX_S: i64 = 300;

impl Governor {
    /// Sets room aside for a call that its program will make itself, or refuses as the gateway would: kill switches
    /// before every budget.
    ///
    /// # Errors
    /// See [`NotBooked`].
    pub fn reserve_call(
        &self,
        asked: &Reservable,
        known: Option<&Record>,
    ) -> Result<(SetAside, Seq), NotBooked> {
        match self.killed(&asked.call.attributes, asked.hold.list > Usd::ZERO) {
            Some(killed) => Err(NotBooked::Refused(Box::new(killed.refusal(asked.call.id)))),
            None => self.set_aside(asked, known),
        }
    }
}

const VERSION_PLACE: u32 = 76;
const VARIANT_PLACE: u32 = 62;

/// The id of a call that its program names: the same name in the same project is the same call.
#[must_use]
pub fn named_id(project: &str, name: &str) -> RequestId {
    let mut hash = Sha256::new();
    for part in ["bursar call", project, name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (bits, _) = digest.split_first_chunk::<16>().map_or(([0; 16], &[][..]), |(head, rest)| (*head, rest));
    marked(u128::from_be_bytes(bits))
}

/// The id of a call that nobody named, in order of time.
#[must_use]
pub fn fresh_id(now: Timestamp, random: u128) -> RequestId {
    marked(RequestId::new(now, random).as_u128())
}

/// Whether this is the id of a call made elsewhere.
#[must_use]
pub const fn is_outside(id: RequestId) -> bool {
    (id.as_u128() >> VERSION_PLACE) & 0xF == 8
}

const fn marked(bits: u128) -> RequestId {
    let bits = (bits & !(0xF << VERSION_PLACE)) | (0x8 << VERSION_PLACE);
    RequestId::from_u128((bits & !(0x3 << VARIANT_PLACE)) | (0x2 << VARIANT_PLACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-05.
    #[test]
    fn ids_of_calls_are_their_own_kind_of_uuid() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let (one, two) = (named_id("alpha", "req-1"), named_id("beta", "req-1"));
        assert_ne!(one, two, "another project's call is another call");
        assert_eq!(one, named_id("alpha", "req-1"));
        for id in [one, two, fresh_id(now, 7)] {
            assert!(is_outside(id));
            assert_eq!(id.to_string().as_bytes()[14], b'8');
            assert!(b"89ab".contains(&id.to_string().as_bytes()[19]));
        }
        assert!(!is_outside(RequestId::new(now, 7)));
    }
}
