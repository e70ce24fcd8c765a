//! The options that make or change a budget.

use crate::commands::shared::{self, Body, Server};
use crate::context::Context;
use crate::exit::Failure;
use serde_json::{Map, Value, json};

/// A budget's fields.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// Its name
    pub(crate) name: String,
    /// The limit of each window: `100 USD`, `2M tokens`, `5000 requests`, or `none`
    #[arg(long)]
    limit: Option<String>,
    /// What a budget without a limit counts
    #[arg(long, value_parser = ["usd", "tokens", "requests"])]
    measure: Option<String>,
    /// hour, day, week, month, year, total, or days such as `7d`
    #[arg(long)]
    period: Option<String>,
    /// A day on which a cycle of days starts
    #[arg(long, value_name = "DATE")]
    anchor: Option<String>,
    /// Which requests it counts, such as `project=alpha` or `model=gpt-*`; may be repeated
    #[arg(long = "match", value_name = "NAME=VALUE", value_parser = shared::pair)]
    matches: Vec<(String, String)>,
    /// Attributes that get one window for each value, such as `user`
    #[arg(long, value_delimiter = ',', value_name = "ATTRIBUTES")]
    per: Vec<String>,
    /// What it does when it has no room
    #[arg(long, value_parser = ["hard", "soft", "shadow"])]
    mode: Option<String>,
    /// The calendar of its windows, such as `Europe/Berlin`
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The first day of a week
    #[arg(long, value_name = "DAY")]
    week_start: Option<String>,
    /// Where it warns: percents or amounts, such as `80,95,"50 USD"`
    #[arg(long, value_delimiter = ',')]
    thresholds: Vec<String>,
    /// Which cost it counts
    #[arg(long, value_parser = ["list", "effective"])]
    cost_basis: Option<String>,
    /// How much is held
    #[arg(long, value_parser = ["worst_case", "streaming", "estimate"])]
    hold: Option<String>,
    /// What becomes of unknown bills: `hold` or `estimate_after 24h`
    #[arg(long)]
    suspense: Option<String>,
    /// What a request without a `per` attribute does
    #[arg(long, value_parser = ["shared", "skip", "refuse"])]
    missing: Option<String>,
    /// Whether each period is followed by a new one
    #[arg(long, value_name = "BOOL")]
    auto_renew: Option<bool>,
    /// What happens after the only period
    #[arg(long, value_parser = ["block", "deactivate"])]
    on_expiry: Option<String>,
    /// Unused room added to the next period, in percent of the limit
    #[arg(long, value_name = "PERCENT")]
    rollover_cap_pct: Option<u32>,
    /// What may be done for a request that does not fit: wait, clamp
    #[arg(long, value_delimiter = ',')]
    fit: Vec<String>,
    /// How long a request may wait for held room
    #[arg(long, value_name = "MILLISECONDS")]
    wait_ms: Option<u32>,
    /// The most windows in memory
    #[arg(long, value_name = "N")]
    windows_max: Option<u32>,
    /// A temporary addition to the limit, such as `20 USD`, or `none`
    #[arg(long, value_name = "AMOUNT")]
    raise: Option<String>,
    /// When the raise ends: a time, a date, or a duration such as `3d`
    #[arg(long, value_name = "TIME", requires = "raise")]
    until: Option<String>,
    /// Why it is raised
    #[arg(long, requires = "raise")]
    reason: Option<String>,
    /// Whether it counts at all
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    pub(crate) server: Server,
}

impl Change {
    /// The fields that were given.
    pub(crate) fn body(&self, context: &Context<'_>) -> Result<Body, Failure> {
        let limit =
            self.limit.as_deref().map(|text| if text == "none" { Value::Null } else { Value::from(text) });
        Ok(Body::default()
            .with("limit", limit)
            .with("measure", self.measure.clone())
            .with("period", self.period.clone())
            .with("anchor", self.anchor.clone())
            .with("match", self.matches())
            .with_list("per", &self.per)
            .with("mode", self.mode.clone())
            .with("time_zone", self.time_zone.clone())
            .with("week_start", self.week_start.clone())
            .with("thresholds", self.thresholds())
            .with("cost_basis", self.cost_basis.clone())
            .with("hold", self.hold.clone())
            .with("suspense", self.suspense.clone())
            .with("missing", self.missing.clone())
            .with("auto_renew", self.auto_renew)
            .with("on_expiry", self.on_expiry.clone())
            .with("rollover_cap_pct", self.rollover_cap_pct)
            .with_list("fit", &self.fit)
            .with("wait_ms", self.wait_ms)
            .with("windows_max", self.windows_max)
            .with("raise", self.raise(context)?)
            .with("active", self.active))
    }

    /// Values of the same attribute stand together: any of them is meant.
    fn matches(&self) -> Option<Value> {
        let mut map: Map<String, Value> = Map::new();
        for (name, value) in &self.matches {
            let list = map.entry(name.clone()).or_insert_with(|| json!([]));
            if let Value::Array(items) = list {
                items.push(Value::from(value.as_str()));
            }
        }
        Some(Value::Object(map)).filter(|_| !self.matches.is_empty())
    }

    fn thresholds(&self) -> Option<Vec<Value>> {
        let one = |text: &String| match text.trim().trim_end_matches('%').parse::<u32>() {
            Ok(percent) => Value::from(percent),
            Err(_) => Value::from(text.trim()),
        };
        Some(self.thresholds.iter().map(one).collect()).filter(|_| !self.thresholds.is_empty())
    }

    fn raise(&self, context: &Context<'_>) -> Result<Option<Value>, Failure> {
        match self.raise.as_deref() {
            None => Ok(None),
            Some("none") => Ok(Some(Value::Null)),
            Some(amount) => {
                let (Some(until), Some(reason)) = (&self.until, &self.reason) else {
                    return Err(Failure::usage("`--raise` needs `--until` and `--reason`"));
                };
                let until = shared::instant(until, context.now)?;
                Ok(Some(json!({ "amount": amount, "until": until.to_string(), "reason": reason })))
            }
        }
    }
}
