//! The lines of a cost or quote: what, how many, at which rate, how much.

use smallvec::SmallVec;

use bursar_core::{Multiplier, Rate};

use crate::class::RateClass;

/// One line: units at a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// What was counted.
    pub class: RateClass,
    /// How many.
    pub units: u64,
    /// At which rate, uplifts included.
    pub rate: Rate,
    /// Units times rate, exact, in pico-USD.
    pub amount_pico: u128,
}

/// The lines of one cost; the usual ones fit without allocation.
pub type Lines = SmallVec<[Line; 6]>;

impl Line {
    /// Units at a rate.
    #[must_use]
    pub fn new(class: impl Into<RateClass>, units: u64, rate: Rate) -> Self {
        Self { class: class.into(), units, rate, amount_pico: rate.times(units) }
    }
    /// Its amount in USD as exact decimal text, twelve places at most.
    #[must_use]
    pub fn amount(&self) -> String {
        pico_text(self.amount_pico)
    }
    /// Its rate as decimal text: USD per million tokens, or USD per unit.
    #[must_use]
    pub fn rate_text(&self) -> String {
        if self.class.is_token() { self.rate.per_million() } else { self.rate.per_unit() }
    }
    /// Its part of the effective cost, in pico-USD, rounded up.
    #[must_use]
    pub fn effective_pico(&self, multiplier: Multiplier) -> u128 {
        multiplier.apply_pico(self.amount_pico)
    }
}

/// Pico-USD as decimal text in USD.
pub(crate) fn pico_text(pico: u128) -> String {
    bursar_core::decimal::format(i128::try_from(pico).unwrap_or(i128::MAX), bursar_core::amount::PICO_PLACES)
}

pub(crate) fn total(lines: &[Line]) -> u128 {
    lines.iter().fold(0, |sum, line| sum.saturating_add(line.amount_pico))
}
