//! One entry after the other into the book; with a context each is also checked.

use super::judge::{limit_at, reaches};
use super::{Account, Book, BookBudget, Context, Line};
use crate::violation::{Rule, Violation, broken};
use bursar_core::{Charge, ReservationId, Timestamp};
use bursar_ledger::{
    Budget, Crossing, Entry, Mode, Reserved, Settled, State, SuspensePolicy, WindowId, WindowImage,
};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Book {
    /// Adds an entry up. Without a context nothing is checked: it was checked when it was made.
    pub(crate) fn fold(&mut self, entry: &Entry, context: Option<&Context<'_>>) -> Result<(), Violation> {
        match entry {
            Entry::Opened(image) => self.opened(image, context),
            Entry::Reserved(reserved) => self.reserved(reserved, context),
            Entry::Extended { id, more, .. } => self.extended(*id, more, context),
            Entry::Progressed { id, estimate, .. } => {
                self.line(*id, State::Live)?.estimate = *estimate;
                Ok(())
            }
            Entry::Settled(settled) => self.settled(settled, context),
            Entry::Released { id, .. } => self.released(*id, State::Live),
            Entry::Suspended { id, until, crossings, .. } => {
                if let Some(context) = context {
                    self.check_until(*id, *until, context.now)?;
                }
                self.suspended(*id, crossings, context)
            }
            Entry::Forgiven { id, .. } => self.released(*id, State::Suspense),
            Entry::Adjusted { id, parts, crossings, .. } => {
                if !self.adjusted.insert(id.0) {
                    return Err(broken(Rule::Idempotent, format!("adjustment {} is booked twice", id.0)));
                }
                let windows: Vec<u64> = parts.iter().map(|(window, _)| window.0).collect();
                for (window, delta) in parts {
                    self.account_mut(*window)?.settled += i128::from(*delta);
                    self.adjustments.push((window.0, *delta));
                }
                self.crossings(&windows, crossings, context)
            }
            Entry::BudgetPut { budget, .. } => {
                self.budget_put(budget);
                Ok(())
            }
            Entry::BudgetRemoved { budget, .. } => {
                if let Some(own) = self.budgets.get_mut(&budget.0) {
                    own.removed = true;
                }
                Ok(())
            }
            Entry::PagedOut { windows, .. } => {
                for window in windows {
                    self.account_mut(*window)?.in_memory = false;
                }
                Ok(())
            }
            Entry::PagedIn { image, .. } => {
                let account = self.account_mut(image.id)?;
                let same = account.settled == i128::from(image.settled)
                    && account.suspense == i128::from(image.suspense)
                    && account.held == i128::from(image.held);
                if account.in_memory || !same {
                    let text = format!("window {} comes back as {image:?}, it was {account:?}", image.id);
                    return Err(broken(Rule::Isolation, text));
                }
                account.in_memory = true;
                self.forget_thresholds(image.key.budget.0);
                Ok(())
            }
            Entry::Granted { .. } | Entry::GaveBack { .. } | Entry::Image(_) => Ok(()),
        }
    }

    fn account_mut(&mut self, window: WindowId) -> Result<&mut Account, Violation> {
        let missing = || broken(Rule::Isolation, format!("an entry names window {window}, never opened"));
        self.accounts.get_mut(&window.0).ok_or_else(missing)
    }
    fn line(&mut self, id: ReservationId, state: State) -> Result<&mut Line, Violation> {
        match self.lines.get_mut(&id) {
            Some(line) if line.state == state => Ok(line),
            other => {
                let text = format!("{id} should be {state:?} and is {:?}", other.map(|line| line.state));
                Err(broken(Rule::LifeCycle, text))
            }
        }
    }
    fn opened(&mut self, image: &WindowImage, context: Option<&Context<'_>>) -> Result<(), Violation> {
        if let Some(context) = context {
            self.check_opened(image, context.now)?;
        }
        self.keys.insert(image.key.clone(), image.id.0);
        let account = Account {
            key: image.key.clone(),
            measure: image.measure,
            basis: image.cost_basis,
            credit: image.credit,
            settled: 0,
            suspense: 0,
            held: 0,
            in_memory: true,
        };
        self.accounts.insert(image.id.0, account);
        Ok(())
    }
    fn check_opened(&self, image: &WindowImage, now: Timestamp) -> Result<(), Violation> {
        let wrong = |text: String| Err(broken(Rule::Isolation, text));
        if let Some(other) = self.keys.get(&image.key) {
            return wrong(format!("window {} is opened again as {}", WindowId(*other), image.id));
        }
        if image.settled != 0 || image.suspense != 0 || image.held != 0 {
            return wrong(format!("window {} is not empty when it opens", image.id));
        }
        let Some(own) = self.budgets.get(&image.key.budget.0) else {
            return wrong(format!("window {} has no budget", image.id));
        };
        let (interval, credit) = (own.budget.period.window_at(now), self.credit(&own.budget, &image.key));
        if image.key.interval != interval || image.credit != credit {
            return wrong(format!(
                "window {} should be {interval:?} with credit {credit}: {image:?}",
                image.id
            ));
        }
        Ok(())
    }
    fn reserved(&mut self, reserved: &Reserved, context: Option<&Context<'_>>) -> Result<(), Violation> {
        if let Some(line) = self.lines.get(&reserved.id) {
            return Err(broken(
                Rule::LifeCycle,
                format!("{} is reserved again; it was {line:?}", reserved.id),
            ));
        }
        if let Some(context) = context {
            self.check_reserved(reserved, context)?;
        }
        for window in &reserved.windows {
            let account = self.account_mut(*window)?;
            account.held += account.part(&reserved.hold);
        }
        let line = Line {
            state: State::Live,
            hold: reserved.hold,
            estimate: reserved.estimate,
            charge: Charge::ZERO,
            estimated: false,
            windows: reserved.windows.iter().map(|window| window.0).collect(),
        };
        self.lines.insert(reserved.id, line);
        Ok(())
    }
    fn check_reserved(&self, reserved: &Reserved, context: &Context<'_>) -> Result<(), Violation> {
        let Some(asked) = context.asked else {
            return Err(broken(Rule::LifeCycle, format!("nobody asked for {}", reserved.id)));
        };
        if reserved.hold != asked.hold {
            let text = format!("{} holds {:?}, asked were {:?}", reserved.id, reserved.hold, asked.hold);
            return Err(broken(Rule::Overspent, text));
        }
        let (looks, closed) = self.looks(&asked.attributes, &asked.hold, context.now);
        let expected: BTreeSet<Option<u64>> =
            looks.iter().map(|look| self.keys.get(&look.key).copied()).collect();
        let written: BTreeSet<Option<u64>> = reserved.windows.iter().map(|window| Some(window.0)).collect();
        if expected != written {
            let text = format!("{} is in {written:?}, it touches {expected:?}", reserved.id);
            return Err(broken(Rule::Atomic, text));
        }
        if let Some(over) = looks.iter().find(|look| look.mode == Mode::Hard && !look.fits()) {
            let text = format!("{} asks for {} of {:?}", reserved.id, over.amount, over.limit);
            return Err(broken(Rule::Overspent, format!("{text} with {} used in {:?}", over.used, over.key)));
        }
        if closed {
            return Err(broken(Rule::Overspent, format!("{} passes a closed budget", reserved.id)));
        }
        Ok(())
    }
    fn extended(
        &mut self,
        id: ReservationId,
        more: &Charge,
        context: Option<&Context<'_>>,
    ) -> Result<(), Violation> {
        let line = self.line(id, State::Live)?;
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or_else(|| broken(Rule::Range, "a hold overflows"));
        line.hold.list = bursar_core::Usd::from_nanos(sum(line.hold.list.nanos(), more.list.nanos())?);
        line.hold.effective =
            bursar_core::Usd::from_nanos(sum(line.hold.effective.nanos(), more.effective.nanos())?);
        line.hold.tokens = sum(line.hold.tokens, more.tokens)?;
        line.hold.requests = sum(line.hold.requests, more.requests)?;
        for window in line.windows.clone() {
            let account = self.account_mut(WindowId(window))?;
            let part = account.part(more);
            account.held += part;
            let Some(context) = context.filter(|_| part > 0) else { continue };
            let Some(account) = self.accounts.get(&window) else { continue };
            let Some(own) = self.budgets.get(&account.key.budget.0) else { continue };
            let limit = limit_at(&own.budget, account.credit, context.now);
            if own.budget.mode == Mode::Hard && limit.is_some_and(|limit| account.used() > limit) {
                return Err(broken(Rule::Overspent, format!("{id} is extended by {part} beyond {limit:?}")));
            }
        }
        Ok(())
    }
    fn settled(&mut self, settled: &Settled, context: Option<&Context<'_>>) -> Result<(), Violation> {
        let line = self.line(settled.id, settled.from)?;
        if line.hold != settled.hold {
            return Err(broken(Rule::Counters, format!("{} settles another hold", settled.id)));
        }
        if let Some(context) = context {
            let due = context.reported.unwrap_or(line.estimate);
            if settled.charge != due {
                let text = format!("{} is charged {:?}, due is {due:?}", settled.id, settled.charge);
                return Err(broken(Rule::BelowBill, text));
            }
        }
        let hold = line.hold;
        (line.state, line.charge, line.estimated) = (State::Settled, settled.charge, settled.estimated);
        let windows = line.windows.clone();
        for window in &windows {
            let account = self.account_mut(WindowId(*window))?;
            let part = account.part(&hold);
            match settled.from {
                State::Suspense => account.suspense -= part,
                State::Live | State::Settled | State::Released => account.held -= part,
            }
            account.settled += account.part(&settled.charge);
        }
        self.crossings(&windows, &settled.crossings, context)
    }
    fn released(&mut self, id: ReservationId, from: State) -> Result<(), Violation> {
        let line = self.line(id, from)?;
        line.state = State::Released;
        let (hold, windows) = (line.hold, line.windows.clone());
        for window in windows {
            let account = self.account_mut(WindowId(window))?;
            let part = account.part(&hold);
            match from {
                State::Suspense => account.suspense -= part,
                State::Live | State::Settled | State::Released => account.held -= part,
            }
        }
        Ok(())
    }
    /// A suspense ends by itself only if every budget says so, and after the longest time.
    fn check_until(
        &mut self,
        id: ReservationId,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Violation> {
        let windows = self.line(id, State::Live)?.windows.clone();
        let seconds = |window: &u64| {
            let budget = self.accounts.get(window)?.key.budget;
            match self.budgets.get(&budget.0)?.budget.suspense {
                SuspensePolicy::Hold => None,
                SuspensePolicy::EstimateAfter { seconds } => Some(i64::from(seconds)),
            }
        };
        let all: Option<Vec<i64>> = windows.iter().map(seconds).collect();
        let due = all.and_then(|all| all.into_iter().max()).map(|seconds| now.plus_seconds(seconds));
        if until != due {
            let text = format!("the suspense of {id} ends {until:?}, not {due:?}");
            return Err(broken(Rule::LifeCycle, text));
        }
        Ok(())
    }
    fn suspended(
        &mut self,
        id: ReservationId,
        crossings: &[Crossing],
        context: Option<&Context<'_>>,
    ) -> Result<(), Violation> {
        let line = self.line(id, State::Live)?;
        line.state = State::Suspense;
        let (hold, windows) = (line.hold, line.windows.clone());
        for window in &windows {
            let account = self.account_mut(WindowId(*window))?;
            let part = account.part(&hold);
            account.held -= part;
            account.suspense += part;
        }
        self.crossings(&windows, crossings, context)
    }
    /// Every threshold that the windows reach by now is told exactly once.
    fn crossings(
        &mut self,
        windows: &[u64],
        told: &[Crossing],
        context: Option<&Context<'_>>,
    ) -> Result<(), Violation> {
        if let Some(context) = context {
            let mut due: Vec<Crossing> = Vec::new();
            for window in windows {
                let Some(account) = self.accounts.get(window) else { continue };
                let Some(own) = self.budgets.get(&account.key.budget.0) else { continue };
                let limit = limit_at(&own.budget, account.credit, context.now);
                let spent = account.settled + account.suspense;
                for threshold in &own.budget.thresholds {
                    if reaches(*threshold, spent, limit) && !self.crossed.contains(&(*window, *threshold)) {
                        due.push(Crossing { window: WindowId(*window), threshold: *threshold });
                    }
                }
            }
            if due != told {
                return Err(broken(Rule::Threshold, format!("told were {told:?}, due are {due:?}")));
            }
        }
        self.crossed.extend(told.iter().map(|crossing| (crossing.window.0, crossing.threshold)));
        Ok(())
    }
    fn budget_put(&mut self, budget: &Arc<Budget>) {
        let old = self.budgets.get(&budget.id.0);
        let apart = |old: &Budget| old.per != budget.per || old.measure != budget.measure;
        let generation = old.map_or(0, |old| old.generation + u32::from(apart(&old.budget)));
        let own = BookBudget { budget: budget.clone(), generation, removed: false };
        self.budgets.insert(budget.id.0, own);
        self.forget_thresholds(budget.id.0);
    }
    /// A threshold that is no longer in the list is forgotten in windows that are in memory.
    fn forget_thresholds(&mut self, budget: u32) {
        let Some(own) = self.budgets.get(&budget) else { return };
        let (thresholds, accounts) = (&own.budget.thresholds, &self.accounts);
        self.crossed.retain(|(window, threshold)| {
            let here = accounts.get(window).is_some_and(|a| a.key.budget.0 == budget && a.in_memory);
            !here || thresholds.contains(threshold)
        });
    }
}
