//! `bursar init`: writes a commented configuration that passes `bursar check`.

use crate::config::vendor::{VENDORS, Vendor};
use crate::config::{Config, Environment};
use crate::context::{CONFIG_FILE, Context};
use crate::exit::Failure;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Arguments of `bursar init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write to standard output instead
    #[arg(long)]
    print: bool,
}

/// Writes the file; never over one that is there.
pub(crate) fn run(args: &Args, context: &mut Context<'_>) -> Result<(), Failure> {
    let text = text(context.environment);
    let path = context.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    // What is written must be right: a mistake here is one of ours.
    Config::read(&text, &path, &context.surroundings()).map_err(|report| anyhow::anyhow!("{report}"))?;
    if args.print {
        return context.console.data(&text);
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match file {
        Ok(mut file) => {
            let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
            written.with_context(|| format!("`{}` cannot be written", path.display()))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::refused(format!("`{}` exists and is not overwritten", path.display()))
                .hint("name another file with `--config`, or print with `--print`"));
        }
        Err(error) => {
            return Err(anyhow::Error::from(error)
                .context(format!("`{}` cannot be made", path.display()))
                .into());
        }
    }
    if context.json {
        context.console.json(&serde_json::json!({ "config": path.display().to_string() }))?;
    }
    context.console.say(&format!("wrote `{}`", path.display()));
    let config =
        if path.as_os_str() == CONFIG_FILE { String::new() } else { format!(" --config {}", path.display()) };
    let is_key =
        |vendor: &Vendor| vendor.variables.iter().any(|name| context.environment.get(name).is_some());
    if !VENDORS.iter().any(is_key) && context.environment.get("OLLAMA_HOST").is_none() {
        context.console.hint("no provider key is in the environment: declare a provider in the file first");
    }
    context.console.hint(&format!("`bursar check{config}` checks it, `bursar serve{config}` runs it"));
    Ok(())
}

/// The file: providers whose key is in the environment are declared, the others stand as comments.
fn text(environment: &Environment) -> String {
    let mut out = String::from(HEAD);
    for vendor in VENDORS {
        let found = vendor.variables.iter().find(|name| environment.get(name).is_some());
        let is_there =
            found.is_some() || (vendor.variables.is_empty() && environment.get("OLLAMA_HOST").is_some());
        let mark = if is_there { "" } else { "# " };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{mark}[providers.{}]", vendor.name);
        let _ = writeln!(out, "{mark}{}", setting(vendor, found.copied(), environment));
    }
    out.push_str(TAIL);
    out
}

fn setting(vendor: &Vendor, found: Option<&str>, environment: &Environment) -> String {
    match found.or_else(|| vendor.variables.first().copied()) {
        Some(variable) => format!("credential = {{ env = \"{variable}\" }}"),
        None => {
            let host = environment.get("OLLAMA_HOST");
            let url = host.map_or_else(|| vendor.base_url.to_owned(), crate::config::vendor::ollama_base_url);
            format!("base_url = \"{url}\"")
        }
    }
}

const HEAD: &str = r#"# Bursar's configuration. `bursar check` names every mistake; docs/reference/configuration.md lists every field.
# Environment variables override any field: BURSAR_SERVER__LISTEN="127.0.0.1:9000".

[server]
listen = "127.0.0.1:8787"
data_dir = "bursar-data"            # relative to this file; journal, databases, admin token
# admin_token = { env = "BURSAR_ADMIN_TOKEN" }   # needed to listen on more than loopback

[ledger]
durability = "sync"                 # "fast": a power cut may forget 50 ms

# Who answers. A secret never stands here: { env = "NAME" } or { file = "path" }.
# credential = "client" forwards the caller's own.
"#;

const TAIL: &str = r#"
# A model that is not listed goes to the provider whose price book knows it.
# [models."gpt-4o-mini"]
# deployments = [{ provider = "openai" }]
# fallback = ["gpt-4.1-mini"]

# The units that own keys and are billed. `bursar key create --project default` makes a key.
[projects.default]
# time_zone = "Europe/Berlin"
# require_budget = true

# Everything together: refuses what does not fit. Mode "shadow" only records what it would have refused.
[[budgets]]
name = "platform daily"
limit = "10 USD"
period = "day"

# One window for each user of a project.
# [[budgets]]
# name = "each user"
# limit = "10 USD"
# period = "month"
# match = { project = "default" }
# per = ["user"]

# One window for each run of an agent: `x-bursar-run` names the run.
# [[budgets]]
# name = "each run"
# limit = "1 USD"
# period = "total"
# per = ["run"]
# missing = "skip"
"#;
