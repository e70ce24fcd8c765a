//! `bursar mock`: runs a scripted fake provider with a bill of its own, for tests and load.

use crate::context::{Context, read_text};
use crate::exit::Failure;
use anyhow::Context as _;
use bursar_core::Family;
use bursar_mock::{Mock, Script};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `bursar mock`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it does, as TOML or JSON [default: answers with made-up text]
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Runs until Ctrl-C or SIGTERM, then writes the bill.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let script = match &args.script {
        None => Script::default(),
        Some(path) => {
            let text = read_text(path)?;
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            let read = if is_json { Script::from_json(&text) } else { Script::from_toml(&text) };
            read.with_context(|| format!("`{}` is no script", path.display()))?
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let listen = args.listen;
    runtime.block_on(async {
        let mock =
            Mock::start_at(script, listen).await.with_context(|| format!("cannot listen on `{listen}`"))?;
        if context.json {
            let urls = Family::ALL.map(|family| (family.to_string(), json!(mock.base_url(family))));
            context
                .console
                .json(&json!({ "base_urls": urls.into_iter().collect::<serde_json::Map<_, _>>() }))?;
        } else {
            let lines = Family::ALL.map(|family| format!("{family:<10} {}", mock.base_url(family)));
            context.console.data(&lines.join("\n"))?;
        }
        stopped().await?;
        let bill = mock.shutdown().await;
        context.console.say(&format!("billed {} USD for {} requests", bill.total(), bill.lines().len()));
        Ok(())
    })
}

/// Waits for Ctrl-C or SIGTERM.
async fn stopped() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
        _ = term.recv() => Ok(()),
    }
}
