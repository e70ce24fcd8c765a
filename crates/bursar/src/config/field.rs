//! What a field is: its name, what it takes, its default, a sentence. Checks, overrides and the reference read it.

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Any text, described by what it means.
    Text(&'static str),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// A decimal number in quotes: `"1.10"`.
    Decimal,
    /// `{ env = "…" }` or `{ file = "…" }`.
    Secret,
    /// Something else, described, which an environment variable writes as TOML.
    Other(&'static str),
    /// A list of such.
    List(&'static str),
    /// A table with these fields.
    Table(&'static [Field]),
    /// A table of named tables with these fields.
    Named(&'static [Field]),
    /// A list of tables with these fields.
    Tables(&'static [Field]),
}

/// One field of a section.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the file.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Its default as the file would write it, or what happens without it; `required` where it must be there.
    pub default: &'static str,
    /// One or two sentences for the reference.
    pub about: &'static str,
}

impl Field {
    /// A field; for the tables of fields.
    #[must_use]
    pub const fn new(name: &'static str, takes: Takes, default: &'static str, about: &'static str) -> Self {
        Self { name, takes, default, about }
    }
    /// The fields inside, where it has some.
    #[must_use]
    pub const fn inner(&self) -> &'static [Self] {
        match self.takes {
            Takes::Table(fields) | Takes::Named(fields) | Takes::Tables(fields) => fields,
            Takes::Text(_)
            | Takes::Word(_)
            | Takes::Integer(..)
            | Takes::Boolean
            | Takes::Decimal
            | Takes::Secret
            | Takes::Other(_)
            | Takes::List(_) => &[],
        }
    }
    /// Whether an environment variable gives its value as it stands, not as TOML.
    pub(crate) const fn takes_text(&self) -> bool {
        matches!(self.takes, Takes::Text(_) | Takes::Word(_) | Takes::Decimal)
    }
}

/// The field of that name.
pub(crate) fn find(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}
