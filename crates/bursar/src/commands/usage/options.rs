//! What reports take alike: whose usage, and when.

use crate::commands::shared::Server;
use crate::commands::which;
use crate::context::Context;
use crate::exit::Failure;
use serde_json::Value;

/// Whose usage, on which calendar.
#[derive(Debug, clap::Args)]
pub(crate) struct Subject {
    #[command(flatten)]
    whose: which::Whose,
    /// The calendar's zone, such as `Asia/Taipei` [default: the project's, else UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Whose usage, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct Asked {
    /// At or after: a time or a date
    #[arg(long, value_name = "TIME", conflicts_with_all = ["hours", "days"])]
    from: Option<String>,
    /// Before: a time or a date
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The last so many hours
    #[arg(long, conflicts_with = "days")]
    hours: Option<u32>,
    /// The last so many days, today included
    #[arg(long)]
    days: Option<u32>,
    /// Rows
    #[arg(long)]
    limit: Option<u32>,
    #[command(flatten)]
    subject: Subject,
}

/// How requests ended, of reports that count all of them.
#[derive(Debug, clap::Args)]
pub(super) struct Ended {
    /// That ended so
    #[arg(long, value_parser = ["completed", "failed", "cancelled", "denied"])]
    status: Option<String>,
    /// That went wrong so: a code such as E-BUDGET-002, or a status such as 503
    #[arg(long)]
    code: Option<String>,
}

impl Ended {
    /// These and more, as the admin API is asked.
    pub(super) fn with<'a>(
        &'a self,
        own: &[(&'static str, Option<&'a str>)],
    ) -> Vec<(&'static str, Option<&'a str>)> {
        let mut query = own.to_vec();
        query.extend([("status", self.status.as_deref()), ("code", self.code.as_deref())]);
        query
    }
}

impl Subject {
    /// Asks for a report.
    pub(super) fn get(
        &self,
        context: &Context<'_>,
        path: &str,
        own: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let mut query = own.to_vec();
        query.extend(self.whose.query());
        query.push(("time_zone", self.time_zone.as_deref()));
        context.client(self.server.url.as_deref())?.get(path, &query)
    }
}

impl Asked {
    /// Asks for a report.
    pub(super) fn get(
        &self,
        context: &Context<'_>,
        path: &str,
        own: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let (hours, days, limit) = (number(self.hours), number(self.days), number(self.limit));
        let mut query = own.to_vec();
        query.extend([
            ("from", self.from.as_deref()),
            ("until", self.until.as_deref()),
            ("hours", hours.as_deref()),
            ("days", days.as_deref()),
            ("limit", limit.as_deref()),
        ]);
        self.subject.get(context, path, &query)
    }
}
