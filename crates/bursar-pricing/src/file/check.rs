//! What must hold of a row before it prices anything.

use bursar_core::{Rate, UsageClass};

use crate::class::RateClass;
use crate::file::error::Invalid;
use crate::limits::{
    NAME_BYTES_MAX, NAMES_MAX, PATTERNS_MAX, PERIODS_MAX, SERVICE_TIERS_MAX, TIERS_MAX, TOKEN_RATE_PICO_MAX,
    UNIT_RATE_PICO_MAX,
};
use crate::rates::Rates;
use crate::spec::{RowSpec, TierSpec};

/// Checks a row: names, dates, ascending tiers with an unbounded last one, rates that are not absurd, both cache
/// write rates where one is stated.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(spec: &RowSpec) -> Result<(), Invalid> {
    let row = format!("({}/{})", spec.provider, spec.model);
    let wrong = |field: &str, problem: String| Err(Invalid::new(&row, field, problem));
    for (field, name) in [("provider", &spec.provider), ("model", &spec.model)]
        .into_iter()
        .chain(spec.aliases.iter().map(|alias| ("aliases", alias)))
    {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return wrong(field, format!("must be 1 to {NAME_BYTES_MAX} bytes without control characters"));
        }
    }
    if spec.aliases.len() > NAMES_MAX || spec.patterns.len() > PATTERNS_MAX {
        return wrong("aliases", format!("has more than {NAMES_MAX} names or {PATTERNS_MAX} patterns"));
    }
    let free = !spec.rates.is_empty() && spec.rates.iter().all(|(_, rate)| rate == Rate::ZERO);
    if !(free && spec.variants.is_empty())
        && let Some(all) = spec.patterns.iter().find(|pattern| pattern.as_str().trim_matches('*').is_empty())
    {
        return wrong("patterns", format!("has \"{all}\", which every model matches; name a family"));
    }
    if let (Some(from), Some(until)) = (spec.effective_from, spec.effective_until)
        && until <= from
    {
        return wrong("effective_until", format!("is {until}: must be later than effective_from, {from}"));
    }
    rates(&spec.rates, &row, "")?;
    for variant in &spec.variants {
        rate(variant.class, variant.rate, &row, &format!("{}.{}", variant.class, variant.name))?;
    }
    tiers(spec.tiers.as_deref().unwrap_or_default(), &row, "tiers")?;
    if spec.service_tiers.len() > SERVICE_TIERS_MAX {
        return wrong("service_tiers", format!("has more than {SERVICE_TIERS_MAX}"));
    }
    for (name, tier) in &spec.service_tiers {
        rates(&tier.rates, &row, &format!("service_tiers.{name}."))?;
        tiers(&tier.tiers, &row, &format!("service_tiers.{name}.tiers"))?;
    }
    let periods = spec.periods.as_deref().unwrap_or_default();
    if periods.len() > PERIODS_MAX {
        return wrong("periods", format!("has more than {PERIODS_MAX}"));
    }
    for (index, period) in periods.iter().enumerate() {
        rates(&period.rates, &row, &format!("periods[{index}]."))?;
    }
    if spec.facts.context == Some(0) {
        return wrong("context", "is 0: leave it out where it is not known".to_owned());
    }
    Ok(())
}

fn tiers(tiers: &[TierSpec], row: &str, path: &str) -> Result<(), Invalid> {
    if tiers.len() > TIERS_MAX {
        return Err(Invalid::new(row, path, format!("has more than {TIERS_MAX} tiers")));
    }
    let mut above = None;
    for (index, tier) in tiers.iter().enumerate() {
        let field = format!("{path}[{index}].up_to");
        let last = index + 1 == tiers.len();
        match tier.up_to {
            None if last => {}
            None => return Err(Invalid::new(row, &field, "is missing: only the last tier is unbounded")),
            Some(bound) if last => {
                let problem = format!("is {bound}: the last tier must be unbounded; leave it out");
                return Err(Invalid::new(row, &field, problem));
            }
            Some(bound) if above.is_some_and(|above| bound <= above) || bound == 0 => {
                let problem =
                    format!("is {bound}: bounds must ascend; the tier before ends at {}", above.unwrap_or(0));
                return Err(Invalid::new(row, &field, problem));
            }
            Some(bound) => above = Some(bound),
        }
        rates(&tier.rates, row, &format!("{path}[{index}]."))?;
    }
    Ok(())
}

fn rates(rates: &Rates, row: &str, path: &str) -> Result<(), Invalid> {
    for (class, value) in rates.iter() {
        rate(class, value, row, &format!("{path}{class}"))?;
    }
    let write = |class| rates.get(class);
    let missing = write(UsageClass::CacheWrite5m).is_none() && write(UsageClass::CacheWrite1h).is_some();
    if missing && path.is_empty() {
        let field = format!("{path}cache_write_5m");
        return Err(Invalid::new(row, &field, "is missing: a row with cache_write_1h states both"));
    }
    if let (Some(short), Some(long)) = (write(UsageClass::CacheWrite5m), write(UsageClass::CacheWrite1h))
        && long < short
    {
        let field = format!("{path}cache_write_1h");
        return Err(Invalid::new(row, &field, "is below cache_write_5m: a longer write never costs less"));
    }
    Ok(())
}

fn rate(class: RateClass, rate: Rate, row: &str, field: &str) -> Result<(), Invalid> {
    let (most, text, right) = if class.is_token() {
        (TOKEN_RATE_PICO_MAX, rate.per_million(), "USD per million tokens")
    } else {
        (UNIT_RATE_PICO_MAX, rate.per_unit(), "USD per unit")
    };
    if rate.pico() > most {
        let unit = if class.is_token() {
            Rate::from_pico(most).per_million()
        } else {
            Rate::from_pico(most).per_unit()
        };
        let problem = format!("is \"{text}\": no price is above {unit} {right}");
        return Err(Invalid::new(row, field, problem));
    }
    Ok(())
}
