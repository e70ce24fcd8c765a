//! What a program reports of a call: how far it is, what it used, what that costs.

use super::call::{Call, Mistake};
use bursar_core::{Charge, Usage, Usd};
use bursar_pricing::Cost;
use bursar_store::records::Status;

/// A report of a call made elsewhere, checked.
#[derive(Debug, Clone)]
pub struct Report {
    /// The call.
    pub call: Call,
    /// How far it is.
    pub status: Status,
    /// What it used so far.
    pub usage: Usage,
    /// What the provider says it cost, which then counts instead of the price.
    pub stated: Option<Usd>,
    /// Whether usage is estimated.
    pub estimated: bool,
    /// Whether it was a stream.
    pub stream: bool,
    /// The status of the provider's answer, 100 to 599.
    pub status_code: Option<u16>,
    /// Milliseconds to the first byte.
    pub first_byte_ms: Option<u32>,
    /// Milliseconds to the end.
    pub total_ms: Option<u32>,
    /// What went wrong.
    pub error: Option<String>,
    /// The provider's own id of the call.
    pub upstream_request_id: Option<String>,
    /// The model that the provider says answered.
    pub answered_model: Option<String>,
    /// The service tier in the provider's word.
    pub service_tier: Option<String>,
}

/// What a report costs.
#[derive(Debug, Clone)]
pub(super) struct Bill {
    pub(super) charge: Charge,
    pub(super) cost: Option<Cost>,
}

impl Report {
    /// Whether nothing more comes.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.status.is_final()
    }
    /// What it costs, by the price engine unless the cost is stated.
    ///
    /// # Errors
    /// E-PRICE-001 where neither a price nor a cost is known.
    pub fn charge(&self) -> Result<Charge, Mistake> {
        self.bill().map(|bill| bill.charge)
    }
    pub(super) fn bill(&self) -> Result<Bill, Mistake> {
        let tokens = i64::try_from(self.usage.tokens()).unwrap_or(i64::MAX);
        let of = |list, effective| Charge { list, effective, tokens, requests: 1 };
        if let Some(stated) = self.stated {
            return Ok(Bill { charge: of(stated, stated), cost: None });
        }
        if self.usage.is_empty() && !self.is_final() {
            return Ok(Bill { charge: of(Usd::ZERO, Usd::ZERO), cost: None });
        }
        let failed = self.status == Status::Failed;
        let conditions = self.call.conditions(self.service_tier.as_deref(), failed);
        let cost = bursar_pricing::cost(&self.call.priced()?.row, &self.usage, &conditions);
        let charge = of(cost.list, cost.effective(self.call.multiplier));
        Ok(Bill { charge, cost: Some(cost) })
    }
    /// What is odd about it: noted in the record, not refused, for providers do send odd counts.
    #[must_use]
    pub fn anomalies(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(price) = &self.call.price {
            let facts = price.row.facts();
            if facts.context.is_some_and(|context| self.usage.prompt_tokens() > context) {
                notes.push("more prompt tokens than the model's context window".to_owned());
            }
            let output = self.usage.get(bursar_core::UsageClass::Output);
            if facts.max_output.is_some_and(|most| output > most) {
                notes.push("more output tokens than the model's maximum".to_owned());
            }
        }
        notes
    }
}
