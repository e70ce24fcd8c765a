//! Both stores list, and forget, the same.

use bursar_core::amount::CostBasis;
use bursar_core::{Measure, Value};
use bursar_ledger::{BudgetId, Interval};
use rusqlite::Connection;

use super::*;

const DAY_S: i64 = 86_400;

fn at(days: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(days * DAY_S)
}

/// The window of one user: 30 days from `day`, or for ever.
fn image(id: u64, user: &str, day: Option<i64>, settled: i64) -> WindowImage {
    let interval = day
        .map_or(Interval::ALWAYS, |day| Interval { starts_at: Some(at(day)), ends_at: Some(at(day + 30)) });
    let per = [Some(Value::new(user).unwrap())].into_iter().collect();
    WindowImage {
        id: WindowId(id),
        key: WindowKey { budget: BudgetId(7), generation: 2, interval, per },
        measure: Measure::Usd,
        cost_basis: CostBasis::List,
        credit: 0,
        granted: 0,
        returned: 0,
        settled,
        suspense: 1,
        held: 0,
        overage: 0,
        crossed: std::iter::empty().collect(),
        used_at: at(0),
        changed: 1,
    }
}

fn of(image: &WindowImage) -> Current {
    Current { budget: image.key.budget, generation: image.key.generation, interval: image.key.interval }
}

fn ids(images: Vec<WindowImage>) -> Vec<u64> {
    images.into_iter().map(|image| image.id.0).collect()
}

fn stores() -> (tempfile::TempDir, [Box<dyn WindowStore>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteWindows::open(&folder.path().join("windows.db"), at(0)).unwrap();
    (folder, [Box::new(sqlite), Box::new(MemoryWindows::default())])
}

#[test]
fn windows_of_one_budget_and_period_are_listed_in_pages() {
    let (_folder, stores) = stores();
    for store in stores {
        let ours: Vec<WindowImage> =
            (1..=5).map(|n| image(n, &format!("u{n}"), Some(0), n.cast_signed() * 10)).collect();
        store.put(&ours).unwrap();
        store.put(&[image(6, "u1", Some(30), 99), image(7, "u1", None, 99)]).unwrap();
        let current = of(&ours[0]);
        let first = store.list(&current, None, 3).unwrap();
        assert_eq!(first, ours[..3]);
        assert_eq!(ids(store.list(&current, Some(WindowId(3)), 3).unwrap()), [4, 5]);
        assert_eq!(ids(store.list(&of(&image(7, "u1", None, 0)), None, 9).unwrap()), [7]);
        assert_eq!(ids(store.fullest(&current, &|_| false, 2).unwrap()), [5, 4]);
        assert_eq!(ids(store.fullest(&current, &|id| id.0 == 5, 9).unwrap()), [4, 3, 2, 1]);
        // A newer image takes the place of the older one, in lists too.
        store.put(&[image(2, "u2", Some(0), 1_000)]).unwrap();
        assert_eq!(ids(store.fullest(&current, &|_| false, 9).unwrap()), [2, 5, 4, 3, 1]);
    }
}

#[test]
fn what_is_long_past_is_forgotten_and_nothing_else() {
    let (_folder, stores) = stores();
    for store in stores {
        let old = [image(1, "a", Some(0), 5), image(2, "b", Some(0), 5)];
        let kept = [image(3, "a", Some(30), 5), image(4, "a", None, 5)];
        store.put(&old).unwrap();
        store.put(&kept).unwrap();
        assert_eq!(store.forget(at(430), 10).unwrap(), 0, "400 days after the end are not over");
        assert_eq!(store.forget(at(431), 1).unwrap(), 1);
        assert_eq!(store.forget(at(431), 10).unwrap(), 1);
        assert_eq!(store.find(&old.map(|image| image.key)).unwrap(), []);
        assert_eq!(store.find(&kept.clone().map(|image| image.key)).unwrap(), kept);
    }
    // Ten years are kept for twenty: the next ten take their unused room from them.
    let mut decade = image(1, "a", Some(0), 5);
    decade.key.interval.ends_at = Some(at(3_652));
    assert!(!is_long_past(&decade.key, at(3 * 3_652)));
    assert!(is_long_past(&decade.key, at(3 * 3_652 + 1)));
}

#[test]
fn images_from_before_there_were_lists_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windows.db");
    let stored = image(3, "ann", Some(0), 5);
    SqliteWindows::open(&path, at(0)).unwrap().put(std::slice::from_ref(&stored)).unwrap();
    let blank =
        "UPDATE windows SET id = NULL, budget = NULL, generation = NULL, starts = NULL, charged = NULL";
    assert_eq!(Connection::open(&path).unwrap().execute(blank, []).unwrap(), 1);
    let store = SqliteWindows::open(&path, at(0)).unwrap();
    assert_eq!(store.list(&of(&stored), None, 9).unwrap(), [stored]);
}
