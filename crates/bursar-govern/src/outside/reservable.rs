//! A call that asks for room before it is made, and the room that was set aside for it.

use super::call::Call;
use crate::governor::Governor;
use crate::learn::Owner;
use crate::limits::FIRST_SLICE;
use bursar_core::{Charge, RequestBound, Timestamp};
use bursar_ledger::{Held, HoldPolicy, State};
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

impl Governor {
    /// What the gateway would hold at first for a call of this bound, by the policy of the hard budgets that count it: the
    /// worst case, or for a stream under `streaming` its prompt and first slice, or under `estimate` what was learned.
    ///
    /// # Errors
    /// [`super::Mistake`] with E-PRICE-001.
    pub fn held_at_first(&self, asked: &Reservable, stream: bool) -> Result<Charge, super::Mistake> {
        let Some(bound) = &asked.bound else { return Ok(asked.hold) };
        let call = &asked.call;
        let row = &call.priced()?.row;
        let policy = self.ledger().look(|engine| engine.hold_policy(call.created_at, &call.attributes));
        let (text, output) = match policy.unwrap_or_default() {
            HoldPolicy::WorstCase => return Ok(asked.hold),
            // A model that thinks unseen is held in full.
            HoldPolicy::Streaming if !stream || row.facts().reasoning == Some(true) => return Ok(asked.hold),
            HoldPolicy::Streaming => (bound.text_tokens, FIRST_SLICE),
            HoldPolicy::Estimate => match self.learned.output(&Owner::of(&call.attributes), row.id()) {
                None => return Ok(asked.hold),
                Some(output) => (self.calibrations.estimate(row.id(), bound.text_tokens), output),
            },
        };
        let limit = bound.output_limit.map_or(output, |limit| limit.min(output));
        let bound = RequestBound { text_tokens: text, output_limit: Some(limit), ..bound.clone() };
        Ok(Reservable::quoted(call.clone(), bound)?.hold)
    }
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
