//! Limits of a key beside its budgets: requests, tokens and spend per minute, hour and day, and how much at once. They
//! smooth; budgets promise. What a request used is counted when it ends, so tokens and money may go above by what is in
//! flight. A process that starts again goes on from the records.

mod limiter;
mod sliding;
#[cfg(test)]
mod tests;

use crate::governor::Governor;
use crate::identify::Caller;
use crate::story::Story;
use bursar_core::key_limit::Counts;
use bursar_core::{Charge, Code, KeyLimit, Measure, Refusal, RequestId, Timestamp, Usd};

pub use limiter::{Limited, Limiter, Pass};
pub use sliding::Sliding;

impl Governor {
    /// Lets a request through the limits of its key. Its place is given back when its story ends.
    ///
    /// # Errors
    /// E-RATE-001 or E-CONC-001, with how long to wait.
    pub fn enter(&self, story: &mut Story, caller: &Caller) -> Result<(), Refusal> {
        let key = &caller.key;
        if key.limits.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let passed = self.limiter.pass(now, &key.id, &key.limits, &story.model_asked);
        story.rate_limits = self.limiter.standing(now, &key.id, &key.limits, &story.model_asked);
        match passed {
            Ok(pass) => {
                story.pass = Some(pass);
                Ok(())
            }
            Err(limited) => Err(refusal(&limited, story.request_id)),
        }
    }

    /// Takes up what keys used before this process began: `used` says of a key, by its id, and one of its limits how much
    /// in the span before the one that runs, and how much in that.
    pub fn recall_key_use(&self, now: Timestamp, used: impl Fn(&str, &KeyLimit) -> Option<[i64; 2]>) {
        for key in self.directory().keys.values().filter(|key| !key.limits.is_empty()) {
            self.limiter.recall(now, &key.id, &key.limits, |limit| used(key.id.as_str(), limit));
        }
    }

    /// Counts what a request used, and gives its place back.
    pub(crate) fn leave(&self, story: &mut Story) {
        if let Some(pass) = story.pass.take() {
            let charges = story.attempts.iter().map(|attempt| attempt.charge);
            let used = charges.fold(Charge::ZERO, |sum, charge| Charge {
                list: sum.list.saturating_add(charge.list),
                tokens: sum.tokens.saturating_add(charge.tokens),
                ..sum
            });
            pass.used(self.now(), &used);
        }
    }
}

fn refusal(limited: &Limited, request_id: RequestId) -> Refusal {
    let wait_s = u64::try_from(limited.wait_micros.max(1)).unwrap_or(1).div_ceil(1_000_000);
    let limit = &limited.limit;
    let (code, used) = match limit.counts {
        Counts::AtOnce => (Code::ConcurrencyLimited, format!("{} are in flight", limited.used)),
        Counts::Per(Measure::Usd, _) => {
            (Code::RateLimited, format!("{} USD count now", Usd::from_nanos(limited.used)))
        }
        Counts::Per(measure @ (Measure::Tokens | Measure::Requests), _) => {
            (Code::RateLimited, format!("{} {} count now", limited.used, measure.as_str()))
        }
    };
    let message = format!("this key is limited to {limit}, and {used}: try again in {wait_s} s");
    Refusal { retry_after_s: Some(wait_s), ..Refusal::new(code, request_id, message) }
}
