//! The world of one run: one process at a time, its clients, its operator, its provider, and what goes wrong.

mod check;
mod client;
mod crash;
mod operator;
mod options;
mod trouble;

use crate::book::{Asked, Book, Context};
use crate::faults::{Fault, Faults};
use crate::node::{Node, Store};
use crate::queue::Queue;
use crate::random::Random;
use crate::violation::{Rule, Violation, broken};
use crate::workload::{Wish, Workload};
use bursar_core::{Charge, ReservationId, Timestamp};
use bursar_ledger::{Command, Entry, Outcome, WindowId};
use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::Fault as DiskFault;
use bursar_store::journal::{Durability, Seq};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::Mutex;

pub use options::{Counts, Options, Report};

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    Arrive,
    Flush(u64),
    Synced(u64),
    Timer(u64),
    Sign(u64, ReservationId, u32),
    Answer(u64, ReservationId),
    Reconcile(ReservationId),
    Expire,
    Cold,
    ColdDone(u64, Vec<(WindowId, u64)>),
    Operate,
    Trouble,
    Restart,
}

/// An attempt in the memory of the process.
#[derive(Clone, Debug)]
struct Attempt {
    wish: Wish,
    /// Set aside so far.
    hold: Charge,
    sent: bool,
}

/// What waits for the journal.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Send(ReservationId),
    /// The provider may go on until this much is billed.
    GoOn(ReservationId, Charge),
}

/// What the provider knows of an attempt that was sent.
#[derive(Clone, Copy, Debug)]
struct Truth {
    bill: Charge,
    sent_at: i64,
    forgiven: bool,
    forgotten: bool,
}

/// Up to where the journal stood when a process ended.
#[derive(Clone, Copy, Debug)]
struct Relied {
    written: Seq,
    synced: Seq,
}

struct World {
    options: Options,
    faults: Faults,
    /// True time in microseconds.
    now: i64,
    /// The node's clock minus true time.
    skew: i64,
    queue: Queue<Event>,
    random: Random,
    trouble: Random,
    workload: Workload,
    disk: SimulatedDisk,
    armed: Arc<Mutex<Option<DiskFault>>>,
    durability: Durability,
    boot: u64,
    life: u64,
    node: Option<Node>,
    paused_until: i64,
    /// From when to when processes stood still.
    pauses: Vec<(i64, i64)>,
    storm_until: i64,
    store: Store,
    book: Book,
    log: Vec<Entry>,
    attempts: BTreeMap<ReservationId, Attempt>,
    waiting: VecDeque<(Seq, Waiting)>,
    truths: BTreeMap<ReservationId, Truth>,
    /// The last entries that were written and synced when the process ended.
    relied: Option<Relied>,
    /// When the process ended, or its journal failed: from then on it could sync nothing.
    ended_at: i64,
    flipped: Option<(String, usize, u8)>,
    flush_due: bool,
    sync_due: bool,
    timer_due: bool,
    next_id: u128,
    next_budget: u32,
    versions: u64,
    counts: Counts,
    trace: u64,
    /// Every request was made, and faults are over.
    quiet: bool,
    lines: VecDeque<String>,
    touched: BTreeSet<ReservationId>,
}

/// Runs one seed to its end.
///
/// # Errors
/// The first rule that did not hold.
pub fn run(options: &Options) -> Result<Report, Violation> {
    run_with_story(options).0
}

/// Runs one seed and also gives the last lines of what happened, when they are asked for.
pub(crate) fn run_with_story(options: &Options) -> (Result<Report, Violation>, Vec<String>) {
    let mut world = World::new(options.clone());
    let result = world.play().map_err(|violation| Violation { step: world.counts.steps, ..violation });
    (result, world.lines.into_iter().collect())
}

const STEPS_MAX: u64 = 400_000;
/// Lines of a story: what led to the end, and not more than one reads.
const LINES_MAX: usize = 60;

