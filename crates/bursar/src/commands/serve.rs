//! `bursar serve`: runs the server.

use crate::config::{Checked, Config, Environment, LogFilter, Surroundings};
use crate::context::Context;
use crate::exit::Failure;
use crate::serve::log::{self, Log};
use crate::serve::{self, Running};
use bursar_core::Family;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Arguments of `bursar serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to log: error, warn, info, debug, or a filter such as `bursar_gateway=debug` [default: what `log.level` says, else info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Runs the server until it is told to stop.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let asked = args.log.as_deref().map(LogFilter::parse).transpose();
    let asked =
        asked.map_err(|what| Failure::usage(format!("--log is no filter: {what}; {}", LogFilter::HELP)))?;
    let has_file = context.config_file().is_some();
    let config = if has_file { context.checked_config()? } else { from_environment(context)? };
    let said = &config.watching.log;
    let filter = asked.as_ref().unwrap_or(&said.level);
    let log = Log::start(std::io::stderr())?;
    log::install(&log, said.format, filter, context.console.colour);
    let done = serve(context, &config, has_file, &log);
    log.end();
    done
}

/// Runs it with its log at work.
fn serve(context: &mut Context<'_>, config: &Config, has_file: bool, log: &Log) -> Result<(), Failure> {
    let running = serve::start(config, &context.surroundings())
        .map_err(|error| Failure::from(anyhow::Error::from(error)))?;
    running.state.metrics.count_log_drops(log.dropped());
    if let Some(path) = context.config_file() {
        running.state.reload_by(reloading(path, context.environment.clone(), config.clone()));
    }
    greet(context, config, &running, has_file)?;
    let down = wait(&running, &config.server.data_dir)?;
    context.console.say("stopping: requests in flight may end, then the ledger closes");
    running.shutdown();
    match down {
        None => Ok(()),
        Some(reason) => Err(Failure::failed(format!("{reason}; priced requests were refused since"))),
    }
}

fn from_environment(context: &mut Context<'_>) -> Result<Config, Failure> {
    let surroundings = context.surroundings();
    match Config::from_environment(&surroundings) {
        Ok(Checked { config, .. }) => Ok(config),
        Err(report) => {
            context.console.say(&report.to_string());
            Err(Failure::failed("nothing to serve"))
        }
    }
}

/// Says where it listens and what to do next.
fn greet(
    context: &mut Context<'_>,
    config: &Config,
    running: &Running,
    has_file: bool,
) -> Result<(), Failure> {
    let base = format!("http://{}", running.address);
    let console = &mut context.console;
    for difference in &running.differences {
        console.say(&format!("{} {} `{}`", difference.action, difference.object, difference.name));
    }
    if !running.recovery.suspended.is_empty() {
        let count = running.recovery.suspended.len();
        console.say(&format!(
            "{count} requests were in flight when the last process ended: they are in suspense"
        ));
        console.hint("see `bursar ledger suspense`");
    }
    console.say(&format!("listening on {base}, data in `{}`", config.server.data_dir.display()));
    if let Some(admin) = &running.admin_address {
        console.say(&format!("admin API on http://{admin}"));
    }
    if let Some(path) = &running.admin_token {
        console.say(&format!("admin token in `{}`", path.display()));
    }
    if !has_file {
        if let Some(key) = serve::first_key(&running.state, "default")
            .map_err(|error| Failure::from(anyhow::Error::from(error)))?
        {
            console.data(&exports(config.providers.iter().map(|provider| provider.family), &base, &key))?;
            console.hint("this key is shown once; a shadow budget of 10 USD a day watches what it spends");
        } else {
            console.hint("the key of the first start goes on working; `bursar key create --project default` makes another");
        }
    } else if !serve::has_keys(&running.state) {
        console.hint("no key yet: `bursar key create --project NAME` makes one");
    }
    Ok(())
}

/// What programs for the providers that were found are told: one address and one key for all of them.
fn exports(families: impl Iterator<Item = Family>, base: &str, key: &str) -> String {
    let found: BTreeSet<Family> = families.collect();
    let of = |family: &Family| match family {
        Family::OpenAi => format!("export OPENAI_BASE_URL={base}/v1\nexport OPENAI_API_KEY={key}"),
        Family::Anthropic => format!("export ANTHROPIC_BASE_URL={base}\nexport ANTHROPIC_API_KEY={key}"),
        Family::Gemini => format!("export GOOGLE_GEMINI_BASE_URL={base}\nexport GEMINI_API_KEY={key}"),
        // Its own clients send no key: it goes with the path.
        Family::Ollama => format!("export OLLAMA_HOST={base}/k/{key}"),
    };
    found.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// Reads the file again as it was read at the start. Listener, data directory, ledger, log and telemetry stay as they are.
fn reloading(path: PathBuf, environment: Environment, started: Config) -> bursar_control::Reload {
    Box::new(move |state| {
        let read_file = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
        let surroundings = Surroundings { environment: &environment, read_file: &read_file };
        let text = read_file(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        let checked = Config::read(&text, &path, &surroundings).map_err(|report| report.to_string())?;
        serve::reload(&checked.config, &surroundings, state)
            .map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        Ok(checked.config.needs_restart(&started).into_iter().map(str::to_owned).collect())
    })
}

/// Waits for Ctrl-C or SIGTERM, or for the ledger to go down: then the process must end.
fn wait(running: &Running, data_dir: &Path) -> Result<Option<String>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut hup = signal(SignalKind::hangup())?;
        let mut stop = signal(SignalKind::user_defined1())?;
        let mut go_on = signal(SignalKind::user_defined2())?;
        loop {
            tokio::select! {
                    pressed = tokio::signal::ctrl_c() => return Ok(pressed.map(|()| None)?),
                _ = term.recv() => return Ok(None),
                _ = stop.recv() => serve::signal_on(&running.state, data_dir),
                _ = go_on.recv() => serve::signal_off(&running.state, data_dir),
                down = running.ledger.until_down() => return Ok(Some(down.to_string())),
                _ = hup.recv() => match running.state.reload() {
                    Ok(done) => tracing::info!(revision = done.revision, "configuration reloaded"),
                    Err(problem) => tracing::error!("the configuration was not reloaded, the old one stays: {problem}"),
                },
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_that_was_found_is_told_its_own_variables() {
        let told =
            |families: &[Family]| exports(families.iter().copied(), "http://127.0.0.1:8787", "sk-bursar-1");
        assert_eq!(
            told(&[Family::Anthropic]),
            "export ANTHROPIC_BASE_URL=http://127.0.0.1:8787\nexport ANTHROPIC_API_KEY=sk-bursar-1"
        );
        let all = told(&[Family::Ollama, Family::OpenAi, Family::Gemini, Family::OpenAi]);
        assert_eq!(all.matches("OPENAI_BASE_URL=http://127.0.0.1:8787/v1").count(), 1, "{all}");
        assert!(all.contains("OLLAMA_HOST=http://127.0.0.1:8787/k/sk-bursar-1"), "{all}");
    }
}
