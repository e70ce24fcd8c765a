//! A budget of the file as the document that the settings keep.

use crate::config::{Budget, Fit, Hold, Missing, Mode, OnExpiry, Suspense, Threshold};
use bursar_core::Measure;
use bursar_govern::budget::{BudgetDocument, OneOrMany, RaiseDocument, ThresholdText};

/// The document of a declared budget. Fields at their defaults stay out of it.
#[must_use]
pub(crate) fn document(budget: &Budget) -> BudgetDocument {
    let amount = |amount: i64| match budget.measure {
        Measure::Usd => format!("{} USD", budget.measure.format(amount)),
        Measure::Tokens | Measure::Requests => format!("{amount} {}", budget.measure.as_str()),
    };
    let differs = |is: bool, word: &str| is.then(|| word.to_owned());
    let defaults = [Threshold::Percent(80), Threshold::Percent(95), Threshold::Percent(100)];
    let period = budget.period.to_string();
    let weekly = period == "week" && budget.week_start.as_str() != "monday";
    BudgetDocument {
        limit: budget.limit.map(amount),
        measure: differs(budget.limit.is_none(), budget.measure.as_str()),
        anchor: budget.anchor.map(|date| date.to_string()),
        week_start: differs(weekly, budget.week_start.as_str()),
        period: Some(period),
        time_zone: Some(budget.time_zone.clone()),
        matches: budget
            .matches
            .iter()
            .map(|(attribute, patterns)| {
                let texts = patterns.iter().map(ToString::to_string).collect();
                (attribute.to_string(), OneOrMany::Many(texts))
            })
            .collect(),
        per: budget.per.iter().map(ToString::to_string).collect(),
        mode: differs(budget.mode != Mode::Hard, budget.mode.as_str()),
        thresholds: (budget.thresholds != defaults).then(|| {
            let text = |threshold: &Threshold| match threshold {
                Threshold::Percent(percent) => ThresholdText::Percent(*percent),
                Threshold::Amount(mark) => ThresholdText::Amount(amount(*mark)),
            };
            budget.thresholds.iter().map(text).collect()
        }),
        cost_basis: budget.cost_basis.map(|basis| basis.as_str().to_owned()),
        hold: differs(budget.hold != Hold::WorstCase, budget.hold.as_str()),
        suspense: match budget.suspense {
            Suspense::Hold => None,
            Suspense::EstimateAfter(seconds) => Some(format!("estimate_after {seconds}s")),
        },
        missing: differs(budget.missing != Missing::Shared, budget.missing.as_str()),
        auto_renew: (!budget.auto_renew).then_some(false),
        on_expiry: differs(budget.on_expiry != OnExpiry::Block, budget.on_expiry.as_str()),
        rollover_cap_pct: (budget.rollover_cap_pct != 0).then_some(budget.rollover_cap_pct),
        raise: budget.raise.as_ref().map(|raise| RaiseDocument {
            amount: amount(raise.amount),
            until: raise.until.to_string(),
            reason: raise.reason.clone(),
        }),
        fit: budget.fit.iter().map(|fit: &Fit| fit.as_str().to_owned()).collect(),
        wait_ms: (budget.wait_ms != 2_000).then_some(budget.wait_ms),
        idle_after: (budget.idle_after_s != bursar_ledger::IDLE_AFTER_S_DEFAULT)
            .then(|| format!("{}s", budget.idle_after_s)),
        windows_max: (budget.windows_max != bursar_core::limits::WINDOWS_PER_BUDGET_DEFAULT)
            .then_some(budget.windows_max),
    }
}
