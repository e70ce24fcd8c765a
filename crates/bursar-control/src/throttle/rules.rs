//! The rules of the throttle: when a provider counts as too expensive, and whether anything is done about it.

use bursar_core::Multiplier;
use bursar_ledger::projection::Elapsed;
use serde::Serialize;
use utoipa::ToSchema;

/// How much of a period counts as over when spend is projected to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Projection {
    /// Today counts as a whole day.
    #[default]
    CalendarDay,
    /// Today counts for the part of it that has passed.
    ElapsedFraction,
}

/// `[throttle]` as the evaluator reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Whether traffic may be moved at all. Off: everything is evaluated and told as a dry run.
    pub enabled: bool,
    /// Evaluate and tell, but move nothing.
    pub shadow: bool,
    /// Projected spend over limit at which a provider is throttled.
    pub engage_ratio: Multiplier,
    /// The ratio below which it is used again.
    pub release_ratio: Multiplier,
    /// How today counts.
    pub projection: Projection,
    /// Days of a period before its projection counts.
    pub min_elapsed_days: u32,
    /// Percent of the limit that must be spent before its projection counts.
    pub min_spend_pct: u32,
    /// Seconds between evaluations.
    pub evaluate_s: u32,
}

/// The rules as the API shows them and as the audit keeps them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct RulesView {
    /// Whether traffic may be moved at all.
    enabled: bool,
    /// Evaluate and tell, but move nothing.
    shadow: bool,
    /// A decimal.
    engage_ratio: String,
    /// A decimal.
    release_ratio: String,
    /// `calendar_day` or `elapsed_fraction`.
    projection: &'static str,
    /// Days of a period before its projection counts.
    min_elapsed_days: u32,
    /// Percent of the limit that must be spent before its projection counts.
    min_spend_pct: u32,
    /// Seconds between evaluations.
    evaluate_s: u32,
}

impl Projection {
    /// The word in configuration and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalendarDay => "calendar_day",
            Self::ElapsedFraction => "elapsed_fraction",
        }
    }
    /// How the ledger's formulas count it.
    pub(super) const fn elapsed(self) -> Elapsed {
        match self {
            Self::CalendarDay => Elapsed::CalendarDay,
            Self::ElapsedFraction => Elapsed::Fraction,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            enabled: false,
            shadow: true,
            engage_ratio: Multiplier::from_millionths(1_100_000),
            release_ratio: Multiplier::from_millionths(950_000),
            projection: Projection::CalendarDay,
            min_elapsed_days: 3,
            min_spend_pct: 10,
            evaluate_s: 3_600,
        }
    }
}

impl Rules {
    /// Whether a throttle that engages moves traffic. Otherwise all is a dry run.
    #[must_use]
    pub const fn acts(&self) -> bool {
        self.enabled && !self.shadow
    }
    pub(crate) fn view(&self) -> RulesView {
        RulesView {
            enabled: self.enabled,
            shadow: self.shadow,
            engage_ratio: self.engage_ratio.to_string(),
            release_ratio: self.release_ratio.to_string(),
            projection: self.projection.as_str(),
            min_elapsed_days: self.min_elapsed_days,
            min_spend_pct: self.min_spend_pct,
            evaluate_s: self.evaluate_s,
        }
    }
}
