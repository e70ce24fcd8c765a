//! Money, tokens and requests as integers with a unit. No float, no bare integer.

use crate::decimal::{self, DecimalError};
use std::fmt;

/// Places behind the point of a nano-USD amount.
pub const NANO_PLACES: u32 = 9;
/// Places behind the point of a pico-USD rate.
pub const PICO_PLACES: u32 = 12;

/// An amount of money in nano-USD (1e-9 USD), up to ±9.2 billion USD. May be negative (adjustments, remaining).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// One nano-USD: the least a priced attempt holds.
    pub const ONE_NANO: Self = Self(1);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// From integer nano-USD.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }
    /// As integer nano-USD.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }
    /// Reads decimal USD such as `"10"` or `"0.000000001"`.
    ///
    /// # Errors
    /// As [`decimal::parse`]; nine places at most.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let nanos = decimal::parse(text, NANO_PLACES)?;
        i64::try_from(nanos).map(Self).map_err(|_| DecimalError::TooLarge)
    }
    /// Rounds pico-USD up to whole nano-USD: against us, once per attempt. `None` when it does not fit.
    #[must_use]
    pub fn from_pico_ceil(pico: u128) -> Option<Self> {
        i64::try_from(pico.div_ceil(1000)).ok().map(Self)
    }
    /// `self + other`, `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
    /// `self - other`, `None` on overflow.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
    /// `self + other`, pinned at the largest amount: for totals that are shown, never for a decision.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
    /// `self - other`, pinned at the bounds: for totals that are shown, never for a decision.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal::format(i128::from(self.0), NANO_PLACES))
    }
}
impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} USD")
    }
}

/// A price of one unit in pico-USD (1e-12 USD). One micro-USD per million tokens is exactly one pico-USD per token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(u64);

impl Rate {
    /// Free.
    pub const ZERO: Self = Self(0);

    /// From integer pico-USD per unit.
    #[must_use]
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }
    /// As integer pico-USD per unit.
    #[must_use]
    pub const fn pico(self) -> u64 {
        self.0
    }
    /// Reads decimal USD per million units, six places at most: `"0.075"` is 75,000 pico-USD per unit.
    ///
    /// # Errors
    /// As [`decimal::parse`]; a negative rate is malformed.
    pub fn parse_per_million(text: &str) -> Result<Self, DecimalError> {
        Self::from_scaled(decimal::parse(text, 6)?)
    }
    /// Reads decimal USD per unit, twelve places at most.
    ///
    /// # Errors
    /// As [`decimal::parse`]; a negative rate is malformed.
    pub fn parse_per_unit(text: &str) -> Result<Self, DecimalError> {
        Self::from_scaled(decimal::parse(text, PICO_PLACES)?)
    }
    fn from_scaled(pico: i128) -> Result<Self, DecimalError> {
        if pico < 0 {
            return Err(DecimalError::Malformed);
        }
        u64::try_from(pico).map(Self).map_err(|_| DecimalError::TooLarge)
    }
    /// `units` at this rate, exact, in pico-USD.
    #[must_use]
    pub fn times(self, units: u64) -> u128 {
        u128::from(self.0) * u128::from(units)
    }
    /// USD per million units as decimal text.
    #[must_use]
    pub fn per_million(self) -> String {
        decimal::format(i128::from(self.0), 6)
    }
    /// USD per unit as decimal text.
    #[must_use]
    pub fn per_unit(self) -> String {
        decimal::format(i128::from(self.0), PICO_PLACES)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD/M", self.per_million())
    }
}

/// A credential's factor from list cost to effective cost, in millionths. Default 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Multiplier(u64);

