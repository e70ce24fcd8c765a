//! What several commands take and do alike.

use crate::client::segment;
use crate::context::Context;
use crate::exit::Failure;
use crate::table::Table;
use bursar_core::Timestamp;
use serde_json::{Map, Value};

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// The server's address [env: BURSAR_URL] [default: where the configuration says]
    #[arg(long, value_name = "URL", display_order = 902)]
    pub(crate) url: Option<String>,
}

/// Which page of a list.
#[derive(Debug, clap::Args)]
pub(crate) struct Page {
    /// Rows, 1 to 500
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// `next_cursor` of the page before
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Asks for a list and shows it: as the server gave it, or as a table.
pub(crate) fn list(
    context: &mut Context<'_>,
    page: &Page,
    path: &str,
    query: &[(&str, Option<&str>)],
    table: Table,
    row: impl Fn(&Value) -> Vec<String>,
) -> Result<(), Failure> {
    let client = context.client(page.server.url.as_deref())?;
    let limit = page.limit.to_string();
    let mut query = query.to_vec();
    query.push(("limit", Some(&limit)));
    query.push(("cursor", page.cursor.as_deref()));
    let answer = client.get(path, &query)?;
    listed(context, &answer, table, row)
}

/// Shows a list that was answered.
pub(crate) fn listed(
    context: &mut Context<'_>,
    answer: &Value,
    mut table: Table,
    row: impl Fn(&Value) -> Vec<String>,
) -> Result<(), Failure> {
    if context.json {
        return context.console.json(answer);
    }
    for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        table.row(row(item));
    }
    if table.is_empty() {
        context.console.say("none");
    } else {
        context.console.data(&table.render())?;
    }
    if let Some(cursor) = answer.get("next_cursor").and_then(Value::as_str) {
        context.console.hint(&format!("there is more: `--cursor {cursor}`"));
    }
    Ok(())
}

/// Shows one object: as the server gave it, or as `text` says it.
pub(crate) fn show(
    context: &mut Context<'_>,
    answer: &Value,
    text: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    if context.json { context.console.json(answer) } else { context.console.data(&text(answer)) }
}

/// A kind of things that have names: under which path of the admin API, and how one of them is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) path: &'static str,
    pub(crate) text: fn(&Value) -> String,
}

impl Named {
    /// Makes one and shows it.
    pub(crate) fn create(
        self,
        context: &mut Context<'_>,
        server: &Server,
        name: &str,
        body: Body,
    ) -> Result<(), Failure> {
        let body = body.with("name", Some(name)).into_value();
        let made = context.client(server.url.as_deref())?.post(self.path, &body)?;
        show(context, &made, self.text)
    }
    /// Changes the fields that were given and shows what it is now.
    pub(crate) fn change(
        self,
        context: &mut Context<'_>,
        server: &Server,
        name: &str,
        body: Body,
    ) -> Result<(), Failure> {
        if body.is_empty() {
            return Err(Failure::usage("nothing to change: give at least one option"));
        }
        let changed = context.client(server.url.as_deref())?.patch(&self.of(name), &body.into_value())?;
        show(context, &changed, self.text)
    }
    /// Shows one.
    pub(crate) fn show(self, context: &mut Context<'_>, server: &Server, name: &str) -> Result<(), Failure> {
        let found = context.client(server.url.as_deref())?.get(&self.of(name), &[])?;
        show(context, &found, self.text)
    }
    fn of(self, name: &str) -> String {
        format!("{}/{}", self.path, segment(name))
    }
}

/// The body of a request: fields that were not given are left out.
#[derive(Debug, Default)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// With a field, where it was given.
    pub(crate) fn with<T: Into<Value>>(mut self, name: &str, value: Option<T>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }
    /// With a list, where it was given; the one empty text means an empty list.
    pub(crate) fn with_list(self, name: &str, values: &[String]) -> Self {
        if values.is_empty() {
            return self;
        }
        let items: Vec<Value> =
            values.iter().filter(|text| !text.is_empty()).cloned().map(Value::from).collect();
        self.with(name, Some(items))
    }
    /// Whether nothing was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Reads an instant: RFC 3339, a date, or a duration from now such as `30d`.
pub(crate) fn instant(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let seconds = crate::config::duration_s(text).map_err(|_| {
        Failure::usage(format!(
            "`{text}` is no time: write `2026-12-31`, `2026-12-31T12:00:00Z`, or `30d` from now"
        ))
    })?;
    Ok(now.plus_seconds(seconds))
}
