//! What is asked for: budgets of every kind, requests that crowd a few of their windows, and what they really cost.

use crate::faults::{Fault, Faults};
use crate::random::Random;
use bursar_core::{Attribute, Attributes, Charge, Measure, Timestamp, Usd, Value};
use bursar_ledger::{
    ANCHOR_DEFAULT, Budget, BudgetId, Missing, Mode, OnExpiry, Period, PeriodKind, Raise, SuspensePolicy,
    Threshold, Zone,
};

/// How an attempt goes on after it was sent, drawn before.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What the provider bills in the end, if the attempt is sent and nothing cuts it short.
    pub(crate) bill: Charge,
    /// How it ends.
    pub(crate) ending: Ending,
    /// Microseconds from sending to the end.
    pub(crate) takes: i64,
    /// Signs of life on the way.
    pub(crate) signs: u32,
    /// Part of the hold that is set aside at first, in tenths; the rest by extensions.
    pub(crate) first_tenths: i64,
}

/// How an attempt ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// An answer with usage.
    Usage,
    /// An answer without usage, or broken off: settled at an estimate.
    Estimate,
    /// A complete refusal by the provider, not billed.
    Rejected,
    /// No connection, so nothing was sent.
    NoConnection,
    /// Timeout or reset after sending.
    NoAnswer,
    /// Nothing at all, until the reservation expired.
    Hangs,
}

/// What one client wants.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) attributes: Attributes,
    /// The most it may cost.
    pub(crate) hold: Charge,
    pub(crate) plan: Plan,
}

/// A charge that costs so many nano-USD.
pub(crate) fn charge(nanos: i64, requests: i64) -> Charge {
    Charge {
        list: Usd::from_nanos(nanos),
        effective: Usd::from_nanos(nanos - nanos / 3),
        tokens: nanos / 7,
        requests,
    }
}

/// Draws wishes and budgets.
#[derive(Debug)]
pub(crate) struct Workload {
    random: Random,
    faults: Faults,
    /// The usual size of a hold.
    scale: i64,
}

