//! Files of earlier versions open, come forward and keep their rows.
//!
//! `golden/settings_v1.sql` is what version 1 wrote, as SQL. It is never edited; a new version gets a file of its own.

use super::*;

const VERSION_1: &str = include_str!("golden/settings_v1.sql");

#[test]
fn a_file_of_version_1_comes_forward() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("settings.db");
    let raw = Connection::open(&path).unwrap();
    // The dump lists tables by name, not by who refers to whom.
    raw.pragma_update(None, "foreign_keys", false).unwrap();
    raw.execute_batch(VERSION_1).unwrap();
    raw.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    drop(raw);
    let settings = Settings::open(&path, at(50)).unwrap();
    let snapshot = settings.snapshot().unwrap();
    insta::assert_debug_snapshot!("golden_v1", snapshot);
    let page = settings.audit(&AuditFilter::default(), &PageRequest::first(500)).unwrap();
    assert_eq!(page.items.len(), 8);
    let world = World { dir, settings };
    world.change(|change| change.delete_key(key_id(1))).unwrap();
}
