//! Requests: reserve on some node, ask for more when its share is short, send, settle.

use super::{Cluster, Event, Fate, WrongCluster};
use crate::violation::{Rule, Violation, broken};
use bursar_core::{Attribute, Attributes, Charge, RequestId, ReservationId, Usd, Value};
use bursar_ledger::{
    Command, Outcome, ProvablyUnbilled, Record, Reserve, Settle, State, SuspenseCause, WindowKey,
};

fn charge(nanos: i64) -> Charge {
    Charge { list: Usd::from_nanos(nanos), effective: Usd::from_nanos(nanos), tokens: 0, requests: 0 }
}

impl Cluster {
    /// A client comes to some node.
    pub(super) fn arrive(&mut self) -> Result<(), Violation> {
        self.arrived += 1;
        self.counts.requests += 1;
        if self.arrived < self.options.requests {
            let pause = self.random.between(0, 60_000);
            self.later(pause, Event::Arrive);
        } else {
            self.quiet = true;
        }
        let nodes = u64::try_from(self.members.len()).unwrap_or(1);
        let node = usize::try_from(self.random.below(nodes)).unwrap_or(0);
        let most =
            if self.random.permille(200) { self.random.between(1, 60) } else { self.random.between(0, 8) };
        let mut bill = self.random.between(0, most);
        if self.random.permille(30) {
            bill = most + self.random.between(1, 20);
        }
        self.next_id += 1;
        let id = ReservationId { request: RequestId::from_u128(self.next_id), attempt: 0 };
        let fate =
            Fate { node, keys: Vec::new(), hold: charge(most), bill: charge(bill), sent: false, counted: 0 };
        self.fates.insert(id, fate);
        self.try_reserve(node, id, 0)
    }
    fn attributes(id: ReservationId) -> Attributes {
        let user = format!("u{}", id.request.as_u128() % 3);
        let mut attributes = Attributes::new();
        if let Ok(user) = Value::new(&user) {
            attributes.set(&Attribute::User, user);
        }
        if id.request.as_u128().is_multiple_of(2)
            && let Ok(project) = Value::new("p1")
        {
            attributes.set(&Attribute::Project, project);
        }
        attributes
    }
    fn try_reserve(&mut self, node: usize, id: ReservationId, tries: u32) -> Result<(), Violation> {
        let up = self.members.get(node).is_some_and(|member| member.up && self.now >= member.paused_until);
        let Some(fate) = self.fates.get(&id).filter(|_| up) else {
            self.counts.unavailable += 1;
            return Ok(());
        };
        let reserve = Reserve::new(id, Self::attributes(id), fate.hold, self.wall().plus_seconds(600));
        let (outcome, upto) = self.command(node, Command::Reserve(reserve))?;
        match outcome {
            Outcome::Reserved(_) => self.held(node, id, upto),
            Outcome::Short(denial) if tries < 2 => {
                let Some(member) = self.members.get_mut(node) else { return Ok(()) };
                let images = member.engine.images(0);
                for blocked in &denial.blocking {
                    let n = &blocked.numbers;
                    let need = n.settled + n.suspense + n.held + n.requested - n.limit;
                    let image = images.iter().find(|image| Some(image.id) == blocked.window);
                    let Some(key) = image.map(|image| image.key.clone()) else {
                        return Err(broken(Rule::Atomic, "a short window is not open"));
                    };
                    let want = member.wants.entry(key).or_default();
                    *want = need.max(*want);
                }
                member.lacking.push((id, tries + 1));
                self.ask_for_grants(node);
                Ok(())
            }
            Outcome::Short(_) => {
                self.counts.refused += 1;
                Ok(())
            }
            other => Err(broken(Rule::Answer, format!("{other:?} to a reserve"))),
        }
    }
    /// Whatever waited for a grant tries again.
    pub(super) fn try_lacking(&mut self, node: usize) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        for (id, tries) in std::mem::take(&mut member.lacking) {
            self.try_reserve(node, id, tries)?;
        }
        self.ask_for_grants(node);
        Ok(())
    }
    fn held(&mut self, node: usize, id: ReservationId, upto: usize) -> Result<(), Violation> {
        self.counts.held += 1;
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        let windows = member.engine.open_one(id).map(|open| open.reserved.windows).unwrap_or_default();
        let images = member.engine.images(0);
        let key = |window: &bursar_ledger::WindowId| {
            images.iter().find(|image| image.id == *window).map(|image| image.key.clone())
        };
        let keys: Vec<WindowKey> = windows.iter().filter_map(key).collect();
        member.unsent.push((upto, id));
        let hold = self.fates.get(&id).map_or(0, |fate| fate.hold.list.nanos());
        if let Some(fate) = self.fates.get_mut(&id) {
            fate.keys = keys;
        }
        self.count(id, hold, true)?;
        if self.options.wrong == Some(WrongCluster::SendBeforeSync) {
            let upto = self.members.get(node).map_or(0, |member| member.log.len());
            return self.send_up_to(node, upto);
        }
        Ok(())
    }
    /// The journal of a node is durable up to an entry.
    pub(super) fn durable(&mut self, node: usize, life: u64, upto: usize) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(node).filter(|member| member.up && member.life == life)
        else {
            return Ok(());
        };
        member.durable = member.durable.max(upto.min(member.log.len()));
        let upto = member.durable;
        self.send_up_to(node, upto)
    }
    fn send_up_to(&mut self, node: usize, upto: usize) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(node) else { return Ok(()) };
        let life = member.life;
        let (ready, waiting) = member.unsent.drain(..).partition(|(entry, _)| *entry <= upto);
        member.unsent = waiting;
        let ready: Vec<(usize, ReservationId)> = ready;
        for (_, id) in ready {
            if let Some(fate) = self.fates.get_mut(&id) {
                fate.sent = true;
            }
            let takes = self.random.between(1_000, 2_000_000);
            self.later(takes, Event::Answer { node, life, id });
        }
        Ok(())
    }
    /// The provider answers.
    pub(super) fn answer(&mut self, node: usize, life: u64, id: ReservationId) -> Result<(), Violation> {
        if !self.members.get(node).is_some_and(|member| member.up && member.life == life) {
            return Ok(());
        }
        match self.random.below(20) {
            0 => {
                let command =
                    Command::Suspend { id, cause: SuspenseCause::NoAnswer, record: Record::default() };
                self.tell(node, command)
            }
            1 => {
                let reason = ProvablyUnbilled::Rejected { status: 503 };
                if let Some(fate) = self.fates.get_mut(&id) {
                    fate.bill = Charge::ZERO;
                }
                self.tell(node, Command::Release { id, reason, record: Record::default() })?;
                self.count(id, 0, false)
            }
            _ => self.settle(node, id),
        }
    }
    pub(super) fn settle(&mut self, node: usize, id: ReservationId) -> Result<(), Violation> {
        let Some(bill) = self.fates.get(&id).map(|fate| fate.bill) else { return Ok(()) };
        let settle = Settle { id, charge: bill, estimated: false, record: Record::default() };
        let (outcome, _) = self.command(node, Command::Settle(settle))?;
        match outcome {
            Outcome::Settled(_) => self.count(id, bill.list.nanos(), false),
            other => Err(broken(Rule::LifeCycle, format!("{other:?} to a settle of {id}"))),
        }
    }
    /// Whatever of a node is in suspense settles at its bill.
    pub(super) fn reconcile(&mut self, node: usize) -> Result<(), Violation> {
        let open = self.members.get(node).map(|member| member.engine.open()).unwrap_or_default();
        for open in open.into_iter().filter(|open| open.state == State::Suspense) {
            if !self.fates.get(&open.reserved.id).is_some_and(|fate| fate.sent)
                && let Some(fate) = self.fates.get_mut(&open.reserved.id)
            {
                fate.bill = Charge::ZERO;
            }
            self.settle(node, open.reserved.id)?;
        }
        Ok(())
    }
}
