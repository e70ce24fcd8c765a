//! A budget: which requests it counts, in which windows, up to which limit, and what happens then.

use crate::limits::{
    CYCLE_DAYS_MAX, IDLE_AFTER_S_DEFAULT, MATCHES_MAX, NAME_BYTES_MAX, PATTERNS_MAX, PER_MAX, PERCENT_MAX,
    REASON_BYTES_MAX, THRESHOLDS_MAX,
};
use crate::period::{Period, PeriodKind};
use crate::window::PerValues;
use bursar_core::amount::CostBasis;
use bursar_core::limits::WINDOWS_PER_BUDGET_DEFAULT;
use bursar_core::{Attribute, Attributes, Measure, Pattern, Scope, Timestamp, Value};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// Identifies a budget. Given by whoever stores budgets; never used again after a removal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BudgetId(pub u32);

/// What happens at the limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// Refuses what does not fit.
    #[default]
    Hard,
    /// Adds and never refuses.
    Soft,
    /// Adds, never refuses, and records what a hard budget would have refused.
    Shadow,
}

/// A mark that settled + suspense crosses once per window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Threshold {
    /// Percent of the window's limit; never crossed in an unlimited window.
    Percent(u32),
    /// An amount in the budget's measure.
    Amount(i64),
}

/// How much is held before the cost is known. The engine only reports it; the quote is made above.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum HoldPolicy {
    /// The most the request can cost: carries the promise of never overspending.
    #[default]
    WorstCase,
    /// The input and a first slice of output, extended ahead of the meter.
    Streaming,
    /// A learned quantile.
    Estimate,
}

/// What becomes of an attempt whose bill stays unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SuspensePolicy {
    /// It stays charged at its hold.
    #[default]
    Hold,
    /// It settles at its estimate after so long, provided that every budget it touches says so; the longest time counts.
    EstimateAfter {
        /// Seconds in suspense.
        seconds: u32,
    },
}

/// What a request without one of the `per` attributes does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Missing {
    /// Counts in one window for all who omit it.
    #[default]
    Shared,
    /// Does not count.
    Skip,
    /// Is refused, where the budget is hard; else as shared.
    Refuse,
}

/// What happens after the only period of a budget that does not renew.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnExpiry {
    /// Refuses every request that matches, where the budget is hard.
    #[default]
    Block,
    /// No longer applies.
    Deactivate,
}

/// What may be done, with consent, when a hold does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fit {
    /// Wait for requests in flight.
    Wait,
    /// Lower the output limit to what is affordable.
    Clamp,
}

/// A temporary addition to the limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raise {
    /// Added to the limit, in the budget's measure.
    pub amount: i64,
    /// The first instant at which it no longer counts.
    pub until: Timestamp,
    /// Why.
    pub reason: Arc<str>,
}

/// A budget. Changing it takes a higher `version`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// Raised by every change; an older or equal one is stale.
    pub version: u64,
    /// Its name.
    pub name: Arc<str>,
    /// Attributes that must have a value meant by one of the patterns. Empty: every request.
    pub matches: Vec<(Attribute, Vec<Pattern>)>,
    /// Attributes that get one window for each value.
    pub per: SmallVec<[Attribute; 2]>,
    /// What it counts.
    pub measure: Measure,
    /// Which cost it counts, where it counts money.
    pub cost_basis: CostBasis,
    /// The limit of each window. Absent: unlimited; 0: nothing.
    pub limit: Option<i64>,
    /// The period of a window.
    pub period: Period,
    /// What happens at the limit.
    pub mode: Mode,
    /// Marks to report.
    pub thresholds: Vec<Threshold>,
    /// How much is held.
    pub hold: HoldPolicy,
    /// What becomes of unknown bills.
    pub suspense: SuspensePolicy,
    /// What a request without a `per` attribute does.
    pub missing: Missing,
    /// When it was made. Without renewal only the period that contains this instant is open; unused room rolls over only
    /// from periods that began after, or contain, this instant.
    pub since: Timestamp,
    /// Whether each period is followed by a new one.
    pub auto_renew: bool,
    /// What happens when it does not renew.
    pub on_expiry: OnExpiry,
    /// Unused room of the last period that is added to the next, in percent of the limit. Once: it never adds up.
    pub rollover_cap_pct: u32,
    /// A temporary addition to the limit.
    pub raise: Option<Raise>,
    /// What may be done when a hold does not fit.
    pub fit: SmallVec<[Fit; 2]>,
    /// How long a request may wait for room that is held, in milliseconds.
    pub wait_ms: u32,
    /// Most windows in memory at once.
    pub windows_max: u32,
    /// Seconds without use after which a window may page out.
    pub idle_after_s: u32,
    /// Whether it counts at all.
    pub active: bool,
}

