//! The whole gateway beside a plain reverse proxy and beside nothing: `cargo bench -p bursar --bench gateway`.
//!
//! Four ways to the same fake provider, each a process of its own: directly, through nginx (skipped loudly where it is
//! not installed), through Bursar in `fast` and through Bursar in `sync`, with a hard budget on. They take turns within
//! one run, forth and back (ABCD DCBA), so that what else the machine does hits all alike; medians over the rounds.
//!
//! `BURSAR_BIN` names the binary to measure (default: the one that cargo built for this bench), `BENCH_ROUNDS` the rounds
//! (default 5), `BENCH_MS` the time of one turn (default 1000), `BENCH_ONLY` one case, such as `32/4000`.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a figure or nothing")]
#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::float_arithmetic,
    reason = "figures for people"
)]

mod disk;
#[expect(dead_code, reason = "a part of the house is the bench of draining alone")]
mod house;
mod turn;

use house::{House, Way};
use turn::{Case, Turn};

const CONNECTIONS: [usize; 3] = [1, 32, 256];
const BYTES: [usize; 3] = [4_000, 100_000, 1_000_000];

fn main() {
    // `cargo bench` passes flags of its own; `cargo test --benches` asks for none of this.
    if !std::env::args().any(|flag| flag == "--bench") {
        return;
    }
    let rounds = number("BENCH_ROUNDS", 5);
    let each = std::time::Duration::from_millis(number("BENCH_MS", 1000));
    let only = std::env::var("BENCH_ONLY").ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let house = House::start().await;
        println!("binary: {}", house.binary.display());
        println!("fdatasync of 4 kB, p50: {} us", disk::fdatasync_us(house.folder()));
        println!(
            "{:<14} {:<12} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
            "conns/bytes", "way", "req/s", "x nginx", "p50 us", "p99 us", "+p50", "+p99", "cpu us", "x nginx"
        );
        for connections in CONNECTIONS {
            for bytes in BYTES {
                let case = Case { connections, bytes };
                if only.as_ref().is_some_and(|only| *only != case.to_string()) {
                    continue;
                }
                let turns = measure(&house, case, rounds, each).await;
                report(case, &turns);
            }
        }
    });
}

/// The turns of each way, in the order of [`House::ways`].
async fn measure(house: &House, case: Case, rounds: u64, each: std::time::Duration) -> Vec<(Way, Vec<Turn>)> {
    let mut turns: Vec<(Way, Vec<Turn>)> = house.ways().map(|way| (way, Vec::new())).collect();
    // One turn each that does not count: connections, caches, first windows.
    for (way, _) in &turns {
        turn::take(house, *way, case, each / 4).await;
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..turns.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for place in order {
            let taken = turn::take(house, turns[place].0, case, each).await;
            turns[place].1.push(taken);
        }
    }
    turns
}

fn report(case: Case, turns: &[(Way, Vec<Turn>)]) {
    let of = |wanted: Way| turns.iter().find(|(way, _)| *way == wanted).map(|(_, taken)| median_of(taken));
    let direct = of(Way::Direct).expect("the direct way is always there");
    let nginx = of(Way::Nginx);
    for (way, taken) in turns {
        let seen = median_of(taken);
        let ratio = |own: u64, other: Option<u64>| match other {
            Some(other) if *way != Way::Direct && other > 0 => format!("{:.2}", own as f64 / other as f64),
            _ => "-".to_owned(),
        };
        println!(
            "{:<14} {:<12} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
            case.to_string(),
            way.to_string(),
            seen.per_second,
            ratio(seen.per_second, nginx.map(|nginx| nginx.per_second)),
            seen.p50_us,
            seen.p99_us,
            seen.p50_us as i64 - direct.p50_us as i64,
            seen.p99_us as i64 - direct.p99_us as i64,
            if *way == Way::Direct { "-".to_owned() } else { seen.cpu_us.to_string() },
            ratio(seen.cpu_us, nginx.map(|nginx| nginx.cpu_us)),
        );
        let spread: Vec<u64> = taken.iter().map(|turn| turn.per_second).collect();
        if let (Some(low), Some(high)) = (spread.iter().min(), spread.iter().max()) {
            println!("{:<14} {:<12} {:>10}", "", "  spread", format!("{low}-{high}"));
        }
    }
}

fn median_of(taken: &[Turn]) -> Turn {
    let median = |read: fn(&Turn) -> u64| {
        let mut values: Vec<u64> = taken.iter().map(read).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    Turn {
        answered: median(|turn| turn.answered),
        per_second: median(|turn| turn.per_second),
        p50_us: median(|turn| turn.p50_us),
        p99_us: median(|turn| turn.p99_us),
        cpu_us: median(|turn| turn.cpu_us),
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
