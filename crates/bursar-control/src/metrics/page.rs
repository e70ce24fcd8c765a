//! Writes the exposition: OpenMetrics text, each family with its help and type once.

use super::catalogue::{Described, Kind};
use bursar_core::durations::Counted;
use std::fmt::{Display, Write as _};

/// Six decimals: a microsecond.
const MICRO_PLACES: u32 = 6;

/// A text that is being written.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a metric: its samples follow.
    pub(super) fn begin(&mut self, metric: &Described) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {} {}", metric.name, metric.help);
        let _ = writeln!(self.0, "# TYPE {} {}", metric.name, metric.kind.as_str());
    }
    /// One sample. Labels without a value are left out.
    pub(super) fn sample(&mut self, metric: &Described, values: &[&str], value: impl Display) {
        let ending = if metric.kind == Kind::Counter { "_total" } else { "" };
        let labels = labels(metric, values, None);
        let _ = writeln!(self.0, "{}{ending}{labels} {value}", metric.name);
    }
    /// A metric with one sample and no labels.
    pub(super) fn one(&mut self, metric: &Described, value: impl Display) {
        self.begin(metric);
        self.sample(metric, &[], value);
    }
    /// The samples of a histogram.
    pub(super) fn steps(&mut self, metric: &Described, values: &[&str], counted: &Counted) {
        for (end, count) in &counted.at_most {
            let labels = labels(metric, values, Some(&seconds(*end)));
            let _ = writeln!(self.0, "{}_bucket{labels} {count}", metric.name);
        }
        let all = labels(metric, values, Some("+Inf"));
        let _ = writeln!(self.0, "{}_bucket{all} {}", metric.name, counted.count);
        let plain = labels(metric, values, None);
        let _ = writeln!(self.0, "{}_count{plain} {}", metric.name, counted.count);
        let _ = writeln!(self.0, "{}_sum{plain} {}", metric.name, seconds(counted.sum_us));
    }
    /// The whole text.
    pub(super) fn end(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// Microseconds as decimal seconds.
fn seconds(micros: u64) -> String {
    bursar_core::decimal::format(i128::from(micros), MICRO_PLACES)
}

fn labels(metric: &Described, values: &[&str], le: Option<&str>) -> String {
    let given =
        metric.labels.iter().copied().zip(values.iter().copied()).filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = given
        .chain(le.map(|le| ("le", le)))
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::{ADDED, ALERTS, COST};

    #[test]
    fn values_of_labels_are_escaped_and_empty_ones_left_out() {
        let mut page = Page::default();
        page.begin(&ALERTS);
        page.sample(&ALERTS, &["a\"b\\c\nd", ""], 3);
        page.begin(&COST);
        let text = page.end();
        assert!(text.contains("bursar_alerts_total{channel=\"a\\\"b\\\\c\\nd\"} 3\n"), "{text}");
        assert!(text.ends_with("# TYPE bursar_cost_usd counter\n# EOF\n"), "{text}");
    }

    #[test]
    fn a_histogram_ends_at_infinity() {
        let durations = bursar_core::Durations::default();
        durations.observe_us(1_500_000);
        let mut page = Page::default();
        page.begin(&ADDED);
        page.steps(&ADDED, &[], &durations.counted());
        let text = page.end();
        assert!(
            text.contains("_bucket{le=\"0.00005\"} 0\n") && text.contains("_bucket{le=\"2.5\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("_bucket{le=\"+Inf\"} 1\n") && text.contains("_sum 1.5\n"), "{text}");
    }
}
