//! The configuration text as a tree that remembers where each value was written.

use super::mistake::{Mistake, Mistakes};
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Bytes of the file's text.
    Text(Range<usize>),
    /// An environment variable, by its name.
    Environment(Arc<str>),
    /// The file as a whole.
    Whole,
}

/// A value and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Tree,
}

/// A value of any type. Floats stay text: only `decimal` reads numbers with a point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Tree {
    Text(String),
    Integer(i64),
    Float(String),
    Boolean(bool),
    Time(String),
    List(Vec<Node>),
    Table(Table),
}

/// Named values in the order of their names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Entry>);

/// One name of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Table {
    /// The entry of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }
    /// The value of that name, put there by `make` when there is none.
    pub(crate) fn at_mut(&mut self, name: &str, make: impl FnOnce() -> Entry) -> Option<&mut Node> {
        if self.get(name).is_none() {
            self.0.push(make());
        }
        self.0.iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.node)
    }
}

impl Tree {
    /// What it is, for a message about a wrong type.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a point",
            Self::Boolean(_) => "a boolean",
            Self::Time(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
    /// As a table, empty when it is none.
    pub(crate) fn table_mut(&mut self) -> Option<&mut Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

/// Reads TOML. Every mistake of syntax is reported; then the tree is worthless and `None`.
pub(crate) fn parse(text: &str, mistakes: &mut Mistakes) -> Option<Table> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().map_or(Place::Whole, Place::Text);
        let help = "see https://toml.io/en/v1.0.0 for how a value is written";
        mistakes.push(Mistake::new(place, "", format!("not valid TOML: {}", error.message()), help));
    }
    if errors.is_empty() { Some(table(root.get_ref(), mistakes)) } else { None }
}

/// Reads the text of one value, as an environment variable gives it. `None` when it is not TOML.
pub(crate) fn parse_value(text: &str, place: &Place) -> Option<Tree> {
    let value = DeValue::parse(text).ok()?;
    let mut node = Node { place: place.clone(), value: tree(value.get_ref(), &mut Mistakes::default()) };
    move_to(&mut node, place);
    Some(node.value)
}

fn move_to(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Tree::List(list) => list.iter_mut().for_each(|item| move_to(item, place)),
        Tree::Table(table) => {
            for entry in &mut table.0 {
                entry.place = place.clone();
                move_to(&mut entry.node, place);
            }
        }
        Tree::Text(_) | Tree::Integer(_) | Tree::Float(_) | Tree::Boolean(_) | Tree::Time(_) => {}
    }
}

fn table(source: &DeTable<'_>, mistakes: &mut Mistakes) -> Table {
    let entries = source.iter().map(|(key, value)| {
        let name = key.get_ref().to_string();
        let node = Node { place: Place::Text(value.span()), value: tree(value.get_ref(), mistakes) };
        if let Tree::Text(text) = &node.value
            && (sounds_secret(&name) && text != "client" || has_userinfo(text))
        {
            mistakes.mask(value.span());
        }
        Entry { name, place: Place::Text(key.span()), node }
    });
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Table(entries)
}

fn tree(value: &DeValue<'_>, mistakes: &mut Mistakes) -> Tree {
    match value {
        DeValue::String(text) => Tree::Text(text.to_string()),
        // The parser has checked the digits; what does not fit 64 bits is no value of any field.
        DeValue::Integer(n) => Tree::Integer(i64::from_str_radix(n.as_str(), n.radix()).unwrap_or(i64::MAX)),
        DeValue::Float(n) => Tree::Float(n.as_str().to_owned()),
        DeValue::Boolean(truth) => Tree::Boolean(*truth),
        DeValue::Datetime(time) => Tree::Time(time.to_string()),
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue<'_>>, mistakes: &mut Mistakes| Node {
                place: Place::Text(item.span()),
                value: tree(item.get_ref(), mistakes),
            };
            Tree::List(items.iter().map(|item| node(item, mistakes)).collect())
        }
        DeValue::Table(inner) => Tree::Table(table(inner, mistakes)),
    }
}

/// Whether a text is a URL with a user or password in it.
fn has_userinfo(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'))
}

/// Whether a text written under this name may be a secret, so that no message shows it.
pub(crate) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "secret", "token", "credential", "password"].iter().any(|word| name.contains(word))
}
