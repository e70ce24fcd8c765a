//! Several nodes that share their budgets through one authority, over a network that loses, repeats and delays.
//!
//! The journal of a node is a list here, cut at a random place behind what was durable: files are the other simulator's
//! part. What matters is who may spend what, and that the sum over all nodes stays within the limit.

mod check;
mod faults;
mod gateway;
mod member;
mod network;
mod story;

use crate::queue::Queue;
use crate::random::Random;
use crate::violation::{Rule, Violation, broken};
use bursar_core::{Charge, ReservationId, Timestamp};
use bursar_ledger::WindowKey;
use bursar_ledger::authority::Authority;
use member::Member;
use network::Message;
use std::collections::{BTreeMap, VecDeque};

pub use story::{ClusterStory, Spared, shrink_cluster};

/// Rules between nodes and authority that a meta-test may break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WrongCluster {
    /// The authority takes back what a silent node did not report.
    TimedReclaim,
    /// A node takes an answer that was meant for an earlier life of it.
    StaleAnswer,
    /// A restarted node goes on spending what its earlier life was granted.
    OldGrants,
    /// A failover loses grants that nodes know, and nobody counts again.
    ForgetfulFailover,
    /// An attempt is sent before its hold is durable, and the node's share is closed from the journal.
    SendBeforeSync,
    /// A node takes each answer as an addition, not as a total.
    AddAnswers,
    /// A node gives back what it holds.
    GiveBackHeld,
}

impl WrongCluster {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::TimedReclaim,
        Self::StaleAnswer,
        Self::OldGrants,
        Self::ForgetfulFailover,
        Self::SendBeforeSync,
        Self::AddAnswers,
        Self::GiveBackHeld,
    ];
}

/// What one run of a cluster is.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// How many requests clients make.
    pub requests: u32,
    /// How many nodes there are.
    pub nodes: u32,
    /// Trouble that does not come, whatever the seed says.
    pub spared: Spared,
    /// A rule that is broken on purpose.
    pub wrong: Option<WrongCluster>,
    /// Breaks the authority's own rule: what to do instead, for the variants that need it.
    pub tamper: Option<Tamper>,
    /// Keeps the last lines of what happened.
    pub story: bool,
}

/// How meta-tests reach rules of the authority that no shipped build can break.
#[derive(Clone, Copy, Debug)]
pub struct Tamper {
    /// Takes back what a node did not report.
    pub reclaim: fn(&mut Authority, bursar_ledger::authority::NodeId, &[(WindowKey, i64)]),
    /// Ends a recount that has not happened.
    pub forget_recount: fn(&mut Authority),
}

impl ClusterOptions {
    /// A run of this seed as the tests make it.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let spared = Spared { loss: false, crashes: false, failovers: false, operator: false };
        Self { seed, requests: 250, nodes: 3, spared, wrong: None, tamper: None, story: false }
    }
}

/// How often things happened in a run in which every rule held.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClusterCounts {
    /// Events.
    pub steps: u64,
    /// Requests by clients.
    pub requests: u64,
    /// Reservations held.
    pub held: u64,
    /// Refusals because no node has room and the authority none to give.
    pub refused: u64,
    /// Refusals because the authority did not answer.
    pub unavailable: u64,
    /// Messages that the network carried.
    pub messages: u64,
    /// Messages that it lost.
    pub lost: u64,
    /// Ends of nodes.
    pub crashes: u64,
    /// Failovers of the authority.
    pub failovers: u64,
}

impl ClusterCounts {
    /// Adds another run's.
    pub const fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.requests += other.requests;
        self.held += other.held;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.messages += other.messages;
        self.lost += other.lost;
        self.crashes += other.crashes;
        self.failovers += other.failovers;
    }
}

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    Arrive,
    Deliver(Box<Message>),
    Durable { node: usize, life: u64, upto: usize },
    Answer { node: usize, life: u64, id: ReservationId },
    Resend { node: usize, life: u64, request: u64 },
    Sync(usize),
    Boot(usize),
    Trouble,
    Operate,
}

/// What the world knows of an attempt, whatever the node remembers.
#[derive(Clone, Debug)]
struct Fate {
    node: usize,
    keys: Vec<WindowKey>,
    hold: Charge,
    bill: Charge,
    sent: bool,
    /// Held, or charged, as the node that has it in its journal says.
    counted: i64,
}