impl World {
    fn new(options: Options) -> Self {
        let faults = options.faults();
        let mut random = Random::new(options.seed, 3);
        // Around the change of clocks, a new year, or nowhere in particular.
        let starts = [1_774_738_800, 1_792_882_800, 1_798_761_000, 1_780_000_000];
        let now = random.pick(&starts).unwrap_or(1_780_000_000) * 1_000_000;
        let fast = random.permille(300);
        Self {
            faults,
            now,
            skew: 0,
            queue: Queue::new(),
            trouble: Random::new(options.seed, 4),
            workload: Workload::new(options.seed, faults),
            disk: SimulatedDisk::new(options.seed),
            armed: Arc::new(Mutex::new(None)),
            durability: if fast { Durability::Fast } else { Durability::Sync },
            boot: 1,
            life: 0,
            node: None,
            paused_until: 0,
            pauses: Vec::new(),
            storm_until: 0,
            store: Store::default(),
            book: Book::default(),
            log: Vec::new(),
            attempts: BTreeMap::new(),
            waiting: VecDeque::new(),
            truths: BTreeMap::new(),
            relied: None,
            ended_at: 0,
            flipped: None,
            flush_due: false,
            sync_due: false,
            timer_due: false,
            next_id: 1,
            next_budget: 1,
            versions: 1,
            counts: Counts::default(),
            trace: 0,
            quiet: false,
            lines: VecDeque::new(),
            touched: BTreeSet::new(),
            random,
            options,
        }
    }
    fn play(&mut self) -> Result<Report, Violation> {
        self.restart()?;
        for _ in 0..self.options.budgets {
            self.add_budget()?;
        }
        for event in [Event::Arrive, Event::Expire, Event::Cold, Event::Operate, Event::Trouble] {
            let after = self.random.between(0, 1_000_000);
            self.queue.push(self.now + after, event);
        }
        while let Some((tick, event)) = self.queue.pop() {
            self.now = self.now.max(tick);
            self.counts.steps += 1;
            if self.counts.steps > STEPS_MAX {
                return Err(broken(Rule::Liveness, "the run does not end"));
            }
            self.mix(u64::from_le_bytes(self.now.to_le_bytes()));
            self.step(event)?;
            self.after_step()?;
        }
        self.finish()
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(self.now.saturating_add(self.skew))
    }
    fn step(&mut self, event: Event) -> Result<(), Violation> {
        // A paused process does nothing; the world goes on.
        let for_process = !matches!(event, Event::Operate | Event::Trouble | Event::Restart | Event::Arrive);
        if for_process && self.now < self.paused_until {
            self.queue.push(self.paused_until, event);
            return Ok(());
        }
        match event {
            Event::Arrive => self.arrive(),
            Event::Flush(life) if life == self.life => self.flush(),
            Event::Synced(life) if life == self.life => self.synced(),
            Event::Timer(life) if life == self.life => {
                self.timer();
                Ok(())
            }
            Event::Sign(life, id, left) if life == self.life => self.sign(id, left),
            Event::Answer(life, id) if life == self.life => self.answer(id),
            Event::ColdDone(life, windows) if life == self.life => self.page_out(windows),
            Event::Flush(_)
            | Event::Synced(_)
            | Event::Timer(_)
            | Event::Sign(..)
            | Event::Answer(..)
            | Event::ColdDone(..) => Ok(()),
            Event::Reconcile(id) => self.reconcile(id),
            Event::Expire => self.expire(),
            Event::Cold => self.cold(),
            Event::Operate => self.operate(),
            Event::Trouble => self.make_trouble(),
            Event::Restart => self.restart(),
        }
    }
    /// Schedules an event in so many microseconds.
    fn later(&mut self, micros: i64, event: Event) {
        self.queue.push(self.now.saturating_add(micros), event);
    }
    /// Whether the process runs and can write.
    fn is_up(&self) -> bool {
        self.node.as_ref().is_some_and(|node| !node.fenced)
    }

    /// Asks the engine, folds what it did into the book, and hands it to the journal.
    fn command(
        &mut self,
        command: Command,
        asked: Option<&Asked>,
        reported: Option<Charge>,
    ) -> Result<(Outcome, Seq), Violation> {
        let now = self.wall();
        let told = self.options.story.then(|| crate::story::told(&command));
        let Some(node) = self.node.as_mut() else {
            return Err(broken(Rule::Answer, "nobody is there to ask"));
        };
        let before = node.engine.entries();
        let (outcome, entries, seq) = node.apply(now, command);
        if let Some(told) = told {
            self.say(|| format!("{told} -> {}", crate::story::answered(&outcome)));
        }
        if let Outcome::Rejected(bursar_ledger::Rejection::Broken) = outcome {
            return Err(broken(Rule::Engine, "the effects of a command do not apply"));
        }
        let context = Context { now, asked, reported };
        for entry in &entries {
            self.book.fold(entry, Some(&context))?;
            self.note_entry(entry);
        }
        if let Some(node) = &self.node {
            self.book.compare(&node.engine, before)?;
        }
        if !entries.is_empty() {
            self.sync_due |= self.durability == Durability::Sync && entries.iter().any(Entry::needs_sync);
            self.set_timer();
            if self.durability == Durability::Fast {
                self.hand_over();
            } else if !self.flush_due {
                self.flush_due = true;
                let soon = self.random.between(1, 500);
                self.later(soon, Event::Flush(self.life));
            }
        }
        Ok((outcome, seq))
    }
    fn note_entry(&mut self, entry: &Entry) {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        for byte in bytes {
            self.mix(u64::from(byte));
        }
        match entry {
            Entry::Settled(settled) => {
                self.counts.overages += u64::from(settled.charge.list > settled.hold.list);
                self.touched.insert(settled.id);
            }
            Entry::Released { id, .. } | Entry::Forgiven { id, .. } => {
                self.touched.insert(*id);
            }
            Entry::Suspended { id, .. } => {
                self.counts.suspended += 1;
                self.touched.insert(*id);
            }
            Entry::Reserved(_) => self.counts.held += 1,
            Entry::PagedOut { windows, .. } => {
                self.counts.paged_out += u64::try_from(windows.len()).unwrap_or(0);
            }
            Entry::Opened(_)
            | Entry::Extended { .. }
            | Entry::Progressed { .. }
            | Entry::Adjusted { .. }
            | Entry::BudgetPut { .. }
            | Entry::BudgetRemoved { .. }
            | Entry::PagedIn { .. }
            | Entry::Granted { .. }
            | Entry::GaveBack { .. }
            | Entry::Image(_) => {}
        }
        self.log.push(entry.clone());
    }
    fn mix(&mut self, word: u64) {
        self.trace = (self.trace.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.options.story {
            if self.lines.len() >= LINES_MAX {
                self.lines.pop_front();
            }
            let line = format!("{:>8} {} {}", self.counts.steps, Timestamp::from_micros(self.now), line());
            self.lines.push_back(line);
        }
    }
    fn has(&self, fault: Fault) -> bool {
        !self.quiet && self.faults.has(fault)
    }
}
