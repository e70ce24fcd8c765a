//! `[log]`: what is said on standard error while serving, and how it is written.

use super::super::field::{Field, Takes};
use super::super::section::{Reading, Section};
use super::super::words::LogFormat;
use super::filter::LogFilter;

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
    /// What is logged.
    pub level: LogFilter,
}

pub(in super::super) fn read(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Log {
    let format = section.and_then(|section| section.word("format", reading, LogFormat::parse));
    let level = section.and_then(|section| {
        let spot = section.text("level", reading)?;
        let filter = LogFilter::parse(spot.text);
        let field = section.field("level");
        filter
            .map_err(|what| {
                reading.wrong(spot.place, &field, format!("`{field}` is no filter: {what}"), LogFilter::HELP);
            })
            .ok()
    });
    Log { format: format.unwrap_or(LogFormat::Text), level: level.unwrap_or_default() }
}
