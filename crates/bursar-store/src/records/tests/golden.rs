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
