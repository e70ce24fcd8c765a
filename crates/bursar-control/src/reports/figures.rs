//! Figures of reports as exact decimal texts: percentages, minutes, costs.

use bursar_core::{Usd, decimal};
use bursar_ledger::projection::divide_half_even;

/// `part` of `whole` in percent, two places, halves to even; `0` of nothing.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    ratio(i128::from(part) * 100, i128::from(whole), 2)
}

/// As [`percent`] with one place.
pub(crate) fn percent_1(part: i64, whole: i64) -> String {
    ratio(i128::from(part) * 100, i128::from(whole), 1)
}

/// A quotient with so many places, halves to even; `0` where nothing is divided by.
pub(crate) fn ratio(numerator: i128, denominator: i128, places: u32) -> String {
    let scaled = numerator.saturating_mul(10i128.pow(places));
    decimal::format(divide_half_even(scaled, denominator), places)
}

/// Microseconds as minutes with two places.
pub(crate) fn minutes(micros: i64) -> String {
    ratio(i128::from(micros), 60_000_000, 2)
}

/// Nano-USD as USD.
pub(crate) fn usd(nanos: i64) -> String {
    Usd::from_nanos(nanos).to_string()
}

/// A mean, rounded half-even; absent of nothing.
pub(crate) fn mean(sum: i64, count: i64) -> Option<i64> {
    let mean = divide_half_even(i128::from(sum), i128::from(count));
    (count > 0).then(|| i64::try_from(mean).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-57, V C03, V C01, V I05.
    #[test]
    fn figures_are_exact_and_never_divide_by_nothing() {
        assert_eq!((percent(3, 10), percent(0, 0)), ("30".to_owned(), "0".to_owned()));
        assert_eq!(percent(400_000, 1_000_000), "40");
        assert_eq!(percent(1, 3), "33.33");
        assert_eq!((minutes(90_000_000), minutes(100_000_000)), ("1.5".to_owned(), "1.67".to_owned()));
        assert_eq!((mean(7, 2), mean(9, 0)), (Some(4), None));
    }
}
