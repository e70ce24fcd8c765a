//! `match`, `per` and bound attributes: which requests a budget is about, what a key says of its own.

use super::section::{Reading, Section, Spot};
use super::tree::{Entry, Place, Tree};
use bursar_core::limits::TAGS_MAX;
use bursar_core::{ApiFormat, Attribute, Pattern, Value};

/// One attribute of a `match` and the places of its patterns, for checks between sections.
pub(super) struct Matched<'a> {
    pub(super) attribute: Attribute,
    pub(super) patterns: Vec<Spot<'a>>,
    pub(super) field: String,
}

/// The `match` table: attributes in the order of their names, each with at least one pattern.
pub(super) fn read<'a>(section: &Section<'a>, reading: &mut Reading<'_>) -> Vec<Matched<'a>> {
    let Some(entry) = section.get("match") else {
        return Vec::new();
    };
    let mut list = Vec::new();
    for (attribute, field, item) in attributes_of(section, entry, reading) {
        let mut patterns = Vec::new();
        match &item.node.value {
            Tree::Text(text) => patterns.push(Spot { text, place: &item.node.place }),
            Tree::List(values) if !values.is_empty() => {
                for value in values {
                    match &value.value {
                        Tree::Text(text) => patterns.push(Spot { text, place: &value.place }),
                        other => wrong_type(&field, other.kind(), &value.place, reading),
                    }
                }
            }
            Tree::List(_) => {
                let help = "name at least one value, or leave the attribute out to match all";
                reading.wrong(
                    &item.node.place,
                    &field,
                    format!("`{field}` is an empty list and matches nothing"),
                    help,
                );
            }
            other => wrong_type(&field, other.kind(), &item.node.place, reading),
        }
        patterns.retain(|spot| check_pattern(*spot, &attribute, &field, reading));
        if !patterns.is_empty() {
            list.push(Matched { attribute, patterns, field });
        }
    }
    list
}

fn wrong_type(field: &str, kind: &str, place: &Place, reading: &mut Reading<'_>) {
    let help = "write a value such as `\"alpha\"`, a pattern such as `\"gpt-*\"`, or a list of them";
    reading.wrong(place, field, format!("`{field}` is {kind}, not a text in quotes"), help);
}

fn check_pattern(spot: Spot<'_>, attribute: &Attribute, field: &str, reading: &mut Reading<'_>) -> bool {
    let exact = Pattern::new(spot.text).exact().is_some();
    match attribute {
        Attribute::ApiFormat if exact && ApiFormat::parse(spot.text).is_none() => {
            super::name::api_format(spot.text, spot.place, field, reading).is_some()
        }
        _ => super::name::check(spot, field, reading).is_some(),
    }
}

/// The entries of a table of attributes. Tags may stand as `tag.team`, `"tag.team"` or `tag = { team = … }`.
fn attributes_of<'a>(
    section: &Section<'a>,
    entry: &'a Entry,
    reading: &mut Reading<'_>,
) -> Vec<(Attribute, String, &'a Entry)> {
    let path = section.field(&entry.name);
    if !matches!(entry.node.value, Tree::Table(_)) {
        section.mistyped(entry, "a table", reading);
    }
    let mut list = Vec::new();
    for item in Section::entries(&entry.node) {
        if item.name == "tag" && matches!(item.node.value, Tree::Table(_)) {
            for tag in Section::entries(&item.node) {
                let field = format!("{path}.tag.{}", tag.name);
                if let Some(attribute) =
                    super::name::attribute(&format!("tag.{}", tag.name), &tag.place, &field, reading)
                {
                    list.push((attribute, field, tag));
                }
            }
            continue;
        }
        let field = format!("{path}.{}", item.name);
        if let Some(attribute) = super::name::attribute(&item.name, &item.place, &field, reading) {
            list.push((attribute, field, item));
        }
    }
    list
}

/// The `per` list: attributes that get one window each.
pub(super) fn read_per(section: &Section<'_>, reading: &mut Reading<'_>) -> Vec<Attribute> {
    let spots = section.texts("per", true, reading).unwrap_or_default();
    let mut list = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        let field = format!("{}[{at}]", section.field("per"));
        let Some(attribute) = super::name::attribute(spot.text, spot.place, &field, reading) else {
            continue;
        };
        if list.contains(&attribute) {
            reading.wrong(spot.place, &field, format!("`{attribute}` stands twice in `per`"), "name it once");
        } else {
            list.push(attribute);
        }
    }
    list
}

/// A table of attributes with one value each.
pub(super) fn bound(section: &Section<'_>, name: &str, reading: &mut Reading<'_>) -> Vec<(Attribute, Value)> {
    let Some(entry) = section.get(name) else {
        return Vec::new();
    };
    let mut list = Vec::new();
    for (attribute, field, item) in attributes_of(section, entry, reading) {
        match &attribute {
            Attribute::Agent | Attribute::Run | Attribute::Session | Attribute::Tag(_) => {}
            Attribute::Key
            | Attribute::User
            | Attribute::Model
            | Attribute::Provider
            | Attribute::Project
            | Attribute::Endpoint
            | Attribute::Credential
            | Attribute::ServedModel
            | Attribute::ApiFormat => {
                let message = format!("`{field}`: a key cannot bind `{attribute}` this way");
                let help = "bind `agent`, `run`, `session` or `tag.NAME`; `project` and `user` are fields of the key";
                reading.wrong(&item.place, field, message, help);
                continue;
            }
        }
        match &item.node.value {
            Tree::Text(text) => {
                let spot = Spot { text, place: &item.node.place };
                list.extend(super::name::check(spot, &field, reading).map(|value| (attribute, value)));
            }
            other => {
                let message = format!("`{field}` is {}, not a text in quotes", other.kind());
                reading.wrong(&item.node.place, &field, message, "write one value, such as `\"ci\"`");
            }
        }
    }
    let tags = list.iter().filter(|(attribute, _)| matches!(attribute, Attribute::Tag(_))).count();
    if tags > TAGS_MAX {
        let field = section.field(name);
        let message = format!("`{field}` binds {tags} tags, and a request has at most {TAGS_MAX}");
        reading.wrong(&entry.node.place, &field, message, "remove some");
    }
    list
}
