//! The fake provider's own bill: what was really generated, at its own prices, by its own arithmetic.

use crate::limits::BILL_LINES_MAX;
use bursar_core::{ApiFormat, Rate, Usd};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one model costs: USD per million tokens as rates, and a fee per request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Price {
    /// Prompt tokens that no cache served or took.
    pub input: Rate,
    /// Prompt tokens read from a cache.
    pub cache_read: Rate,
    /// Prompt tokens written for five minutes.
    pub cache_write_5m: Rate,
    /// Prompt tokens written for an hour.
    pub cache_write_1h: Rate,
    /// Generated tokens.
    pub output: Rate,
    /// Each billed request.
    pub request: Rate,
}

/// How a request ended, as the provider saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// Answered to the end.
    Complete,
    /// The client left before the end.
    Disconnected,
    /// The script made it fail.
    Faulty,
}

impl Ending {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Disconnected => "disconnected",
            Self::Faulty => "faulty",
        }
    }
}

/// Tokens really read and generated. The five classes do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Prompt tokens that no cache served or took.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Prompt tokens written for five minutes.
    pub cache_write_5m: u64,
    /// Prompt tokens written for an hour.
    pub cache_write_1h: u64,
    /// Tokens generated, reasoning and what came after a disconnect included.
    pub output: u64,
}

impl Tally {
    /// All prompt tokens.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }
    /// Exact cost in pico-USD, the fee per request included.
    fn pico(&self, price: &Price) -> u128 {
        price.input.times(self.input)
            + price.cache_read.times(self.cache_read)
            + price.cache_write_5m.times(self.cache_write_5m)
            + price.cache_write_1h.times(self.cache_write_1h)
            + price.output.times(self.output)
            + price.request.times(1)
    }
}

/// One request on the bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillLine {
    /// The id that the answer's `x-request-id` header carries.
    pub id: Arc<str>,
    /// The model asked for.
    pub model: Arc<str>,
    /// The credential presented, empty where there was none.
    pub credential: Arc<str>,
    /// The API format.
    pub api_format: ApiFormat,
    /// What was really read and generated; all zero where nothing is billed.
    pub tally: Tally,
    /// The line's amount, rounded up to whole nano-USD once.
    pub amount: Usd,
    /// How it ended.
    pub ending: Ending,
}

/// A bill: its lines and its sums.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bill {
    lines: Vec<BillLine>,
    requests: u64,
    total: Usd,
    tally: Tally,
    by_model: BTreeMap<Arc<str>, Usd>,
    by_credential: BTreeMap<Arc<str>, Usd>,
}

impl Bill {
    /// The lines, oldest first; the newest are not kept beyond [`BILL_LINES_MAX`].
    #[must_use]
    pub fn lines(&self) -> &[BillLine] {
        &self.lines
    }
    /// Requests on the bill, those of no amount included.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }
    /// The sum of all amounts.
    #[must_use]
    pub const fn total(&self) -> Usd {
        self.total
    }
    /// The sums of tokens.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }
    /// The sum of one model's amounts.
    #[must_use]
    pub fn total_of_model(&self, model: &str) -> Usd {
        self.by_model.get(model).copied().unwrap_or_default()
    }
    /// The sum of one credential's amounts.
    #[must_use]
    pub fn total_of_credential(&self, credential: &str) -> Usd {
        self.by_credential.get(credential).copied().unwrap_or_default()
    }
    /// Sums by model, in name order.
    pub fn by_model(&self) -> impl Iterator<Item = (&str, Usd)> {
        self.by_model.iter().map(|(model, amount)| (&**model, *amount))
    }
    /// Sums by credential, in name order.
    pub fn by_credential(&self) -> impl Iterator<Item = (&str, Usd)> {
        self.by_credential.iter().map(|(credential, amount)| (&**credential, *amount))
    }
    /// The sums without the lines.
    pub(crate) fn sums(&self) -> Self {
        Self {
            lines: Vec::new(),
            by_model: self.by_model.clone(),
            by_credential: self.by_credential.clone(),
            ..*self
        }
    }
    /// Adds a line; `price` is `None` where nothing is billed.
    pub(crate) fn add(&mut self, mut line: BillLine, price: Option<&Price>) {
        match price {
            // An amount beyond nine billion USD is a mistake of the script: it is pinned, not lost.
            Some(price) => line.amount = Usd::from_pico_ceil(line.tally.pico(price)).unwrap_or(Usd::MAX),
            None => (line.amount, line.tally) = (Usd::ZERO, Tally::default()),
        }
        self.requests += 1;
        self.total = self.total.saturating_add(line.amount);
        self.tally.input += line.tally.input;
        self.tally.cache_read += line.tally.cache_read;
        self.tally.cache_write_5m += line.tally.cache_write_5m;
        self.tally.cache_write_1h += line.tally.cache_write_1h;
        self.tally.output += line.tally.output;
        add_to(&mut self.by_model, &line.model, line.amount);
        add_to(&mut self.by_credential, &line.credential, line.amount);
        if self.lines.len() < BILL_LINES_MAX {
            self.lines.push(line);
        }
    }
}

fn add_to(sums: &mut BTreeMap<Arc<str>, Usd>, name: &Arc<str>, amount: Usd) {
    if let Some(sum) = sums.get_mut(name) {
        *sum = sum.saturating_add(amount);
    } else {
        sums.insert(name.clone(), amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(model: &str, input: u64, output: u64) -> BillLine {
        BillLine {
            id: "1".into(),
            model: model.into(),
            credential: "c".into(),
            api_format: ApiFormat::OpenAiChat,
            tally: Tally { input, output, ..Tally::default() },
            amount: Usd::ZERO,
            ending: Ending::Complete,
        }
    }

    #[test]
    fn each_line_is_rounded_up_once() {
        // 0.15 USD per million is 150,000 pico-USD per token; 7 x 150,000 + 3 x 600,000 = 2,850,000 pico.
        let price = Price {
            input: Rate::parse_per_million("0.15").unwrap(),
            output: Rate::parse_per_million("0.6").unwrap(),
            ..Price::default()
        };
        let odd = Price { input: Rate::from_pico(1), ..Price::default() };
        let mut bill = Bill::default();
        bill.add(line("a", 7, 3), Some(&price));
        bill.add(line("b", 1, 0), Some(&odd));
        bill.add(line("b", 1, 0), Some(&odd));
        bill.add(line("b", 9, 9), None);
        assert_eq!(bill.total_of_model("a").nanos(), 2_850);
        assert_eq!(bill.total_of_model("b").nanos(), 2, "one nano-USD each, not one for both");
        assert_eq!(bill.total().nanos(), 2_852);
        assert_eq!(bill.total_of_credential("c"), bill.total());
        assert_eq!((bill.requests(), bill.tally().input, bill.tally().output), (4, 9, 3));
    }
}
