//! What a provider's prompt cache did to the cost of one request, by the price row that the record itself carries.

use super::record::{LineUsed, Record};
use super::roll::Sums;
use bursar_core::UsageClass;

/// Pico-USD of a nano-USD.
const PICO: i128 = 1000;

/// The cache's part in a record's sums; everything else is 0.
///
/// Saved is what the tokens read would have cost more as input, rounded down; the premium is what the tokens written cost
/// more than as input, rounded up: the difference of the two is never flattered. Where the record does not say what input
/// would have cost, both are 0.
pub(super) fn sums(record: &Record) -> Sums {
    let lines = record.price.as_ref().map_or(&[][..], |price| price.lines.as_slice());
    let rate = |class| {
        let line = lines.iter().find(|line| line.class == Some(class));
        line.map(|line| i128::from(line.rate.pico()))
    };
    let input = rate(UsageClass::Input);
    let of = |class: UsageClass| lines.iter().filter(move |line| line.class == Some(class));
    let reads = || of(UsageClass::CacheRead);
    let writes = || of(UsageClass::CacheWrite5m).chain(of(UsageClass::CacheWrite1h));
    let above = |line: &LineUsed| {
        let more = input.map_or(0, |input| i128::from(line.rate.pico()) - input);
        more.saturating_mul(i128::from(line.units))
    };
    let paid = |line: &LineUsed| i128::try_from(line.amount_pico).unwrap_or(i128::MAX);
    let total = |amounts: &mut dyn Iterator<Item = i128>| amounts.fold(0i128, i128::saturating_add);
    Sums {
        cache_read_cost: nanos_up(total(&mut reads().map(paid))),
        cache_write_cost: nanos_up(total(&mut writes().map(paid))),
        cache_saved: nanos_up(total(&mut reads().map(above))).saturating_neg(),
        cache_premium: nanos_up(total(&mut writes().map(above))),
        ..Sums::default()
    }
}

fn nanos_up(pico: i128) -> i64 {
    let whole = pico.div_euclid(PICO);
    let up = i128::from(pico.rem_euclid(PICO) != 0);
    i64::try_from(whole.saturating_add(up)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::record::PriceUsed;
    use super::*;
    use bursar_core::{Attributes, Rate, RequestId, Timestamp};

    fn with_lines(lines: &[(UsageClass, u64, &str)]) -> Sums {
        let at = Timestamp::from_micros(0);
        let line = |(class, units, rate): &(UsageClass, u64, &str)| {
            let rate = Rate::parse_per_million(rate).unwrap();
            LineUsed { class: Some(*class), units: *units, rate, amount_pico: rate.times(*units) }
        };
        let price = PriceUsed { lines: lines.iter().map(line).collect(), ..PriceUsed::default() };
        sums(&Record { price: Some(price), ..Record::new(RequestId::new(at, 1), at, Attributes::new()) })
    }

    /// Rules: S4-55, S4-56, V C01.
    #[test]
    fn reading_saves_the_difference_to_input() {
        let sums = with_lines(&[(UsageClass::Input, 600_000, "3"), (UsageClass::CacheRead, 400_000, "0.3")]);
        assert_eq!((sums.cache_read_cost, sums.cache_saved), (120_000_000, 1_080_000_000));
    }

    /// Rules: S4-56, V C02: at another read price the saving is another one.
    #[test]
    fn the_saving_follows_the_row_and_no_fixed_factor() {
        let sums =
            with_lines(&[(UsageClass::Input, 600_000, "2.5"), (UsageClass::CacheRead, 400_000, "1.25")]);
        assert_eq!((sums.cache_read_cost, sums.cache_saved), (500_000_000, 500_000_000));
    }

    /// Rules: S4-14, S4-56, V C04.
    #[test]
    fn writing_costs_a_premium_by_its_time_to_live() {
        let sums = with_lines(&[
            (UsageClass::Input, 0, "3"),
            (UsageClass::CacheRead, 100_000, "0.3"),
            (UsageClass::CacheWrite5m, 100_000, "3.75"),
        ]);
        assert_eq!((sums.cache_saved, sums.cache_premium), (270_000_000, 75_000_000));
        let hour = with_lines(&[(UsageClass::Input, 0, "3"), (UsageClass::CacheWrite1h, 100_000, "6")]);
        assert_eq!((hour.cache_write_cost, hour.cache_premium), (600_000_000, 300_000_000));
    }

    #[test]
    fn nothing_is_claimed_where_the_price_of_input_is_not_known() {
        let sums = with_lines(&[(UsageClass::CacheRead, 7, "0.3")]);
        assert_eq!((sums.cache_read_cost, sums.cache_saved), (2_100, 0));
    }
}
