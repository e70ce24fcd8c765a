//! Which windows an attempt must touch, and whether it had to be refused: the rules once more, in their plainest form.

use super::{Account, Book, BookBudget};
use bursar_core::{Attributes, Charge, Timestamp};
use bursar_ledger::{Budget, Interval, Missing, Mode, OnExpiry, Threshold, WindowKey};

/// What a budget says to an attempt.
pub(crate) enum Says {
    /// It is not meant.
    Nothing,
    /// It refuses whatever is asked.
    Closed,
    /// It counts in this window.
    Counts(WindowKey),
}

/// Settled + suspense + held, and the limit, of a window that may not be open yet.
pub(crate) struct Look {
    pub(crate) key: WindowKey,
    pub(crate) used: i128,
    pub(crate) limit: Option<i128>,
    pub(crate) amount: i128,
    pub(crate) mode: Mode,
}

impl Look {
    pub(crate) fn fits(&self) -> bool {
        self.amount == 0 || self.limit.is_none_or(|limit| self.used + self.amount <= limit)
    }
}

/// The limit at `now`, with room that rolled over and a raise.
pub(crate) fn limit_at(budget: &Budget, credit: i64, now: Timestamp) -> Option<i128> {
    let raise = budget.raise.as_ref().filter(|raise| now < raise.until).map_or(0, |raise| raise.amount);
    let sum = budget.limit.map(|limit| i128::from(limit) + i128::from(credit) + i128::from(raise));
    sum.map(|sum| sum.min(i128::from(i64::MAX)))
}

/// Whether an amount reaches a threshold.
pub(crate) fn reaches(threshold: Threshold, amount: i128, limit: Option<i128>) -> bool {
    match threshold {
        Threshold::Amount(mark) => amount >= i128::from(mark),
        Threshold::Percent(percent) => {
            limit.is_some_and(|limit| amount > 0 && amount * 100 >= limit * i128::from(percent))
        }
    }
}

impl Book {
    fn says(own: &BookBudget, attributes: &Attributes, now: Timestamp) -> Says {
        let budget = &*own.budget;
        let meant = budget.matches.iter().all(|(attribute, patterns)| {
            let value = attributes.get(attribute);
            value.is_some_and(|value| patterns.iter().any(|pattern| pattern.matches(value.as_str())))
        });
        if own.removed || !budget.active || !meant {
            return Says::Nothing;
        }
        let interval = budget.period.window_at(now);
        let hard = budget.mode == Mode::Hard;
        if !budget.auto_renew && interval != Interval::ALWAYS && !interval.contains(budget.since) {
            let over = now >= budget.since && hard && budget.on_expiry == OnExpiry::Block;
            return if over { Says::Closed } else { Says::Nothing };
        }
        let missing = budget.per.iter().any(|attribute| attributes.get(attribute).is_none());
        match budget.missing {
            Missing::Skip if missing => return Says::Nothing,
            Missing::Refuse if missing && hard => return Says::Closed,
            Missing::Shared | Missing::Skip | Missing::Refuse => {}
        }
        let per = budget.per.iter().map(|attribute| attributes.get(attribute).cloned()).collect();
        Says::Counts(WindowKey { budget: budget.id, generation: own.generation, interval, per })
    }
    /// Every window that an attempt touches, and whether any budget is closed to it.
    pub(crate) fn looks(
        &self,
        attributes: &Attributes,
        charge: &Charge,
        now: Timestamp,
    ) -> (Vec<Look>, bool) {
        let (mut looks, mut closed) = (Vec::new(), false);
        for own in self.budgets.values() {
            match Self::says(own, attributes, now) {
                Says::Nothing => {}
                Says::Closed => closed = true,
                Says::Counts(key) => looks.push(self.look(own, key, charge, now)),
            }
        }
        (looks, closed)
    }
    fn look(&self, own: &BookBudget, key: WindowKey, charge: &Charge, now: Timestamp) -> Look {
        let budget = &*own.budget;
        let account = self.account(&key);
        let amount = account.map_or_else(
            || i128::from(charge.of(budget.measure, budget.cost_basis)),
            |account| account.part(charge),
        );
        let credit = account.map_or_else(|| self.credit(budget, &key), |account| account.credit);
        let limit = limit_at(budget, credit, now);
        Look { used: account.map_or(0, Account::used), limit, amount, mode: budget.mode, key }
    }
    pub(crate) fn account(&self, key: &WindowKey) -> Option<&Account> {
        self.accounts.get(self.keys.get(key)?)
    }
    /// What rolls over into a window that opens now.
    pub(crate) fn credit(&self, budget: &Budget, key: &WindowKey) -> i64 {
        let (Some(limit), Some(start)) = (budget.limit, key.interval.starts_at) else { return 0 };
        if budget.rollover_cap_pct == 0 || budget.since >= start {
            return 0;
        }
        let before = WindowKey { interval: budget.period.window_before(start), ..key.clone() };
        let (used, credit) =
            self.account(&before).map_or((0, 0), |account| (account.used(), i128::from(account.credit)));
        let limit = i128::from(limit);
        let unused = (limit + credit - used).clamp(0, limit);
        i64::try_from(unused.min(limit * i128::from(budget.rollover_cap_pct) / 100)).unwrap_or(0)
    }
}
