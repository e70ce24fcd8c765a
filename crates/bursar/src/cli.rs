//! The command line: which commands there are, what they share, and how each ends.

use crate::commands::{
    alert, backup, budget, check, completions, cost, demo, explain, export, init, key, kill, ledger, man,
    meter, mock, price, project, provider, reload, replay, request, serve, throttle, token, usage, user,
};
use crate::config::Environment;
use crate::console::Console;
use crate::context::Context;
use crate::exit::Failure;
use bursar_core::Timestamp;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Keeps LLM spend inside its budget.
///
/// Bursar stands between programs and their LLM providers: every request is priced, held against every budget that
/// applies, sent, metered, and settled. A hard budget is never overspent.
#[derive(Debug, Parser)]
#[command(name = "bursar", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done, 1 failed, 2 refused, 64 the command line was not understood.
Data goes to standard output, everything else to standard error. NO_COLOR turns colour off.")]
struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, clap::Args)]
struct Shared {
    /// Write data as JSON
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// The configuration file [env: BURSAR_CONFIG] [default: bursar.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE", display_order = 901)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Args),
    /// Show budgets being enforced on fake providers
    Demo(demo::Args),
    /// Write a commented configuration file
    Init(init::Args),
    /// Name every mistake in the configuration
    Check(check::Args),
    /// Drive a gateway with a recorded trace
    Replay(replay::Args),
    /// Run a scripted fake provider
    #[command(hide = true)]
    Mock(mock::Args),
    /// Projects: the units that own keys and are billed
    #[command(subcommand)]
    Project(project::Command),
    /// Users: the people on whose behalf keys are used
    #[command(subcommand)]
    User(user::Command),
    /// Keys that clients present
    #[command(subcommand)]
    Key(key::Command),
    /// Budgets and where their windows stand
    #[command(subcommand)]
    Budget(budget::Command),
    /// Stop spending at any scope, at once
    #[command(subcommand)]
    Kill(kill::Command),
    /// Who is routed away from, and a person's decisions about it
    #[command(subcommand)]
    Throttle(throttle::Command),
    /// What people were told, and whether channels work
    #[command(subcommand)]
    Alert(alert::Command),
    /// Tokens of the admin API, each with a role
    #[command(subcommand)]
    Token(token::Command),
    /// Records of requests
    #[command(subcommand)]
    Request(request::Command),
    /// Write records as CSV, JSON lines, Parquet or FOCUS 1.2
    Export(Box<export::Args>),
    /// Tell the whole story of one request
    Explain(explain::Args),
    /// Where the money went: summaries, rankings, caching, budgets
    #[command(subcommand)]
    Usage(usage::Command),
    /// The price book
    #[command(subcommand)]
    Price(price::Command),
    /// Price a usage (no server needed)
    Cost(cost::Args),
    /// Read the usage of a provider's answer from standard input (no server needed)
    Meter(meter::Args),
    /// The ledger: what is in suspense, corrections, proof
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Copy the data directory of a running server
    Backup(backup::Args),
    /// Providers as the server knows them
    #[command(subcommand)]
    Provider(provider::Command),
    /// Make the server read its configuration again
    Reload(reload::Args),
    /// Write completions for a shell
    Completions(completions::Args),
    /// Write the manual page
    Man(man::Args),
}

/// The definition of the command line, for completions and the manual.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Runs one command line. Everything it needs is an argument; the answer is the exit code.
pub fn run<'a>(
    arguments: Vec<OsString>,
    environment: &'a Environment,
    mut console: Console<'a>,
    now: Timestamp,
) -> u8 {
    let parsed =
        definition().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &mut console),
    };
    let mut context = Context { environment, console, now, json: cli.shared.json, config: cli.shared.config };
    match dispatch(cli.command, &mut context) {
        Ok(()) => 0,
        Err(failure) => {
            context.console.end(&failure);
            failure.code()
        }
    }
}

fn dispatch(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args, context),
        Command::Demo(args) => demo::run(&args, context),
        Command::Init(args) => init::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Replay(args) => replay::run(&args, context),
        Command::Mock(args) => mock::run(&args, context),
        Command::Project(command) => project::run(command, context),
        Command::User(command) => user::run(command, context),
        Command::Key(command) => key::run(command, context),
        Command::Budget(command) => budget::run(command, context),
        Command::Kill(command) => kill::run(command, context),
        Command::Throttle(command) => throttle::run(command, context),
        Command::Alert(command) => alert::run(command, context),
        Command::Token(command) => token::run(command, context),
        Command::Request(command) => request::run(command, context),
        Command::Export(args) => export::run(&args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Usage(command) => usage::run(command, context),
        Command::Price(command) => price::run(command, context),
        Command::Cost(args) => cost::run(&args, context),
        Command::Meter(args) => meter::run(&args, context),
        Command::Ledger(command) => ledger::run(command, context),
        Command::Backup(args) => backup::run(&args, context),
        Command::Provider(command) => provider::run(command, context),
        Command::Reload(args) => reload::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
    }
}

/// Help and version are data; anything else was not understood.
fn not_understood(error: &clap::Error, console: &mut Console<'_>) -> u8 {
    let text = if console.colour { error.render().ansi().to_string() } else { error.render().to_string() };
    if error.use_stderr() {
        console.say(text.trim_end());
        return 64;
    }
    match console.data(&text) {
        Ok(()) => 0,
        Err(failure) => failure.code(),
    }
}
