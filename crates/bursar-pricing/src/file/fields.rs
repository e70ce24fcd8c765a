//! Reads typed fields out of a TOML table and remembers which were asked for, so that unknown ones are errors.

use bursar_core::decimal::DecimalError;
use bursar_core::{Multiplier, Rate, Timestamp};
use toml::{Table, Value};

use crate::class::RateClass;
use crate::file::error::Invalid;
use crate::rates::{Rates, Variant};

/// One table of a row, at a path inside it.
pub(crate) struct Fields<'a> {
    pub(crate) table: &'a Table,
    pub(crate) row: &'a str,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(table: &'a Table, row: &'a str, path: &str) -> Self {
        Self { table, row, path: path.to_owned(), known: Vec::new() }
    }
    pub(crate) fn path(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }
    pub(crate) fn error(&self, field: &str, problem: impl Into<String>) -> Invalid {
        Invalid::new(self.row, &self.path(field), problem)
    }
    pub(crate) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        self.known.push(field);
        self.table.get(field)
    }
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<&'a str>, Invalid> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(field, format!("must be a text, not {}", kind(other)))),
        }
    }
    pub(crate) fn texts(&mut self, field: &'static str) -> Result<Vec<String>, Invalid> {
        let Some(value) = self.value(field) else { return Ok(Vec::new()) };
        let texts = value.as_array().map(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        texts.flatten().ok_or_else(|| self.error(field, "must be a list of texts, such as [\"a\", \"b\"]"))
    }
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<Option<bool>, Invalid> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.error(field, format!("must be true or false, not {}", kind(other)))),
        }
    }
    pub(crate) fn count(&mut self, field: &'static str) -> Result<Option<u64>, Invalid> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Integer(count)) => u64::try_from(*count)
                .map(Some)
                .map_err(|_| self.error(field, format!("is {count}: must not be negative"))),
            Some(other) => Err(self.error(field, format!("must be a whole number, not {}", kind(other)))),
        }
    }
    pub(crate) fn instant(&mut self, field: &'static str) -> Result<Option<Timestamp>, Invalid> {
        let text = match self.value(field) {
            None => return Ok(None),
            Some(Value::Datetime(date)) => date.to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                return Err(
                    self.error(field, format!("must be a date such as 2026-01-31, not {}", kind(other)))
                );
            }
        };
        let at = Timestamp::parse(&text);
        at.map(Some).ok_or_else(|| {
            self.error(
                field,
                format!("is \"{text}\": must be a date such as 2026-01-31 or an instant in UTC"),
            )
        })
    }
    pub(crate) fn table(&mut self, field: &'static str) -> Result<Option<&'a Table>, Invalid> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(other) => Err(self.error(field, format!("must be a table {{ … }}, not {}", kind(other)))),
        }
    }
    pub(crate) fn tables(&mut self, field: &'static str) -> Result<Option<Vec<&'a Table>>, Invalid> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let tables =
            value.as_array().map(|items| items.iter().map(Value::as_table).collect::<Option<Vec<_>>>());
        let problem =
            "must be a list of tables, such as [{ up_to = 200000, input = \"3\" }, { input = \"6\" }]";
        tables.flatten().map(Some).ok_or_else(|| self.error(field, problem))
    }
    pub(crate) fn factor(&mut self, field: &'static str) -> Result<Option<Multiplier>, Invalid> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        factor(text).map(Some).map_err(|problem| self.error(field, problem))
    }
    /// Every rate of the table: by class, in USD per million tokens or USD per unit; by variant where it is a table.
    pub(crate) fn rates(&mut self, variants: Option<&mut Vec<Variant>>) -> Result<Rates, Invalid> {
        let mut rates = Rates::new();
        let mut found = Vec::new();
        for class in RateClass::all() {
            let field = class.as_str();
            match self.value(field) {
                None => {}
                Some(Value::String(text)) => rates.set(class, self.rate(class, field, text)?),
                Some(Value::Table(by_name)) if !class.is_token() => {
                    for (name, value) in by_name {
                        let path = format!("{field}.{name}");
                        let text = value.as_str().ok_or_else(|| self.not_a_rate(&path, value))?;
                        let rate = self.rate(class, &path, text)?;
                        match name.as_str() {
                            "default" => rates.set(class, rate),
                            name => found.push(Variant { class, name: name.into(), rate }),
                        }
                    }
                }
                Some(other) => return Err(self.not_a_rate(field, other)),
            }
        }
        match (variants, found.first()) {
            (Some(place), _) => *place = found,
            (None, Some(variant)) => {
                let problem = "cannot differ by variant here; variants belong to the row itself";
                return Err(self.error(variant.class.as_str(), problem));
            }
            (None, None) => {}
        }
        Ok(rates)
    }
    fn rate(&self, class: RateClass, path: &str, text: &str) -> Result<Rate, Invalid> {
        let (read, unit) = if class.is_token() {
            (Rate::parse_per_million(text), "USD per million tokens with at most 6 decimals")
        } else {
            (Rate::parse_per_unit(text), "USD per unit with at most 12 decimals")
        };
        read.map_err(|error| {
            let why = match error {
                DecimalError::Malformed if text.starts_with('-') => "must not be negative".to_owned(),
                DecimalError::Malformed => format!("must be {unit}, such as \"0.15\""),
                DecimalError::TooPrecise(_) => format!("has too many decimals: {unit}"),
                DecimalError::TooLarge => "is too large".to_owned(),
            };
            self.error(path, format!("is \"{text}\": {why}"))
        })
    }
    fn not_a_rate(&self, path: &str, value: &Value) -> Invalid {
        let hint = match value {
            Value::Float(_) | Value::Integer(_) => {
                format!("must be a decimal text: write \"{value}\" in quotes")
            }
            other => format!("must be a decimal text such as \"0.15\", not {}", kind(other)),
        };
        self.error(path, hint)
    }
    /// Errs when the table has a field that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Invalid> {
        match self.table.keys().find(|key| !self.known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let near = nearest(key, &self.known);
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                Err(self.error(key, format!("is not a field of a price row{hint}")))
            }
        }
    }
}

pub(crate) fn factor(text: &str) -> Result<Multiplier, String> {
    Multiplier::parse(text).map_err(|_| {
        format!("is \"{text}\": must be a factor from 0 to 1000 with at most 6 decimals, such as \"1.1\"")
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The known word that is most like `word`, if it is much like it.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(word, other);
    let best = known.iter().copied().min_by_key(|other| distance(other))?;
    (distance(best) * 3 <= word.len()).then_some(best)
}
