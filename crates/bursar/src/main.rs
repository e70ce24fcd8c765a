//! The `bursar` binary: gathers arguments, environment, streams and clock, and runs one command.

use bursar::config::Environment;
use bursar::console::Console;
use bursar_core::Timestamp;
use std::io::IsTerminal;
use std::process::ExitCode;

/// A request makes and drops hundreds of small pieces, some on another thread: an allocator with heaps by thread.
/// Without huge pages (`no_thp`), which keep half as much memory again resident and are no faster here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A variable that is not UTF-8 is none of ours.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = Environment::new(variables);
    let colour = std::io::stderr().is_terminal()
        && environment.get("NO_COLOR").is_none()
        && environment.get("TERM") != Some("dumb");
    let charts = std::io::stdout().is_terminal() && environment.get("TERM") != Some("dumb");
    let (mut out, mut err, mut input) = (std::io::stdout(), std::io::stderr(), std::io::stdin());
    let console = Console { out: &mut out, err: &mut err, input: &mut input, colour, charts };
    let now = Timestamp::from_jiff(jiff::Timestamp::now());
    ExitCode::from(bursar::cli::run(std::env::args_os().collect(), &environment, console, now))
}
