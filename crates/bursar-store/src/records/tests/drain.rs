//! The journal's records arrive exactly once, whatever is repeated, cut or lost on the way.

use super::*;
use proptest::prelude::*;

fn seq(number: u64) -> Seq {
    Seq::new(number)
}

/// Entries 1, 2, … of these records.
fn entries(records: &[Record]) -> Vec<(Seq, Record)> {
    (1..).map(Seq::new).zip(records.iter().cloned()).collect()
}

/// Five requests on both sides of a month's end.
fn five() -> Vec<Record> {
    let at = |n: i64| time("2026-02-28T23:59:58Z").plus_seconds(n).to_string();
    (0..5).map(|n| completed(u128::try_from(n).unwrap(), &at(n))).collect()
}

/// Rules: S2-06, S4-24.
#[test]
fn a_batch_that_is_given_twice_counts_once() {
    let world = World::new();
    let batch = entries(&five());
    let applied = world.records.drain(&batch, seq(5)).unwrap();
    assert_eq!(applied, Applied { inserted: 5, ..Applied::default() });
    let again = world.records.drain(&batch, seq(5)).unwrap();
    assert_eq!(again, Applied { repeated: 5, ..Applied::default() });
    assert_eq!(list_cost(&world.found(&RecordFilter::default())), 5000);
    world.check();
    let months: Vec<String> = world.records.months().iter().map(ToString::to_string).collect();
    assert_eq!(months, ["202602", "202603"]);
}

/// Rules: S4-26.
#[test]
fn after_a_crash_between_two_months_nothing_is_lost_or_doubled() {
    let world = World::new();
    let batch = entries(&five());
    // The part of February was committed, then the process died; after the start the journal is cut differently.
    world.records.drain(&batch[..2], seq(5)).unwrap();
    let world = world.reopened();
    assert_eq!(world.records.floor(), Seq::NONE, "nothing was checkpointed");
    world.records.drain(&batch[..3], seq(3)).unwrap();
    world.records.drain(&batch[3..], seq(5)).unwrap();
    assert_eq!(world.found(&RecordFilter::default()).len(), 5);
    world.check();
}

/// What a killed process leaves: the files as they are, without what it shared in memory.
fn killed(world: &World) -> World {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db-shm") {
            std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    World::at(dir)
}

#[test]
fn a_process_killed_after_any_batch_goes_on_from_its_files() {
    let world = World::new();
    let at = |n: i64| time("2026-02-28T23:59:50Z").plus_seconds(n).to_string();
    let journal =
        entries(&(0..20).map(|n| completed(u128::try_from(n).unwrap(), &at(n))).collect::<Vec<_>>());
    for (round, batch) in journal.chunks(3).enumerate() {
        world.records.drain(batch, batch.last().unwrap().0).unwrap();
        if round % 3 == 1 {
            world.records.checkpoint().unwrap();
        }
        let after = killed(&world);
        let from = usize::try_from(after.records.floor().number()).unwrap();
        after.records.drain(&journal[from..], seq(20)).unwrap();
        assert_eq!(list_cost(&after.found(&RecordFilter::default())), 20_000, "round {round}");
        after.check();
    }
}

#[test]
fn the_floor_moves_only_with_a_checkpoint() {
    let world = World::new();
    world.records.drain(&entries(&five()), seq(9)).unwrap();
    assert_eq!(world.records.floor(), Seq::NONE);
    assert_eq!(world.records.checkpoint().unwrap(), seq(9));
    let world = world.reopened();
    assert_eq!(world.records.floor(), seq(9));
    world.records.drain::<Record>(&[], seq(12)).unwrap();
    assert_eq!(world.records.checkpoint().unwrap(), seq(12), "entries without a record move it too");
}

/// Rules: S4-24, S4-25, V L03.
#[test]
fn l03_a_later_state_replaces_an_earlier_one_and_the_difference_is_booked() {
    let world = World::new();
    let done = completed(2, "2026-03-01T10:00:00Z");
    let mut progress =
        Record { status: Status::Streaming, finalized_at: None, total_ms: None, ..done.clone() };
    progress.charge.list = Usd::parse("0.002").unwrap();
    let mut settled = done;
    settled.charge.list = Usd::parse("0.0105").unwrap();
    world.records.put(&[progress]).unwrap();
    assert_eq!(world.records.open_records(10).unwrap().len(), 1);
    let applied = world.records.put(&[settled.clone()]).unwrap();
    assert_eq!(applied, Applied { replaced: 1, ..Applied::default() });
    assert_eq!(world.found(&RecordFilter::default()), [settled]);
    assert!(world.records.open_records(10).unwrap().is_empty());
    world.check();
}