impl Multiplier {
    /// Effective cost = list cost.
    pub const ONE: Self = Self(1_000_000);
    /// A free tier.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal such as `"0.8"`, six places at most, up to 1000.
    ///
    /// # Errors
    /// As [`decimal::parse`]; negative is malformed, above 1000 too large.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let scaled = decimal::parse(text, 6)?;
        match u64::try_from(scaled) {
            Err(_) => Err(DecimalError::Malformed),
            Ok(value) if value > 1_000_000_000 => Err(DecimalError::TooLarge),
            Ok(value) => Ok(Self(value)),
        }
    }
    /// From integer millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }
    /// As integer millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }
    /// Pico-USD times this factor, rounded up to whole pico-USD.
    #[must_use]
    pub fn apply_pico(self, pico: u128) -> u128 {
        pico.saturating_mul(u128::from(self.0)).div_ceil(1_000_000)
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::ONE
    }
}
impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::format(i128::from(self.0), 6))
    }
}

/// What a budget counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// Nano-USD.
    Usd,
    /// Tokens, every class once.
    Tokens,
    /// Client requests (not attempts).
    Requests,
}

impl Measure {
    /// The word in JSON and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
    /// An amount of this measure as decimal text: USD for money, a whole number otherwise.
    #[must_use]
    pub fn format(self, amount: i64) -> String {
        match self {
            Self::Usd => Usd::from_nanos(amount).to_string(),
            Self::Tokens | Self::Requests => amount.to_string(),
        }
    }
}

/// Which cost a usd window counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CostBasis {
    /// Usage x price book.
    List,
    /// List cost x the credential's multiplier, zero on a free tier.
    Effective,
}

impl CostBasis {
    /// The word in JSON and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Effective => "effective",
        }
    }
}

/// What one attempt holds or was billed, in every measure at once. No part is negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Charge {
    /// List cost.
    pub list: Usd,
    /// Effective cost.
    pub effective: Usd,
    /// Tokens, every class once.
    pub tokens: i64,
    /// 1 on the first live attempt of a client request, else 0.
    pub requests: i64,
}

impl Charge {
    /// Nothing.
    pub const ZERO: Self = Self { list: Usd::ZERO, effective: Usd::ZERO, tokens: 0, requests: 0 };

    /// The part that a window of this measure and cost basis counts.
    #[must_use]
    pub const fn of(&self, measure: Measure, basis: CostBasis) -> i64 {
        match (measure, basis) {
            (Measure::Usd, CostBasis::List) => self.list.nanos(),
            (Measure::Usd, CostBasis::Effective) => self.effective.nanos(),
            (Measure::Tokens, _) => self.tokens,
            (Measure::Requests, _) => self.requests,
        }
    }
    /// Every part zero or more.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.list.nanos() >= 0 && self.effective.nanos() >= 0 && self.tokens >= 0 && self.requests >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S1-07, S3-05.
    #[test]
    fn money_rounds_up_once() {
        assert_eq!(Usd::from_pico_ceil(1), Some(Usd::ONE_NANO));
        assert_eq!(Usd::from_pico_ceil(1000), Some(Usd::ONE_NANO));
        assert_eq!(Usd::from_pico_ceil(1001), Some(Usd::from_nanos(2)));
        assert_eq!(Usd::from_pico_ceil(u128::MAX), None);
    }

    #[test]
    fn a_rate_per_million_is_exact_per_token() {
        let rate = Rate::parse_per_million("0.075").unwrap();
        assert_eq!(rate.pico(), 75_000);
        assert_eq!(rate.per_million(), "0.075");
        assert_eq!(rate.times(7), 525_000);
        assert_eq!(Rate::parse_per_million("-1"), Err(DecimalError::Malformed));
        assert_eq!(Rate::parse_per_unit("0.000000000001").unwrap().pico(), 1);
    }

    #[test]
    fn a_multiplier_scales_and_rounds_up() {
        let m = Multiplier::parse("0.8").unwrap();
        assert_eq!(m.apply_pico(10_500_000_000), 8_400_000_000);
        assert_eq!(m.apply_pico(1), 1);
        assert_eq!(m.to_string(), "0.8");
        assert_eq!(Multiplier::parse("1001"), Err(DecimalError::TooLarge));
    }
}
