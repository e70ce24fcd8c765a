//! The keeper over a real ledger and real settings.

use super::{at, usd};
use crate::throttle::keeper::{Decision, House};
use crate::throttle::{Rules, Subject, Throttler};
use bursar_core::{Attribute, Attributes, Charge, Measure, RequestId, ReservationId, Timestamp, Usd, Value};
use bursar_govern::kill::KillEvent;
use bursar_govern::ports::{Clock, Observer, Ports};
use bursar_govern::story::Story as RequestStory;
use bursar_govern::{Directory, Governor};
use bursar_ledger::{Budget, BudgetId, PeriodKind, Reserve, Settle};
use bursar_store::PageRequest;
use bursar_store::disk::SimulatedDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, Ledger, LedgerOptions, MemoryWindows};
use bursar_store::settings::Settings;
use std::sync::Arc;

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        at("2026-04-10")
    }
}
impl Observer for Frozen {
    fn ended(&self, _: &RequestStory) {}
    fn streaming(&self, _: RequestId, _: Timestamp) {}
    fn kill(&self, _: &KillEvent) {}
}

/// A ledger with a month of 100 USD for each provider, settings, and a throttler that acts.
struct World {
    folder: tempfile::TempDir,
    settings: Settings,
    governor: Arc<Governor>,
    throttler: Throttler,
    now: Timestamp,
    requests: u128,
}

impl World {
    fn new() -> Self {
        let now = at("2026-04-10T12:00:00Z");
        let options = LedgerOptions {
            durability: Durability::Fast,
            segment_bytes: 1 << 20,
            checkpoint_bytes: 1 << 20,
            boot_id: "one".to_owned(),
            holder: "a test".to_owned(),
            random: 1,
            commits: Commits::ByHand,
        };
        let disk = Arc::new(SimulatedDisk::new(1));
        let (ledger, _) = Ledger::open(disk, Arc::new(MemoryWindows::default()), &options, now).unwrap();
        let budget = Budget::new(BudgetId(1), "each", Measure::Usd, Some(usd("100")), PeriodKind::Month);
        let _put = ledger.put_budget(now, Arc::new(budget.per(Attribute::Provider))).unwrap();
        let ports = Ports { clock: Arc::new(Frozen), random: Arc::new(|| 7), observer: Arc::new(Frozen) };
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::open(&folder.path().join("settings.db"), now).unwrap();
        let governor = Governor::new(Directory::default(), ledger, ports);
        let world = Self { folder, settings, governor, throttler: Throttler::default(), now, requests: 0 };
        world.throttler.set_rules(Rules { enabled: true, shadow: false, ..Rules::default() });
        world
    }
    fn house(&self) -> House<'_> {
        House { settings: &self.settings, governor: &self.governor }
    }
    fn tick(&self) -> bool {
        self.throttler.tick(self.house(), self.now)
    }
    fn after(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }
    fn spend(&mut self, provider: &str, text: &str) {
        self.requests += 1;
        let id = ReservationId { request: RequestId::from_u128(self.requests), attempt: 0 };
        let attributes = Attributes::new().with(&Attribute::Provider, Value::new(provider).unwrap());
        let cost = Usd::parse(text).unwrap();
        let charge = Charge { list: cost, effective: cost, tokens: 1, requests: 1 };
        let ledger = self.governor.ledger();
        let _held = ledger
            .reserve(self.now, Reserve::new(id, attributes, charge, self.now.plus_seconds(60)))
            .unwrap();
        let _settled =
            ledger.settle(self.now, Settle { id, charge, estimated: false, record: Box::default() }).unwrap();
    }
    fn throttled(&self, provider: &str) -> bool {
        self.governor.throttled().reason(provider, "alpha", "m").is_some()
    }
    /// Kinds of events, oldest first.
    fn told(&self) -> Vec<&'static str> {
        let events = self.settings.throttle_events_after(0, 100).unwrap();
        events.iter().map(|event| event.kind.as_str()).collect()
    }
    fn decide(&self, provider: &str, forced: Option<bool>, until: Option<Timestamp>) {
        let subject = Subject { provider: provider.to_owned(), project: None, model: None };
        let decision = Decision { subject, forced, until, actor: "ada", reason: "a test" };
        self.throttler.decide(self.house(), &decision, self.now).unwrap();
    }
    /// Takes the table of states away, or brings it back.
    fn rename(&self, from: &str, to: &str) {
        let raw = rusqlite::Connection::open(self.folder.path().join("settings.db")).unwrap();
        raw.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
    }
}

/// Rules: S0-15.
#[test]
fn a_settle_that_crosses_the_line_is_acted_on_at_once_and_others_cost_nothing() {
    let mut world = World::new();
    assert!(world.tick(), "the first time");
    assert!(!world.tick(), "nothing happened");
    world.spend("claude", "20");
    assert!(world.tick(), "a window opened");
    world.spend("claude", "16");
    assert!(!world.tick(), "36 of 100 on day 10 is a pace of 108 percent");
    world.spend("claude", "0.7");
    assert!(world.tick(), "110.1 percent");
    assert!(world.throttled("claude") && !world.throttled("gemini"));
    assert_eq!(world.told(), ["engaged"]);
    world.spend("claude", "1");
    assert!(!world.tick(), "more spend changes nothing");
    assert!(world.after(3_600).tick(), "an hour is over");
}