/// Why a budget is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// The name is empty or too long.
    #[error("the name has no or more than {NAME_BYTES_MAX} bytes")]
    Name,
    /// A negative limit.
    #[error("the limit is negative")]
    Limit,
    /// Too many attributes or patterns in `match`, or an attribute twice, or without a pattern.
    #[error("`match` has a repeated attribute, one without values, or too many")]
    Match,
    /// Too many attributes in `per`, or one twice.
    #[error("`per` has a repeated attribute or more than {PER_MAX}")]
    Per,
    /// Too many thresholds, one twice, or one that is not positive.
    #[error("`thresholds` has a repeated one, one that is not positive, or more than {THRESHOLDS_MAX}")]
    Thresholds,
    /// A cycle of no or too many days.
    #[error("the period has no or more than {CYCLE_DAYS_MAX} days")]
    Period,
    /// The cap is too large.
    #[error("`rollover_cap_pct` is more than {PERCENT_MAX}")]
    Rollover,
    /// The raise is negative or its reason too long.
    #[error("the raise is negative or its reason has more than {REASON_BYTES_MAX} bytes")]
    Raise,
    /// No window is allowed.
    #[error("`windows_max` is 0")]
    WindowsMax,
    /// Too many budgets that no lookup can tell apart.
    #[error("too many budgets match the same exact values")]
    Bucket,
    /// Too many budgets.
    #[error("too many budgets")]
    TooMany,
}

