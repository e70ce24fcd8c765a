//! `bursar replay`: drives a gateway with a recorded trace.

mod house;
mod report;
mod trace;

use self::house::{Fakes, PROBE_MODEL};
use self::report::{Books, Outcome};
use self::trace::Row;
use crate::context::Context;
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_core::Usd;
use bursar_mock::load::{self, Plan, Seen, Shot};
use parking_lot::Mutex;
use serde_json::json;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the progress is said.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// Pause between the latency probes of one side: enough samples, little load of their own.
const PROBE_EVERY: Duration = Duration::from_millis(5);
/// The least output limit that a request of the trace asks for, as programs do: more than most answers need.
const OUTPUT_LIMIT: u64 = 1024;

/// Arguments of `bursar replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A trace with the columns TIMESTAMP, ContextTokens, GeneratedTokens; may be gzipped
    #[arg(value_name = "TRACE.csv[.gz]")]
    pub(crate) trace: PathBuf,
    /// How many times faster than recorded; 0 as fast as possible
    #[arg(long, value_name = "FACTOR", default_value_t = 60)]
    pub(crate) speed_up: u32,
    /// Stop after so many rows
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
    /// The gateway to drive; without it one is started in front of the fake provider
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,
    /// The key to present to `--target`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The model to ask for
    #[arg(long, default_value = "gpt-4o-mini")]
    pub(crate) model: String,
    /// A hard budget of the gateway that is started, such as `5 USD`
    #[arg(long, value_name = "LIMIT")]
    pub(crate) limit: Option<String>,
    /// Requests in flight at most
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) connections: usize,
}

/// Replays the trace.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let rows = trace::read(&args.trace, args.rows)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    let outcome = match &args.target {
        Some(target) => {
            if args.limit.is_some() {
                return Err(Failure::usage(
                    "--limit is for the gateway that replay starts, not for --target",
                ));
            }
            let traffic =
                Traffic::new(args, rows, address(target)?, args.key.as_deref().unwrap_or(""), false);
            runtime.block_on(traffic.send(context))?
        }
        None => {
            if let Some(limit) = &args.limit {
                let amount = limit.strip_suffix("USD").map(str::trim_end).map(Usd::parse);
                if !matches!(amount, Some(Ok(_))) {
                    return Err(Failure::usage(format!("--limit: `{limit}` is no amount such as `5 USD`")));
                }
            }
            let fakes = runtime.block_on(Fakes::start())?;
            let local = fakes.gateway(&args.model, args.limit.as_deref())?;
            let traffic = Traffic::new(args, rows, local.address(), local.key(0), true);
            runtime.block_on(async {
                let done = Arc::new(AtomicBool::new(false));
                let direct = probe(fakes.probed.addr(), "", &done);
                let through = probe(local.address(), local.key(1), &done);
                let sending = async {
                    let outcome = traffic.send(context).await;
                    done.store(true, Ordering::Release);
                    outcome
                };
                let (outcome, direct, through) = tokio::join!(sending, direct, through);
                let mut outcome = outcome?;
                fakes.billed.idle().await;
                let mut stands = local.quiet().await?;
                stands.retain(|stand| &*stand.0.name == "replay");
                let billed = fakes.billed.total();
                outcome.books = Some(Books { stands, billed, direct, through });
                Ok::<_, Failure>(outcome)
            })?
        }
    };
    if context.json {
        context.console.json(&outcome.json())?;
    } else {
        context.console.data(&outcome.text())?;
    }
    let complaints = outcome.complaints();
    if complaints.is_empty() { Ok(()) } else { Err(Failure::failed(complaints.join("; "))) }
}

/// What is sent, and what came of it.
struct Traffic {
    rows: Arc<Vec<Row>>,
    plan: Plan,
    speed_up: u32,
    model: String,
    key: String,
    /// Every second request is a stream; a foreign gateway gets plain ones, whose answers carry their cost.
    streams: bool,
    seen: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    refused: u64,
    odd: u64,
    told: Usd,
}

