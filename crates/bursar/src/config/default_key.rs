//! `server.default_keys`: the keys of clients that send none, by where such a client is.

use super::field::{Field, Takes};
use super::section::{Reading, Section};
use super::surroundings::SecretRef;
use super::tree::{Entry, Tree};
use bursar_core::IpRange;

/// The fields of one of `default_keys`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "key",
        Takes::Secret,
        "required",
        "The virtual API key that the requests of such a client count on.",
    ),
    Field::new(
        "from",
        Takes::List("IP addresses and ranges, such as `\"127.0.0.1\"`"),
        "[\"127.0.0.0/8\", \"::1\"]",
        "Where such a client is. The first entry that holds its address counts.",
    ),
    Field::new(
        "beyond_loopback",
        Takes::Boolean,
        "false",
        "Let `from` hold addresses other than this machine's own: whoever can connect from there then spends on the key.",
    ),
];

const SOURCE_HELP: &str = "name this machine, such as `\"127.0.0.1\"`, or set `beyond_loopback = true`: whoever can connect from there then spends on the key";
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

/// A key for clients that send none, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefaultKey {
    /// Where such a client is; never empty.
    pub from: Vec<IpRange>,
    /// Where the key is kept.
    pub key: SecretRef,
}

/// Reads all of them.
pub(super) fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Vec<DefaultKey> {
    let Some(Entry { node, .. }) = section.get("default_keys") else { return Vec::new() };
    let path = section.field("default_keys");
    let Tree::List(items) = &node.value else {
        if let Some(entry) = section.get("default_keys") {
            section.mistyped(entry, "a list of tables such as `[{ key = { env = \"NAME\" } }]`", reading);
        }
        return Vec::new();
    };
    let mut list = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if let Some(inner) = Section::open(format!("{path}[{at}]"), item, FIELDS, reading) {
            list.extend(one(&inner, reading));
        }
    }
    list
}

fn one(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<DefaultKey> {
    if !section.has("key") {
        section.missing("key", "write `key = { env = \"NAME\" }` or `{ file = \"path\" }`", reading);
    }
    let key = section.secret("key", reading);
    let beyond = section.boolean("beyond_loopback", false, reading);
    let from = if section.has("from") {
        section.parsed_list("from", SOURCE_HELP, reading, |text| {
            let range = IpRange::parse(text)?;
            if beyond || range.is_loopback() {
                Ok(range)
            } else {
                Err("is not this machine's own".to_owned())
            }
        })
    } else {
        LOOPBACK.into_iter().filter_map(|text| IpRange::parse(text).ok()).collect()
    };
    Some(DefaultKey { from, key: key? })
}
