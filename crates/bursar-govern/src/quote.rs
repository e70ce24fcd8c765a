//! Quote: the worst case of one attempt as a charge in every measure, by the price row that will also make its bill.

use crate::directory::Credential;
use crate::route::Deployment;
use bursar_core::{ApiFormat, Charge, Code, Multiplier, Refusal, RequestBound, RequestId, Timestamp};
use bursar_pricing::{Conditions, PriceRow, Quote};

/// What an attempt may cost at most, and what it rests on.
#[derive(Debug, Clone)]
pub struct AttemptQuote {
    /// In every measure; `requests` is filled in when it is reserved.
    pub hold: Charge,
    /// The price engine's answer.
    pub quote: Quote,
    /// From list cost to effective cost.
    pub multiplier: Multiplier,
    /// Whether it rests on how many tokens the model makes of text, learned, instead of one a byte.
    pub calibrated: bool,
}

/// The conditions under which an attempt is quoted: what the request names.
#[must_use]
pub fn conditions(bound: &RequestBound, format: ApiFormat, at: Timestamp) -> Conditions<'_> {
    Conditions {
        at,
        api_format: Some(format),
        service_tier: bound.service_tier.as_deref(),
        region: bound.region.as_deref(),
        ..Conditions::default()
    }
}

/// Prices the worst case of `bound` at a deployment with a credential.
#[must_use]
pub fn quote(
    deployment: &Deployment,
    credential: Option<&Credential>,
    bound: &RequestBound,
    format: ApiFormat,
    at: Timestamp,
) -> AttemptQuote {
    let quote = bursar_pricing::quote(&deployment.price.row, bound, &conditions(bound, format, at));
    let multiplier = credential.map_or(Multiplier::ONE, |credential| credential.multipliers.of(Some(format)));
    AttemptQuote { hold: charge(&quote, multiplier), quote, multiplier, calibrated: false }
}

/// A quote in every measure but `requests`.
#[must_use]
pub fn charge(quote: &Quote, multiplier: Multiplier) -> Charge {
    Charge {
        list: quote.list,
        effective: quote.effective(multiplier),
        tokens: i64::try_from(quote.tokens).unwrap_or(i64::MAX),
        requests: 0,
    }
}

/// Refuses a request whose cost has no bound, unless nothing is due for it.
///
/// # Errors
/// E-BUDGET-018 with what is missing.
pub fn require_bound(quote: &AttemptQuote, row: &PriceRow, request_id: RequestId) -> Result<(), Refusal> {
    match quote.quote.unbounded {
        Some(unbounded) if !row.is_free() => {
            let message = format!("the cost of this request has no upper bound: {}", unbounded.as_str());
            Err(Refusal::new(Code::RequestTooLarge, request_id, message))
        }
        Some(_) | None => Ok(()),
    }
}
