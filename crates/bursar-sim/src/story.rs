//! A failing seed as a story: the smallest run that still breaks the same rule, and its last moments.

use crate::violation::{Rule, Violation};
use crate::world::{Options, run, run_with_story};
use bursar_core::{Charge, ReservationId};
use bursar_ledger::{Command, Outcome};
use std::fmt;

/// The smallest run found that breaks a rule.
#[derive(Debug)]
pub struct Story {
    /// What was run.
    pub options: Options,
    /// What it broke.
    pub violation: Violation,
    /// The last moments.
    pub lines: Vec<String>,
}

/// Makes a failing run smaller as long as it breaks the same rule: fewer requests, fewer budgets, fewer kinds of trouble.
/// `None` when it does not fail.
#[must_use]
pub fn shrink(options: &Options) -> Option<Story> {
    let rule = run(options).err()?.rule;
    let mut shrinker = Shrinker { smallest: options.clone(), rule, tries: 200 };
    for fault in options.faults().iter() {
        shrinker.attempt(|options| options.faults = Some(options.faults().without(fault)));
    }
    let mut cut = options.requests / 2;
    while cut > 0 {
        if shrinker.smallest.requests <= cut || !shrinker.attempt(|options| options.requests -= cut) {
            cut /= 2;
        }
    }
    while shrinker.smallest.budgets > 1 && shrinker.attempt(|options| options.budgets -= 1) {}
    let options = Options { story: true, ..shrinker.smallest };
    let (result, lines) = run_with_story(&options);
    Some(Story { options, violation: result.err()?, lines })
}

struct Shrinker {
    smallest: Options,
    rule: Rule,
    tries: u32,
}

impl Shrinker {
    /// Keeps a change if the run still breaks the rule.
    fn attempt(&mut self, change: impl FnOnce(&mut Options)) -> bool {
        let mut candidate = self.smallest.clone();
        change(&mut candidate);
        if self.tries == 0 || !breaks(&candidate, self.rule) {
            self.tries = self.tries.saturating_sub(1);
            return false;
        }
        self.smallest = candidate;
        true
    }
}

fn breaks(options: &Options, rule: Rule) -> bool {
    run(options).is_err_and(|violation| violation.rule == rule)
}

/// A command in a few words.
pub(crate) fn told(command: &Command) -> String {
    match command {
        Command::Reserve(reserve) => {
            let who: Vec<String> =
                reserve.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("reserve {} {} for {}", short(reserve.id), amount(&reserve.hold), who.join(" "))
        }
        Command::Extend(extend) => format!("extend {} by {}", short(extend.id), amount(&extend.more)),
        Command::Progress(progress) => format!("progress {}", short(progress.id)),
        Command::Settle(settle) => format!("settle {} at {}", short(settle.id), amount(&settle.charge)),
        Command::Release { id, reason, .. } => format!("release {}: {reason:?}", short(*id)),
        Command::Suspend { id, .. } => format!("suspend {}", short(*id)),
        Command::Forgive { id, .. } => format!("forgive {}", short(*id)),
        Command::Adjust(adjust) => format!("adjust {} {:?}", adjust.id.0, adjust.parts),
        Command::PutBudget(budget) => format!(
            "budget {} v{}: {:?} of {:?} per {:?}, {:?} {:?} {:?}",
            budget.id,
            budget.version,
            budget.limit,
            budget.matches,
            budget.per,
            budget.mode,
            budget.measure,
            budget.period
        ),
        Command::PageIn(image) => format!("page in {}", image.id),
        Command::Expire
        | Command::Recover
        | Command::RemoveBudget(_)
        | Command::PageOut(_)
        | Command::Granted { .. }
        | Command::GiveBack { .. } => format!("{command:?}"),
    }
}

/// An outcome in a few words.
pub(crate) fn answered(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reserved(held) => {
            let windows: Vec<String> =
                held.windows.iter().map(|held| format!("{}({:?})", held.window, held.remaining)).collect();
            format!("held in {}", windows.join(" "))
        }
        Outcome::Refused(denial) | Outcome::Short(denial) => {
            let blocking: Vec<String> = denial
                .blocking
                .iter()
                .map(|blocked| {
                    let n = &blocked.numbers;
                    let used = (n.settled, n.suspense, n.held);
                    format!("{} {}: {:?} + {} of {}", blocked.budget, n.code, used, n.requested, n.limit)
                })
                .collect();
            format!("refused: {}", blocking.join("; "))
        }
        Outcome::Settled(settlement) => {
            format!("settled from {:?} {}", settlement.from, amount(&settlement.hold))
        }
        Outcome::Expired(expiry) => {
            let ids = |ids: &[ReservationId]| ids.iter().map(|id| short(*id)).collect::<Vec<_>>().join(" ");
            format!("suspended [{}], estimated [{}]", ids(&expiry.suspended), ids(&expiry.estimated))
        }
        other => format!("{other:?}"),
    }
}

fn short(id: ReservationId) -> String {
    format!("#{}", id.request.as_u128())
}

fn amount(charge: &Charge) -> String {
    format!("{}n/{}t", charge.list.nanos(), charge.tokens)
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { seed, requests, budgets, .. } = &self.options;
        writeln!(f, "seed {seed}, {requests} requests, {budgets} budgets, {:?}", self.options.faults())?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.violation)
    }
}
