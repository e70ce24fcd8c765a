//! A call that asks for room before it is made, and the room that was set aside for it.

use super::call::Call;
use bursar_core::{Charge, RequestBound, Timestamp};
use bursar_ledger::{Held, State};
use bursar_store::records::Record;
use sha2::{Digest, Sha256};

/// A call that asks for room before it is made.
#[derive(Debug, Clone)]
pub struct Reservable {
    /// The call.
    pub call: Call,
    /// The most it may cost.
    pub hold: Charge,
    /// What that rests on, where it was quoted rather than stated.
    pub bound: Option<RequestBound>,
}

/// Room that was set aside.
#[derive(Debug, Clone)]
pub struct SetAside {
    /// What is held; absent where the same call asked before.
    pub held: Option<Held>,
    /// Its record, as it stands.
    pub record: Box<Record>,
    /// When it expires without progress.
    pub expires_at: Timestamp,
    /// Where the ledger stands then.
    pub state: State,
}

impl Reservable {
    /// Prices the worst case of so many tokens.
    ///
    /// # Errors
    /// [`super::Mistake`] with E-PRICE-001.
    pub fn quoted(call: Call, bound: RequestBound) -> Result<Self, super::Mistake> {
        let conditions = call.conditions(None, false);
        let quote = bursar_pricing::quote(&call.priced()?.row, &bound, &conditions);
        let hold = Charge {
            list: quote.list,
            effective: quote.effective(call.multiplier),
            tokens: i64::try_from(quote.tokens).unwrap_or(i64::MAX),
            requests: 1,
        };
        Ok(Self { call, hold, bound: Some(bound) })
    }
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hash = Sha256::new();
        for (attribute, value) in self.call.attributes.iter() {
            hash.update(format!("{attribute}={value}\n"));
        }
        hash.update(format!("{:?}", self.hold));
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}
