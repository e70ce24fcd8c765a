//! `bursar key`: what clients present. A key's text is shown once, when it is made or rotated.

use super::shared::{self, Body, Page, Server};
use crate::client::{Client, segment};
use crate::context::Context;
use crate::exit::Failure;
use crate::table::{Table, at, fields, money, time};
use bursar_core::RequestId;
use serde_json::{Map, Value, json};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key; its text is shown this once
    Create(Create),
    /// List keys
    List(List),
    /// Show a key
    Show(Named),
    /// Change a key; what is not given stays
    Update(Update),
    /// Refuse every request of a key
    Block(Named),
    /// Take requests of a key again
    Unblock(Named),
    /// Give a key a new text
    Rotate(Rotate),
    /// Raise the balance of a standalone key
    TopUp(TopUp),
    /// Delete a key for good
    Delete(Named),
}

/// What is paid in.
#[derive(Debug, clap::Args)]
pub(crate) struct TopUp {
    #[command(flatten)]
    named: Named,
    /// USD that the balance rises by, such as `25`
    amount: String,
    /// The balance that it rises from: where it is another by now, nothing is paid in
    #[arg(long, value_name = "USD")]
    from: Option<String>,
}

/// Which key.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id, its prefix or its name
    key: String,
    #[command(flatten)]
    server: Server,
}

/// Which keys.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Of this project
    #[arg(long)]
    project: Option<String>,
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// A new key.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Who is billed
    #[arg(long)]
    project: String,
    /// Whose budgets its spend counts against [default: `member` with a user, else `service`]
    #[arg(long, value_parser = ["member", "service", "standalone"])]
    kind: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// Another state of a key.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// Its id, its prefix or its name
    key: String,
    #[command(flatten)]
    change: Change,
}

/// A new text.
#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    named: Named,
    /// How long the old text still works
    #[arg(long, value_name = "DURATION", default_value = "0")]
    overlap: String,
}

/// The fields that can change.
#[derive(Debug, clap::Args)]
struct Change {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Whose it is; made when there is no such user yet
    #[arg(long)]
    user: Option<String>,
    /// Models it may ask for, with `*`; an empty text: all
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Providers that may answer, with `*`; an empty text: all
    #[arg(long, value_delimiter = ',')]
    providers: Vec<String>,
    /// API formats it may use, such as `openai_chat`; an empty text: all
    #[arg(long, value_delimiter = ',', value_name = "FORMATS")]
    api_formats: Vec<String>,
    /// Attributes that headers may fill: agent, run, session, user, tags
    #[arg(long, value_delimiter = ',', value_name = "ATTRIBUTES")]
    may_set: Vec<String>,
    /// An attribute that is fixed, such as `agent=coder` or `tag.team=x`; may be repeated
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = shared::pair)]
    attributes: Vec<(String, String)>,
    /// Consent to a lowered output limit where the asked one does not fit
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    fit: Option<bool>,
    /// A limit such as `100 requests per minute`, `2M tokens per hour for gpt-*`, `5 USD per day` or `4 at once`; may be
    /// repeated; an empty text: unlimited
    #[arg(long = "limit", value_name = "LIMIT")]
    limits: Vec<String>,
    /// IP addresses and ranges that it may be used from; an empty text: everywhere
    #[arg(long, value_delimiter = ',', value_name = "RANGES")]
    allowed_ips: Vec<String>,
    /// What a standalone key may spend in all, in USD; an empty text: unlimited
    #[arg(long, value_name = "USD")]
    balance: Option<String>,
    /// When it stops to work: a time, a date, a duration such as `30d`, or `never`
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Runs one of them.
pub(crate) fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => make(&create, context),
        Command::List(list) => {
            let table = Table::new(&[
                "PREFIX",
                "NAME",
                "PROJECT",
                "USER",
                "KIND",
                "BLOCKED",
                ">REQUESTS",
                ">COST",
                "LAST USED",
            ]);
            let query = [("project", list.project.as_deref()), ("user", list.user.as_deref())];
            shared::list(context, &list.page, "/keys", &query, table, row)
        }
        Command::Show(named) => {
            let client = context.client(named.server.url.as_deref())?;
            let path = path_of(&client, &named.key)?;
            let key = client.get(&path, &[])?;
            shared::show(context, &key, text)
        }
        Command::Update(update) => {
            let body = update.change.body(context)?;
            if body.is_empty() {
                return Err(Failure::usage("nothing to change: give at least one option"));
            }
            let client = context.client(update.change.server.url.as_deref())?;
            let path = path_of(&client, &update.key)?;
            let key = client.patch(&path, &body.into_value())?;
            shared::show(context, &key, text)
        }
        Command::Block(named) => act(&named, "/block", &json!({}), context),
        Command::Unblock(named) => act(&named, "/unblock", &json!({}), context),
        Command::Rotate(rotate) => {
            let overlap_s = match rotate.overlap.as_str() {
                "0" => 0,
                text => crate::config::duration_s(text).map_err(|problem| {
                    Failure::usage(format!("`--overlap`: `{text}` {problem}; write `1h` or `7d`"))
                })?,
            };
            act(&rotate.named, "/rotate", &json!({ "overlap_s": overlap_s }), context)
        }
        Command::TopUp(top_up) => {
            let body = Body::default()
                .with("amount_usd", Some(top_up.amount.as_str()))
                .with("from_usd", top_up.from.clone());
            act(&top_up.named, "/top-up", &body.into_value(), context)
        }
        Command::Delete(named) => {
            let client = context.client(named.server.url.as_deref())?;
            let path = path_of(&client, &named.key)?;
            client.delete(&path)?;
            context.console.say(&format!("deleted key `{}`", named.key));
            Ok(())
        }
    }
}

