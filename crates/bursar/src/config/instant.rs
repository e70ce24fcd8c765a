//! Instants and dates, as TOML times or as texts.

use super::section::{Reading, Section};
use super::tree::Tree;
use bursar_core::Timestamp;
use jiff::civil::Date;

/// An instant: RFC 3339, or a date for its midnight in UTC.
pub(super) fn read(
    section: &Section<'_>,
    name: &str,
    help: &str,
    reading: &mut Reading<'_>,
) -> Option<Timestamp> {
    read_as(section, name, "an instant", help, reading, Timestamp::parse)
}

/// A date without a time.
pub(super) fn read_date(section: &Section<'_>, name: &str, reading: &mut Reading<'_>) -> Option<Date> {
    let help = "write a date such as `\"2026-01-01\"`";
    read_as(section, name, "a date", help, reading, |text| text.parse().ok())
}

fn read_as<T>(
    section: &Section<'_>,
    name: &str,
    what: &str,
    help: &str,
    reading: &mut Reading<'_>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let entry = section.get(name)?;
    let (Tree::Text(text) | Tree::Time(text)) = &entry.node.value else {
        section.mistyped(entry, what, reading);
        return None;
    };
    let value = parse(text);
    if value.is_none() {
        let path = section.field(name);
        reading.wrong(&entry.node.place, &path, format!("`{path}` is not {what}: `{text}`"), help);
    }
    value
}
