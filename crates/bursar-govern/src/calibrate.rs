//! Calibrated input: how many tokens a model's tokenizer really makes of a kilobyte of text, learned from settled
//! requests. Used only where a bill has to be estimated; holds stay upper bounds.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Observations before a ratio is believed.
const BELIEVED_AFTER: u32 = 20;
/// Observations of one block; the maximum of this block and the last counts, so that old extremes are forgotten.
const BLOCK: u32 = 512;
/// Models remembered; beyond it the upper bound is used.
const MODELS_MAX: usize = 10_000;
/// Requests with less text say little: constants outweigh it.
const TEXT_BYTES_MIN: u64 = 256;

/// Ratios by price row.
#[derive(Default)]
pub struct Calibration {
    ratios: Mutex<HashMap<Arc<str>, Ratio>>,
}

#[derive(Default, Clone, Copy)]
struct Ratio {
    seen: u32,
    in_block: u32,
    /// Highest tokens per 1,024 bytes in the last block and in this one.
    last: u64,
    this: u64,
}

impl Calibration {
    /// Learns from a settled request.
    pub fn observe(&self, row: &Arc<str>, text_bytes: u64, prompt_tokens: u64) {
        if text_bytes < TEXT_BYTES_MIN || prompt_tokens == 0 {
            return;
        }
        let mut ratios = self.ratios.lock();
        if ratios.len() >= MODELS_MAX && !ratios.contains_key(row) {
            return;
        }
        let ratio = ratios.entry(Arc::clone(row)).or_default();
        let observed = prompt_tokens.saturating_mul(1024).div_ceil(text_bytes);
        ratio.this = ratio.this.max(observed);
        ratio.seen = ratio.seen.saturating_add(1);
        ratio.in_block += 1;
        if ratio.in_block >= BLOCK {
            *ratio = Ratio { seen: ratio.seen, in_block: 0, last: ratio.this, this: 0 };
        }
    }

    /// The most tokens that `text_bytes` of text may be by what was observed, at most `bound`.
    #[must_use]
    pub fn input_tokens(&self, row: &Arc<str>, text_bytes: u64, bound: u64) -> u64 {
        let ratios = self.ratios.lock();
        match ratios.get(row) {
            Some(ratio) if ratio.seen >= BELIEVED_AFTER => {
                let highest = ratio.last.max(ratio.this);
                text_bytes.saturating_mul(highest).div_ceil(1024).min(bound)
            }
            _ => bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_counts_until_enough_was_seen() {
        let calibration = Calibration::default();
        let row: Arc<str> = "openai/gpt".into();
        for n in 0..BELIEVED_AFTER {
            assert_eq!(calibration.input_tokens(&row, 4096, 4200), 4200, "after {n}");
            calibration.observe(&row, 4096, 1000 + u64::from(n));
        }
        assert_eq!(calibration.input_tokens(&row, 4096, 4200), 1020);
        assert_eq!(calibration.input_tokens(&row, 4096, 900), 900, "never above the bound");
    }

    #[test]
    fn old_extremes_are_forgotten() {
        let calibration = Calibration::default();
        let row: Arc<str> = "m".into();
        calibration.observe(&row, 1024, 1024);
        for _ in 0..3 * BLOCK {
            calibration.observe(&row, 1024, 256);
        }
        assert_eq!(calibration.input_tokens(&row, 1024, 2000), 256);
    }
}
