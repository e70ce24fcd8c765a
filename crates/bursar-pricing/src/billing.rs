//! From list cost to effective cost: a credential's rate multipliers and its billing type.

use bursar_core::{ApiFormat, Multiplier};

/// How a provider is paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Billing {
    /// By usage, at list price times the credential's multiplier.
    #[default]
    PayAsYouGo,
    /// A fixed sum a month for a quota; usage is counted at effective cost against an ordinary budget.
    MonthlyQuota,
    /// Nothing; list cost is kept.
    FreeTier,
}

impl Billing {
    /// Every billing type.
    pub const ALL: [Self; 3] = [Self::PayAsYouGo, Self::MonthlyQuota, Self::FreeTier];

    /// The word in configuration and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PayAsYouGo => "pay_as_you_go",
            Self::MonthlyQuota => "monthly_quota",
            Self::FreeTier => "free_tier",
        }
    }
    /// The billing type of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|billing| billing.as_str() == word)
    }
}

/// A credential's rate multipliers: one for all API formats, and others for some.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Multipliers {
    /// Where a format has none of its own.
    pub default: Multiplier,
    /// By API format.
    pub by_format: Vec<(ApiFormat, Multiplier)>,
    /// How the provider is paid.
    pub billing: Billing,
}

impl Multipliers {
    /// The factor from list cost to effective cost for a format. An unknown format takes the default.
    #[must_use]
    pub fn of(&self, format: Option<ApiFormat>) -> Multiplier {
        match self.billing {
            Billing::FreeTier => Multiplier::ZERO,
            Billing::PayAsYouGo | Billing::MonthlyQuota => self
                .by_format
                .iter()
                .find(|(own, _)| Some(*own) == format)
                .map_or(self.default, |(_, multiplier)| *multiplier),
        }
    }
}
