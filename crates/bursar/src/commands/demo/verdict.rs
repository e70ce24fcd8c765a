//! The end of the demonstration: every window beside what it refused, and the ledger beside the providers' bills.

use super::watch::Counts;
use crate::serve::local::Stand;
use crate::table::Table;
use bursar_core::{Measure, Usd};
use bursar_ledger::Mode;
use serde_json::{Value, json};

/// What the run came to.
pub(super) struct Verdict {
    stands: Vec<Stand>,
    counts: Counts,
    /// Provider, requests on its bill, the bill.
    bills: Vec<(&'static str, u64, Usd)>,
    charged: Usd,
}

impl Verdict {
    /// `platform` is the budget that every request counts against.
    pub(super) fn new(
        stands: Vec<Stand>,
        counts: Counts,
        bills: Vec<(&'static str, u64, Usd)>,
        platform: &str,
    ) -> Self {
        let windows = stands.iter().filter(|stand| &*stand.0.name == platform).flat_map(|stand| &stand.1);
        let charged = windows.map(|window| window.settled.saturating_add(window.suspense)).sum();
        Self { stands, counts, bills, charged: Usd::from_nanos(charged) }
    }
    fn bill(&self) -> Usd {
        self.bills.iter().fold(Usd::ZERO, |sum, bill| sum.saturating_add(bill.2))
    }
    /// What is wrong; nothing where all agrees.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.charged != self.bill() {
            complaints.push(format!(
                "the ledger charged {} USD and the providers billed {} USD",
                self.charged,
                self.bill()
            ));
        }
        for (budget, windows) in &self.stands {
            for window in windows {
                if budget.mode == Mode::Hard && window.over_limit > 0 {
                    let over = budget.measure.format(window.over_limit);
                    complaints.push(format!("the hard budget `{}` is over its limit by {over}", budget.name));
                }
                if window.held != 0 {
                    let held = budget.measure.format(window.held);
                    complaints.push(format!("`{}` still holds {held}", budget.name));
                }
            }
        }
        if self.counts.odd > 0 {
            complaints.push(format!("{} requests had no complete answer", self.counts.odd));
        }
        complaints
    }
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new(&[
            "BUDGET",
            "WINDOW",
            ">LIMIT",
            ">SETTLED",
            ">SUSPENSE",
            ">HELD",
            ">OVER",
            ">REFUSED",
        ]);
        for (budget, per, window) in self.windows() {
            let show = |amount: i64| budget.measure.format(amount);
            table.row([
                budget.name.to_string(),
                per.unwrap_or("-").to_owned(),
                window.limit.map_or_else(|| "-".to_owned(), show),
                show(window.settled),
                show(window.suspense),
                show(window.held),
                show(window.over_limit),
                self.counts.refused_by(&budget.name, per).to_string(),
            ]);
        }
        let mut bills = Table::new(&["PROVIDER", ">REQUESTS", ">BILLED USD"]);
        for (name, requests, bill) in &self.bills {
            bills.row([(*name).to_owned(), requests.to_string(), bill.to_string()]);
        }
        let (charged, bill) = (self.charged, self.bill());
        let word = if charged == bill { "they agree to the nano-dollar" } else { "THEY DIFFER" };
        format!(
            "\n{}\n{}\nledger {charged} USD, providers' own bills {bill} USD: {word}\n{}\n",
            table.render(),
            bills.render(),
            self.summary()
        )
    }
    fn summary(&self) -> String {
        let counts = &self.counts;
        let codes = counts.by_code.iter().map(|(code, count)| format!("{code} {count}"));
        format!(
            "{} answered, {} refused ({}), {} failed at the provider and cost nothing",
            counts.answered,
            counts.refused,
            codes.collect::<Vec<_>>().join(", "),
            counts.provider_errors
        )
    }
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let budgets: Vec<Value> = self
            .windows()
            .map(|(budget, per, window)| {
                let show = |amount: i64| budget.measure.format(amount);
                json!({
                    "name": &*budget.name, "per": per, "measure": budget.measure.as_str(),
                    "limit": window.limit.map(show), "settled": show(window.settled),
                    "suspense": show(window.suspense), "held": show(window.held),
                    "over_limit": show(window.over_limit), "refused": self.counts.refused_by(&budget.name, per),
                })
            })
            .collect();
        let providers: Vec<Value> = self
            .bills
            .iter()
            .map(|(name, requests, bill)| json!({"name": name, "requests": requests, "billed": usd(*bill)}))
            .collect();
        json!({
            "budgets": budgets, "providers": providers,
            "charged": usd(self.charged), "billed": usd(self.bill()),
            "requests": {
                "answered": self.counts.answered, "refused": self.counts.refused,
                "provider_errors": self.counts.provider_errors, "incomplete": self.counts.odd,
            },
            "refusals": self.counts.by_code, "complaints": self.complaints(),
        })
    }
    fn windows(
        &self,
    ) -> impl Iterator<Item = (&bursar_ledger::Budget, Option<&str>, &bursar_ledger::Standing)> {
        self.stands.iter().flat_map(|(budget, windows)| {
            windows.iter().map(move |window| {
                let per = window.per.first().and_then(Option::as_ref);
                (&**budget, per.map(bursar_core::Value::as_str), window)
            })
        })
    }
}

fn usd(amount: Usd) -> String {
    Measure::Usd.format(amount.nanos())
}
