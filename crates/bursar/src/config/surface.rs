//! `surfaces` of a provider: what may pass without a meter, at a price for each request.

use super::mistake::{choices, nearest};
use super::provider::is_wrong;
use super::section::{Reading, Section};
use super::tree::{Entry, Tree};
use bursar_core::Rate;
use bursar_wire::Surface;
use std::collections::BTreeMap;

const HELP: &str = "write USD for one request above 0 with at most twelve places, such as `\"0.25\"`";

/// Reads the table; what is wrong in it is noted.
pub(super) fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> BTreeMap<Surface, Rate> {
    let mut surfaces = BTreeMap::new();
    let Some(entry) = section.get("surfaces") else { return surfaces };
    if !matches!(entry.node.value, Tree::Table(_)) {
        section.mistyped(entry, "a table such as `{ images = \"0.25\" }`", reading);
        return surfaces;
    }
    let path = section.field("surfaces");
    for declared in Section::entries(&entry.node) {
        let field = format!("{path}.{}", declared.name);
        let surface = surface(declared, &field, reading);
        let price = price(declared, &field, reading);
        surfaces.extend(surface.zip(price));
    }
    surfaces
}

fn surface(declared: &Entry, field: &str, reading: &mut Reading<'_>) -> Option<Surface> {
    let word = declared.name.as_str();
    let words = || Surface::ALL.iter().filter(|surface| surface.can_pass()).map(|surface| surface.as_str());
    let (message, help) = match Surface::parse(word) {
        Some(surface) if surface.can_pass() => return Some(surface),
        Some(surface) => (
            format!("`{field}`: {} cannot be passed on", surface.title()),
            "they are sessions, not requests: remove it".to_owned(),
        ),
        None => (
            format!("`{word}` is not a surface without a meter"),
            nearest(word, words()).map_or_else(
                || format!("known: {}", choices(words())),
                |near| format!("did you mean `{near}`?"),
            ),
        ),
    };
    reading.wrong(&declared.place, field, message, help);
    None
}

fn price(declared: &Entry, field: &str, reading: &mut Reading<'_>) -> Option<Rate> {
    let Tree::Text(text) = &declared.node.value else {
        let kind = declared.node.value.kind();
        reading.wrong(
            &declared.node.place,
            field,
            format!("`{field}` is {kind}, not a decimal in quotes"),
            HELP,
        );
        return None;
    };
    let parsed = Rate::parse_per_unit(text).map_err(is_wrong);
    match parsed {
        Ok(rate) if rate != Rate::ZERO => Some(rate),
        Ok(_) => {
            let message = format!("`{field}` is nothing: what has no meter cannot be free");
            reading.wrong(&declared.node.place, field, message, HELP);
            None
        }
        Err(problem) => {
            reading.wrong(&declared.node.place, field, format!("`{field}`: `{text}` {problem}"), HELP);
            None
        }
    }
}
