//! Numbers of an answer, read from their own text: counts as integers, money as pico-USD. No float.

use super::limits::COUNT_MAX;
use super::reading::Anomaly;

/// Places behind the point of pico-USD.
const PICO_PLACES: i32 = 12;
/// xAI's tick is 1e-10 USD (docs.x.ai, read 2026-11: `cost_in_usd_ticks`).
const PICO_PER_TICK: u128 = 100;

/// A count. `12`, `12.0` and `1.2e1` are twelve; a part of a token counts as a token.
///
/// # Errors
/// [`Anomaly::BadCount`] for a negative number, [`Anomaly::AbsurdCount`] above the limit.
pub(crate) fn count(text: &str) -> Result<u64, Anomaly> {
    let value = scaled(text, 0)?;
    match u64::try_from(value) {
        Ok(value) if value <= COUNT_MAX => Ok(value),
        Ok(_) | Err(_) => Err(Anomaly::AbsurdCount),
    }
}

/// An amount of USD as pico-USD, rounded up. `None`: negative, absurd or not a number.
pub(crate) fn pico(text: &str) -> Option<u128> {
    scaled(text, PICO_PLACES).ok()
}

/// Ticks of xAI as pico-USD.
pub(crate) fn ticks(text: &str) -> Option<u128> {
    scaled(text, 0).ok()?.checked_mul(PICO_PER_TICK)
}

/// The number times `10^places`, rounded up.
///
/// # Errors
/// [`Anomaly::BadCount`] when it is negative or no number of JSON, [`Anomaly::AbsurdCount`] above 10^27.
fn scaled(text: &str, places: i32) -> Result<u128, Anomaly> {
    const DIGITS_MAX: u32 = 27;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(Anomaly::BadCount);
    }
    let (mut value, mut digits, mut dropped, mut rest) = (0u128, 0u32, 0i32, false);
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = u128::from(byte - b'0');
        if digits < DIGITS_MAX {
            value = value * 10 + digit;
            digits += u32::from(value > 0);
        } else {
            // More digits than any bill has: what they add is rounded up below.
            rest |= digit > 0;
            dropped = dropped.saturating_add(1);
        }
    }
    if value == 0 {
        return Ok(0);
    }
    if negative {
        return Err(Anomaly::BadCount);
    }
    // An exponent beyond an i32 says as much as one at its bounds.
    let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i32::MIN } else { i32::MAX });
    let behind_point = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
    let shift = places.saturating_add(dropped).saturating_add(exponent).saturating_sub(behind_point);
    let power = shift.unsigned_abs();
    if shift >= 0 {
        if digits.saturating_add(power) > DIGITS_MAX {
            return Err(Anomaly::AbsurdCount);
        }
        return Ok(value * 10u128.pow(power) + u128::from(rest));
    }
    if power > DIGITS_MAX {
        return Ok(1);
    }
    let unit = 10u128.pow(power);
    Ok(value / unit + u128::from(rest || value % unit > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_however_they_are_written() {
        for (text, expected) in
            [("0", 0), ("12", 12), ("12.0", 12), ("1.2e1", 12), ("1.5", 2), ("-0", 0), ("1e-40", 1)]
        {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        assert_eq!(count("-1"), Err(Anomaly::BadCount));
        assert_eq!(count(""), Err(Anomaly::BadCount));
        assert_eq!(count("1000000000"), Ok(1_000_000_000));
        for absurd in
            ["1000000001", "9223372036854775808", "1e18", "1e300", "1e99999999999", &"9".repeat(200)]
        {
            assert_eq!(count(absurd), Err(Anomaly::AbsurdCount), "{absurd}");
        }
        assert_eq!(count("1e-99999999999"), Ok(1));
        assert_eq!(count(&format!("0.{}1e60", "0".repeat(58))), Ok(10));
    }

    #[test]
    fn money_is_exact_to_a_pico_and_rounded_up_below() {
        for (text, expected) in [
            ("0.00507", 5_070_000_000),
            ("4e-05", 40_000_000),
            ("2.8e-08", 28_000),
            ("0.00256995", 2_569_950_000),
            ("9.625000000000001e-05", 96_250_001),
            ("0.0004970133333333333", 497_013_334),
            ("1e-13", 1),
            ("12", 12_000_000_000_000),
            ("0.0000000000000000000000000000000000000000000000001", 1),
        ] {
            assert_eq!(pico(text), Some(expected), "{text}");
        }
        assert_eq!(pico("-0.1"), None);
        assert_eq!(ticks("4852500"), Some(485_250_000));
    }
}
