//! Amounts as people read them: adaptive precision for money, short forms for tokens.

use crate::amount::Usd;

/// Money with as many places as its size needs, trailing zeros cut to two: `$0.00`, `$0.000012`, `$12.345`, `$1234.50`.
///
/// Below 0.00001 eight places, below 0.0001 six, below 0.01 five, below 1 four, below 100 three, else two, half up.
#[must_use]
pub fn money(amount: Usd) -> String {
    let nanos = amount.nanos().unsigned_abs();
    let places: u32 = match nanos {
        0 => 2,
        1..=9_999 => 8,
        10_000..=99_999 => 6,
        100_000..=9_999_999 => 5,
        10_000_000..=999_999_999 => 4,
        1_000_000_000..=99_999_999_999 => 3,
        _ => 2,
    };
    let unit = 10u64.pow(9 - places);
    let scaled = nanos.saturating_add(unit / 2) / unit;
    let scale = 10u64.pow(places);
    let (whole, fraction) = (scaled / scale, scaled % scale);
    let width = usize::try_from(places).unwrap_or(2);
    let mut digits = format!("{fraction:0width$}");
    while digits.len() > 2 && digits.ends_with('0') {
        digits.pop();
    }
    let sign = if amount.nanos() < 0 { "-" } else { "" };
    format!("{sign}${whole}.{digits}")
}

/// A count in three significant figures with a unit: `999`, `1.00K`, `12.3K`, `123K`, `1.23M`; carries to the next unit.
#[must_use]
pub fn count(n: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000, "K"), (1_000_000, "M"), (1_000_000_000, "B"), (1_000_000_000_000, "T")];
    if n < 1_000 {
        return n.to_string();
    }
    for (unit, suffix) in UNITS {
        for places in [2u32, 1, 0] {
            let step = unit / 10u64.pow(places);
            let rounded = (u128::from(n) + u128::from(step / 2)) / u128::from(step);
            // Three significant figures: the rounded number of steps has at most three digits.
            if rounded < 1_000 {
                let scale = 10u128.pow(places);
                let width = usize::try_from(places).unwrap_or(0);
                return if places == 0 {
                    format!("{rounded}{suffix}")
                } else {
                    format!("{}.{:0width$}{suffix}", rounded / scale, rounded % scale)
                };
            }
        }
    }
    format!("{}T", n / 1_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S0-21.
    #[test]
    fn money_is_never_shown_as_nothing() {
        let cases = [
            ("0", "$0.00"),
            ("0.000000001", "$0.00"),
            ("0.00000142", "$0.00000142"),
            ("0.000012", "$0.000012"),
            ("0.004", "$0.004"),
            ("0.0105", "$0.0105"),
            ("12.3456", "$12.346"),
            ("100", "$100.00"),
            ("1234.5", "$1234.50"),
            ("-0.5", "-$0.50"),
        ];
        for (amount, text) in cases {
            assert_eq!(money(Usd::parse(amount).unwrap()), text, "{amount}");
        }
    }

    /// Rules: S4-68.
    #[test]
    fn counts_carry_to_the_next_unit() {
        let cases = [
            (999, "999"),
            (1_000, "1.00K"),
            (12_345, "12.3K"),
            (123_456, "123K"),
            (999_499, "999K"),
            (999_999, "1.00M"),
            (1_234_567, "1.23M"),
            (2_000_000_000, "2.00B"),
        ];
        for (n, text) in cases {
            assert_eq!(count(n), text);
        }
    }
}
