//! From a denial of the ledger to a refusal for the client: words for the numbers, and what would fit.

use crate::quote::AttemptQuote;
use bursar_core::refusal::Blocking;
use bursar_core::text::money;
use bursar_core::{Code, Measure, Multiplier, Refusal, RequestBound, RequestId, Usd};
use bursar_ledger::{Denial, Room};
use bursar_pricing::{Conditions, PriceRow};

/// A refusal that tells everything the denial knows.
#[must_use]
pub fn from_denial(denial: &Denial, request_id: RequestId, fits_max_output: Option<u64>) -> Refusal {
    let blocking: Vec<Blocking> = denial.blocking.iter().map(|blocked| blocked.numbers.clone()).collect();
    let mut message = match (denial.code, blocking.first()) {
        (Code::BudgetRequired, _) => {
            "this project requires a budget, and none applies to this request".to_owned()
        }
        (code, Some(first)) => sentence(code, first),
        (code, None) => format!("refused: {code}"),
    };
    if let Some(fits) = fits_max_output {
        message.push_str(&format!("; an output limit of {fits} tokens would fit"));
    }
    let retry_after_s = denial.code.is_retryable().then_some(1);
    Refusal { blocking, fits_max_output, retry_after_s, ..Refusal::new(denial.code, request_id, message) }
}

/// A refusal because the ledger cannot be used. Why is the operator's to know: it is in the log, and in no client's answer.
#[must_use]
pub fn unavailable(request_id: RequestId, why: &str) -> Refusal {
    tracing::warn!(request = %request_id, why, "refused: the ledger is unavailable");
    let message = "the ledger cannot write; priced requests are refused until it can";
    Refusal::new(Code::LedgerUnavailable, request_id, message)
}

/// A refusal of a request that others came before, who wait for the same room.
#[must_use]
pub fn in_line(denial: &Denial, request_id: RequestId) -> Refusal {
    let mut refusal = from_denial(denial, request_id, None);
    refusal.message.push_str("; requests that came before wait for this room");
    refusal
}

/// The largest output limit whose worst case fits the room, at this row.
#[must_use]
pub fn fits(
    room: &Room,
    row: &PriceRow,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    quote: &AttemptQuote,
) -> Option<u64> {
    let money = |room: Option<i64>| room.map(|nanos| Usd::from_nanos(nanos.max(0)));
    let by_list = match money(room.list) {
        Some(room) => Some(bursar_pricing::affordable_output(row, bound, conditions, room)?),
        None => None,
    };
    let by_effective = match money(room.effective) {
        Some(room) if quote.multiplier != Multiplier::ZERO => {
            let multiplier = quote.multiplier;
            Some(bursar_pricing::affordable_output_effective(row, bound, conditions, multiplier, room)?)
        }
        Some(_) | None => None,
    };
    let by_tokens = match room.tokens {
        Some(tokens) => {
            let left = u64::try_from(tokens).ok()?.checked_sub(quote.quote.input_tokens)?;
            Some(left / u64::from(bound.choices.max(1)))
        }
        None => None,
    };
    let limit = [by_list, by_effective, by_tokens].into_iter().flatten().min()?;
    (limit > 0 && limit < quote.quote.output_limit).then_some(limit)
}

fn sentence(code: Code, window: &Blocking) -> String {
    let show = |amount: i64| match window.measure {
        Measure::Usd => money(Usd::from_nanos(amount)),
        Measure::Tokens | Measure::Requests => format!("{amount} {}", window.measure.as_str()),
    };
    let name = &window.budget;
    let scope = &window.scope;
    let resets = window.ends_at.map_or_else(String::new, |at| format!("; resets at {at}"));
    let used = format!(
        "settled {}, in suspense {}, held {} of {}, this request needs {}{resets}",
        show(window.settled),
        show(window.suspense),
        show(window.held),
        show(window.limit),
        show(window.requested),
    );
    match code {
        Code::BudgetHeld => {
            format!("budget \"{name}\" ({scope}) has room, but requests in flight hold it: {used}")
        }
        Code::RequestTooLarge => {
            format!("this request alone may cost more than the whole budget \"{name}\" ({scope}): {used}")
        }
        Code::BudgetExpired => format!("budget \"{name}\" ({scope}) has expired and does not renew"),
        Code::TooManyWindows => format!("budget \"{name}\" ({scope}) has as many windows as it may: {used}"),
        _ => format!("budget \"{name}\" ({scope}) is exhausted: {used}"),
    }
}
