//! `bursar provider credential`: secrets towards providers, handed to the server, which seals them.

use crate::client::segment;
use crate::commands::shared::{self, Body, Server};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, time};
use serde_json::Value;
use std::path::PathBuf;

/// Longest secret that is read: as long as a secret file may be.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Give a provider a credential; the secret is read from standard input unless said otherwise
    Create(Create),
    /// List a provider's credentials, those of the configuration too; never their secrets
    List(Of),
    /// Change a credential; what is not given stays
    Update(Update),
    /// Replace a credential's secret
    Rotate(Rotate),
    /// Delete a credential and its secret
    Delete(Named),
}

/// Whose credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct Of {
    /// The provider's name
    provider: String,
    #[command(flatten)]
    server: Server,
}

/// Which credential.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// The provider's name
    provider: String,
    /// The credential's name
    name: String,
    #[command(flatten)]
    server: Server,
}

/// Where the secret is: never on the command line, where others can see it.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// Read the secret from a file
    #[arg(long, value_name = "PATH", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// Read the secret from an environment variable
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

/// A credential's settings.
#[derive(Debug, clap::Args)]
pub(crate) struct Settings {
    /// Its share of the requests; 0: not used
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    /// Factor from list cost to effective cost, such as 0.8
    #[arg(long, value_name = "DECIMAL")]
    rate_multiplier: Option<String>,
    /// Requests in flight at once; 0: no limit
    #[arg(long, value_name = "N")]
    in_flight_max: Option<u32>,
    /// Requests within any 60 seconds; 0: no limit
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    /// Whether it is used
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
}

/// A new credential.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    settings: Settings,
}

/// Changed settings.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    settings: Settings,
}

/// A new secret.
#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    place: Where,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let secret = create.place.read(context)?;
            let client = context.client(create.named.server.url.as_deref())?;
            let body = create.settings.body().with("name", Some(create.named.name.as_str()));
            let body = body.with("secret", Some(secret));
            let made = client.post(&list_path(&create.named.provider), &body.into_value())?;
            shared::show(context, &made, text)
        }
        Command::List(of) => {
            let names = ["name", "managed_by", "weight", "rate_multiplier", "active"];
            let table = Table::new(&["NAME", "MANAGED BY", ">WEIGHT", ">MULTIPLIER", "ACTIVE"]);
            let client = context.client(of.server.url.as_deref())?;
            let answer = client.get(&list_path(&of.provider), &[])?;
            shared::listed(context, &answer, table, |row| names.iter().map(|name| at(row, name)).collect())
        }
        Command::Update(update) => {
            let body = update.settings.body();
            if body.is_empty() {
                return Err(Failure::usage("nothing to change: give at least one option"));
            }
            let client = context.client(update.named.server.url.as_deref())?;
            let changed = client.patch(&update.named.path(), &body.into_value())?;
            shared::show(context, &changed, text)
        }
        Command::Rotate(rotate) => {
            let secret = rotate.place.read(context)?;
            let client = context.client(rotate.named.server.url.as_deref())?;
            let body = Body::default().with("secret", Some(secret));
            let changed = client.post(&format!("{}/rotate", rotate.named.path()), &body.into_value())?;
            shared::show(context, &changed, text)
        }
        Command::Delete(named) => {
            let client = context.client(named.server.url.as_deref())?;
            client.delete(&named.path())?;
            context.console.say(&format!("deleted credential `{}` of `{}`", named.name, named.provider));
            Ok(())
        }
    }
}

fn list_path(provider: &str) -> String {
    format!("/providers/{}/credentials", segment(provider))
}

impl Named {
    fn path(&self) -> String {
        format!("{}/{}", list_path(&self.provider), segment(&self.name))
    }
}

impl Where {
    fn read(&self, context: &mut Context<'_>) -> Result<String, Failure> {
        let text = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => crate::context::read_text(path)?,
            (None, Some(name)) => {
                let value = context.environment.get(name).map(str::to_owned);
                value
                    .ok_or_else(|| Failure::failed(format!("the environment variable `{name}` is not set")))?
            }
            (None, None) => {
                let bytes = context.console.read_input(SECRET_BYTES_MAX)?;
                String::from_utf8(bytes)
                    .map_err(|_| Failure::failed("the secret on standard input is no text".to_owned()))?
            }
        };
        match text.trim() {
            "" => Err(Failure::usage("no secret: pipe it in, or name a file or an environment variable")),
            secret => Ok(secret.to_owned()),
        }
    }
}

impl Settings {
    fn body(&self) -> Body {
        Body::default()
            .with("weight", self.weight)
            .with("rate_multiplier", self.rate_multiplier.clone())
            .with("in_flight_max", self.in_flight_max)
            .with("requests_per_minute", self.requests_per_minute)
            .with("active", self.active)
    }
}

fn text(credential: &Value) -> String {
    fields(&[
        ("name", at(credential, "name")),
        ("provider", at(credential, "provider")),
        ("managed by", at(credential, "managed_by")),
        ("weight", at(credential, "weight")),
        ("rate multiplier", at(credential, "rate_multiplier")),
        ("in flight at most", at(credential, "in_flight_max")),
        ("requests per minute", at(credential, "requests_per_minute")),
        ("active", at(credential, "active")),
        ("created", time(credential, "created_at")),
        ("updated", time(credential, "updated_at")),
    ])
}
