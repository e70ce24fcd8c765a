//! Calibrated input: how many tokens a model really makes of text, learned from settled attempts.
//!
//! Used for the prompt of a bill that has to be estimated, and for a hold whose cheap bound does not fit, where no hard
//! budget in the way promises the worst case: there a miss would be an overspend.

use crate::admit::Ask;
use crate::governor::Governor;
use crate::quote::{self, AttemptQuote};
use crate::reservation::Attempt;
use crate::story::Story;
use bursar_core::{Attributes, RequestBound};
use bursar_ledger::{HoldPolicy, Mode};
use bursar_pricing::Calibration;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Of a thousand attempts, how many the bound of a hold has covered: one in a thousand may cost more than it held.
const HELD_PER_MILLE: u64 = 999;
/// Models remembered, at half a kilobyte each; beyond it one token per byte is taken.
const MODELS_MAX: usize = 10_000;
/// Requests with less text say little: constants outweigh it.
const TEXT_BYTES_MIN: u64 = 256;

/// What was learned, by price row.
#[derive(Default)]
pub struct Calibrations {
    models: Mutex<HashMap<Arc<str>, Calibration>>,
}

impl Calibrations {
    /// Learns from an attempt that the provider counted, and from whether its own hold was enough.
    pub(crate) fn learn(&self, attempt: &Attempt, prompt_tokens: u64) {
        let row = attempt.deployment.price.row.id();
        self.observe(row, &attempt.bound, prompt_tokens);
        if attempt.quote.calibrated
            && let Some(model) = self.models.lock().get_mut(row)
        {
            model.check(attempt.quote.quote.input_tokens, prompt_tokens);
        }
    }
    /// Learns how many tokens a prompt made.
    pub fn observe(&self, row: &Arc<str>, bound: &RequestBound, prompt_tokens: u64) {
        if !is_text(bound) || bound.text_tokens < TEXT_BYTES_MIN || prompt_tokens == 0 {
            return;
        }
        let mut models = self.models.lock();
        if models.len() >= MODELS_MAX && !models.contains_key(row) {
            return;
        }
        models.entry(Arc::clone(row)).or_default().observe(bound.text_tokens, prompt_tokens);
    }
    /// The most tokens that so many bytes of text make, as far as was seen; one a byte until enough was.
    #[must_use]
    pub fn estimate(&self, row: &Arc<str>, text_bytes: u64) -> u64 {
        let highest = self.models.lock().get(row).and_then(Calibration::highest);
        highest.map_or(text_bytes, |ratio| ratio.tokens(text_bytes))
    }
    /// A tighter bound for a hold; `None` until enough was seen, or where text is not all of the prompt.
    #[must_use]
    pub fn bound(&self, row: &Arc<str>, bound: &RequestBound) -> Option<RequestBound> {
        if !is_text(bound) || bound.text_tokens < TEXT_BYTES_MIN {
            return None;
        }
        let ratio = self.models.lock().get(row)?.ratio(HELD_PER_MILLE)?;
        let tight = ratio.tighten(bound);
        (tight.text_tokens < bound.text_tokens).then_some(tight)
    }
    /// Of the attempts held at a learned bound: how many had a longer prompt, and how many there were.
    #[must_use]
    pub fn misses(&self) -> (u64, u64) {
        let models = self.models.lock();
        models.values().map(Calibration::misses).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

/// Whether text is all that the prompt has: media and what is named by reference tell nothing about text.
fn is_text(bound: &RequestBound) -> bool {
    bound.media_tokens == 0 && !bound.by_reference && bound.hosted_tools.is_empty()
}

impl Governor {
    /// The quote, made again at the learned bound where the cheap one does not fit and every hard budget in the way lets
    /// its holds rest on what was learned.
    pub(crate) fn calibrated(
        &self,
        quote: AttemptQuote,
        ask: &Ask<'_>,
        attributes: &Attributes,
        story: &Story,
    ) -> AttemptQuote {
        if !self.directory().loose_holds {
            return quote;
        }
        let row = &ask.deployment.price.row;
        let Some(bound) = self.calibrations.bound(row.id(), ask.bound) else { return quote };
        let ledger = self.ledger();
        let allowed = ledger.windows_of(attributes, story.created_at).is_ok_and(|windows| {
            windows.iter().all(|touched| {
                let budget = &touched.budget;
                budget.mode != Mode::Hard || budget.hold != HoldPolicy::WorstCase || budget.limit.is_none()
            })
        });
        let refused =
            || ledger.check(self.now(), attributes, &quote.hold).is_ok_and(|it| it.denial.is_some());
        if !allowed || !refused() {
            return quote;
        }
        let credential = ask.credential.map(|credential| &**credential);
        let tighter = quote::quote(ask.deployment, credential, &bound, story.api_format, story.created_at);
        AttemptQuote { calibrated: true, ..tighter }
    }
}

#[cfg(test)]
mod tests;
