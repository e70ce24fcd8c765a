//! What the tests of the price engine share: rows and usages in one line each.

use std::path::PathBuf;

use bursar_core::{Rate, Timestamp, Usage, UsageClass};
use bursar_pricing::{Conditions, Cost, PriceRow, RateClass, RowSpec, TierSpec, cost};

/// USD per million tokens.
pub(crate) fn per_million(text: &str) -> Rate {
    Rate::parse_per_million(text).unwrap()
}

/// A row of provider `p` whose rates are given as `input 3, output 15`.
pub(crate) fn spec(rates: &str) -> RowSpec {
    spec_of("p", "m", rates)
}

pub(crate) fn spec_of(provider: &str, model: &str, text: &str) -> RowSpec {
    let mut spec = RowSpec::new(provider, model);
    spec.rates = rates(text);
    spec
}

/// `input 3, output 15` as rates: per million for tokens, per unit else.
pub(crate) fn rates(text: &str) -> bursar_pricing::Rates {
    let mut rates = bursar_pricing::Rates::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (word, rate) = part.split_once(' ').unwrap();
        let class = RateClass::parse(word).unwrap();
        let rate = if class.is_token() { per_million(rate) } else { Rate::parse_per_unit(rate).unwrap() };
        rates.set(class, rate);
    }
    rates
}

pub(crate) fn tier(up_to: Option<u64>, text: &str) -> TierSpec {
    TierSpec { up_to, rates: rates(text) }
}

pub(crate) fn row(spec: RowSpec) -> PriceRow {
    PriceRow::new(spec, "test")
}

/// `input 1000, output 500` as usage.
pub(crate) fn usage(text: &str) -> Usage {
    let mut usage = Usage::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (word, count) = part.split_once(' ').unwrap();
        usage.set(UsageClass::parse(word).unwrap(), count.parse().unwrap());
    }
    usage
}

/// Costs a usage under standard conditions.
pub(crate) fn bill(row: &PriceRow, text: &str) -> Cost {
    cost(row, &usage(text), &Conditions::default())
}

/// The amounts of a cost by class, as `input 0.003, output 0.0075`.
pub(crate) fn amounts(cost: &Cost) -> String {
    let lines = cost.lines.iter().map(|line| format!("{} {}", line.class, line.amount()));
    lines.collect::<Vec<_>>().join(", ")
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A file of recorded data or of the specification; `None`, said aloud, where it is not at hand.
pub(crate) fn outside(variable: &str, default: &str, file: &str) -> Option<String> {
    let place = std::env::var_os(variable)
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(default), PathBuf::from);
    let path = place.join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not there; set {variable}", path.display());
    }
    text
}