impl Budget {
    /// A hard budget in UTC with the defaults of the configuration: thresholds at 80, 95 and 100 percent, and the cost
    /// basis that suits what it is about.
    #[must_use]
    pub fn new(id: BudgetId, name: &str, measure: Measure, limit: Option<i64>, kind: PeriodKind) -> Self {
        Self {
            id,
            version: 1,
            name: name.into(),
            matches: Vec::new(),
            per: SmallVec::new(),
            measure,
            cost_basis: CostBasis::Effective,
            limit,
            period: Period::utc(kind),
            mode: Mode::Hard,
            thresholds: vec![Threshold::Percent(80), Threshold::Percent(95), Threshold::Percent(100)],
            hold: HoldPolicy::WorstCase,
            suspense: SuspensePolicy::Hold,
            missing: Missing::Shared,
            since: Timestamp::from_micros(0),
            auto_renew: true,
            on_expiry: OnExpiry::Block,
            rollover_cap_pct: 0,
            raise: None,
            fit: SmallVec::new(),
            wait_ms: 2_000,
            windows_max: WINDOWS_PER_BUDGET_DEFAULT,
            idle_after_s: IDLE_AFTER_S_DEFAULT,
            active: true,
        }
    }
    /// With one more attribute in `match`, and the default cost basis of the result.
    #[must_use]
    pub fn matching(mut self, attribute: Attribute, patterns: &[&str]) -> Self {
        self.matches.push((attribute, patterns.iter().map(|text| Pattern::new(text)).collect()));
        self.cost_basis = self.default_cost_basis();
        self
    }
    /// With one more attribute in `per`, and the default cost basis of the result.
    #[must_use]
    pub fn per(mut self, attribute: Attribute) -> Self {
        self.per.push(attribute);
        self.cost_basis = self.default_cost_basis();
        self
    }
    /// Effective where the budget is about a provider, endpoint, credential or the platform, else list.
    #[must_use]
    pub fn default_cost_basis(&self) -> CostBasis {
        match self.narrowest() {
            None | Some(Attribute::Provider | Attribute::Endpoint | Attribute::Credential) => {
                CostBasis::Effective
            }
            Some(
                Attribute::Run
                | Attribute::Session
                | Attribute::Agent
                | Attribute::Key
                | Attribute::User
                | Attribute::Model
                | Attribute::Project
                | Attribute::ServedModel
                | Attribute::ApiFormat
                | Attribute::Tag(_),
            ) => CostBasis::List,
        }
    }
    /// Every attribute that it matches or counts by.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.per.iter().chain(self.matches.iter().map(|(attribute, _)| attribute))
    }
    /// The narrowest attribute that it is about; none for the platform.
    #[must_use]
    pub fn narrowest(&self) -> Option<&Attribute> {
        self.attributes().min()
    }
    /// Whether it can be known only once a deployment was chosen.
    #[must_use]
    pub fn is_per_attempt(&self) -> bool {
        self.attributes().any(Attribute::is_per_attempt)
    }
    /// The scope of the window with these values of `per`: its narrowest attribute and that one's value.
    #[must_use]
    pub fn scope(&self, per_values: &PerValues) -> Scope {
        let Some(narrowest) = self.narrowest() else {
            return Scope::Platform;
        };
        let position = self.per.iter().position(|attribute| attribute == narrowest);
        if let Some(position) = position {
            return Scope::Attribute(narrowest.clone(), per_values.get(position).cloned().flatten());
        }
        let patterns = self.matches.iter().find(|(attribute, _)| attribute == narrowest);
        let value = match patterns.map(|(_, patterns)| patterns.as_slice()) {
            Some([only]) => Value::new(only.as_str()).ok(),
            Some(_) | None => None,
        };
        Scope::Attribute(narrowest.clone(), value)
    }
    /// Whether a request with these attributes is meant.
    #[must_use]
    pub fn applies_to(&self, attributes: &Attributes) -> bool {
        self.matches.iter().all(|(attribute, patterns)| {
            attributes
                .get(attribute)
                .is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value.as_str())))
        })
    }
    /// Checks every bound.
    ///
    /// # Errors
    /// See [`BudgetError`].
    pub fn validate(&self) -> Result<(), BudgetError> {
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX {
            return Err(BudgetError::Name);
        }
        if self.limit.is_some_and(i64::is_negative) {
            return Err(BudgetError::Limit);
        }
        let sizes = |patterns: &Vec<Pattern>| !patterns.is_empty() && patterns.len() <= PATTERNS_MAX;
        let matched: Vec<&Attribute> = self.matches.iter().map(|(attribute, _)| attribute).collect();
        if matched.len() > MATCHES_MAX
            || has_repeats(&matched)
            || !self.matches.iter().all(|(_, patterns)| sizes(patterns))
        {
            return Err(BudgetError::Match);
        }
        if self.per.len() > PER_MAX || has_repeats(&self.per) {
            return Err(BudgetError::Per);
        }
        let positive = |threshold: &Threshold| match threshold {
            Threshold::Percent(percent) => (1..=PERCENT_MAX).contains(percent),
            Threshold::Amount(amount) => *amount > 0,
        };
        if self.thresholds.len() > THRESHOLDS_MAX
            || has_repeats(&self.thresholds)
            || !self.thresholds.iter().all(positive)
        {
            return Err(BudgetError::Thresholds);
        }
        if let PeriodKind::Days { days, .. } = self.period.kind
            && !(1..=CYCLE_DAYS_MAX).contains(&days)
        {
            return Err(BudgetError::Period);
        }
        if self.rollover_cap_pct > PERCENT_MAX {
            return Err(BudgetError::Rollover);
        }
        if self.raise.as_ref().is_some_and(|raise| raise.amount < 0 || raise.reason.len() > REASON_BYTES_MAX)
        {
            return Err(BudgetError::Raise);
        }
        if self.windows_max == 0 {
            return Err(BudgetError::WindowsMax);
        }
        Ok(())
    }
}

impl fmt::Display for BudgetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

fn has_repeats<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(at, item)| items.iter().skip(at + 1).any(|other| other == item))
}
