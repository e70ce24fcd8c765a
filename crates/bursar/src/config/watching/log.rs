//! `[log]`: what is said on standard error while serving, and how it is written.

use super::super::field::{Field, Takes};
use super::super::section::{Reading, Section};
use super::super::words::LogFormat;
use tracing_subscriber::EnvFilter;

/// The fields of `[log]`.
pub(in super::super) const FIELDS: &[Field] = &[
    Field::new(
        "format",
        Takes::Word(LogFormat::WORDS),
        "\"text\"",
        "`text` for people, `json` for collectors: one object a line.",
    ),
    Field::new(
        "level",
        Takes::Text("`error`, `warn`, `info`, `debug`, or a filter such as `info,bursar_gateway=debug`"),
        "\"info\"",
        "What is logged. Each request that ended is one line at `info`; `info,bursar_request=off` leaves those out. `--log` wins.",
    ),
];

/// `[log]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// A filter that can be used.
    pub level: String,
}

pub(in super::super) fn read(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Log {
    let format = section.and_then(|section| section.word("format", reading, LogFormat::parse));
    let level = section.and_then(|section| {
        let spot = section.text("level", reading)?;
        match EnvFilter::try_new(spot.text) {
            Ok(_) => Some(spot.text.to_owned()),
            Err(error) => {
                let field = section.field("level");
                let help = "write a level such as `info`, or a filter such as `info,bursar_gateway=debug`";
                reading.wrong(spot.place, &field, format!("`{field}` is no filter: {error}"), help);
                None
            }
        }
    });
    Log { format: format.unwrap_or(LogFormat::Text), level: level.unwrap_or_else(|| "info".to_owned()) }
}
