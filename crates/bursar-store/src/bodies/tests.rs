//! Headers and bodies on disk: kept, read back, compressed, dropped, each in its time.

use super::*;

const DAY_S: i64 = 86_400;
const KEPT: Kept = Kept { plain_s: 7 * DAY_S, bodies_s: 90 * DAY_S, headers_s: 90 * DAY_S };

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn said(id: RequestId, text: &str) -> Detail {
    let body = |text: &str| Some(Body { size: 100_000, content: text.repeat(500).into_bytes(), cut: 7 });
    Detail {
        request_headers: Some(vec![("user-agent".to_owned(), "a client".to_owned())]),
        response_headers: Some(vec![("content-type".to_owned(), "application/json".to_owned())]),
        request_body: body(text),
        response_body: body("an answer "),
        ..Detail::new(id)
    }
}

struct Desk {
    bodies: Bodies,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        Self { bodies: Bodies::new(&dir.path().join("bodies"), at("2026-03-01")), dir }
    }
    /// Keeps `count` details of one day.
    fn keep(&self, day: &str, count: u128) -> Vec<RequestId> {
        let ids: Vec<_> = (0..count).map(|n| RequestId::new(at(day), n)).collect();
        let details: Vec<_> = ids.iter().map(|id| said(*id, "a question ")).collect();
        self.bodies.put(&details).unwrap();
        ids
    }
    /// Takes steps until nothing is left to do; what was done in all.
    fn tend(&self, now: &str, kept: Kept) -> Tended {
        let mut sum = Tended::default();
        for _ in 0..1000 {
            let step = self.bodies.tend(at(now), &kept).unwrap();
            sum.compressed += step.compressed;
            sum.bodies_dropped += step.bodies_dropped;
            sum.headers_dropped += step.headers_dropped;
            sum.days_dropped += step.days_dropped;
            if step.done {
                sum.done = true;
                return sum;
            }
        }
        panic!("never done: {sum:?}");
    }
    fn bytes_on_disk(&self) -> u64 {
        let files = std::fs::read_dir(self.dir.path().join("bodies")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }
}

#[test]
fn what_was_said_is_read_back_from_the_file_of_its_day() {
    let desk = Desk::new();
    assert!(desk.bodies.get(RequestId::new(at("2026-03-01"), 1)).unwrap().is_none());
    let march = desk.keep("2026-03-01T23:59:59Z", 2);
    let april = desk.keep("2026-04-01T00:00:00Z", 1);
    assert_eq!(
        desk.bodies.days().unwrap().iter().map(|day| day.file_name()).collect::<Vec<_>>(),
        ["bodies-2026-03-01.db", "bodies-2026-04-01.db"]
    );
    for id in march.iter().chain(&april) {
        assert!(desk.bodies.get(*id).unwrap() == Some(said(*id, "a question ")));
    }
}

/// Rules: S4-25.
#[test]
fn what_is_not_said_again_stays() {
    let desk = Desk::new();
    let id = desk.keep("2026-03-01", 1)[0];
    let later =
        Detail { response_body: Some(Body { size: 3, content: b"new".to_vec(), cut: 0 }), ..Detail::new(id) };
    desk.bodies.put(&[later]).unwrap();
    let kept = desk.bodies.get(id).unwrap().unwrap();
    assert_eq!(kept.response_body.unwrap().content, b"new");
    assert!(kept.request_body == said(id, "a question ").request_body);
    assert!(kept.response_headers.is_some() && kept.request_headers.is_some());
}

/// Rules: S4-65, C5.
#[test]
fn bodies_are_compressed_after_seven_days_and_all_is_dropped_after_ninety() {
    let desk = Desk::new();
    let ids = desk.keep("2026-03-01", 250);
    assert_eq!(desk.tend("2026-03-08T23:59:59Z", KEPT), Tended { done: true, ..Tended::default() });
    let before = desk.bytes_on_disk();
    assert_eq!(desk.tend("2026-03-09", KEPT).compressed, 250);
    assert!(desk.bytes_on_disk() * 4 < before, "{} of {before}", desk.bytes_on_disk());
    for id in &ids {
        assert!(desk.bodies.get(*id).unwrap() == Some(said(*id, "a question ")), "read back unchanged");
    }
    assert_eq!(desk.tend("2026-05-30T23:59:59Z", KEPT).days_dropped, 0);
    assert_eq!(desk.tend("2026-05-31", KEPT).days_dropped, 1);
    assert!(desk.bodies.get(ids[0]).unwrap().is_none());
    assert_eq!(desk.bytes_on_disk(), 0);
}

/// Rules: S4-65.
#[test]
fn each_part_goes_in_its_own_time_in_batches() {
    let desk = Desk::new();
    let ids = desk.keep("2026-03-01", 250);
    let kept = Kept { bodies_s: DAY_S, ..KEPT };
    assert_eq!(desk.bodies.tend(at("2026-03-03"), &kept).unwrap().bodies_dropped, 100, "one batch");
    assert_eq!(desk.tend("2026-03-03", kept).bodies_dropped, 150);
    let left = desk.bodies.get(ids[249]).unwrap().unwrap();
    assert!(left.request_body.is_none() && left.response_body.is_none() && left.request_headers.is_some());

    let ids = desk.keep("2026-03-02", 3);
    let kept = Kept { headers_s: DAY_S, ..KEPT };
    assert_eq!(desk.tend("2026-03-04", kept).headers_dropped, 253);
    let left = desk.bodies.get(ids[0]).unwrap().unwrap();
    assert!(left.request_body.is_some() && left.request_headers.is_none());
}