struct Cluster {
    options: ClusterOptions,
    now: i64,
    random: Random,
    trouble: Random,
    queue: Queue<Event>,
    authority: Authority,
    /// Earlier states of the authority, which a failover may go back to.
    earlier: VecDeque<Authority>,
    generation: u64,
    members: Vec<Member>,
    fates: BTreeMap<ReservationId, Fate>,
    /// Held and charged by window, over all nodes.
    totals: BTreeMap<WindowKey, i128>,
    /// The largest limit there ever was, and everything that was billed above a hold.
    allowed: BTreeMap<WindowKey, i128>,
    cut_off: Vec<i64>,
    lossy: bool,
    crashing: bool,
    failing: bool,
    next_id: u128,
    arrived: u32,
    quiet: bool,
    counts: ClusterCounts,
    lines: VecDeque<String>,
}

/// Runs one seed to its end.
///
/// # Errors
/// The first rule that did not hold.
pub fn run_cluster(options: &ClusterOptions) -> Result<ClusterCounts, Violation> {
    run_cluster_with_story(options).0
}

/// Runs one seed; also the last lines of what happened, when they are asked for.
pub fn run_cluster_with_story(options: &ClusterOptions) -> (Result<ClusterCounts, Violation>, Vec<String>) {
    let mut cluster = Cluster::new(options.clone());
    let result = cluster.play().map_err(|violation| Violation { step: cluster.counts.steps, ..violation });
    (result, cluster.lines.into_iter().collect())
}

const STEPS_MAX: u64 = 400_000;
/// Lines of a story.
const LINES_MAX: usize = 60;

impl Cluster {
    fn new(options: ClusterOptions) -> Self {
        let mut random = Random::new(options.seed, 11);
        let (lossy, crashing, failing) = (random.permille(700), random.permille(700), random.permille(400));
        let nodes = usize::try_from(options.nodes).unwrap_or(1);
        Self {
            now: 1_780_000_000_000_000,
            trouble: Random::new(options.seed, 12),
            queue: Queue::new(),
            authority: Authority::new(),
            earlier: VecDeque::new(),
            generation: 0,
            members: (0..nodes).map(Member::new).collect(),
            fates: BTreeMap::new(),
            totals: BTreeMap::new(),
            allowed: BTreeMap::new(),
            cut_off: vec![0; nodes],
            lossy: lossy && !options.spared.loss,
            crashing: crashing && !options.spared.crashes,
            failing: failing && !options.spared.failovers,
            next_id: 1,
            arrived: 0,
            quiet: false,
            counts: ClusterCounts::default(),
            lines: VecDeque::new(),
            random,
            options,
        }
    }
    fn play(&mut self) -> Result<ClusterCounts, Violation> {
        self.set_limits();
        for node in 0..self.members.len() {
            self.boot(node)?;
            let tick = self.random.between(0, 200_000);
            self.later(tick, Event::Sync(node));
        }
        for event in [Event::Arrive, Event::Trouble, Event::Operate] {
            let after = self.random.between(0, 500_000);
            self.later(after, event);
        }
        while let Some((tick, event)) = self.queue.pop() {
            self.now = self.now.max(tick);
            self.counts.steps += 1;
            if self.counts.steps > STEPS_MAX {
                return Err(broken(Rule::Liveness, "the run does not end"));
            }
            self.step(event)?;
        }
        self.finish()
    }
    fn step(&mut self, event: Event) -> Result<(), Violation> {
        let paused = |node: &usize| self.members.get(*node).map_or(0, |member| member.paused_until);
        let waits = match &event {
            Event::Durable { node, .. } | Event::Answer { node, .. } | Event::Sync(node) => paused(node),
            Event::Resend { node, .. } => paused(node),
            Event::Deliver(message) => message.to_node().map_or(0, |node| paused(&node)),
            Event::Arrive | Event::Boot(_) | Event::Trouble | Event::Operate => 0,
        };
        if self.now < waits {
            self.queue.push(waits, event);
            return Ok(());
        }
        match event {
            Event::Arrive => self.arrive(),
            Event::Deliver(message) => self.deliver(*message),
            Event::Durable { node, life, upto } => self.durable(node, life, upto),
            Event::Answer { node, life, id } => self.answer(node, life, id),
            Event::Resend { node, life, request } => {
                self.resend(node, life, request);
                Ok(())
            }
            Event::Sync(node) => self.sync_tick(node),
            Event::Boot(node) => self.boot(node),
            Event::Trouble => self.make_trouble(),
            Event::Operate => {
                self.operate();
                Ok(())
            }
        }
    }
    fn later(&mut self, micros: i64, event: Event) {
        self.queue.push(self.now.saturating_add(micros), event);
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }
    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.options.story {
            if self.lines.len() >= LINES_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{:>7} {}", self.counts.steps, line()));
        }
    }
}