impl Workload {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut random = Random::new(seed, 2);
        let scale = random.pick(&[1, 30, 1_000]).unwrap_or(1_000);
        Self { random, faults, scale }
    }
    /// Microseconds until the next client comes.
    pub(crate) fn pause(&mut self) -> i64 {
        if self.random.permille(10) {
            self.random.between(0, 900_000_000)
        } else {
            self.random.between(0, 400_000)
        }
    }
    pub(crate) fn wish(&mut self) -> Wish {
        let attributes = self.attributes();
        let most = match self.random.below(10) {
            0 => 0,
            1 => 1,
            2 => self.random.between(1, 20 * self.scale),
            _ if self.faults.has(Fault::Extremes) && self.random.permille(100) => {
                bursar_ledger::CHARGE_PART_MAX - self.random.between(0, 2)
            }
            _ => self.random.between(1, 2 * self.scale),
        };
        let hold = charge(most, 1);
        let mut real = self.random.between(0, most);
        if self.random.permille(100) {
            real = most;
        }
        if self.faults.has(Fault::BillAboveHold) && self.random.permille(50) {
            real = most
                .saturating_add(self.random.between(1, 3 * self.scale))
                .min(bursar_ledger::CHARGE_PART_MAX);
        }
        Wish { attributes, hold, plan: self.plan(real) }
    }
    fn plan(&mut self, real: i64) -> Plan {
        let ending = match self.random.below(100) {
            0..=4 => Ending::Rejected,
            5..=7 => Ending::NoConnection,
            8..=13 if self.faults.has(Fault::NoAnswer) => Ending::NoAnswer,
            14..=19 if self.faults.has(Fault::BillAfterDisconnect) => Ending::Estimate,
            20..=23 if self.faults.has(Fault::NoUsage) => Ending::Estimate,
            24..=26 if self.faults.has(Fault::LateAnswer) => Ending::Hangs,
            _ => Ending::Usage,
        };
        let unbilled = matches!(ending, Ending::Rejected | Ending::NoConnection)
            || (ending == Ending::NoAnswer && self.random.permille(300));
        let takes = match ending {
            Ending::NoConnection => self.random.between(100, 30_000),
            Ending::Hangs => self.random.between(700_000_000, 4_000_000_000),
            Ending::Usage | Ending::Estimate | Ending::Rejected | Ending::NoAnswer => {
                let longest = if self.random.permille(100) { 3_000_000_000 } else { 20_000_000 };
                self.random.between(10_000, longest)
            }
        };
        // Without a sign of life every 600 s the reservation would expire.
        let signs = if ending == Ending::Hangs { 0 } else { u32::try_from(takes / 400_000_000).unwrap_or(0) };
        let streams = self.random.permille(150);
        Plan {
            bill: if unbilled { Charge::ZERO } else { charge(real, 1) },
            ending,
            takes,
            signs: signs + if streams { 3 } else { 0 },
            first_tenths: if streams { 4 } else { 10 },
        }
    }
    fn attributes(&mut self) -> Attributes {
        let mut attributes = Attributes::new();
        // The first values come up most: a few windows are crowded.
        let choices: [(Attribute, &[&str], u64); 6] = [
            (Attribute::Project, &["p1", "p1", "p2", "p3"], 950),
            (Attribute::User, &["u1", "u1", "u2", "u3", "u4"], 700),
            (Attribute::Key, &["k1", "k2"], 900),
            (Attribute::Model, &["gpt-4o", "gpt-4o-mini", "o3"], 1000),
            (Attribute::Session, &["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"], 500),
            (Attribute::Provider, &["openai", "gemini"], 1000),
        ];
        for (attribute, values, odds) in choices {
            if self.random.permille(odds)
                && let Some(value) = self.random.pick(values).and_then(|text| Value::new(text).ok())
            {
                attributes.set(&attribute, value);
            }
        }
        attributes
    }
    /// A budget of this id, as new.
    pub(crate) fn budget(&mut self, id: u32, version: u64, now: Timestamp) -> Budget {
        let measure =
            self.random.pick(&[Measure::Usd, Measure::Usd, Measure::Usd, Measure::Tokens, Measure::Requests]);
        let measure = measure.unwrap_or(Measure::Usd);
        let kinds = [
            PeriodKind::Hour,
            PeriodKind::Day,
            PeriodKind::Day,
            PeriodKind::Week { start: bursar_ledger::Weekday::Monday },
            PeriodKind::Month,
            PeriodKind::Total,
            PeriodKind::Days { days: 2, anchor: ANCHOR_DEFAULT },
        ];
        let kind = self.random.pick(&kinds).unwrap_or(PeriodKind::Day);
        let limit = self.limit(measure);
        let mut budget = Budget::new(BudgetId(id), &format!("budget {id}"), measure, limit, kind);
        budget.version = version;
        let zone = self.random.pick(&["UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]);
        budget.period =
            Period { kind, zone: zone.and_then(|name| Zone::parse(name).ok()).unwrap_or_else(Zone::utc) };
        let matching: [(Attribute, &[&str]); 5] = [
            (Attribute::Project, &["p1"]),
            (Attribute::Model, &["gpt-*"]),
            (Attribute::Provider, &["openai"]),
            (Attribute::User, &["u1", "u2"]),
            (Attribute::Key, &["*"]),
        ];
        for (attribute, patterns) in matching {
            if self.random.permille(200) {
                budget = budget.matching(attribute, patterns);
            }
        }
        for attribute in [Attribute::User, Attribute::Session, Attribute::Project] {
            if self.random.permille(180) {
                budget = budget.per(attribute);
            }
        }
        self.policies(&mut budget, now);
        budget
    }
    pub(crate) fn limit(&mut self, measure: Measure) -> Option<i64> {
        let usual = match measure {
            Measure::Usd => 12 * self.scale,
            Measure::Tokens => 2 * self.scale + 3,
            Measure::Requests => 12,
        };
        match self.random.below(12) {
            0 => None,
            1 => Some(0),
            2 => Some(100 * usual),
            _ => Some(self.random.between(1, 2 * usual)),
        }
    }
    /// Draws a budget's policies.
    pub(crate) fn policies(&mut self, budget: &mut Budget, now: Timestamp) {
        let random = &mut self.random;
        budget.mode = random
            .pick(&[Mode::Hard, Mode::Hard, Mode::Hard, Mode::Hard, Mode::Soft, Mode::Shadow])
            .unwrap_or_default();
        budget.missing = random
            .pick(&[Missing::Shared, Missing::Shared, Missing::Shared, Missing::Skip, Missing::Refuse])
            .unwrap_or_default();
        if random.permille(250) {
            budget.suspense = SuspensePolicy::EstimateAfter { seconds: 3_600 };
        }
        budget.thresholds = vec![Threshold::Percent(80), Threshold::Percent(100)];
        if random.permille(200) {
            budget.thresholds =
                vec![Threshold::Amount(random.between(1, 5 * self.scale)), Threshold::Percent(50)];
        }
        budget.rollover_cap_pct = random.pick(&[0, 0, 50, 100]).unwrap_or(0);
        budget.since = now.plus_seconds(-random.between(0, 400_000));
        budget.auto_renew = !random.permille(60);
        if random.permille(500) {
            budget.on_expiry = OnExpiry::Deactivate;
        }
        if random.permille(150) {
            let until = now.plus_seconds(random.between(1, 100_000));
            budget.raise =
                Some(Raise { amount: random.between(1, 5 * self.scale), until, reason: "raised".into() });
        } else {
            budget.raise = None;
        }
        budget.idle_after_s = if self.faults.has(Fault::Paging) { 5 } else { 3_600 };
        budget.active = !random.permille(40);
    }
    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}