fn make(create: &Create, context: &mut Context<'_>) -> Result<(), Failure> {
    let body = create
        .change
        .body(context)?
        .with("project", Some(create.project.as_str()))
        .with("kind", create.kind.clone());
    let client = context.client(create.change.server.url.as_deref())?;
    let key = client.post("/keys", &body.into_value())?;
    shown_once(&key, context)
}

fn act(named: &Named, action: &str, body: &Value, context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client(named.server.url.as_deref())?;
    let path = path_of(&client, &named.key)?;
    let key = client.post(&format!("{path}{action}"), body)?;
    shown_once(&key, context)
}

fn shown_once(key: &Value, context: &mut Context<'_>) -> Result<(), Failure> {
    shared::show(context, key, text)?;
    if key.get("key").is_some_and(Value::is_string) && !context.json {
        context.console.hint("this is the only time that the key is shown: keep it now");
    }
    Ok(())
}

/// The path of a key that is named by id, prefix or name.
fn path_of(client: &Client, named: &str) -> Result<String, Failure> {
    if RequestId::parse(named).is_some() {
        return Ok(format!("/keys/{}", segment(named)));
    }
    let is_meant =
        |key: &Value| at(key, "name") == named || (!named.is_empty() && at(key, "prefix").starts_with(named));
    let keys = client.all("/keys", &[], usize::MAX)?;
    let meant: Vec<&Value> = keys.iter().filter(|key| is_meant(key)).collect();
    match meant.as_slice() {
        [key] => Ok(format!("/keys/{}", segment(&at(key, "id")))),
        [] => Err(Failure::failed(format!("there is no key `{named}`"))
            .hint("`bursar key list` shows ids and prefixes")),
        several => {
            Err(Failure::failed(format!("`{named}` means {} keys", several.len())).hint("name one by its id"))
        }
    }
}

impl Change {
    fn body(&self, context: &Context<'_>) -> Result<Body, Failure> {
        let expires = match self.expires.as_deref() {
            None => None,
            Some("never") => Some(String::new()),
            Some(text) => Some(shared::instant(text, context.now)?.to_string()),
        };
        let attributes: Map<String, Value> =
            self.attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        Ok(Body::default()
            .with("name", self.name.clone())
            .with("user", self.user.clone())
            .with_list("models", &self.models)
            .with_list("providers", &self.providers)
            .with_list("api_formats", &self.api_formats)
            .with_list("may_set", &self.may_set)
            .with("attributes", Some(attributes).filter(|map| !map.is_empty()))
            .with("fit", self.fit)
            .with_list("limits", &self.limits)
            .with_list("allowed_ips", &self.allowed_ips)
            .with("balance", self.balance.clone())
            .with("expires_at", expires))
    }
}

fn row(key: &Value) -> Vec<String> {
    let mut cells: Vec<String> = ["prefix", "name", "project", "user", "kind", "blocked", "requests"]
        .iter()
        .map(|name| at(key, name))
        .collect();
    cells.push(money(&at(key, "list_cost")));
    cells.push(time(key, "last_used_at"));
    cells
}

fn text(key: &Value) -> String {
    let all = |name: &str| match at(key, name).as_str() {
        "" => "all".to_owned(),
        some => some.to_owned(),
    };
    fields(&[
        ("key", at(key, "key")),
        ("id", at(key, "id")),
        ("prefix", at(key, "prefix")),
        ("name", at(key, "name")),
        ("project", at(key, "project")),
        ("user", at(key, "user")),
        ("kind", at(key, "kind")),
        ("models", all("models")),
        ("providers", all("providers")),
        ("api formats", all("api_formats")),
        ("may set", at(key, "may_set")),
        ("attributes", at(key, "attributes")),
        ("fit", at(key, "fit")),
        ("limits", at(key, "limits")),
        ("allowed ips", at(key, "allowed_ips")),
        ("balance", if at(key, "balance").is_empty() { String::new() } else { money(&at(key, "balance")) }),
        ("expires", time(key, "expires_at")),
        ("blocked", at(key, "blocked")),
        ("requests", at(key, "requests")),
        ("list cost", money(&at(key, "list_cost"))),
        ("last used", time(key, "last_used_at")),
        ("managed by", at(key, "managed_by")),
    ])
}
