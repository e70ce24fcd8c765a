//! Whether draining keeps up: the gateway at its own maximum, and how far its records are behind when it stops:
//! `cargo bench -p bursar --bench drains`.
//!
//! Three kinds of turn, forth and back within one run: `alone`, `asked`, while one client asks for reports all the time, and
//! `without records`, by a gateway beside it that drains nothing, which says what draining costs those who wait. The
//! lag is the time from the last answer until the reports count every request. `BURSAR_BIN` names the binary, `BENCH_ROUNDS`
//! the rounds (default 2), `BENCH_MS` the time of one turn (default 60,000).

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a figure or nothing")]
#![expect(dead_code, reason = "parts of the house are the gateway bench's own")]

#[path = "gateway/house.rs"]
mod house;
#[path = "gateway/turn.rs"]
mod turn;

use bursar_mock::load::{Plan, Shot, send};
use house::{House, Way};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use turn::{Case, Turn};

const CASE: Case = Case { connections: 32, bytes: 4_000 };
/// What is asked meanwhile, one after the other.
const REPORTS: [&str; 4] = [
    "/admin/v1/usage/heatmap?time_zone=Asia/Taipei",
    "/admin/v1/usage/top",
    "/admin/v1/usage?period=day&by=model",
    "/admin/v1/usage/cache",
];
/// Longer than this nobody waits for records.
const LAG_MAX: Duration = Duration::from_secs(120);

/// What goes on in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alone,
    Asked,
    Unrecorded,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Alone, Self::Asked, Self::Unrecorded];

    const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Asked => "asked",
            Self::Unrecorded => "without records",
        }
    }
}

/// A turn, and what came behind it.
struct Seen {
    turn: Turn,
    lag: Duration,
    reports: u64,
}

fn main() {
    if !std::env::args().any(|flag| flag == "--bench") {
        return;
    }
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (rounds, each) = (number("BENCH_ROUNDS", 2u64), Duration::from_millis(number("BENCH_MS", 60_000)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut house = House::start().await;
        house.unrecorded().await;
        let house = house;
        println!("binary: {}; {CASE} connections/bytes, turns of {each:?}", house.binary.display());
        let warm = take(&house, Kind::Alone, each / 20).await;
        println!("warmed up: {} requests a second", warm.turn.per_second);
        for round in 0..rounds {
            let mut kinds = Kind::ALL;
            if round % 2 == 1 {
                kinds.reverse();
            }
            for kind in kinds {
                let seen = take(&house, kind, each).await;
                println!(
                    "{}: {} req/s, p50 {} us, p99 {} us, CPU {} us each, lag at the end {:?}, {} reports meanwhile",
                    kind.name(),
                    seen.turn.per_second,
                    seen.turn.p50_us,
                    seen.turn.p99_us,
                    seen.turn.cpu_us,
                    seen.lag,
                    seen.reports
                );
            }
        }
    });
}

/// One turn at the gateway's maximum, then the wait until its records are there.
async fn take(house: &House, kind: Kind, each: Duration) -> Seen {
    if kind == Kind::Unrecorded {
        let turn = turn::take(house, Way::Unrecorded, CASE, each).await;
        return Seen { turn, lag: Duration::ZERO, reports: 0 };
    }
    let before = ended(house).await;
    let (running, reports) = (AtomicBool::new(kind == Kind::Asked), AtomicU64::new(0));
    let drive = async {
        let turn = turn::take(house, Way::Fast, CASE, each).await;
        running.store(false, Ordering::Relaxed);
        (turn, Instant::now())
    };
    let ask = async {
        for path in REPORTS.iter().cycle() {
            if !running.load(Ordering::Relaxed) {
                break;
            }
            get(house, path).await;
            reports.fetch_add(1, Ordering::Relaxed);
        }
    };
    let ((turn, stopped), ()) = tokio::join!(drive, ask);
    loop {
        if ended(house).await >= before + turn.answered {
            return Seen { turn, lag: stopped.elapsed(), reports: reports.into_inner() };
        }
        assert!(stopped.elapsed() < LAG_MAX, "the records of the turn never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Requests that the reports count.
async fn ended(house: &House) -> u64 {
    get(house, "/admin/v1/usage?hours=720").await["total"]["requests"].as_u64().expect("a count")
}

async fn get(house: &House, path: &str) -> serde_json::Value {
    let token = std::fs::read_to_string(house.folder().join("fast/data/admin-token")).unwrap();
    let answer =
        send(&Plan::new(house.target(Way::Fast).addr, 1), Shot::get(path).bearer(token.trim())).await;
    serde_json::from_slice(&answer.body).unwrap()
}
