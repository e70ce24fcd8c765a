//! `bursar demo`: two fake providers, three projects, one runaway agent.

mod scene;
mod screen;
mod verdict;
mod watch;

use self::scene::{KEYS, Providers, VISITOR};
use self::screen::{How, Screen};
use self::verdict::Verdict;
use self::watch::Watch;
use crate::context::Context;
use crate::exit::Failure;
use crate::serve::local::Local;
use anyhow::Context as _;
use bursar_mock::load::{self, Plan};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Requests in flight at most: more than the scene ever has.
const CONNECTIONS: usize = 48;
/// How often the view is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// The budget that every request counts against.
const PLATFORM: &str = "platform";

/// Arguments of `bursar demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep running, and print a base URL, a key and a line to try
    #[arg(long)]
    pub(crate) stay: bool,
    /// How long the traffic runs
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Makes every draw; the same number gives the same traffic
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Runs the demonstration.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    let providers = runtime.block_on(Providers::start(args.seed))?;
    let local = Local::start(&providers.config(), &KEYS)?;
    context.console.say(&format!(
        "bursar on http://{}, in front of two fake providers; three projects, {} keys, one runaway agent",
        local.address(),
        KEYS.len()
    ));
    let verdict = runtime.block_on(drive(args, context, &local, &providers))?;
    if context.json {
        context.console.json(&verdict.json())?;
    } else {
        context.console.data(&verdict.text())?;
    }
    if args.stay {
        stay(context, &local)?;
        runtime.block_on(stopped())?;
    }
    drop(local);
    runtime.block_on(async { (providers.north.shutdown().await, providers.south.shutdown().await) });
    let complaints = verdict.complaints();
    if complaints.is_empty() { Ok(()) } else { Err(Failure::failed(complaints.join("; "))) }
}

/// Sends the scene's traffic while showing it, then lets everything settle.
async fn drive(
    args: &Args,
    context: &mut Context<'_>,
    local: &Local,
    providers: &Providers,
) -> Result<Verdict, Failure> {
    let acts = Arc::new(scene::acts(args.seed, Duration::from_secs(args.seconds.into())));
    let watch = Arc::new(Watch::default());
    let (told, watching) = (Arc::clone(&acts), Arc::clone(&watch));
    let find = |acts: &[scene::Act], index: u64| {
        usize::try_from(index).ok().and_then(|index| acts.get(index)).cloned()
    };
    let plan = Plan::new(local.address(), CONNECTIONS).observe(move |seen| {
        if let Some(act) = find(&told, seen.index) {
            watching.see(&act, seen);
        }
    });
    let keys: Vec<String> = (0..KEYS.len()).map(|at| local.key(at).to_owned()).collect();
    let shots = move |index| {
        let act = find(&acts, index)?;
        Some(act.shot(keys.get(act.key)?))
    };

    let mut screen = Screen::new(how(context));
    let started = Instant::now();
    let mut tick = tokio::time::interval(DRAW_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut driving = std::pin::pin!(load::run(&plan, shots));
    loop {
        tokio::select! {
            _ = &mut driving => break,
            _ = tick.tick() => screen.show(&mut context.console, started.elapsed(), &local.stands()?, &watch)?,
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                return Err(Failure::failed("stopped before the end"));
            }
        }
    }
    for (_, provider) in providers.each() {
        provider.idle().await;
    }
    let stands = local.quiet().await?;
    screen.show(&mut context.console, started.elapsed(), &stands, &watch)?;
    let bills = providers.each().map(|(name, provider)| {
        let bill = provider.bill();
        (name, bill.requests(), bill.total())
    });
    Ok(Verdict::new(stands, watch.counts(), bills.into(), PLATFORM))
}

fn how(context: &Context<'_>) -> How {
    let dumb = context.environment.get("TERM") == Some("dumb");
    match context.json {
        true => How::Talk,
        false if std::io::stdout().is_terminal() && !dumb => How::Terminal,
        false => How::Log,
    }
}

/// Says how to try it.
fn stay(context: &mut Context<'_>, local: &Local) -> Result<(), Failure> {
    let base = format!("http://{}/v1", local.address());
    let key = local.key(VISITOR);
    let lines = format!(
        "base URL  {base}\nkey       {key}\ntry       curl {base}/chat/completions -H 'authorization: Bearer {key}' \
         -H 'content-type: application/json' -d '{{\"model\":\"swift\",\"max_tokens\":200,\
         \"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'"
    );
    if context.json {
        context.console.say(&lines);
    } else {
        context.console.data(&lines)?;
    }
    context.console.hint("Ctrl-C ends it");
    Ok(())
}

async fn stopped() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
        _ = term.recv() => Ok(()),
    }
}
