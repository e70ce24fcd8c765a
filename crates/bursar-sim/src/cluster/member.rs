//! One node: its engine, its journal as a list, and what it told and was told.

use super::network::{Ask, Message};
use super::{Cluster, Event, WrongCluster};
use crate::violation::{Rule, Violation, broken};
use bursar_core::ReservationId;
use bursar_ledger::authority::{Answer, Call, NodeId, Totals, Want};
use bursar_ledger::{
    Command, Engine, Entry, Grants, Outcome, WindowId, WindowImage, WindowKey, check_invariants,
};
use std::collections::BTreeMap;

/// Where a window stood when this life began.
#[derive(Clone, Copy, Debug, Default)]
struct Offset {
    base: i64,
    granted: i64,
    returned: i64,
}

#[derive(Debug)]
pub(super) struct Member {
    at: usize,
    pub(super) up: bool,
    pub(super) engine: Engine,
    pub(super) log: Vec<Entry>,
    pub(super) durable: usize,
    pub(super) life: u64,
    pub(super) epoch: u64,
    pub(super) registered: bool,
    generation: u64,
    request: u64,
    pub(super) awaited: Option<(u64, Ask)>,
    offsets: BTreeMap<WindowKey, Offset>,
    pub(super) paused_until: i64,
    /// Held, and waiting for the journal: up to which entry.
    pub(super) unsent: Vec<(usize, ReservationId)>,
    /// Waiting for a grant: how often it was tried.
    pub(super) lacking: Vec<(ReservationId, u32)>,
    pub(super) wants: BTreeMap<WindowKey, i64>,
}

impl Member {
    pub(super) fn new(at: usize) -> Self {
        Self {
            at,
            up: false,
            engine: Engine::new(),
            log: Vec::new(),
            durable: 0,
            life: 0,
            epoch: 0,
            registered: false,
            generation: 0,
            request: 0,
            awaited: None,
            offsets: BTreeMap::new(),
            paused_until: 0,
            unsent: Vec::new(),
            lacking: Vec::new(),
            wants: BTreeMap::new(),
        }
    }
    pub(super) fn id(&self) -> NodeId {
        NodeId(u32::try_from(self.at).unwrap_or(u32::MAX))
    }
    pub(super) fn window(&self, key: &WindowKey) -> Option<WindowImage> {
        self.engine.images(0).into_iter().find(|image| image.key == *key)
    }
    pub(super) fn used(image: &WindowImage) -> i64 {
        image.settled.saturating_add(image.suspense).saturating_add(image.held)
    }
    fn offset(&self, key: &WindowKey) -> Offset {
        self.offsets.get(key).copied().unwrap_or_default()
    }
    fn totals(&self) -> Vec<Totals> {
        let total = |image: &WindowImage| {
            let offset = self.offset(&image.key);
            Totals {
                key: image.key.clone(),
                base: offset.base,
                granted: image.granted - offset.granted,
                returned: image.returned - offset.returned,
                used: Self::used(image),
            }
        };
        self.engine.images(0).iter().map(total).collect()
    }
}

