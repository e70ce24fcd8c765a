//! Which requests: the options with which lists, exports and reports are narrowed, all as the admin API names them.

/// Whose requests.
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
    /// With this tag, such as `team=x`
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Option<String>,
    /// Served by this provider
    #[arg(long)]
    provider: Option<String>,
    /// For this model
    #[arg(long)]
    model: Option<String>,
}

/// Whose requests, and how they ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    #[command(flatten)]
    whose: Whose,
    /// In this state
    #[arg(long, value_parser = ["pending", "streaming", "completed", "failed", "cancelled", "denied"])]
    status: Option<String>,
    /// That went wrong so: a code such as E-BUDGET-002, or a status such as 503
    #[arg(long)]
    code: Option<String>,
}

impl Whose {
    /// As the admin API is asked.
    pub(crate) fn query(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("project", self.project.as_deref()),
            ("user", self.user.as_deref()),
            ("key", self.key.as_deref()),
            ("agent", self.agent.as_deref()),
            ("run", self.run.as_deref()),
            ("session", self.session.as_deref()),
            ("tag", self.tag.as_deref()),
            ("provider", self.provider.as_deref()),
            ("model", self.model.as_deref()),
        ]
    }
}

impl Which {
    /// As the admin API is asked.
    pub(crate) fn query(&self) -> Vec<(&'static str, Option<&str>)> {
        let mut query = self.whose.query();
        query.extend([("status", self.status.as_deref()), ("code", self.code.as_deref())]);
        query
    }
}
