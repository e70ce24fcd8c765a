//! Numbers of foreign price lists, read from their text: no float lies between the list and the rate.

use bursar_core::Rate;

/// A rate read from a number, and whether that needed rounding to a whole pico-USD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number {
    pub(crate) rate: Rate,
    pub(crate) rounded: bool,
}

/// Reads a JSON or YAML number, exponents included, as USD for `10^per` units: 0 for USD per unit, 3 per thousand,
/// 6 per million. `None` for what is no number, negative or beyond any rate.
pub(crate) fn rate(text: &str, per: u32) -> Option<Number> {
    rate_of(text, per, 1)
}

/// As [`rate`], for a piece that is made of `units`: multiplied before it is rounded.
pub(crate) fn rate_of(text: &str, per: u32, units: u64) -> Option<Number> {
    let text = text.trim().trim_matches('"');
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?)
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > 36 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<u128>().ok()?.checked_mul(u128::from(units))?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = exponent.checked_sub(places)?.checked_add(12 - i32::try_from(per).ok()?)?;
    let ten = |power: i32| 10u128.checked_pow(power.unsigned_abs());
    let (pico, rounded) = if value == 0 {
        (0, false)
    } else if shift >= 0 {
        (value.checked_mul(ten(shift)?)?, false)
    } else {
        match ten(shift) {
            None => (0, true),
            Some(unit) => ((value + unit / 2) / unit, value % unit != 0),
        }
    };
    Some(Number { rate: Rate::from_pico(u64::try_from(pico).ok()?), rounded })
}

/// Reads a whole number, also one written as a float such as `256000.0`.
pub(crate) fn count(text: &str) -> Option<u64> {
    // At twelve places a count of tokens is exact in pico, up to eighteen million: enough for any context window.
    let number = rate(text, 6)?;
    let (whole, rest) = (number.rate.pico() / 1_000_000, number.rate.pico() % 1_000_000);
    (rest == 0 && !number.rounded).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_exact_or_says_so() {
        let pico = |text, per| rate(text, per).map(|number| (number.rate.pico(), number.rounded));
        assert_eq!(pico("2.5e-06", 0), Some((2_500_000, false)));
        assert_eq!(pico("1.44375e-7", 0), Some((144_375, false)));
        assert_eq!(pico("0.075", 6), Some((75_000, false)));
        assert_eq!(pico("14", 3), Some((14_000_000_000, false)));
        assert_eq!(pico("0.000015000020000000002", 0), Some((15_000_020, true)));
        assert_eq!(pico("1e-30", 0), Some((0, true)));
        assert_eq!(pico("0.0", 0), Some((0, false)));
        assert_eq!(pico("\"3\"", 6), Some((3_000_000, false)));
        for text in ["-1", "true", "null", "", "1e40", "x", "1e9999999999"] {
            assert_eq!(pico(text, 0), None, "{text}");
        }
    }

    #[test]
    fn a_count_may_be_written_as_a_float() {
        assert_eq!(count("256000.0"), Some(256_000));
        assert_eq!(count("1e6"), Some(1_000_000));
        assert_eq!(count("1.5"), None);
    }
}
