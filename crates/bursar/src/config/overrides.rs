//! Environment variables that override fields: `BURSAR_THROTTLE__ENABLED=true`, `BURSAR_PROVIDERS__OPENAI__BASE_URL=…`.

use super::field::{Field, Takes};
use super::mistake::nearest;
use super::section::Reading;
use super::tree::{Entry, Node, Place, Table, Tree, parse_value};

const PREFIX: &str = "BURSAR_";
const SEPARATOR: &str = "__";

/// Writes every override into the tree. A variable without `__` is none and left alone.
pub(super) fn apply(root: &mut Table, fields: &'static [Field], reading: &mut Reading<'_>) {
    let environment = reading.surroundings.environment;
    for (variable, value) in environment.iter() {
        let Some(path) = variable.strip_prefix(PREFIX).filter(|path| path.contains(SEPARATOR)) else {
            continue;
        };
        let place = Place::Environment(variable.into());
        let parts: Vec<&str> = path.split(SEPARATOR).collect();
        if let Err((message, help)) = write(root, fields, &parts, value, &place) {
            reading.wrong(&place, "", message, help);
        }
    }
}

type Wrong = (String, String);

fn write(
    table: &mut Table,
    fields: &'static [Field],
    parts: &[&str],
    value: &str,
    place: &Place,
) -> Result<(), Wrong> {
    let Some((first, rest)) = parts.split_first() else {
        return Ok(());
    };
    let Some(field) = fields.iter().find(|field| same(field.name, first)) else {
        let names: Vec<String> = fields.iter().map(|field| field.name.to_ascii_uppercase()).collect();
        let help = match nearest(first, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", names.join(", ")),
        };
        return Err((format!("there is no field `{first}` to override"), help));
    };
    let node = table.at_mut(field.name, || entry(field.name, field.takes, place));
    let Some(node) = node else {
        return Ok(());
    };
    match (field.takes, rest) {
        (Takes::Table(inner), [_, ..]) => write(open(node, field.name)?, inner, rest, value, place),
        (Takes::Named(inner), [name, rest @ ..]) if !rest.is_empty() => {
            let names = open(node, field.name)?;
            let key = names.0.iter().map(|entry| entry.name.clone()).find(|existing| same(existing, name));
            let key = key.unwrap_or_else(|| name.to_ascii_lowercase());
            let item = names.at_mut(&key, || entry(&key, Takes::Table(inner), place));
            match item {
                Some(item) => write(open(item, &key)?, inner, rest, value, place),
                None => Ok(()),
            }
        }
        (Takes::Tables(inner), [name, rest @ ..]) if !rest.is_empty() => {
            let Tree::List(items) = &mut node.value else {
                return Err((
                    format!("`{}` is not a list", field.name),
                    "write it as a list of tables".to_owned(),
                ));
            };
            match items.iter_mut().find(|item| is_named(item, name)) {
                Some(item) => write(open(item, field.name)?, inner, rest, value, place),
                None => {
                    let message = format!("`{}` has nothing named `{name}` to override", field.name);
                    let help = "write its name in capitals, with `_` for every other sign".to_owned();
                    Err((message, help))
                }
            }
        }
        (Takes::Table(_) | Takes::Named(_) | Takes::Tables(_), []) | (_, []) => {
            let plain = || Tree::Text(value.to_owned());
            let tree = if let (Takes::Boolean, Some(truth)) = (field.takes, truth(value)) {
                Tree::Boolean(truth)
            } else if field.takes_text() {
                plain()
            } else {
                parse_value(value, place).unwrap_or_else(plain)
            };
            *node = Node { place: place.clone(), value: tree };
            Ok(())
        }
        (_, [extra, ..]) => {
            let message = format!("`{}` has no field `{extra}` to override", field.name);
            Err((message, "give the value as TOML, such as `{ env = \"NAME\" }`".to_owned()))
        }
    }
}

/// A switch as people write it in an environment.
fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn entry(name: &str, takes: Takes, place: &Place) -> Entry {
    let value = if matches!(takes, Takes::Tables(_)) {
        Tree::List(Vec::new())
    } else {
        Tree::Table(Table::default())
    };
    Entry { name: name.to_owned(), place: place.clone(), node: Node { place: place.clone(), value } }
}

fn open<'a>(node: &'a mut Node, name: &str) -> Result<&'a mut Table, Wrong> {
    let kind = node.value.kind();
    node.value
        .table_mut()
        .ok_or_else(|| (format!("`{name}` is {kind}, not a table"), "write it as a table".to_owned()))
}

fn is_named(item: &Node, name: &str) -> bool {
    let Tree::Table(table) = &item.value else {
        return false;
    };
    matches!(table.get("name").map(|entry| &entry.node.value), Some(Tree::Text(text)) if same(text, name))
}

/// Whether a variable's part means this name: capitals, and `_` for every sign that a variable cannot have.
fn same(name: &str, part: &str) -> bool {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).eq(part.chars().map(plain))
}
