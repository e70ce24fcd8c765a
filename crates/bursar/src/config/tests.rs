//! Tests of the configuration: what good files mean, and how each mistake reads.

mod edges;
mod good;
mod mistakes;
mod overrides;

use super::{Checked, Config, Environment, Report, Surroundings};
use std::path::Path;

/// An environment of names and values.
fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// Reads `text` as `bursar.toml` where the variables are set and the file `key.txt` exists.
fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Checked, Report> {
    let environment = environment(variables);
    let read_file = |path: &Path| match path.to_str() {
        Some("key.txt") => Ok("sk-from-a-file\n".to_owned()),
        Some("empty.txt") => Ok("\n".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    Config::read(
        text,
        Path::new("bursar.toml"),
        &Surroundings { environment: &environment, read_file: &read_file },
    )
}

/// Reads `text` where `OPENAI_API_KEY` is set.
fn read(text: &str) -> Result<Checked, Report> {
    read_with(text, &[("OPENAI_API_KEY", "sk-secret-one"), ("OTHER_KEY", "sk-secret-two")])
}

/// The report of a text that has something wrong with it, errors or warnings.
fn report(text: &str) -> String {
    match read(text) {
        Ok(checked) => {
            assert!(!checked.warnings.items.is_empty(), "no mistake in:\n{text}");
            checked.warnings.to_string()
        }
        Err(report) => report.to_string(),
    }
}

/// Several mistakes as one page: the file's text, then what is said about it.
fn page(cases: &[(&str, &str)]) -> String {
    let case =
        |(name, text): &(&str, &str)| format!("#### {name}\n\n{}\n----\n{}\n", text.trim_end(), report(text));
    cases.iter().map(case).collect::<Vec<_>>().join("\n\n")
}
