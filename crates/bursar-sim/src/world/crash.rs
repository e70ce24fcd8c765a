//! The process ends in every way it can, and starts again.

use super::{Event, World};
use crate::book::Book;
use crate::faults::Fault;
use crate::node::{Make, Node, WrongShell};
use crate::violation::{Rule, Violation, broken};
use bursar_core::Charge;
use bursar_ledger::{Command, Engine, Outcome, State, check_invariants};
use bursar_store::disk::Disk;
use bursar_store::disk::simulated::Fault as DiskFault;
use bursar_store::journal::{Durability, Seq};

/// Microseconds that `fast` may forget: 50 ms, one sync that is under way, and the longest sync there is here.
const FORGETS_MAX: i64 = 50_000 + 2 * 20_000 + 1_000;

impl World {
    /// Hands the batch to the operating system and, if somebody waits for it, to the disk.
    pub(super) fn flush(&mut self) -> Result<(), Violation> {
        self.flush_due = false;
        self.hand_over();
        self.wake()
    }
    pub(super) fn hand_over(&mut self) {
        let Some(node) = self.node.as_mut() else { return };
        if node.fenced {
            return;
        }
        node.flush();
        if self.sync_due && node.begin_sync() {
            self.sync_due = false;
            let takes = self.random.between(50, 20_000);
            self.queue.push(self.now + takes, Event::Synced(self.life));
        }
        self.look_at_journal();
    }
    /// The disk is done with a sync.
    pub(super) fn synced(&mut self) -> Result<(), Violation> {
        if let Some(node) = self.node.as_mut() {
            node.end_sync();
        }
        self.look_at_journal();
        self.wake()?;
        if self.sync_due {
            self.hand_over();
        }
        Ok(())
    }
    /// 50 ms after something was written: what nobody waits for is synced too.
    pub(super) fn timer(&mut self) {
        self.timer_due = false;
        if self.options.wrong == Some(WrongShell::NeverSync) && self.durability == Durability::Fast {
            return;
        }
        let idle = self.random.permille(200) && self.options.notes;
        let Some(node) = self.node.as_mut() else { return };
        node.flush();
        if node.begin_sync() {
            let takes = self.random.between(50, 20_000);
            self.queue.push(self.now + takes, Event::Synced(self.life));
        } else if node.pending.is_some() {
            self.set_timer();
        } else if idle {
            node.note();
        }
        self.look_at_journal();
    }
    pub(super) fn set_timer(&mut self) {
        if !self.timer_due {
            self.timer_due = true;
            let rarely = self.options.wrong == Some(WrongShell::SyncRarely);
            let pause = if rarely && self.durability == Durability::Fast { 500_000 } else { 50_000 };
            self.later(pause, Event::Timer(self.life));
        }
    }
    /// A journal that failed ends the process: it refuses what comes, says so, and exits.
    fn look_at_journal(&mut self) {
        let fenced = self.node.as_ref().is_some_and(|node| node.fenced);
        if fenced && self.relied.is_none() {
            self.counts.fenced += 1;
            self.ended_at = self.now;
            self.say(|| "the journal failed".to_owned());
            self.relied = self
                .node
                .as_ref()
                .map(|node| super::Relied { written: node.synced(), synced: node.synced() });
            let soon = self.trouble.between(0, 2_000_000);
            self.later(soon, Event::Restart);
        }
    }
    /// Ends the process.
    pub(super) fn crash(&mut self, power_cut: bool) {
        let Some(node) = self.node.take() else { return };
        self.counts.crashes += 1;
        self.say(|| format!("the process ends, power cut: {power_cut}"));
        if !node.fenced {
            self.ended_at = self.now;
        }
        let synced = node.synced();
        let written = if power_cut || node.fenced { synced } else { node.written() };
        self.relied = Some(super::Relied { written, synced });
        drop(node);
        self.disk = crate::node::end(&self.disk, power_cut);
        self.boot += u64::from(power_cut);
        self.life += 1;
        (self.flush_due, self.sync_due, self.timer_due) = (false, false, false);
        self.paused_until = 0;
        for (_, until) in &mut self.pauses {
            *until = (*until).min(self.now);
        }
        self.attempts.clear();
        self.waiting.clear();
        if self.has(Fault::BitFlip) && self.trouble.permille(200) {
            self.flip();
        }
    }
    fn flip(&mut self) {
        let names = self.disk.list().unwrap_or_default();
        let segments: Vec<String> = names.into_iter().filter(|name| name.starts_with("journal-")).collect();
        let Some(name) = self.trouble.pick(&segments) else { return };
        let bytes = self.disk.content(&name).map_or(0, |content| content.len());
        // Most of a segment is empty: the beginning is where it hurts.
        let within = if self.trouble.permille(700) { bytes.min(8_192) } else { bytes };
        let byte = usize::try_from(self.trouble.below(u64::try_from(within).unwrap_or(0))).unwrap_or(0);
        let bit = u8::try_from(self.trouble.below(8)).unwrap_or(0);
        if self.disk.flip(&name, byte, bit) {
            self.say(|| format!("bit {bit} of byte {byte} of {name} flips"));
            self.flipped = Some((name, byte, bit));
        }
    }
    /// Starts the process, again if there was one.
    pub(super) fn restart(&mut self) -> Result<(), Violation> {
        if self.node.as_ref().is_some_and(|node| node.fenced) {
            let power_cut = self.trouble.permille(300) && self.has(Fault::PowerCut);
            self.crash(power_cut);
        }
        if self.node.is_some() {
            return Ok(());
        }
        let make =
            Make { durability: self.durability, wrong: self.options.wrong, tamper: self.options.tamper };
        if self.has(Fault::CrashInRecovery) && self.trouble.permille(300) {
            self.crash_in_recovery(&make)?;
        }
        let mut started = Node::start(&self.disk, self.boot, make.clone(), &self.log)?;
        if let (Err(error), Some((name, byte, bit))) = (&started, self.flipped.take()) {
            self.counts.damage_refused += 1;
            self.say(|| format!("damage is refused: {error}"));
            // The operator repairs it from a copy.
            self.disk = crate::node::end(&self.disk, false);
            self.disk.flip(&name, byte, bit);
            started = Node::start(&self.disk, self.boot, make, &self.log)?;
        }
        let (node, recovery) =
            started.map_err(|error| broken(Rule::Replay, format!("the journal is refused: {error:?}")))?;
        self.say(|| format!("started: {recovery:?}"));
        self.recovered(&node, recovery.last, recovery.may_have_forgotten)?;
        self.node = Some(node);
        self.hook();
        self.after_restart()
    }
    /// Power fails in the middle of a recovery, once or twice.
    fn crash_in_recovery(&mut self, make: &Make) -> Result<(), Violation> {
        for _ in 0..self.trouble.between(1, 2) {
            let mut left = self.trouble.below(40);
            self.disk.set_hook(Box::new(move |_| {
                left = left.checked_sub(1)?;
                (left == 0).then_some(DiskFault::CutBefore)
            }));
            let started = Node::start(&self.disk, self.boot, make.clone(), &self.log)?;
            drop(started);
            if let Some(relied) = self.relied.as_mut() {
                relied.written = relied.synced;
            }
            self.disk = crate::node::end(&self.disk, true);
            self.boot += 1;
        }
        Ok(())
    }
    /// Compares what was read with what was written and relied upon.
    fn recovered(&mut self, node: &Node, last: Seq, may_have_forgotten: bool) -> Result<(), Violation> {
        let kept = usize::try_from(last.number()).unwrap_or(usize::MAX);
        if let Some(super::Relied { written: safe, .. }) = self.relied.take()
            && last < safe
        {
            let fast = self.durability == Durability::Fast;
            let rule = if fast { Rule::Replay } else { Rule::Damage };
            return Err(broken(rule, format!("entries up to {safe} were safe, up to {last} are left")));
        }
        self.log.truncate(kept);
        let mut book = Book::default();
        for entry in &self.log {
            book.fold(entry, None)?;
        }
        self.book = book;
        self.forget(may_have_forgotten)?;
        let mut fresh = Engine::new();
        for entry in &self.log {
            fresh.replay(entry).map_err(|error| broken(Rule::Replay, error.to_string()))?;
        }
        if fresh.state_hash() != node.engine.state_hash() {
            return Err(broken(Rule::Replay, "the recovered state is another one"));
        }
        let mut snapshot = Vec::new();
        fresh.snapshot(&mut snapshot);
        let mut copy = Engine::new();
        for entry in &snapshot {
            copy.replay(entry).map_err(|error| broken(Rule::Replay, error.to_string()))?;
        }
        copy.restored().map_err(|error| broken(Rule::Replay, error.to_string()))?;
        if copy.state_hash() != fresh.state_hash() {
            return Err(broken(Rule::Replay, "a snapshot gives another state"));
        }
        check_invariants(&copy).map_err(|error| broken(Rule::Engine, error.to_string()))
    }
    /// Under `fast` a power cut may have forgotten the last moments, and recovery says so.
    ///
    /// What `fast` promises is a bound on what is sent and not yet safe: no more than was sent in the 50 ms between two
    /// syncs and while syncs ran. A process that stands still (stopped, or its machine asleep) sends nothing and syncs
    /// nothing, so the bound is one of time in which it ran. By the wall clock no promise is possible: who is stopped for
    /// an hour right after a write, and then loses power, loses that write. The end of that time is when the process
    /// ended or its journal failed, whatever was written last.
    fn forget(&mut self, may_have_forgotten: bool) -> Result<(), Violation> {
        let pauses = &self.pauses;
        let awake = |at: i64| at - asleep(pauses, at);
        let cut_at = awake(self.ended_at);
        for (id, truth) in &mut self.truths {
            if self.book.lines.contains_key(id) || truth.forgotten {
                continue;
            }
            let recent = cut_at.saturating_sub(awake(truth.sent_at)) <= FORGETS_MAX;
            if !may_have_forgotten || !recent {
                let text =
                    format!("{id} was sent, and recovery does not know it ({may_have_forgotten}, {recent})");
                return Err(broken(Rule::BelowBill, text));
            }
            truth.forgotten = true;
            self.counts.forgotten += 1;
        }
        Ok(())
    }
    /// What was in flight goes into suspense, exactly that.
    fn after_restart(&mut self) -> Result<(), Violation> {
        let live = |line: &crate::book::Line| line.state == State::Live;
        let expected: Vec<_> =
            self.book.lines.iter().filter(|(_, line)| live(line)).map(|(id, _)| *id).collect();
        let forgets = self.options.wrong == Some(WrongShell::SkipRecover);
        if !forgets {
            let (outcome, _) = self.command(Command::Recover, None, None)?;
            let Outcome::Expired(recovered) = outcome else {
                return Err(broken(Rule::Answer, format!("{outcome:?} to a recover")));
            };
            let suspended = &recovered.suspended;
            if *suspended != expected {
                let text = format!("in suspense are {suspended:?}, in flight were {expected:?}");
                return Err(broken(Rule::Replay, text));
            }
        }
        if let Some((id, _)) = self.book.lines.iter().find(|(_, line)| live(line)) {
            return Err(broken(Rule::LifeCycle, format!("{id} is in flight after a restart")));
        }
        for id in expected {
            let hours = self.random.between(1, 5);
            self.later(hours * 3_600_000_000, Event::Reconcile(id));
            // What was held but never sent is not billed.
            self.truths.entry(id).or_insert(super::Truth {
                bill: Charge::ZERO,
                sent_at: self.now,
                forgiven: false,
                forgotten: false,
            });
        }
        self.check_all()
    }
    /// Lets the disk ask what goes wrong with each operation.
    fn hook(&mut self) {
        let armed = self.armed.clone();
        self.disk.set_hook(Box::new(move |asked| {
            use bursar_store::disk::Operation;
            let mut armed = armed.lock().ok()?;
            let fault = (*armed)?;
            let meant = match fault {
                DiskFault::Torn | DiskFault::Full => asked.operation == Operation::Write,
                DiskFault::Broken => matches!(asked.operation, Operation::Write | Operation::Sync),
                DiskFault::CutBefore | DiskFault::CutAfter => true,
                DiskFault::Flipped | DiskFault::Lied => false,
            };
            if meant { armed.take() } else { None }
        }));
    }
}

/// How much of the time before `at` processes stood still.
fn asleep(pauses: &[(i64, i64)], at: i64) -> i64 {
    pauses.iter().map(|(from, until)| (*until).min(at).saturating_sub(*from).max(0)).sum()
}
