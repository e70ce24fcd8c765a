//! `[throttle]`: when Bursar re-routes away from a provider whose projected spend is too high.

use super::field::{Field, Takes};
use super::provider::is_wrong;
use super::section::{Reading, Section};
use super::words::Projection;
use bursar_core::Multiplier;

/// The fields of `[throttle]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "enabled",
        Takes::Boolean,
        "false",
        "Whether providers may be re-routed. Otherwise all is a dry run: evaluated and told, but nothing moves.",
    ),
    Field::new("shadow", Takes::Boolean, "true", "Evaluate and report, but re-route nothing."),
    Field::new(
        "engage_ratio",
        Takes::Decimal,
        "\"1.10\"",
        "Projected spend over budget at which a provider is throttled.",
    ),
    Field::new(
        "release_ratio",
        Takes::Decimal,
        "\"0.95\"",
        "The ratio below which it is used again. Not above `engage_ratio`.",
    ),
    Field::new(
        "projection",
        Takes::Word(Projection::WORDS),
        "\"calendar_day\"",
        "Whether today counts as a whole day or for the part of it that has passed.",
    ),
    Field::new(
        "min_elapsed_days",
        Takes::Integer(0, 31),
        "3",
        "Days of a period before its projection counts; of a period no longer than these, a tenth.",
    ),
    Field::new(
        "min_spend_pct",
        Takes::Integer(0, 100),
        "10",
        "Percent of the budget that must be spent before its projection counts. Default 0 where `min_elapsed_days` is 0.",
    ),
    Field::new("evaluate_s", Takes::Integer(1, 86_400), "3600", "Seconds between evaluations."),
];

/// `[throttle]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Throttle {
    /// Whether providers are evaluated and re-routed.
    pub enabled: bool,
    /// Evaluate and report, but re-route nothing.
    pub shadow: bool,
    /// Projected spend over budget at which a provider is throttled.
    pub engage_ratio: Multiplier,
    /// The ratio below which it is used again.
    pub release_ratio: Multiplier,
    /// How today counts.
    pub projection: Projection,
    /// Days of a period before its projection counts.
    pub min_elapsed_days: u32,
    /// Percent of the budget that must be spent before its projection counts.
    pub min_spend_pct: u32,
    /// Seconds between evaluations.
    pub evaluate_s: u32,
}

pub(super) fn read(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Throttle {
    let ratio = |name: &str, default: &str, reading: &mut Reading<'_>| {
        let help = "write a decimal such as `\"1.10\"`";
        let given = section.and_then(|section| {
            section.parsed(name, help, reading, |text| Multiplier::parse(text).map_err(is_wrong))
        });
        given.unwrap_or_else(|| Multiplier::parse(default).unwrap_or_default())
    };
    let number = |name: &str, default: u32, reading: &mut Reading<'_>| {
        let given = section.and_then(|section| section.integer(name, reading));
        given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
    };
    let truth = |name: &str, default: bool, reading: &mut Reading<'_>| {
        section.map_or(default, |section| section.boolean(name, default, reading))
    };
    let min_elapsed_days = number("min_elapsed_days", 3, reading);
    // Who lets the first days count lets small amounts count, unless told otherwise.
    let min_spend_pct = if min_elapsed_days == 0 { 0 } else { 10 };
    let throttle = Throttle {
        enabled: truth("enabled", false, reading),
        shadow: truth("shadow", true, reading),
        engage_ratio: ratio("engage_ratio", "1.10", reading),
        release_ratio: ratio("release_ratio", "0.95", reading),
        projection: section
            .and_then(|section| section.word("projection", reading, Projection::parse))
            .unwrap_or(Projection::CalendarDay),
        min_elapsed_days,
        min_spend_pct: number("min_spend_pct", min_spend_pct, reading),
        evaluate_s: number("evaluate_s", 3_600, reading),
    };
    if let Some(section) = section
        && throttle.release_ratio > throttle.engage_ratio
    {
        let message = format!(
            "`throttle.release_ratio` {} is above `throttle.engage_ratio` {}",
            throttle.release_ratio, throttle.engage_ratio
        );
        let help = "a provider is released below the ratio that engages it: lower `release_ratio`";
        let at = if section.has("release_ratio") { "release_ratio" } else { "engage_ratio" };
        reading.wrong(section.place_of(at), section.field(at), message, help);
    }
    throttle
}
