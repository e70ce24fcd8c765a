//! Finding records again.

use super::*;
use crate::sqlite::PageError;

fn times(found: &[Record]) -> Vec<String> {
    found.iter().map(|record| record.created_at.to_string()).collect()
}

/// Three months, one request each day at noon for three days.
fn spring() -> (World, Vec<Record>) {
    let world = World::new();
    let mut records = Vec::new();
    for month in ["01", "02", "03"] {
        for day in 1..=3u128 {
            let record = completed(day, &format!("2026-{month}-0{day}T12:00:00Z"));
            let record = with(record, "user", if day == 1 { "ada" } else { "bob" });
            let record = with(record, "agent", if month == "02" { "crawler" } else { "writer" });
            records.push(with(record, "run", &format!("run-{month}")));
        }
    }
    world.records.put(&records).unwrap();
    records.reverse();
    (world, records)
}

#[test]
fn lists_run_over_the_months_newest_first() {
    let (world, records) = spring();
    assert_eq!(world.found(&RecordFilter::default()), records);
    assert_eq!(world.reopened().found(&RecordFilter::default()), records);
}

#[test]
fn filters_may_be_combined() {
    let (world, _) = spring();
    let filter = RecordFilter {
        from: Some(time("2026-01-02T12:00:00Z")),
        until: Some(time("2026-03-03T12:00:00Z")),
        user: Some("bob".to_owned()),
        project: Some("alpha".to_owned()),
        status: Some(Status::Completed),
        ..RecordFilter::default()
    };
    let expected = ["2026-03-02", "2026-02-03", "2026-02-02", "2026-01-03", "2026-01-02"]
        .map(|day| format!("{day}T12:00:00Z"));
    assert_eq!(times(&world.found(&filter)), expected, "from is inclusive, until is not");
    let only = |field: fn(&mut RecordFilter, String), text: &str| {
        let mut filter = RecordFilter::default();
        field(&mut filter, text.to_owned());
        world.found(&filter).len()
    };
    assert_eq!(only(|f, t| f.agent = Some(t), "crawler"), 3);
    assert_eq!(only(|f, t| f.run = Some(t), "run-03"), 3);
    assert_eq!(only(|f, t| f.key = Some(t), "key-1"), 9);
    assert_eq!(only(|f, t| f.model = Some(t), "gpt-4o-mini"), 9);
    assert_eq!(only(|f, t| f.provider = Some(t), "openai"), 9);
    assert_eq!(only(|f, t| f.session = Some(t), "never seen"), 0);
    assert_eq!(only(|f, t| f.user = Some(t), ""), 0, "an empty text is no value");
    assert_eq!(only(|f, t| f.code = Some(t), "E-BUDGET-002"), 0);
}

/// Rules: S4-72.
#[test]
fn what_went_wrong_is_found_by_its_code() {
    let world = World::new();
    let ended = |n: u128, status: Status, status_code: Option<u16>, code: Option<Code>| {
        let at = format!("2026-03-01T1{n}:00:00Z");
        Record { status, status_code, code, ..completed(n, &at) }
    };
    let refused = ended(1, Status::Denied, Some(429), Some(Code::BudgetProject));
    let failed = ended(2, Status::Failed, Some(503), None);
    let left = ended(3, Status::Cancelled, None, None);
    world.records.put(&[refused.clone(), failed.clone(), left.clone(), completed(4, "2026-03-02")]).unwrap();
    for record in [refused, failed, left] {
        let filter = RecordFilter { code: Some(record.went_wrong()), ..RecordFilter::default() };
        assert_eq!(world.found(&filter), [record]);
    }
}

#[test]
fn a_record_is_found_by_its_id_whatever_the_id_says() {
    let (world, records) = spring();
    for record in &records {
        assert_eq!(world.records.get(record.id).unwrap().as_ref(), Some(record));
    }
    let mut foreign = completed(9, "2026-01-09T00:00:00Z");
    foreign.id = RequestId::from_u128(u128::MAX);
    world.records.put(std::slice::from_ref(&foreign)).unwrap();
    assert_eq!(world.records.get(foreign.id).unwrap(), Some(foreign));
    assert_eq!(world.records.get(RequestId::from_u128(1)).unwrap(), None);
}

/// Rules: S4-35, V S03.
#[test]
fn s03_a_stream_that_makes_progress_is_not_stale() {
    let world = World::new();
    let mut streaming = completed(1, "2026-03-01T10:00:00Z");
    streaming.status = Status::Streaming;
    streaming.progressed_at = time("2026-03-01T10:10:58Z");
    world.records.put(&[streaming.clone(), completed(2, "2026-03-01T10:00:00Z")]).unwrap();
    let stale = |at: &str| world.records.stale_records(time(at), 10).unwrap();
    assert!(stale("2026-03-01T10:01:00Z").is_empty());
    assert!(stale("2026-03-01T10:10:58Z").is_empty(), "strictly older");
    assert_eq!(stale("2026-03-01T10:10:58.000001Z"), [streaming]);
}

#[test]
fn a_made_up_cursor_is_refused() {
    let world = World::new();
    let page = PageRequest { cursor: Some("there".to_owned()), limit: 1 };
    let error = world.records.list(&RecordFilter::default(), &page).unwrap_err();
    assert!(matches!(error, RecordsError::Cursor(PageError)));
}

#[test]
fn a_usual_row_takes_a_few_hundred_bytes_on_disk() {
    let world = World::new();
    let batch: Vec<Record> = (0..20_000u128)
        .map(|n| {
            let at = time("2026-03-01T00:00:00Z").plus_millis(i64::try_from(n).unwrap() * 700).to_string();
            let mut record = completed(n, &at);
            record.upstream_request_id = Some(format!("chatcmpl-{n:029}"));
            record.price =
                Some(PriceUsed { id: "openai/gpt-4o-mini@2024-07-18".to_owned(), ..PriceUsed::default() });
            with(with(record, "run", &format!("run-{}", n / 20)), "user", &format!("user-{}", n % 50))
        })
        .collect();
    world.records.put(&batch).unwrap();
    let dir = world.dir.path().to_owned();
    let World { dir: _kept, records } = world;
    drop(records);
    let bytes = std::fs::metadata(dir.join("records-202603.db")).unwrap().len();
    let per_record = bytes / 20_000;
    assert!(per_record < 450, "{per_record} bytes per record, indexes and roll-ups included");
}

#[test]
fn a_replay_runs_over_the_months_oldest_first_and_stops_when_told() {
    use std::ops::ControlFlow;
    let (world, mut records) = spring();
    records.reverse();
    let replayed = |from: &str, until: &str, most: usize| {
        let mut seen = Vec::new();
        let all = world.records.replay(time(from), time(until), |record| {
            seen.push(record);
            if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        (seen, all.unwrap())
    };
    assert_eq!(replayed("2026-01-01", "2026-04-01", 100), (records.clone(), true));
    let (seen, all) = replayed("2026-01-02T12:00:00Z", "2026-02-01T12:00:00Z", 100);
    assert_eq!((seen, all), (records[1..3].to_vec(), true), "from is inclusive, until is not");
    assert_eq!(replayed("2026-01-01", "2026-04-01", 4), (records[..4].to_vec(), false));
}
