//! Messages between nodes and authority, and what becomes of them on the way.

use super::{Cluster, Event, WrongCluster};
use crate::violation::Violation;
use bursar_ledger::WindowKey;
use bursar_ledger::authority::{Answer, Call, Totals, Want};

/// What a node asks.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Register(Vec<(WindowKey, i64)>),
    Acquire(Vec<Want>),
    Sync(Vec<Totals>),
}

/// One message.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Request { node: usize, call: Call, ask: Ask },
    Reply { node: usize, call: Call, answer: Answer, registered: bool },
}

impl Message {
    pub(super) fn to_node(&self) -> Option<usize> {
        match self {
            Self::Request { .. } => None,
            Self::Reply { node, .. } => Some(*node),
        }
    }
    fn node(&self) -> usize {
        match self {
            Self::Request { node, .. } | Self::Reply { node, .. } => *node,
        }
    }
}

impl Cluster {
    /// Sends a message: it may be lost, come twice, and overtake others.
    pub(super) fn carry(&mut self, message: &Message) {
        let lossy = self.lossy && !self.quiet;
        self.counts.messages += 1;
        let cut_off = self.cut_off.get(message.node()).is_some_and(|until| self.now < *until);
        if cut_off || (lossy && self.random.permille(80)) {
            self.counts.lost += 1;
            return;
        }
        let copies = if lossy && self.random.permille(80) { 2 } else { 1 };
        for _ in 0..copies {
            let slow = lossy && self.random.permille(60);
            let delay = self.random.between(200, if slow { 4_000_000 } else { 3_000 });
            self.later(delay, Event::Deliver(Box::new(message.clone())));
        }
    }
    pub(super) fn deliver(&mut self, message: Message) -> Result<(), Violation> {
        match message {
            Message::Request { node, call, ask } => {
                self.remember_authority();
                let registered = matches!(ask, Ask::Register(_));
                let answer = match &ask {
                    Ask::Register(used) => self.authority.register(&call, used),
                    Ask::Acquire(wants) => self.authority.acquire(&call, wants),
                    Ask::Sync(totals) => self.authority.sync(&call, totals),
                };
                self.say(|| format!("authority: {call:?} {ask:?} -> {answer:?}"));
                self.check_commitment()?;
                self.carry(&Message::Reply { node, call, answer, registered });
                Ok(())
            }
            Message::Reply { node, call, answer, registered } => self.replied(node, call, answer, registered),
        }
    }
    /// Whether a reply is one that the node waits for.
    pub(super) fn is_awaited(&self, node: usize, call: &Call) -> bool {
        let Some(member) = self.members.get(node) else { return false };
        if self.options.wrong == Some(WrongCluster::StaleAnswer) {
            return member.up;
        }
        let awaited = member.awaited.as_ref().map(|(request, _)| *request);
        member.up && call.epoch == member.epoch && awaited == Some(call.request)
    }
}
