//! `[records]` and `[retention]`: what is kept of requests, and for how long.

use super::field::{Field, Takes};
use super::section::{Reading, Section};
use super::words::RecordLevel;
use std::collections::BTreeMap;

/// The fields of `[records]`.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "enabled",
        Takes::Boolean,
        "true",
        "Whether requests leave records and roll-ups. Budgets do not depend on it: the ledger is written either way.",
    ),
    Field::new(
        "level",
        Takes::Word(RecordLevel::WORDS),
        "\"basic\"",
        "What is kept beside the record: nothing, headers, or headers and bodies.",
    ),
    Field::new(
        "project_levels",
        Takes::List("projects with a level of their own, such as `\"alpha=full\"`"),
        "[]",
        "Projects whose level is another.",
    ),
    Field::new(
        "max_body_bytes",
        Takes::Integer(1, 16_000_000),
        "1048576",
        "Bytes of a body that are kept; how many are missing is kept with it.",
    ),
    Field::new(
        "secret_headers",
        Takes::List("names of headers"),
        "[]",
        "Headers that are masked beside those that always are, such as `authorization`, `x-api-key` and `cookie`.",
    ),
    Field::new(
        "redact_fields",
        Takes::List("names of JSON fields"),
        "[]",
        "Fields of JSON bodies, at any depth, whose values are replaced before they are kept.",
    ),
    Field::new(
        "redact_patterns",
        Takes::List("patterns such as `\"cust-*\"`"),
        "[]",
        "Words of bodies and headers that are replaced before they are kept; `*` stands for any characters of a word.",
    ),
];

/// The fields of `[retention]`.
pub(super) const RETENTION_FIELDS: &[Field] = &[
    Field::new(
        "records_d",
        Takes::Integer(1, 36_500),
        "365",
        "Days that records are kept; never less than since the start of the longest open period of a budget. Roll-ups and the ledger stay.",
    ),
    Field::new("bodies_plain_d", Takes::Integer(0, 36_500), "7", "Days until bodies are compressed."),
    Field::new("bodies_d", Takes::Integer(0, 36_500), "90", "Days that bodies are kept."),
    Field::new("headers_d", Takes::Integer(0, 36_500), "90", "Days that headers are kept."),
    Field::new("audit_d", Takes::Integer(7, 36_500), "30", "Days that the audit trail is kept."),
    Field::new("tend_s", Takes::Integer(1, 86_400), "3600", "Seconds between two looks at what is too old."),
];

/// `[records]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Whether requests leave records and roll-ups.
    pub enabled: bool,
    /// What is kept beside the record.
    pub level: RecordLevel,
    /// The levels of single projects.
    pub project_levels: BTreeMap<String, RecordLevel>,
    /// Bytes of a body that are kept.
    pub max_body_bytes: u32,
    /// Headers that are masked beside those that always are, in lower case.
    pub secret_headers: Vec<String>,
    /// JSON fields whose values are replaced.
    pub redact_fields: Vec<String>,
    /// Words that are replaced.
    pub redact_patterns: Vec<String>,
}

/// `[retention]`, checked: days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Records.
    pub records_d: u32,
    /// Bodies as they came.
    pub bodies_plain_d: u32,
    /// Bodies at all.
    pub bodies_d: u32,
    /// Headers.
    pub headers_d: u32,
    /// The audit trail.
    pub audit_d: u32,
    /// Seconds between two looks.
    pub tend_s: u32,
}

pub(super) fn read(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Records {
    let Some(section) = section else {
        return Records {
            enabled: true,
            level: RecordLevel::Basic,
            project_levels: BTreeMap::new(),
            max_body_bytes: 1_048_576,
            secret_headers: Vec::new(),
            redact_fields: Vec::new(),
            redact_patterns: Vec::new(),
        };
    };
    let name = |text: &str| -> Result<String, String> {
        if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
    };
    let levels = section.parsed_list(
        "project_levels",
        "write a project and `basic`, `headers` or `full`, such as `\"alpha=full\"`",
        reading,
        level,
    );
    let max = section.integer("max_body_bytes", reading).and_then(|bytes| u32::try_from(bytes).ok());
    Records {
        enabled: section.boolean("enabled", true, reading),
        level: section.word("level", reading, RecordLevel::parse).unwrap_or(RecordLevel::Basic),
        project_levels: levels.into_iter().collect(),
        max_body_bytes: max.unwrap_or(1_048_576),
        secret_headers: section
            .parsed_list(
                "secret_headers",
                "write the name of a header, such as `\"x-session\"`",
                reading,
                name,
            )
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .collect(),
        redact_fields: section.parsed_list(
            "redact_fields",
            "write the name of a field, such as `\"password\"`",
            reading,
            name,
        ),
        redact_patterns: section.parsed_list(
            "redact_patterns",
            "write a pattern with a letter or digit in it, such as `\"cust-*\"`",
            reading,
            pattern,
        ),
    }
}

pub(super) fn read_retention(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Retention {
    let mut days = |name: &str, default: u32| {
        let given = section.and_then(|section| section.integer(name, reading));
        given.and_then(|days| u32::try_from(days).ok()).unwrap_or(default)
    };
    Retention {
        records_d: days("records_d", 365),
        bodies_plain_d: days("bodies_plain_d", 7),
        bodies_d: days("bodies_d", 90),
        headers_d: days("headers_d", 90),
        audit_d: days("audit_d", 30),
        tend_s: days("tend_s", 3_600),
    }
}

fn level(text: &str) -> Result<(String, RecordLevel), String> {
    let (project, word) = text.split_once('=').ok_or("is not of the form `project=level`")?;
    let level = RecordLevel::parse(word.trim()).ok_or("names a level that there is not")?;
    Ok((project.trim().to_owned(), level))
}

/// A pattern of stars alone would take out everything.
fn pattern(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_alphanumeric) {
        Ok(text.to_owned())
    } else {
        Err("would match every word".to_owned())
    }
}
