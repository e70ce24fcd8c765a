//! Exact decimal text to scaled integers and back. The only way a number with a point enters or leaves Bursar.

/// Why a decimal text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits[.digits]`.
    #[error("not a decimal number such as \"12.50\"")]
    Malformed,
    /// More digits behind the point than the unit holds (other than zeros).
    #[error("more than {0} digits behind the point")]
    TooPrecise(u32),
    /// Does not fit the integer behind it.
    #[error("too large")]
    TooLarge,
}

/// Reads `text` as an integer of `10^-places`: `parse("1.5", 9)` is 1,500,000,000.
///
/// # Errors
/// See [`DecimalError`]. Exponents, signs other than a leading `-`, spaces and separators are malformed.
pub fn parse(text: &str, places: u32) -> Result<i128, DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let pointed_but_empty = digits.contains('.') && fraction.is_empty();
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || pointed_but_empty || !all_digits(whole) || !all_digits(fraction) {
        return Err(DecimalError::Malformed);
    }
    let mut value: i128 = 0;
    let mut push = |digit: u8| -> Result<(), DecimalError> {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit - b'0')))
            .ok_or(DecimalError::TooLarge)?;
        Ok(())
    };
    let mut left = places;
    for digit in whole.bytes() {
        push(digit)?;
    }
    for digit in fraction.bytes() {
        if left == 0 {
            if digit != b'0' {
                return Err(DecimalError::TooPrecise(places));
            }
            continue;
        }
        push(digit)?;
        left -= 1;
    }
    for _ in 0..left {
        push(b'0')?;
    }
    Ok(if negative { -value } else { value })
}

/// Writes an integer of `10^-places` as the shortest exact decimal: `format(1_500_000_000, 9)` is `1.5`.
#[must_use]
pub fn format(value: i128, places: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let unit = 10u128.pow(places);
    let magnitude = value.unsigned_abs();
    let (whole, fraction) = (magnitude / unit, magnitude % unit);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let width = usize::try_from(places).unwrap_or(usize::MAX);
    let digits = format!("{fraction:0width$}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_number() {
        for text in ["0", "1", "-1", "0.000000001", "12.5", "9223372036.854775807", "-0.25"] {
            assert_eq!(format(parse(text, 9).unwrap(), 9), text);
        }
        assert_eq!(parse("1.50", 9), parse("1.5", 9));
        assert_eq!(parse("0.1000000000000", 9), parse("0.1", 9), "zeros beyond the unit are exact");
    }

    #[test]
    fn refuses_what_is_not_a_plain_decimal() {
        for text in ["", ".", "1.", ".5", "+1", "1e3", "1,000", " 1", "0x1", "1.2.3", "--1", "NaN"] {
            assert_eq!(parse(text, 9), Err(DecimalError::Malformed), "{text:?}");
        }
        assert_eq!(parse("0.0000000001", 9), Err(DecimalError::TooPrecise(9)));
        assert_eq!(parse(&"9".repeat(60), 9), Err(DecimalError::TooLarge));
    }
}
