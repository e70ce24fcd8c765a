//! A thousand open streams: `cargo bench -p bursar --bench streams` (Linux; `ulimit -n 8192` before).
//!
//! How much memory each takes, how much later a chunk comes through Bursar than directly, and how many plain requests pass
//! meanwhile. The provider of the streams is in this process, so that one clock tells when a chunk was written and when it
//! came; Bursar and the provider of the plain requests are processes of their own. Towards the provider the streams go
//! over plain TCP or over TLS with HTTP/1.1, a connection each. Where nginx is installed, it stands between the same in the same
//! run as a plain reverse proxy.
//!
//! `BURSAR_BIN` names the binary to measure (default: the one that cargo built for this bench), `BENCH_STREAMS` the number of
//! streams (default 1000), `BENCH_CHUNK_MS` the pace of each (default 500), `BENCH_MS` the time of a measurement (default 5000).

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a figure or nothing")]
#![expect(clippy::indexing_slicing, reason = "figures for people")]

mod clock;
mod house;
mod provider;
mod proxy;
mod readers;

use bursar_mock::load::{Histogram, Plan, Shot, run};
use house::Bursar;
use proxy::Nginx;
use readers::Readers;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

fn main() {
    // `cargo bench` passes flags of its own; `cargo test --benches` asks for none of this.
    if !std::env::args().any(|flag| flag == "--bench") {
        return;
    }
    let streams = usize::try_from(number("BENCH_STREAMS", 1000)).unwrap();
    let pace = Duration::from_millis(number("BENCH_CHUNK_MS", 500));
    let each = Duration::from_millis(number("BENCH_MS", 5000));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::TempDir::with_prefix("bursar-bench-").unwrap();
        let (_process, plain) = house::plain(folder.path());
        println!("binary: {}", house::binary().display());
        println!(
            "{streams} streams, a chunk each {} ms; plain requests of 4 kB over 32 connections",
            pace.as_millis()
        );
        let alone = plain_requests(plain, "", each).await;
        println!("plain requests straight to their provider, no streams: {alone} /s");
        for tls in [false, true] {
            let ca = folder.path().join("ca.pem");
            let ca = tls.then_some(ca.as_path());
            let addr = provider::start(pace, ca).await;
            if !tls {
                let direct = Readers::open(streams, addr, "", "streamed").await;
                report("direct", &ages(&direct, streams, each).await);
                drop(direct);
                match Nginx::start(addr, plain).await {
                    Some(nginx) => beside(&nginx, (streams, each)).await,
                    None => println!("through nginx: none is installed, left out"),
                }
            }
            through(addr, ca, plain, (streams, each)).await;
        }
    });
}

/// The figures of a plain reverse proxy in front of the same providers.
async fn beside(nginx: &Nginx, (streams, each): (usize, Duration)) {
    let without = plain_requests(nginx.plain, "", each).await;
    let before = nginx.memory();
    let readers = Readers::open(streams, nginx.streams, "", "streamed").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let taken = nginx.memory() - before;
    report("through nginx", &ages(&readers, streams, each).await);
    println!("  memory: {} B a stream", taken / i64::try_from(streams).unwrap());
    readers.count();
    let meanwhile = plain_requests(nginx.plain, "", each).await;
    println!("  plain requests: {without} /s without streams, {meanwhile} /s beside them");
    report("  chunks beside plain requests", &readers.ages(streams));
}

/// The figures of one Bursar in front of the streams' provider.
async fn through(addr: SocketAddr, ca: Option<&Path>, plain: SocketAddr, (streams, each): (usize, Duration)) {
    let (base, way) = match ca {
        None => (format!("http://{addr}"), "through bursar"),
        Some(_) => (format!("https://localhost:{}", addr.port()), "through bursar, TLS to the provider"),
    };
    let bursar = Bursar::start(&base, ca, plain).await;
    let without = plain_requests(bursar.addr, &bursar.key, each).await;
    let before = bursar.memory();
    let readers = Readers::open(streams, bursar.addr, &bursar.key, "streamed").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let taken = bursar.memory() - before;
    report(way, &ages(&readers, streams, each).await);
    let count = i64::try_from(streams).unwrap();
    println!(
        "  memory: {} B a stream ({} kB before, {} kB more)",
        taken / count,
        before / 1024,
        taken / 1024
    );
    readers.count();
    let meanwhile = plain_requests(bursar.addr, &bursar.key, each).await;
    println!("  plain requests: {without} /s without streams, {meanwhile} /s beside them");
    report("  chunks beside plain requests", &readers.ages(streams));
}

async fn ages(readers: &Readers, streams: usize, each: Duration) -> Histogram {
    readers.count();
    tokio::time::sleep(each).await;
    readers.ages(streams)
}

fn report(what: &str, ages: &Histogram) {
    let micros = |per_mille| ages.per_mille(per_mille).as_micros();
    println!("{what}: {} chunks, age p50 {} us, p99 {} us", ages.count(), micros(500), micros(990));
}

/// Plain requests a second over 32 connections.
async fn plain_requests(addr: SocketAddr, key: &str, each: Duration) -> u64 {
    let prompt = "x".repeat(4_000);
    let body = format!(
        r#"{{"model":"mock-out-57-in-900","max_tokens":100,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    let shot = Shot::post("/v1/chat/completions", body).bearer(key);
    let plan = Plan::new(addr, 32).stop_after(each);
    let report = run(&plan, move |_| Some(shot.clone())).await;
    let ok = report.of_status(200);
    assert!(ok == report.requests && ok > 0, "{:?} {:?}", report.statuses, report.failures);
    report.per_second()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
