//! A ledger on a simulated disk, a few verbs, and the oracle that judges recoveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use bursar_core::{Attribute, Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd, Value};
use bursar_ledger::{
    Audit, Budget, BudgetId, Command, Engine, Outcome, PeriodKind, ProvablyUnbilled, Reserve, Settle,
    Standing, State,
};
use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::Ending;
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::{
    Applied, Commits, Ledger, LedgerDown, LedgerOptions, MemoryWindows, OpenError, Recovery, ReserveError,
    Reserved, SqliteWindows, WindowStore,
};

pub(crate) const PLATFORM: BudgetId = BudgetId(1);
pub(crate) const EACH_USER: BudgetId = BudgetId(2);

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-03-15T12:00:00Z").unwrap().plus_seconds(seconds)
}

pub(crate) fn options(durability: Durability) -> LedgerOptions {
    LedgerOptions {
        durability,
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 1 << 40,
        boot_id: "boot".to_owned(),
        holder: "bursar serve, process 41".to_owned(),
        random: 0x1234_5678_9abc_def0_1122_3344_5566_7788,
        commits: Commits::ByHand,
    }
}

pub(crate) fn id(number: u128) -> ReservationId {
    ReservationId { request: RequestId::from_u128(number), attempt: 0 }
}

pub(crate) fn usd(nanos: i64) -> Charge {
    Charge { list: Usd::from_nanos(nanos), effective: Usd::from_nanos(nanos), tokens: 7, requests: 1 }
}

pub(crate) fn user(name: &str) -> Attributes {
    Attributes::new().with(&Attribute::User, Value::new(name).unwrap())
}

/// A platform budget of 1,000 nano-USD a day, and 300 for each user in all.
pub(crate) fn budgets() -> Vec<Arc<Budget>> {
    let platform = Budget::new(PLATFORM, "platform", Measure::Usd, Some(1_000), PeriodKind::Day);
    let each = Budget::new(EACH_USER, "each user", Measure::Usd, Some(300), PeriodKind::Total);
    vec![Arc::new(platform), Arc::new(each.per(Attribute::User))]
}

pub(crate) fn audit() -> Audit {
    Audit { actor: "ada".into(), reason: "the provider says so".into() }
}

pub(crate) fn reserve(number: u128, name: &str, nanos: i64, now: Timestamp) -> Reserve {
    let mut reserve = Reserve::new(id(number), user(name), usd(nanos), now.plus_seconds(600));
    // Long enough that a few dozen of them fill a segment.
    reserve.record = b"asked ".repeat(700).into();
    reserve
}

/// The last open of a ledger, and what may be relied on.
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) windows: Arc<dyn WindowStore>,
    pub(crate) options: LedgerOptions,
    pub(crate) now: Timestamp,
    pub(crate) ledger: Arc<Ledger>,
    /// The engine after each step, by its last entry.
    engines: BTreeMap<Seq, Engine>,
    /// What somebody was told is kept.
    pub(crate) acknowledged: Seq,
}

impl World {
    pub(crate) fn new(options: LedgerOptions) -> Self {
        let (mut world, recovery) = Self::open(SimulatedDisk::new(1), memory(), options, at(0)).unwrap();
        assert_eq!(recovery, Recovery::default());
        world.put_budgets().unwrap();
        world
    }
    pub(crate) fn open(
        disk: SimulatedDisk,
        windows: Arc<dyn WindowStore>,
        options: LedgerOptions,
        now: Timestamp,
    ) -> Result<(Self, Recovery), OpenError> {
        let opened = Ledger::open(Arc::new(disk.clone()), Arc::clone(&windows), &options, now);
        let (ledger, recovery) = opened?;
        let engines = BTreeMap::from([(Seq::NONE, Engine::new())]);
        let mut world = Self { disk, windows, options, now, ledger, engines, acknowledged: Seq::NONE };
        world.remember();
        Ok((world, recovery))
    }
    pub(crate) fn put_budgets(&mut self) -> Result<(), LedgerDown> {
        for budget in budgets() {
            let put = self.step(|world| world.ledger.put_budget(world.now, budget))?;
            assert_eq!(put.outcome, Outcome::BudgetPut);
        }
        self.step(|world| world.ledger.commit())?;
        Ok(())
    }
    /// Ends this process in that way and opens the next.
    pub(crate) fn restart(&self, ending: Ending) -> (Self, Recovery) {
        let disk = self.disk.restart(ending);
        let mut options = self.options.clone();
        if ending == Ending::PowerCut {
            options.boot_id.push('+');
        }
        Self::open(disk, Arc::clone(&self.windows), options, self.now).unwrap()
    }
    /// Notes the state and what is acknowledged now.
    pub(crate) fn remember(&mut self) {
        self.engines.insert(self.ledger.last(), self.ledger.look(Engine::clone).unwrap());
        self.acknowledged = self.acknowledged.max(self.ledger.durable_seq());
    }
    /// Does one thing and notes what came of it.
    pub(crate) fn step<T>(&mut self, act: impl FnOnce(&Self) -> T) -> T {
        let done = act(self);
        self.remember();
        done
    }
    /// The state that a recovery of everything up to `last` must lead to, if a step ended there.
    pub(crate) fn expected(&self, last: Seq, now: Timestamp) -> Option<Engine> {
        let mut engine = self.engines.get(&last)?.clone();
        let Outcome::Expired(_) = engine.apply(now, Command::Recover, &mut Vec::new()) else { panic!() };
        Some(engine)
    }
    pub(crate) fn reserve(&self, number: u128, name: &str, nanos: i64) -> Result<Reserved, ReserveError> {
        self.ledger.reserve(self.now, reserve(number, name, nanos, self.now))
    }
    /// Reserves what fits; its entry.
    pub(crate) fn hold(&self, number: u128, name: &str, nanos: i64) -> Seq {
        self.reserve(number, name, nanos).unwrap().seq
    }
    /// Settles what is open; its entry.
    pub(crate) fn bill(&self, number: u128, nanos: i64) -> Seq {
        let applied = self.settle(number, nanos).unwrap();
        assert!(matches!(applied.outcome, Outcome::Settled(_)), "{:?}", applied.outcome);
        applied.seq
    }
    pub(crate) fn settle(&self, number: u128, nanos: i64) -> Result<Applied, LedgerDown> {
        let record = b"what was billed".to_vec().into();
        let settle = Settle { id: id(number), charge: usd(nanos), estimated: false, record };
        self.ledger.settle(self.now, settle)
    }
    pub(crate) fn release(&self, number: u128) -> Result<Applied, LedgerDown> {
        let (record, reason) = (Vec::new().into(), ProvablyUnbilled::ConnectFailed);
        self.ledger.release(self.now, id(number), reason, record)
    }
    pub(crate) fn platform(&self) -> Standing {
        self.ledger.standing(PLATFORM, self.now).unwrap().remove(0)
    }
    /// Settled, suspense and held of the platform's window.
    pub(crate) fn counters(&self) -> (i64, i64, i64) {
        let standing = self.platform();
        (standing.settled, standing.suspense, standing.held)
    }
    pub(crate) fn state_of(&self, number: u128) -> Option<State> {
        self.ledger.past(id(number)).unwrap().map(|past| past.state)
    }
}

pub(crate) fn memory() -> Arc<dyn WindowStore> {
    Arc::new(MemoryWindows::default())
}

pub(crate) fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn WindowStore> {
    Arc::new(SqliteWindows::open(&folder.path().join("windows.db"), at(0)).unwrap())
}

/// Waits on another thread's runtime would need one; a test's future is polled on a small one of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future)
}