impl Traffic {
    fn new(args: &Args, rows: Vec<Row>, address: SocketAddr, key: &str, streams: bool) -> Self {
        let seen = Arc::new(Mutex::new(Counts::default()));
        let counting = Arc::clone(&seen);
        let plan = Plan::new(address, args.connections.max(1)).observe(move |seen| counting.lock().see(seen));
        let (speed_up, model, key) = (args.speed_up, args.model.clone(), key.to_owned());
        Self { rows: Arc::new(rows), plan, speed_up, model, key, streams, seen }
    }
    /// Sends every row, saying once a second how far it is.
    async fn send(&self, context: &mut Context<'_>) -> Result<Outcome, Failure> {
        let (rows, model, key) = (Arc::clone(&self.rows), self.model.clone(), self.key.clone());
        let (speed_up, streams) = (self.speed_up, self.streams);
        let shots = move |index: u64| {
            let row = rows.get(usize::try_from(index).ok()?)?;
            let stream = streams && index.is_multiple_of(2);
            let shot = shot(row, &model, stream, if streams { OUTPUT_LIMIT } else { 1 }).bearer(&key);
            Some(if speed_up == 0 { shot } else { shot.at(row.at / speed_up) })
        };
        let mut tick = tokio::time::interval(SAY_EVERY);
        let mut driving = std::pin::pin!(load::run(&self.plan, shots));
        let load = loop {
            tokio::select! {
                report = &mut driving => break report,
                _ = tick.tick() => {
                    let (sent, of) = (self.seen.lock().sent, self.rows.len());
                    context.console.say(&format!("{sent} of {of} requests"));
                }
            }
        };
        let counts = self.seen.lock();
        Ok(Outcome { load, refused: counts.refused, odd: counts.odd, told: counts.told, books: None })
    }
}

impl Counts {
    fn see(&mut self, seen: &Seen) {
        self.sent += 1;
        let answered = seen.status == Some(200) && seen.failure.is_none();
        let refused = || {
            let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap_or_default();
            body.get("bursar").is_some_and(|refusal| refusal.get("blocking").is_some())
        };
        if answered {
            let cost = seen.headers.get("x-bursar-cost-usd").and_then(|cost| cost.to_str().ok());
            let cost = cost.and_then(|cost| Usd::parse(cost).ok());
            self.told = self.told.saturating_add(cost.unwrap_or(Usd::ZERO));
        } else if refused() {
            self.refused += 1;
        } else {
            self.odd += 1;
        }
    }
}

/// A row as a request. The fake provider reads from its prompt how long prompt and answer are; others ignore that.
fn shot(row: &Row, model: &str, stream: bool, least_limit: u64) -> Shot {
    // Four bytes a token, as English text has in the mean; the fake provider's count never exceeds the text.
    let words = usize::try_from(row.input).unwrap_or(usize::MAX);
    let (input, output) = (row.input, row.output.max(1));
    let body = json!({
        "model": model, "stream": stream, "max_tokens": output.max(least_limit),
        "messages": [{"role": "user", "content": format!("{}[[mock in={input} out={output}]]", "and ".repeat(words))}],
    });
    Shot::post("/v1/chat/completions", body.to_string())
}

/// One small request after the other, until `done`: how long each takes on that way.
async fn probe(address: SocketAddr, key: &str, done: &Arc<AtomicBool>) -> load::Report {
    let (done, key) = (Arc::clone(done), key.to_owned());
    let plan = Plan::new(address, 1);
    let row = Row { at: Duration::ZERO, input: 200, output: 20 };
    let shots = move |index: u64| {
        let after = PROBE_EVERY.saturating_mul(u32::try_from(index).ok()?);
        (!done.load(Ordering::Acquire))
            .then(|| shot(&row, PROBE_MODEL, false, OUTPUT_LIMIT).bearer(&key).at(after))
    };
    load::run(&plan, shots).await
}

/// The address behind `http://host:port`.
fn address(url: &str) -> Result<SocketAddr, Failure> {
    let wrong = || Failure::usage(format!("--target: `{url}` is not of the form http://host:port"));
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
    let rest = rest.strip_suffix("/v1").unwrap_or(rest);
    let host = if rest.contains(':') { rest.to_owned() } else { format!("{rest}:80") };
    let mut found = host.to_socket_addrs().map_err(|_| wrong())?;
    found.next().ok_or_else(wrong)
}