/// Rules: S0-05, S0-09, V T19.
#[test]
fn who_is_throttled_stays_so_when_its_window_leaves_memory_and_after_a_restart() {
    let mut world = World::new();
    world.spend("claude", "40");
    world.tick();
    assert!(world.throttled("claude"));
    // Nobody uses it: its window goes cold and leaves memory.
    world.after(7_200);
    while world.governor.ledger().look(|engine| engine.windows_in_memory()).unwrap() > 0 {
        let _tended = world.governor.ledger().tend(world.now).unwrap();
    }
    world.tick();
    assert!(world.throttled("claude"));
    assert_eq!(world.told(), ["engaged"]);
    // Five days later the pace is 80 percent of what it was; inside the band nothing changes, also not for a new process.
    world.after(2 * 86_400);
    world.throttler = Throttler::default();
    world.throttler.set_rules(Rules { enabled: true, shadow: false, ..Rules::default() });
    world.tick();
    assert!(world.throttled("claude"));
    world.after(5 * 86_400).tick();
    assert!(!world.throttled("claude"));
    assert_eq!(world.told(), ["engaged", "released"]);
}

/// Rules: S0-16.
#[test]
fn a_period_that_ends_is_looked_at_then_also_where_nobody_spends_any_more() {
    let mut world = World::new();
    world.spend("claude", "99");
    world.tick();
    world.now = at("2026-04-30T23:30:00Z");
    world.tick();
    assert!(world.throttled("claude"));
    world.now = at("2026-05-01T00:00:00Z");
    assert!(world.tick(), "half an hour before its hour");
    assert!(!world.throttled("claude"));
    assert_eq!(world.told(), ["engaged", "period_reset", "released"]);
}

/// Rules: S0-14, V T18.
#[test]
fn what_cannot_be_evaluated_stays_as_it_is_and_says_so_once() {
    let mut world = World::new();
    world.spend("claude", "40");
    world.tick();
    world.rename("throttles", "gone");
    for hour in 1..=5 {
        world.after(3_600).tick();
        let age = world.throttler.age(world.now).unwrap();
        assert_eq!((age.missed, age.stale), (hour, hour >= 3));
        assert!(world.throttled("claude"));
    }
    assert!(world.throttler.board().problem.is_some());
    assert_eq!(world.told(), ["engaged", "stale"]);
    world.rename("gone", "throttles");
    world.after(3_600).tick();
    assert_eq!(world.throttler.age(world.now).unwrap().missed, 0);
    assert!(world.throttler.board().problem.is_none());
    assert_eq!(world.told(), ["engaged", "stale", "fresh"]);
}

/// Rules: S0-22.
#[test]
fn a_person_forces_and_clears_with_an_expiry_and_both_are_audited() {
    let mut world = World::new();
    world.tick();
    world.decide("gemini", Some(true), Some(world.now.plus_seconds(600)));
    assert!(world.throttled("gemini"), "with no budget at all");
    assert!(world.after(600).tick(), "the decision ran out");
    assert!(!world.throttled("gemini"));
    world.spend("claude", "40");
    world.tick();
    world.decide("claude", Some(false), None);
    assert!(!world.throttled("claude"));
    world.decide("claude", None, None);
    assert!(world.throttled("claude"));
    let told = world.told();
    assert_eq!(told[..3], ["forced_on", "force_expired", "released"]);
    assert_eq!(told[3..], ["engaged", "forced_off", "cleared", "engaged"]);
    let page = world.settings.throttle_events(Some("gemini"), &PageRequest::first(1)).unwrap();
    assert_eq!(page.items[0].kind.as_str(), "released");
    assert!(page.next_cursor.is_some());
    let audit = world.settings.audit(&Default::default(), &PageRequest::first(100)).unwrap();
    assert_eq!(audit.items.iter().filter(|entry| entry.actor == "ada").count(), 3);
}

/// Rules: S0-02.
#[test]
fn other_rules_are_in_force_at_once_and_in_the_audit() {
    let mut world = World::new();
    world.spend("claude", "40");
    world.tick();
    assert!(world.throttled("claude"));
    world.throttler.set_rules(Rules { enabled: true, shadow: true, ..Rules::default() });
    assert!(world.tick());
    assert!(!world.throttled("claude"));
    world.throttler = Throttler::default();
    world.throttler.set_rules(Rules { enabled: true, shadow: false, ..Rules::default() });
    world.tick();
    assert!(world.throttled("claude"));
    assert_eq!(
        world.told(),
        ["engaged", "rules_changed", "released", "rules_changed", "engaged"],
        "also those of another process"
    );
    let audit = world.settings.audit(&Default::default(), &PageRequest::first(100)).unwrap();
    assert!(audit.items.iter().filter(|entry| entry.name == "rules").count() == 3);
}
