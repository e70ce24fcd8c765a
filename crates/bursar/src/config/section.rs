//! Reads the fields of one table by type, noting every mistake on the way.

use super::field::{self, Field, Takes};
use super::mistake::{Mistake, Mistakes, choices, nearest};
use super::surroundings::{SecretRef, Surroundings};
use super::tree::{Entry, Node, Place, Table, Tree};
use std::path::{Path, PathBuf};

/// What every reading function needs: the surroundings, the folder of relative paths, the mistakes so far.
pub(crate) struct Reading<'a> {
    pub(crate) surroundings: Surroundings<'a>,
    pub(crate) folder: PathBuf,
    pub(crate) mistakes: Mistakes,
}

impl Reading<'_> {
    /// Notes a mistake.
    pub(crate) fn wrong(
        &mut self,
        place: &Place,
        field: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::new(place.clone(), field, message, help));
    }
    /// A path of the file, relative to the folder it stands in.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(Path::new(text))
    }
}

/// One table with its declared fields.
pub(crate) struct Section<'a> {
    /// `server`, `providers.openai`, `budgets[2]`; empty for the file itself.
    pub(crate) path: String,
    pub(crate) place: &'a Place,
    table: &'a Table,
    fields: &'static [Field],
}

/// A text and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) text: &'a str,
    pub(crate) place: &'a Place,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(crate) fn root(table: &'a Table, fields: &'static [Field], reading: &mut Reading<'_>) -> Self {
        let section = Self::unchecked(table, fields);
        section.note_unknown(reading);
        section
    }

    /// The whole file, whatever else is in it.
    pub(crate) fn unchecked(table: &'a Table, fields: &'static [Field]) -> Self {
        Self { path: String::new(), place: &Place::Whole, table, fields }
    }

    /// `node` as a table at `path`. Unknown names are noted here, each with the nearest right one.
    pub(crate) fn open(
        path: String,
        node: &'a Node,
        fields: &'static [Field],
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let Tree::Table(table) = &node.value else {
            let names = choices(fields.iter().map(|field| field.name).take(4));
            let help = format!("write a table with fields such as {names}");
            reading.wrong(
                &node.place,
                &path,
                format!("`{path}` is {}, not a table", node.value.kind()),
                help,
            );
            return None;
        };
        let section = Self { path, place: &node.place, table, fields };
        section.note_unknown(reading);
        Some(section)
    }

    fn note_unknown(&self, reading: &mut Reading<'_>) {
        for entry in &self.table.0 {
            if field::find(self.fields, &entry.name).is_some() {
                continue;
            }
            let names = || self.fields.iter().map(|field| field.name);
            let help = match nearest(&entry.name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", choices(names())),
            };
            let message = match self.path.as_str() {
                "" => format!("unknown section `{}`", entry.name),
                path => format!("unknown field `{}` in `{path}`", entry.name),
            };
            reading.wrong(&entry.place, self.field(&entry.name), message, help);
        }
    }

    /// The full path of a field.
    pub(crate) fn field(&self, name: &str) -> String {
        let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let name = if bare && !name.is_empty() { name.to_owned() } else { format!("{name:?}") };
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The entry of a declared field.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(
            field::find(self.fields, name).is_some(),
            "`{name}` is not declared in `{}`",
            self.path
        );
        self.table.get(name)
    }
    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// Where the field is written, or the section where it is not.
    pub(crate) fn place_of(&self, name: &str) -> &'a Place {
        self.get(name).map_or(self.place, |entry| &entry.node.place)
    }
    /// Every entry: for tables whose names are free.
    pub(crate) fn entries(table: &'a Node) -> &'a [Entry] {
        if let Tree::Table(table) = &table.value { &table.0 } else { &[] }
    }

    /// Notes that a field has the wrong type.
    pub(crate) fn mistyped(&self, entry: &Entry, wanted: &str, reading: &mut Reading<'_>) {
        let path = self.field(&entry.name);
        let message = format!("`{path}` is {}, not {wanted}", entry.node.value.kind());
        reading.wrong(&entry.node.place, path, message, self.example(&entry.name, wanted));
    }
    fn example(&self, name: &str, wanted: &str) -> String {
        match field::find(self.fields, name).map(|field| field.takes) {
            Some(Takes::Text(meaning) | Takes::Other(meaning)) => format!("write {meaning}"),
            Some(Takes::List(meaning)) => format!("write a list of {meaning}"),
            Some(Takes::Word(words)) => format!("write {}", choices(words.iter().copied())),
            Some(Takes::Decimal) => "write a decimal number in quotes, such as `\"1.25\"`".to_owned(),
            Some(Takes::Secret) => "write `{ env = \"NAME\" }` or `{ file = \"path\" }`".to_owned(),
            Some(
                Takes::Integer(..) | Takes::Boolean | Takes::Table(_) | Takes::Named(_) | Takes::Tables(_),
            )
            | None => {
                format!("write {wanted}")
            }
        }
    }

    /// Notes that a required field is not there.
    pub(crate) fn missing(&self, name: &str, help: &str, reading: &mut Reading<'_>) {
        let path = self.field(name);
        reading.wrong(self.place, &path, format!("`{path}` is missing"), help);
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, reading: &mut Reading<'_>) -> Option<Spot<'a>> {
        let entry = self.get(name)?;
        match &entry.node.value {
            Tree::Text(text) => Some(Spot { text, place: &entry.node.place }),
            _ => {
                self.mistyped(entry, "a text in quotes", reading);
                None
            }
        }
    }

    /// A text that `parse` understands; the error of `parse` stands behind the text in the message.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        help: &str,
        reading: &mut Reading<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let spot = self.text(name, reading)?;
        match parse(spot.text) {
            Ok(value) => Some(value),
            Err(problem) => {
                let path = self.field(name);
                let message = format!("`{path}`: `{}` {problem}", spot.text);
                reading.wrong(spot.place, path, message, help);
                None
            }
        }
    }

    /// One of the field's words.
    pub(crate) fn word<T>(
        &self,
        name: &str,
        reading: &mut Reading<'_>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let spot = self.text(name, reading)?;
        let value = parse(spot.text);
        if value.is_none() {
            let path = self.field(name);
            let words = match field::find(self.fields, name).map(|field| field.takes) {
                Some(Takes::Word(words)) => words,
                _ => &[],
            };
            let all = choices(words.iter().copied());
            let help = match nearest(spot.text, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? It takes {all}"),
                None => format!("it takes {all}"),
            };
            reading.wrong(spot.place, &path, format!("`{path}` cannot be `{}`", spot.text), help);
        }
        value
    }

    /// A boolean.
    pub(crate) fn boolean(&self, name: &str, default: bool, reading: &mut Reading<'_>) -> bool {
        let Some(entry) = self.get(name) else {
            return default;
        };
        match &entry.node.value {
            Tree::Boolean(truth) => *truth,
            _ => {
                self.mistyped(entry, "`true` or `false`", reading);
                default
            }
        }
    }

    /// A whole number in the field's range; a text such as `"10k"` is read too.
    pub(crate) fn integer(&self, name: &str, reading: &mut Reading<'_>) -> Option<i64> {
        let entry = self.get(name)?;
        let Some(Takes::Integer(least, most)) = field::find(self.fields, name).map(|field| field.takes)
        else {
            return None;
        };
        let value = match &entry.node.value {
            Tree::Integer(n) => Some(*n),
            Tree::Text(text) => super::value::count(text).ok(),
            _ => None,
        };
        match value {
            None => self.mistyped(entry, "a whole number", reading),
            Some(n) if n < least || n > most => {
                let path = self.field(name);
                let side = if n < least { "below" } else { "above" };
                let bound = if n < least { least } else { most };
                let help = format!("it takes a whole number from {least} to {most}");
                reading.wrong(&entry.node.place, &path, format!("`{path}` is {side} {bound}"), help);
                return None;
            }
            Some(_) => {}
        }
        value
    }

    /// A list of texts, each read by `parse`, whose error stands behind the text.
    pub(crate) fn parsed_list<T>(
        &self,
        name: &str,
        help: &str,
        reading: &mut Reading<'_>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let spots = self.texts(name, false, reading).unwrap_or_default();
        let mut list = Vec::new();
        for (at, spot) in spots.iter().enumerate() {
            match parse(spot.text) {
                Ok(value) => list.push(value),
                Err(problem) => {
                    let path = format!("{}[{at}]", self.field(name));
                    let message = format!("`{path}` {problem}: `{}`", spot.text);
                    reading.wrong(spot.place, path, message, help);
                }
            }
        }
        list
    }
    /// A list of texts; one text alone counts as a list of one where `single` says so.
    pub(crate) fn texts(&self, name: &str, single: bool, reading: &mut Reading<'_>) -> Option<Vec<Spot<'a>>> {
        let entry = self.get(name)?;
        match &entry.node.value {
            Tree::Text(text) if single => Some(vec![Spot { text, place: &entry.node.place }]),
            Tree::List(items) => {
                let mut spots = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    if let Tree::Text(text) = &item.value {
                        spots.push(Spot { text, place: &item.place });
                    } else {
                        let path = format!("{}[{at}]", self.field(name));
                        let message = format!("`{path}` is {}, not a text in quotes", item.value.kind());
                        let help = self.example(name, "a list of texts");
                        reading.wrong(&item.place, path, message, help);
                    }
                }
                Some(spots)
            }
            _ => {
                self.mistyped(entry, "a list of texts", reading);
                None
            }
        }
    }

    /// A reference to a secret, checked to exist now.
    pub(crate) fn secret(&self, name: &str, reading: &mut Reading<'_>) -> Option<SecretRef> {
        const FIELDS: &[Field] = &[
            Field::new("env", Takes::Text("the name of an environment variable"), "", ""),
            Field::new("file", Takes::Text("the path of a file"), "", ""),
        ];
        let entry = self.get(name)?;
        let path = self.field(name);
        if let Tree::Text(_) = &entry.node.value {
            let message = format!("`{path}` holds a secret in plain text");
            let help = "put it into an environment variable and write `{ env = \"NAME\" }`, or `{ file = \"path\" }`";
            reading.wrong(&entry.node.place, path, message, help);
            return None;
        }
        let inner = Section::open(path.clone(), &entry.node, FIELDS, reading)?;
        let env = inner.text("env", reading).map(|spot| SecretRef::Env(spot.text.to_owned()));
        let file = inner.text("file", reading).map(|spot| SecretRef::File(reading.path(spot.text)));
        let secret = match (env, file) {
            (Some(secret), None) | (None, Some(secret)) => secret,
            (Some(_), Some(_)) => {
                let message = format!("`{path}` names both a variable and a file");
                reading.wrong(&entry.node.place, path, message, "keep one of `env` and `file`");
                return None;
            }
            (None, None) => {
                if !inner.has("env") && !inner.has("file") {
                    let help = "write `{ env = \"NAME\" }` or `{ file = \"path\" }`";
                    reading.wrong(&entry.node.place, &path, format!("`{path}` names no secret"), help);
                }
                return None;
            }
        };
        if let Err(problem) = secret.resolve(&reading.surroundings) {
            let help = match &secret {
                SecretRef::Env(name) => format!("set it before starting: `export {name}=…`"),
                SecretRef::File(_) => {
                    "create the file with the secret in it, readable by Bursar alone".to_owned()
                }
            };
            reading.wrong(&entry.node.place, &path, format!("`{path}`: {problem}"), help);
        }
        Some(secret)
    }
}
