//! How much one core of the mock can serve: `cargo run --release -p bursar-mock --example rates`.
//!
//! The mock runs on one thread; its own CPU time (Linux) is what counts, so that a busy machine changes little.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::unwrap_used, reason = "a figure or nothing")]

use bursar_mock::load::{Plan, Shot, run};
use bursar_mock::{Mock, Script};
use std::sync::mpsc;
use std::time::Duration;

fn main() {
    let (addr_out, addr_in) = mpsc::channel();
    let (ask_out, ask_in) = mpsc::channel::<()>();
    let (cpu_out, cpu_in) = mpsc::channel();
    let (stop_out, stop_in) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            let mock = Mock::start(Script::default().counts_only()).await.unwrap();
            addr_out.send(mock.addr()).unwrap();
            let mut clock = tokio::time::interval(Duration::from_millis(2));
            let mut stop_in = stop_in;
            while stop_in.try_recv().is_err() {
                clock.tick().await;
                if ask_in.try_recv().is_ok() {
                    cpu_out.send(cpu_ms()).unwrap();
                }
            }
            mock.shutdown().await;
        });
    });
    let addr = addr_in.recv().unwrap();
    let cpu = || {
        ask_out.send(()).unwrap();
        cpu_in.recv().unwrap()
    };
    println!("{:<34} {:>9} {:>12} {:>10} {:>10}", "case", "requests", "per CPU-s", "p50", "p99");
    for (name, bytes, stream) in [
        ("plain, 4 kB", 4_000, false),
        ("plain, 100 kB", 100_000, false),
        ("stream of 57, 4 kB", 4_000, true),
    ] {
        let prompt = "x".repeat(bytes);
        let body = format!(
            r#"{{"model":"mock-out-57-in-900","stream":{stream},"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
        );
        let shot = Shot::post("/v1/chat/completions", body);
        let plan = Plan::new(addr, 32).stop_after(Duration::from_secs(4));
        let before = cpu();
        let report = runtime().block_on(run(&plan, move |_| Some(shot.clone())));
        let used = (cpu() - before).max(1);
        println!(
            "{name:<34} {:>9} {:>12} {:>10?} {:>10?}",
            report.requests,
            report.of_status(200) * 1000 / used,
            report.latency.per_mille(500),
            report.latency.per_mille(990),
        );
    }
    stop_out.send(()).unwrap();
    server.join().unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// CPU time of this thread: ticks of ten milliseconds, user and system.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}
