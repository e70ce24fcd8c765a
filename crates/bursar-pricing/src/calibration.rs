//! How many tokens a byte of text makes at a model, learned from settled attempts: a tighter prompt bound than one
//! token per byte, for the moment when that bound does not fit.
//!
//! Not a promise: a calibrated bound is missed by a known share of requests. No family is counted exactly.

use bursar_core::RequestBound;

/// Steps of the scale: tokens per 64 bytes, from 0 to one token a byte and above.
const STEPS: usize = 65;
/// Attempts that a ratio needs before a hold may rest on it: enough that one in a thousand could have been seen.
const SAMPLES_MIN: u64 = 1000;
/// Attempts that an estimate of a bill needs: better than one token a byte, and never above the hold.
const ESTIMATE_SAMPLES_MIN: u64 = 20;
/// Attempts after which all counts are halved, so that what a model did long ago is forgotten.
const FORGET_AT: u64 = 16_384;

/// What was observed of one model: how often which ratio of tokens to bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calibration {
    /// How many attempts had a ratio within each step.
    counts: [u64; STEPS],
    total: u64,
    missed: u64,
    checked: u64,
}

/// A ceiling on tokens per byte, in 64ths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ratio(u64);

impl Calibration {
    /// Nothing observed.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; STEPS], total: 0, missed: 0, checked: 0 }
    }
    /// Records the prompt tokens that a request of so many bytes of text was billed. Requests with media or content by
    /// reference tell nothing and must be left out.
    pub fn observe(&mut self, text_bytes: u64, prompt_tokens: u64) {
        let Some(step) = step_of(text_bytes, prompt_tokens) else { return };
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
        if self.total >= FORGET_AT {
            self.counts = self.counts.map(|count| count / 2);
            self.total = self.counts.iter().sum();
        }
    }
    /// The ratio that `per_mille` of a thousand observed attempts stayed within; `None` until enough were observed.
    #[must_use]
    pub fn ratio(&self, per_mille: u64) -> Option<Ratio> {
        (self.total >= SAMPLES_MIN).then(|| self.within(per_mille)).flatten()
    }
    /// The ratio that every remembered attempt stayed within, from fewer of them: for bills that must be estimated and
    /// are bounded by a hold already.
    #[must_use]
    pub fn highest(&self) -> Option<Ratio> {
        (self.total >= ESTIMATE_SAMPLES_MIN).then(|| self.within(1000)).flatten()
    }
    fn within(&self, per_mille: u64) -> Option<Ratio> {
        let within = self.total.saturating_mul(per_mille.min(1000)).div_ceil(1000);
        let mut seen = 0u64;
        let found = self.counts.iter().zip(0u64..).find(|(count, _)| {
            seen = seen.saturating_add(**count);
            seen >= within
        });
        found.map(|(_, step)| Ratio(step.max(1)))
    }
    /// Records whether an attempt that was held at a calibrated bound stayed within it.
    pub fn check(&mut self, bound_tokens: u64, prompt_tokens: u64) {
        self.checked = self.checked.saturating_add(1);
        if prompt_tokens > bound_tokens {
            self.missed = self.missed.saturating_add(1);
        }
    }
    /// Of the attempts held at a calibrated bound: how many exceeded it, and how many there were.
    #[must_use]
    pub const fn misses(&self) -> (u64, u64) {
        (self.missed, self.checked)
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

/// The step whose upper edge is the ratio, rounded up; `None` where there is no text.
fn step_of(text_bytes: u64, prompt_tokens: u64) -> Option<usize> {
    let scaled = prompt_tokens.saturating_mul(64).checked_next_multiple_of(text_bytes.max(1))?;
    let step = scaled.checked_div(text_bytes)?;
    Some(usize::try_from(step).unwrap_or(STEPS).min(STEPS - 1))
}

impl Ratio {
    /// The most tokens that so many bytes of text make at this ratio; never more than one a byte.
    #[must_use]
    pub fn tokens(self, text_bytes: u64) -> u64 {
        text_bytes.saturating_mul(self.0).div_ceil(64).min(text_bytes)
    }
    /// The bound with its text at this ratio; never above what it was.
    #[must_use]
    pub fn tighten(self, bound: &RequestBound) -> RequestBound {
        RequestBound { text_tokens: self.tokens(bound.text_tokens), ..bound.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_holds_for_the_share_it_promises() {
        let mut model = Calibration::new();
        for n in 0..1000u64 {
            // 990 requests make a token of every four bytes, ten make one of every two.
            model.observe(4000, if n % 100 == 0 { 2000 } else { 1000 });
        }
        let bound = RequestBound { text_tokens: 4000, ..RequestBound::default() };
        let tokens = |per_mille| model.ratio(per_mille).unwrap().tighten(&bound).text_tokens;
        assert_eq!(tokens(990), 1000);
        assert_eq!(tokens(999), 2000);
        model.check(1000, 2000);
        model.check(1000, 1000);
        assert_eq!(model.misses(), (1, 2));
    }

    #[test]
    fn old_extremes_are_forgotten() {
        let mut model = Calibration::new();
        model.observe(64, 64);
        for _ in 0..2 * FORGET_AT {
            model.observe(64, 16);
        }
        assert_eq!(model.highest().unwrap().tokens(6400), 1600);
    }

    #[test]
    fn little_is_known_from_few_and_a_bound_never_grows() {
        let mut model = Calibration::new();
        model.observe(10, 100);
        model.observe(0, 5);
        assert_eq!(model.ratio(999), None);
        for _ in 0..1000 {
            model.observe(10, 100);
        }
        let bound = RequestBound { text_tokens: 4000, ..RequestBound::default() };
        assert_eq!(model.ratio(1000).unwrap().tighten(&bound), bound);
    }
}
