//! Checks of names: what a value may be called, what refers to what, nothing twice.

use super::mistake::{Mistake, choices, nearest};
use super::section::{Reading, Spot};
use super::tree::Place;
use bursar_core::{ApiFormat, Attribute, Value};

/// Notes a name that cannot be an attribute value.
pub(super) fn check(spot: Spot<'_>, field: &str, reading: &mut Reading<'_>) -> Option<Value> {
    match Value::new(spot.text) {
        Ok(value) => Some(value),
        Err(problem) => {
            let help = "a name has 1 to 128 bytes, no control characters and no space at either end";
            reading.wrong(spot.place, field, format!("`{field}` {problem}"), help);
            None
        }
    }
}

/// Notes a name that was there before, with the place of the first.
pub(super) fn check_new<'a>(
    spot: Spot<'a>,
    field: &str,
    what: &str,
    seen: &mut Vec<(String, &'a Place)>,
    reading: &mut Reading<'_>,
) {
    if let Some((_, first)) = seen.iter().find(|(name, _)| name == spot.text) {
        let message = format!("there are two {what}s named `{}`", spot.text);
        let mistake = Mistake::new(spot.place.clone(), field, message, "give one of them another name");
        reading.mistakes.push(mistake.with_other((*first).clone(), "the first"));
    } else {
        seen.push((spot.text.to_owned(), spot.place));
    }
}

/// An attribute by its word.
pub(super) fn attribute(
    word: &str,
    place: &Place,
    field: &str,
    reading: &mut Reading<'_>,
) -> Option<Attribute> {
    let attribute = Attribute::parse(word);
    if attribute.is_none() {
        let words = Attribute::words();
        let help = match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", choices(words.iter().copied())),
        };
        reading.wrong(place, field, format!("`{word}` is not an attribute of a request"), help);
    }
    attribute
}

/// An API format by its word.
pub(super) fn api_format(
    word: &str,
    place: &Place,
    field: &str,
    reading: &mut Reading<'_>,
) -> Option<ApiFormat> {
    let format = ApiFormat::parse(word);
    if format.is_none() {
        let words = || ApiFormat::ALL.iter().map(|format| format.as_str());
        let help = match nearest(word, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", choices(words())),
        };
        reading.wrong(place, field, format!("`{word}` is not an API format"), help);
    }
    format
}

/// Notes a reference to something that is not declared, with the nearest that is.
pub(super) fn check_known<'a>(
    spot: Spot<'_>,
    field: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    reading: &mut Reading<'_>,
) {
    if known.clone().any(|name| name == spot.text) {
        return;
    }
    let help = match nearest(spot.text, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.clone().next().is_none() => {
            format!("no {what} is declared: add `[{what}s.{}]`", spot.text)
        }
        None => format!("declared: {}", choices(known)),
    };
    reading.wrong(spot.place, field, format!("`{field}` names the unknown {what} `{}`", spot.text), help);
}
