//! How long a stop takes: from the command to the last request that a provider gets, with a thousand streams open.

use crate::house::{House, asking, chat, priced};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a stop is commanded.
#[derive(Debug, Clone, Copy)]
enum By {
    /// The admin API at the listener of clients.
    Api,
    /// The admin API at a listener of its own.
    OwnDoor,
    File,
}

fn count(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Opens the streams, keeps asking beside them, stops everything; milliseconds until the switch was on for the data
/// plane, until the last request was sent, and until the last stream was gone at the provider.
async fn stop(house: &Arc<House>, streams: usize, by: By) -> (f64, f64, f64) {
    let mut opening = tokio::task::JoinSet::new();
    let busy = Arc::new(AtomicBool::new(true));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..streams {
        let house = Arc::clone(house);
        opening.spawn(async move {
            let mut stream = house.begin(&asking("out=900 in=10 chunk_ms=500 chunk_tokens=1", true)).await;
            stream.frame().await.expect("a first piece").expect("a piece");
            stream
        });
    }
    let open = opening.join_all().await;
    for stream in open {
        clients.spawn(async move { drop(stream.collect().await) });
    }
    for _ in 0..16 {
        let (house, busy) = (Arc::clone(house), Arc::clone(&busy));
        clients.spawn(async move {
            while busy.load(Ordering::Relaxed) {
                let _ = house.try_chat(&chat(5, false)).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let looking = {
        let house = Arc::clone(house);
        std::thread::spawn(move || {
            while house.governor().kills().is_empty() {
                std::thread::sleep(Duration::from_micros(200));
            }
            Instant::now()
        })
    };
    let watching = {
        let house = Arc::clone(house);
        tokio::spawn(async move {
            let (mut sent, mut last_sent, mut gone) = (house.mock.received(), began, None);
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let now = house.mock.received();
                if now != sent {
                    (sent, last_sent) = (now, Instant::now());
                }
                match (house.mock.in_flight(), gone) {
                    (0, None) => gone = Some(Instant::now()),
                    (0, Some(at)) if at.elapsed() > Duration::from_millis(500) => return (last_sent, at),
                    (0, Some(_)) => {}
                    (_, _) => gone = None,
                }
            }
        })
    };
    match by {
        By::Api | By::OwnDoor => {
            let order = json!({"scope": "platform", "reason": "measured", "cut": true});
            house.admin("POST", "/kill", &order).await;
        }
        By::File => std::fs::write(house.data_dir().join("KILL"), "measured\ncut\n").expect("a file"),
    }
    let (last_sent, gone) = watching.await.expect("it watches");
    let is_on = looking.join().expect("it looks");
    busy.store(false, Ordering::Relaxed);
    clients.join_all().await;
    match by {
        By::Api | By::OwnDoor => drop(house.admin("DELETE", "/kill/platform", &Value::Null).await),
        By::File => std::fs::remove_file(house.data_dir().join("KILL")).expect("the file is there"),
    }
    while house.try_chat(&chat(1, false)).await.map_or(0, |answer| answer.status) != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let millis = |at: Instant| at.saturating_duration_since(began).as_secs_f64() * 1e3;
    (millis(is_on), millis(last_sent), millis(gone))
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1]
}

/// Prints what `docs/benchmarks.md` cites; asserts only that everything ended.
///
/// Rules: S1-23.
#[ignore = "a measurement, a minute long"]
#[tokio::test(flavor = "multi_thread")]
async fn from_the_command_to_the_last_request_sent() {
    let budget = "[[budgets]]\nname = \"daily\"\nlimit = \"100000 USD\"\nperiod = \"day\"\n";
    let shared = Arc::new(House::with(priced().counts_only(), budget).await);
    let own_door = "admin_listen = \"127.0.0.2:0\"";
    let apart = Arc::new(House::served(priced().counts_only(), budget, own_door).await);
    let (streams, rounds) = (count("BURSAR_STREAMS", 1_000), count("BURSAR_ROUNDS", 10));
    for (by, house) in [(By::Api, &shared), (By::OwnDoor, &apart), (By::File, &shared)] {
        let (mut on, mut sent, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (is_on, last_sent, last_gone) = stop(house, streams, by).await;
            on.push(is_on);
            sent.push(last_sent);
            gone.push(last_gone);
        }
        let times =
            [("switch on", &mut on), ("last request sent", &mut sent), ("last stream gone", &mut gone)];
        for (what, times) in times {
            times.sort_by(f64::total_cmp);
            let (p50, p99) = (quantile(times, 50), quantile(times, 99));
            eprintln!("{by:?}, {streams} streams, {rounds} rounds: {what} p50 {p50:.1} ms, p99 {p99:.1} ms");
        }
    }
    assert_eq!((shared.mock.in_flight(), apart.mock.in_flight()), (0, 0));
}
