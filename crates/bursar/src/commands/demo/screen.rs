//! The live view: bars in a terminal, a clean log elsewhere.

use super::watch::Watch;
use crate::console::Console;
use crate::exit::Failure;
use crate::serve::local::Stand;
use std::time::Duration;

/// Columns of a bar.
const BAR: i64 = 28;
/// Refusals shown under the bars.
const RECENT: usize = 6;
/// Columns of a line in a terminal.
const WIDTH: usize = 118;

/// Where and how the run is shown.
pub(super) struct Screen {
    how: How,
    /// Lines drawn last, to be drawn over.
    drawn: usize,
    recent: Vec<String>,
    next_log: Duration,
}

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Bars, drawn over and over.
    Terminal,
    /// Lines of a log to standard output.
    Log,
    /// Lines of a log to standard error: standard output is for JSON.
    Talk,
}

impl Screen {
    pub(super) const fn new(how: How) -> Self {
        Self { how, drawn: 0, recent: Vec::new(), next_log: Duration::ZERO }
    }
    /// Shows where things stand after `elapsed`.
    pub(super) fn show(
        &mut self,
        console: &mut Console<'_>,
        elapsed: Duration,
        stands: &[Stand],
        watch: &Watch,
    ) -> Result<(), Failure> {
        let stamped = watch.lines().into_iter().map(|line| format!("{:>5} {line}", stamp(elapsed)));
        let fresh: Vec<String> = stamped.collect();
        if self.how == How::Terminal {
            self.recent.extend(fresh);
            let old = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..old);
            return self.draw(console, elapsed, stands, watch);
        }
        for line in fresh {
            self.log(console, &line)?;
        }
        if elapsed >= self.next_log {
            self.next_log = elapsed + Duration::from_secs(1);
            let fills = stands.iter().map(|stand| format!("{} {}%", stand.0.name, percent(stand)));
            let counts = watch.counts();
            let line = format!(
                "{:>5} {} answered, {} refused | {}",
                stamp(elapsed),
                counts.answered,
                counts.refused,
                fills.collect::<Vec<_>>().join(", ")
            );
            self.log(console, &line)?;
        }
        Ok(())
    }
    fn log(&self, console: &mut Console<'_>, line: &str) -> Result<(), Failure> {
        match self.how {
            How::Terminal | How::Log => console.data(line),
            How::Talk => {
                console.say(line);
                Ok(())
            }
        }
    }
    fn draw(
        &mut self,
        console: &mut Console<'_>,
        elapsed: Duration,
        stands: &[Stand],
        watch: &Watch,
    ) -> Result<(), Failure> {
        let counts = watch.counts();
        let mut lines = vec![format!(
            "{}  {} answered, {} refused, {} failed at the provider",
            stamp(elapsed),
            counts.answered,
            counts.refused,
            counts.provider_errors
        )];
        for stand in stands {
            let (budget, windows) = stand;
            let window = windows.first();
            let spent = window.map_or(0, |window| window.settled.saturating_add(window.suspense));
            let held = window.map_or(0, |window| window.held);
            let show = |amount: i64| budget.measure.format(amount);
            lines.push(format!(
                "{:<21} {} {:>3}%  {} of {}, held {}, refused {}",
                budget.name,
                bar(spent, held, budget.limit.unwrap_or(0)),
                percent(stand),
                show(spent),
                budget.limit.map_or_else(|| "unlimited".to_owned(), show),
                show(held),
                counts.refused_by(&budget.name, None)
            ));
        }
        lines.push(String::new());
        lines.extend(self.recent.iter().cloned());
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\u{1b}[{}A\u{1b}[0J", self.drawn));
        }
        for line in &lines {
            text.extend(line.chars().take(WIDTH));
            text.push('\n');
        }
        self.drawn = lines.len();
        console.data(&text)
    }
}

fn stamp(elapsed: Duration) -> String {
    format!("{}.{}s", elapsed.as_secs(), elapsed.subsec_millis() / 100)
}

/// How full the fullest window is, what is held included.
fn percent((budget, windows): &Stand) -> i64 {
    let taken = windows
        .first()
        .map_or(0, |window| window.settled.saturating_add(window.suspense).saturating_add(window.held));
    taken.saturating_mul(100).checked_div(budget.limit.unwrap_or(0)).unwrap_or(0)
}

/// Spent, held, free.
fn bar(spent: i64, held: i64, limit: i64) -> String {
    let cells = |amount: i64| amount.saturating_mul(BAR).checked_div(limit).unwrap_or(0).clamp(0, BAR);
    let (full, taken) = (cells(spent), cells(spent.saturating_add(held)));
    let repeat = |sign: &str, count: i64| sign.repeat(usize::try_from(count).unwrap_or(0));
    format!("{}{}{}", repeat("█", full), repeat("▒", taken - full), repeat("·", BAR - taken))
}
