//! What reports take alike: whose usage, and when.

use crate::commands::shared::Server;
use crate::context::Context;
use crate::exit::Failure;
use serde_json::Value;

/// Whose usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// Of this project
    #[arg(long)]
    project: Option<String>,
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// Of this key, by id
    #[arg(long)]
    key: Option<String>,
    /// Of this agent
    #[arg(long)]
    agent: Option<String>,
    /// Of this run
    #[arg(long)]
    run: Option<String>,
    /// Of this session
    #[arg(long)]
    session: Option<String>,
    /// Served by this provider
    #[arg(long)]
    provider: Option<String>,
    /// For this model
    #[arg(long)]
    model: Option<String>,
    /// With this tag, such as `team=x`
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Option<String>,
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
    /// That went wrong so: a code such as E-BUDGET-002, or a status such as 503
    #[arg(long)]
    code: Option<String>,
    /// Rows
    #[arg(long)]
    limit: Option<u32>,
    #[command(flatten)]
    whose: Whose,
}

impl Whose {
    /// Asks for a report.
    pub(super) fn get(
        &self,
        context: &Context<'_>,
        path: &str,
        own: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let mut query = own.to_vec();
        query.extend([
            ("project", self.project.as_deref()),
            ("user", self.user.as_deref()),
            ("key", self.key.as_deref()),
            ("agent", self.agent.as_deref()),
            ("run", self.run.as_deref()),
            ("session", self.session.as_deref()),
            ("provider", self.provider.as_deref()),
            ("model", self.model.as_deref()),
            ("tag", self.tag.as_deref()),
            ("time_zone", self.time_zone.as_deref()),
        ]);
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
            ("code", self.code.as_deref()),
            ("limit", limit.as_deref()),
        ]);
        self.whose.get(context, path, &query)
    }
}
