//! What retention lets go, and what it keeps.

use super::*;

fn retained(world: &World, before: &str) -> Vec<u64> {
    let mut batches = Vec::new();
    loop {
        let step = world.records.retain(time(before)).unwrap();
        if step.records_deleted > 0 {
            batches.push(step.records_deleted);
        }
        if step.done {
            return batches;
        }
    }
}

/// Rules: S2-03, S4-65, V A01.
#[test]
fn a01_old_records_go_in_batches_and_the_one_at_the_cutoff_stays() {
    let world = World::new();
    let mut records: Vec<Record> = (0..2500)
        .map(|n| {
            completed(n, &time("2026-03-10T00:00:00Z").plus_seconds(i64::try_from(n).unwrap()).to_string())
        })
        .collect();
    let at_cutoff = completed(9999, "2026-03-15T00:00:00Z");
    records.push(at_cutoff.clone());
    world.records.put(&records).unwrap();
    assert_eq!(retained(&world, "2026-03-15T00:00:00Z"), [1000, 1000, 500]);
    assert_eq!(world.found(&RecordFilter::default()), [at_cutoff]);
    world.check();
    let file = world.records.known_month(Month::parse("202603").unwrap()).unwrap().unwrap();
    let cost: i64 = file
        .read(|db, _| {
            Ok(db
                .query_row("SELECT sum(list_cost) FROM roll_day WHERE dimension = 0", [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(cost, 2_501_000, "the roll-ups outlive the records");
}

/// Rules: S2-03, S4-65.
#[test]
fn whole_months_go_with_their_file_and_leave_their_roll_ups() {
    let world = World::new();
    let old = [completed(1, "2026-01-31T23:59:59Z"), completed(2, "2026-02-01T00:00:00Z")];
    world.records.put(&old).unwrap();
    let step = world.records.retain(time("2026-02-01T00:00:00Z")).unwrap();
    assert_eq!(step, Retained { months_dropped: 1, records_deleted: 1, done: true });
    let names: Vec<String> = std::fs::read_dir(world.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("202601"))
        .collect();
    assert_eq!(names, [""; 0]);
    assert_eq!(archived_cost(&world), 1000);
    assert_eq!(world.found(&RecordFilter::default()).len(), 1);
}

#[test]
fn a_late_record_of_a_dropped_month_is_added_to_what_was_kept() {
    let mut world = World::new();
    for round in 1..=3 {
        world.records.put(&[completed(round, "2026-01-05T00:00:00Z")]).unwrap();
        if round == 2 {
            world = world.reopened();
        }
        world.records.retain(time("2026-02-01T00:00:00Z")).unwrap();
        assert_eq!(archived_cost(&world), 1000 * i64::try_from(round).unwrap());
    }
}

#[test]
fn a_file_that_was_taken_over_but_not_removed_is_not_counted_twice() {
    let world = World::new();
    world.records.put(&[completed(1, "2026-01-05T00:00:00Z")]).unwrap();
    let world = world.reopened();
    let file = world.dir.path().join("records-202601.db");
    let copy = std::fs::read(&file).unwrap();
    world.records.retain(time("2026-02-01T00:00:00Z")).unwrap();
    // The process died between the two.
    std::fs::write(&file, copy).unwrap();
    let world = world.reopened();
    world.records.retain(time("2026-02-01T00:00:00Z")).unwrap();
    assert_eq!(archived_cost(&world), 1000);
    assert!(!file.exists());
}

#[test]
fn what_was_drained_before_its_month_was_dropped_is_not_drained_again() {
    let world = World::new();
    let entry = (Seq::new(1), completed(1, "2026-01-05T00:00:00Z"));
    world.records.drain(std::slice::from_ref(&entry), Seq::new(1)).unwrap();
    world.records.retain(time("2026-02-01T00:00:00Z")).unwrap();
    assert_eq!(world.records.floor(), Seq::new(1), "the journal is not read from before it");
}

fn archived_cost(world: &World) -> i64 {
    let sql = "SELECT coalesce(sum(list_cost), 0) FROM roll_hour";
    world.records.book.read(|db, _| db.query_row(sql, [], |row| row.get(0))).unwrap()
}