/// Rules: S4-33, S4-35.
#[test]
fn s4_33_a_final_state_is_final_but_a_lost_success_is_recovered() {
    let world = World::new();
    let done = completed(1, "2026-03-01T10:00:00Z");
    let as_status = |status| Record { status, ..done.clone() };
    world.records.put(&[as_status(Status::Failed)]).unwrap();
    assert_eq!(world.records.put(&[as_status(Status::Completed)]).unwrap().replaced, 1);
    for status in [Status::Pending, Status::Streaming, Status::Failed, Status::Cancelled, Status::Denied] {
        let applied = world.records.put(&[as_status(status)]).unwrap();
        assert_eq!(applied, Applied { unlawful: 1, ..Applied::default() }, "{status}");
    }
    assert_eq!(world.records.get(done.id).unwrap(), Some(done));
    world.check();
}

/// Rules: S4-25.
#[test]
fn a_later_state_may_have_other_attributes_but_keeps_its_time() {
    let world = World::new();
    let done = with(completed(1, "2026-03-01T10:00:00Z"), "tag.team", "x");
    let mut pending = with(done.clone(), "tag.team", "y");
    pending.status = Status::Pending;
    pending.attributes = pending.attributes.with(&Attribute::Provider, value("gemini"));
    world.records.put(&[pending]).unwrap();
    let later = Record { created_at: time("2026-03-01T11:30:00Z"), ..done.clone() };
    world.records.put(&[later]).unwrap();
    let found = world.records.get(done.id).unwrap().unwrap();
    assert_eq!((found.created_at, &found.attributes), (done.created_at, &done.attributes));
    let tag = |value: &str| RecordFilter {
        tag: Some(("team".to_owned(), value.to_owned())),
        ..RecordFilter::default()
    };
    assert_eq!((world.found(&tag("x")).len(), world.found(&tag("y")).len()), (1, 0));
    world.check();
}

#[test]
fn thousands_of_records_of_one_instant_all_find_a_place() {
    let world = World::new();
    let batch: Vec<Record> = (0..3000).map(|n| completed(n, "2026-03-01T10:00:00Z")).collect();
    assert_eq!(world.records.put(&batch).unwrap().inserted, 3000);
    assert_eq!(world.records.put(&batch).unwrap().replaced, 3000);
    assert_eq!(list_cost(&world.found(&RecordFilter::default())), 3_000_000);
    world.check();
}

/// Rules: S0-19.
#[test]
fn a_roll_up_that_was_changed_by_hand_is_found_and_made_anew() {
    let world = World::new();
    world.records.put(&five()).unwrap();
    let month = Month::parse("202603").unwrap();
    let file = world.records.known_month(month).unwrap().unwrap();
    file.write(|db, _| db.execute("UPDATE roll_cross SET list_cost = list_cost + 1", [])).unwrap();
    file.write(|db, _| db.execute("DELETE FROM roll_day WHERE dimension = 0", [])).unwrap();
    let recount = world.records.recount(month).unwrap();
    // The hour of all names, the day, and the month that is no longer the sum of its days.
    assert_eq!((recount.records, recount.differing), (3, 3));
    assert_eq!(world.records.rebuild(month).unwrap().differing, 3);
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any sequence of states of a few requests, drained in batches of any size with any part of it repeated and restarts
    /// in between, ends as if each entry had been applied once, and everything adds up.
    /// Rules: S4-26.
    #[test]
    fn draining_is_exactly_once(
        states in proptest::collection::vec((0..4u128, 0..6usize, 0..1000i64, any::<bool>()), 1..40),
        cuts in proptest::collection::vec((1..6usize, 0..6usize, any::<bool>(), any::<bool>()), 1..12),
    ) {
        let times = ["2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z", "2026-03-01T00:59:59.999Z", "2026-03-02T00:00:00Z"];
        let mut expected: BTreeMap<RequestId, Record> = BTreeMap::new();
        let mut journal = Vec::new();
        for (number, (n, status, cost, tagged)) in (1..).zip(states) {
            let mut record = completed(n, times[usize::try_from(n).unwrap()]);
            record.status = Status::ALL[status];
            record.charge.list = Usd::from_nanos(cost);
            if tagged {
                record = with(record, "tag.team", "x");
            }
            let lawful = expected.get(&record.id).is_none_or(|old| old.status.may_become(record.status));
            if lawful {
                expected.insert(record.id, record.clone());
            }
            journal.push((Seq::new(number), record));
        }
        let mut world = World::new();
        let mut from = 0;
        let mut cuts = cuts.into_iter().cycle();
        while from < journal.len() {
            let (len, back, restart, checkpoint) = cuts.next().unwrap();
            let to = (from + len).min(journal.len());
            let start = from.saturating_sub(back);
            world.records.drain(&journal[start..to], journal[to - 1].0).unwrap();
            if checkpoint {
                prop_assert_eq!(world.records.checkpoint().unwrap(), journal[to - 1].0);
            }
            from = to;
            if restart {
                world = world.reopened();
                from = usize::try_from(world.records.floor().number()).unwrap();
            }
            if restart && !checkpoint {
                // The next round goes on from the floor; without a checkpoint now and then it would never end.
                world.records.drain(&journal[from..to], journal[to - 1].0).unwrap();
                from = to;
            }
        }
        let mut found = world.found(&RecordFilter::default());
        found.sort_by_key(|record| record.id);
        prop_assert_eq!(found, expected.into_values().collect::<Vec<_>>());
        world.check();
    }
}