impl Cluster {
    /// Applies a command on a node; how many entries its journal has then.
    pub(super) fn command(&mut self, node: usize, command: Command) -> Result<(Outcome, usize), Violation> {
        let (now, delay) = (self.wall(), self.random.between(50, 8_000));
        let told = self.options.story.then(|| crate::story::told(&command));
        let Some(member) = self.members.get_mut(node) else {
            return Err(broken(Rule::Answer, "no such node"));
        };
        let mut entries = Vec::new();
        let outcome = member.engine.apply(now, command, &mut entries);
        if let Outcome::Rejected(bursar_ledger::Rejection::Broken) = outcome {
            return Err(broken(Rule::Engine, "the effects of a command do not apply"));
        }
        let (wrote, life) = (!entries.is_empty(), member.life);
        member.log.append(&mut entries);
        let upto = member.log.len();
        if wrote {
            self.later(delay, Event::Durable { node, life, upto });
        }
        if let Some(told) = told {
            self.say(|| format!("node {node}: {told} -> {}", crate::story::answered(&outcome)));
        }
        Ok((outcome, upto))
    }
    /// Applies a command whose outcome does not matter.
    pub(super) fn tell(&mut self, node: usize, command: Command) -> Result<(), Violation> {
        self.command(node, command).map(|_| ())
    }
    /// Ends a node: what was not durable may or may not be there when it starts again.
    pub(super) fn kill(&mut self, node: usize) {
        let Some(member) = self.members.get_mut(node) else { return };
        if !member.up {
            return;
        }
        let most = u64::try_from(member.log.len() - member.durable).unwrap_or(0);
        let kept = member.durable + usize::try_from(self.trouble.below(most + 1)).unwrap_or(0);
        member.log.truncate(kept);
        member.up = false;
        member.life += 1;
        member.unsent.clear();
        member.lacking.clear();
        member.wants.clear();
        member.awaited = None;
        self.counts.crashes += 1;
        self.say(|| format!("node {node} ends"));
        let soon = self.trouble.between(1_000, 5_000_000);
        self.later(soon, Event::Boot(node));
    }
    /// Starts a node: its journal says what it used, and nothing of an earlier life can be spent.
    pub(super) fn boot(&mut self, node: usize) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        if member.up {
            return Ok(());
        }
        let mut engine = Engine::new().under(Grants::Slices);
        for entry in &member.log {
            engine.replay(entry).map_err(|error| broken(Rule::Replay, error.to_string()))?;
        }
        check_invariants(&engine).map_err(|error| broken(Rule::Engine, error.to_string()))?;
        member.engine = engine;
        member.durable = member.log.len();
        member.up = true;
        member.registered = false;
        member.epoch += 1;
        member.request = 0;
        self.recount_node(node);
        self.put_budgets(node)?;
        self.tell(node, Command::Recover)?;
        let images = self.members.get(node).map(|member| member.engine.images(0)).unwrap_or_default();
        for image in &images {
            self.rebase(node, image)?;
        }
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        let (mut offsets, mut used) = (BTreeMap::new(), Vec::new());
        for image in member.engine.images(0) {
            let base = Member::used(&image);
            let offset = Offset { base, granted: image.granted, returned: image.returned };
            used.push((image.key.clone(), base));
            offsets.insert(image.key, offset);
        }
        member.offsets = offsets;
        self.ask(node, Ask::Register(used));
        Ok(())
    }
    /// Makes a node's share of a window exactly what it uses.
    fn rebase(&mut self, node: usize, image: &WindowImage) -> Result<(), Violation> {
        let free = image.granted - image.returned - Member::used(image);
        if free < 0 {
            let total = image.granted - free;
            self.tell(node, Command::Granted { window: image.id, total })?;
        } else if free > 0 && self.options.wrong != Some(WrongCluster::OldGrants) {
            self.tell(node, Command::GiveBack { window: image.id, amount: free })?;
        }
        Ok(())
    }

    /// Asks the authority, if nothing else is under way.
    pub(super) fn ask(&mut self, node: usize, ask: Ask) {
        let Some(member) = self.members.get_mut(node) else { return };
        if member.awaited.is_some() || !member.up {
            return;
        }
        member.request += 1;
        member.awaited = Some((member.request, ask));
        let (life, request) = (member.life, member.request);
        self.resend(node, life, request);
    }
    /// Sends what is under way, and again until there is an answer.
    pub(super) fn resend(&mut self, node: usize, life: u64, request: u64) {
        let Some(member) = self.members.get(node) else { return };
        let Some((awaited, ask)) = member.awaited.clone() else { return };
        if member.life != life || awaited != request {
            return;
        }
        let call = Call { node: member.id(), epoch: member.epoch, generation: member.generation, request };
        self.carry(&Message::Request { node, call, ask });
        let patience = self.random.between(20_000, 60_000);
        self.later(patience, Event::Resend { node, life, request });
    }
    /// The authority answered.
    pub(super) fn replied(
        &mut self,
        node: usize,
        call: Call,
        answer: Answer,
        registered: bool,
    ) -> Result<(), Violation> {
        if !self.is_awaited(node, &call) {
            return Ok(());
        }
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        let asked = member.awaited.take().map(|(_, ask)| ask);
        match answer {
            Answer::Fenced => {
                self.kill(node);
                Ok(())
            }
            Answer::Recount { generation } => {
                member.generation = member.generation.max(generation);
                let again = match asked {
                    Some(Ask::Register(used)) => Ask::Register(used),
                    _ => Ask::Sync(member.totals()),
                };
                self.ask(node, again);
                Ok(())
            }
            Answer::Granted(totals) => {
                member.registered |= registered;
                for (key, total) in totals {
                    self.take_grant(node, &key, total)?;
                }
                self.try_lacking(node)
            }
        }
    }
    fn take_grant(&mut self, node: usize, key: &WindowKey, total: i64) -> Result<(), Violation> {
        let Some(member) = self.members.get(node) else { return Ok(()) };
        let Some(image) = member.window(key) else { return Ok(()) };
        let adds = self.options.wrong == Some(WrongCluster::AddAnswers);
        let offset = if adds { image.granted } else { member.offset(key).granted };
        let command = Command::Granted { window: image.id, total: offset + total };
        match self.command(node, command)?.0 {
            Outcome::Granted | Outcome::Stale => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to a grant"))),
        }
    }
    /// From time to time: gives back what is idle, and tells the totals.
    pub(super) fn sync_tick(&mut self, node: usize) -> Result<(), Violation> {
        if !self.quiet || self.authority.is_counting() {
            let pause = self.random.between(50_000, 300_000);
            self.later(pause, Event::Sync(node));
        }
        let Some(member) = self.members.get(node) else { return Ok(()) };
        if !member.up || !member.registered || member.awaited.is_some() {
            return Ok(());
        }
        for image in member.engine.images(0) {
            let free = image.granted - image.returned - Member::used(&image);
            let idle = self.quiet || self.random.permille(300);
            if free > 0 && idle {
                self.give_back(node, image.id, free)?;
            } else if image.held > 0 && idle && self.options.wrong == Some(WrongCluster::GiveBackHeld) {
                self.lie_about_return(node, &image);
            }
        }
        let Some(member) = self.members.get(node) else { return Ok(()) };
        let totals = member.totals();
        self.ask(node, Ask::Sync(totals));
        Ok(())
    }
    fn give_back(&mut self, node: usize, window: WindowId, amount: i64) -> Result<(), Violation> {
        match self.command(node, Command::GiveBack { window, amount })?.0 {
            Outcome::GaveBack => Ok(()),
            other => Err(broken(Rule::Answer, format!("{other:?} to giving back {amount}"))),
        }
    }
    /// For the wrong variant: tells the authority that what is held came back.
    fn lie_about_return(&mut self, node: usize, image: &WindowImage) {
        let Some(member) = self.members.get(node) else { return };
        let mut totals = member.totals();
        for total in totals.iter_mut().filter(|total| total.key == image.key) {
            total.returned += image.held;
            total.used -= image.held;
        }
        self.ask(node, Ask::Sync(totals));
    }
    /// Wants grants for whatever is lacking.
    pub(super) fn ask_for_grants(&mut self, node: usize) {
        let slack = self.random.between(0, 60);
        let Some(member) = self.members.get_mut(node) else { return };
        if member.awaited.is_some() || member.wants.is_empty() || !member.registered {
            return;
        }
        let wants = std::mem::take(&mut member.wants);
        let want = |(key, need): (WindowKey, i64)| Want { key, need, wants: need.saturating_add(slack) };
        self.ask(node, Ask::Acquire(wants.into_iter().map(want).collect()));
    }
}
