//! Files of earlier versions open, come forward and keep what they say.
//!
//! `golden/*_v1.sql` is what version 1 wrote, as SQL. It is never edited; a new version gets files of its own.

use super::*;

const FILES: [(&str, i32, &str); 2] = [
    ("records-202603.db", 0x4275_7252, include_str!("golden/records_v1.sql")),
    ("rollups.db", 0x4275_7255, include_str!("golden/rollups_v1.sql")),
];

#[test]
fn files_of_version_1_come_forward() {
    let dir = tempfile::tempdir().unwrap();
    for (name, application_id, sql) in FILES {
        let raw = rusqlite::Connection::open(dir.path().join(name)).unwrap();
        raw.pragma_update(None, "foreign_keys", false).unwrap();
        raw.execute_batch(sql).unwrap();
        raw.pragma_update(None, "application_id", application_id).unwrap();
    }
    let world = World::at(dir);
    assert_eq!(world.records.floor(), Seq::new(2));
    assert_eq!(
        world.found(&RecordFilter::default()),
        [with(completed(2, "2026-03-02T10:00:00Z"), "tag.team", "x")]
    );
    let by = [Dimension::Project];
    let used = world.records.usage(time("2026-01-01"), time("2027-01-01"), &by, &NameFilter::new()).unwrap();
    assert_eq!((used.len(), used[0].sums.requests, used[0].sums.list_cost), (1, 2, 2000));
    world.check();
    world.records.drain(&[(Seq::new(2), completed(3, "2026-03-02T10:00:00Z"))], Seq::new(2)).unwrap();
    assert_eq!(world.found(&RecordFilter::default()).len(), 1, "entry 2 was drained by version 1");
}

/// Rules: S2-03.
#[test]
fn what_a_version_did_not_roll_up_is_counted_from_its_records_when_it_comes_forward() {
    let world = World::new();
    let records: Vec<Record> = (0..40u128)
        .map(|n| {
            let at = time("2026-03-01T22:40:00Z").plus_seconds(i64::try_from(n).unwrap() * 4_000);
            let record = with(completed(n, &at.to_string()), "run", &format!("run-{}", n % 3));
            if n % 2 == 0 { with(record, "tag.team", "x") } else { record }
        })
        .collect();
    world.records.put(&records).unwrap();
    let whole = ask(&world);
    // As a file of version 2 is after its statements: the first day was counted before the process ended.
    let file = world.records.known_month(Month::parse("202603").unwrap()).unwrap().unwrap();
    let second_day = time("2026-03-02").seconds() / 86_400;
    file.write(|db, _| {
        db.execute("DELETE FROM roll_quarter WHERE period >= ?1", [second_day * 96])?;
        let new = "DELETE FROM roll_hour WHERE dimension IN (4, 5, 8, 9, 19) AND period >= ?1";
        db.execute(new, [second_day * 24])?;
        meta::set(db, meta::UNFILLED, second_day)
    })
    .unwrap();
    drop(file);
    assert_ne!(ask(&world), whole, "the question is not answered from what was removed");
    let world = world.reopened();
    assert_eq!(ask(&world), whole);
    world.check();
}

/// Runs of an interval of hours, and everything in one of quarters.
fn ask(world: &World) -> Vec<(usize, i64)> {
    let asked = |from: &str, until: &str, by: &[Dimension]| {
        let used = world.records.usage(time(from), time(until), by, &NameFilter::new()).unwrap();
        (used.len(), used.iter().map(|used| used.sums.list_cost).sum())
    };
    vec![
        asked("2026-03-01T22:00:00Z", "2026-03-02T19:00:00Z", &[Dimension::Run]),
        asked("2026-03-01T22:45:00Z", "2026-03-02T18:15:00Z", &[]),
    ]
}
