//! A day's records, roll-ups that were changed by hand, and what the daily recount says.

use super::*;
use bursar_core::{Attribute, Attributes, RequestId, Value};
use bursar_store::disk::SimulatedDisk;
use bursar_store::journal::Durability;
use bursar_store::ledger::{Commits, LedgerOptions, MemoryWindows};
use bursar_store::records::{Record, Status};
use std::sync::Arc;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

struct House {
    dir: tempfile::TempDir,
    settings: Settings,
    ledger: Arc<Ledger>,
    records: Records,
}

impl House {
    /// With one record of 15 March.
    fn new() -> Self {
        let (dir, now) = (tempfile::tempdir().unwrap(), at("2026-03-15T12:00:00Z"));
        let options = LedgerOptions {
            durability: Durability::Sync,
            segment_bytes: 64 * 1024,
            checkpoint_bytes: 1 << 40,
            boot_id: "boot".to_owned(),
            holder: "a test".to_owned(),
            random: 7,
            commits: Commits::ByHand,
        };
        let disk = Arc::new(SimulatedDisk::new(7));
        let (ledger, _) = Ledger::open(disk, Arc::new(MemoryWindows::default()), &options, now).unwrap();
        let records = Records::open(dir.path(), now).unwrap();
        let attributes = Attributes::new().with(&Attribute::Project, Value::new("alpha").unwrap());
        let record = Record::new(RequestId::new(now, 1), now, attributes);
        records.put(&[Record { status: Status::Completed, ..record }]).unwrap();
        let settings = Settings::open(&dir.path().join("settings.db"), now).unwrap();
        Self { dir, settings, ledger, records }
    }
    fn recount(&self, now: &str) -> Option<Recounted> {
        recount(&self.settings, &self.ledger, &self.records, at(now)).unwrap()
    }
    fn alerts(&self) -> Vec<String> {
        let alerts = self.settings.alerts_after(0, 10).unwrap();
        alerts.iter().map(|alert| format!("{} {}", alert.event, alert.document["count"])).collect()
    }
}

/// Rules: S0-19.
#[test]
fn figures_are_recounted_once_a_day_and_what_does_not_add_up_is_told() {
    let house = House::new();
    let sound = house.recount("2026-03-16T00:00:03Z").unwrap();
    assert_eq!((sound.is_sound(), sound.rollups.records), (true, 1));
    assert!(house.recount("2026-03-16T23:59:59Z").is_none(), "that day has been counted");
    assert!(house.recount("2026-03-17T00:00:01Z").unwrap().is_sound(), "a day without records");

    let later = at("2026-03-17T10:00:00Z");
    let record = Record::new(RequestId::new(later, 2), later, Attributes::new());
    house.records.put(&[Record { status: Status::Completed, ..record }]).unwrap();
    let file = rusqlite::Connection::open(house.dir.path().join("records-202603.db")).unwrap();
    file.execute("UPDATE roll_hour SET requests = requests + 1 WHERE dimension = 7", []).unwrap();
    let found = house.recount("2026-03-18T00:00:01Z").unwrap();
    // The hour of the model of 17 March; 15 March was counted before.
    assert_eq!((found.is_sound(), found.count()), (false, 1));
    assert!(found.first().starts_with("roll_hour [7,"), "{}", found.first());
    assert_eq!(house.alerts(), ["ledger_drift 1"]);
    assert!(house.recount("2026-03-18T05:00:00Z").is_none());
}
