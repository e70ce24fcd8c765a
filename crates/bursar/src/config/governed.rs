//! A budget of the file as the ledger's budget.

use super::{Budget, Fit, Hold, Missing, Mode, OnExpiry, Period, Suspense, Threshold, Weekday};
use bursar_core::Timestamp;
use bursar_ledger as ledger;
use bursar_ledger::{BudgetId, PeriodKind, Zone};

impl Budget {
    /// The ledger's budget of this one. `id` and `version` are the store's, `since` is when it was made.
    ///
    /// # Errors
    /// Where the ledger's own bounds are narrower than those of the file; [`Self`] that was read never is.
    pub fn to_ledger(
        &self,
        id: BudgetId,
        version: u64,
        since: Timestamp,
    ) -> Result<ledger::Budget, ledger::BudgetError> {
        let zone = Zone::parse(&self.time_zone).unwrap_or_else(|_| Zone::utc());
        let mut budget = ledger::Budget::new(id, &self.name, self.measure, self.limit, self.period_kind());
        budget.version = version;
        budget.since = since;
        budget.period.zone = zone;
        budget.matches.clone_from(&self.matches);
        budget.per = self.per.iter().cloned().collect();
        budget.cost_basis = self.cost_basis.unwrap_or_else(|| budget.default_cost_basis());
        budget.mode = match self.mode {
            Mode::Hard => ledger::Mode::Hard,
            Mode::Soft => ledger::Mode::Soft,
            Mode::Shadow => ledger::Mode::Shadow,
        };
        budget.thresholds = self.thresholds.iter().map(threshold).collect();
        budget.hold = match self.hold {
            Hold::WorstCase => ledger::HoldPolicy::WorstCase,
            Hold::Streaming => ledger::HoldPolicy::Streaming,
            Hold::Estimate => ledger::HoldPolicy::Estimate,
        };
        budget.suspense = match self.suspense {
            Suspense::Hold => ledger::SuspensePolicy::Hold,
            Suspense::EstimateAfter(seconds) => {
                ledger::SuspensePolicy::EstimateAfter { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
            }
        };
        budget.missing = match self.missing {
            Missing::Shared => ledger::Missing::Shared,
            Missing::Skip => ledger::Missing::Skip,
            Missing::Refuse => ledger::Missing::Refuse,
        };
        budget.auto_renew = self.auto_renew;
        budget.on_expiry = match self.on_expiry {
            OnExpiry::Block => ledger::OnExpiry::Block,
            OnExpiry::Deactivate => ledger::OnExpiry::Deactivate,
        };
        budget.rollover_cap_pct = self.rollover_cap_pct;
        let raise = |raise: &super::Raise| ledger::Raise {
            amount: raise.amount,
            until: raise.until,
            reason: raise.reason.as_str().into(),
        };
        budget.raise = self.raise.as_ref().map(raise);
        let fit = |fit: &Fit| match fit {
            Fit::Wait => ledger::Fit::Wait,
            Fit::Clamp => ledger::Fit::Clamp,
        };
        budget.fit = self.fit.iter().map(fit).collect();
        budget.wait_ms = self.wait_ms;
        budget.windows_max = self.windows_max;
        budget.idle_after_s = self.idle_after_s;
        budget.active = self.active;
        budget.validate()?;
        Ok(budget)
    }

    fn period_kind(&self) -> PeriodKind {
        match self.period {
            Period::Hour => PeriodKind::Hour,
            Period::Day => PeriodKind::Day,
            Period::Week => PeriodKind::Week { start: weekday(self.week_start) },
            Period::Month => PeriodKind::Month,
            Period::Year => PeriodKind::Year,
            Period::Total => PeriodKind::Total,
            // The reader refuses a period in days without an anchor.
            Period::Days(days) => {
                PeriodKind::Days { days, anchor: self.anchor.unwrap_or(ledger::ANCHOR_DEFAULT) }
            }
        }
    }
}

fn threshold(threshold: &Threshold) -> ledger::Threshold {
    match threshold {
        Threshold::Percent(percent) => ledger::Threshold::Percent(*percent),
        Threshold::Amount(amount) => ledger::Threshold::Amount(*amount),
    }
}

fn weekday(day: Weekday) -> jiff::civil::Weekday {
    match day {
        Weekday::Monday => jiff::civil::Weekday::Monday,
        Weekday::Tuesday => jiff::civil::Weekday::Tuesday,
        Weekday::Wednesday => jiff::civil::Weekday::Wednesday,
        Weekday::Thursday => jiff::civil::Weekday::Thursday,
        Weekday::Friday => jiff::civil::Weekday::Friday,
        Weekday::Saturday => jiff::civil::Weekday::Saturday,
        Weekday::Sunday => jiff::civil::Weekday::Sunday,
    }
}
