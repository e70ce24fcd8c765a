//! What is logged: a level for everything, and others for parts of the program.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// `info,bursar_gateway=debug`, read. Of the parts whose names fit the longest wins. Spans, fields and patterns, which other
/// filters know, are no part of it: a pattern can take any time and any memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFilter {
    /// Of what no part names.
    level: LevelFilter,
    parts: Vec<(String, LevelFilter)>,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, parts: Vec::new() }
    }
}

impl LogFilter {
    /// The levels by their names.
    const LEVELS: [(&'static str, LevelFilter); 6] = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    /// What would be right where a text is none.
    pub const HELP: &'static str =
        "write a level such as `info`, or a filter such as `info,bursar_gateway=debug`";

    /// Reads a filter. Where it has no level of its own, nothing is logged but its parts.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on from its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self { level: LevelFilter::OFF, parts: Vec::new() };
        for word in text.split(',').map(str::trim) {
            match word.split_once('=') {
                None => filter.level = Self::level(word)?,
                Some((part, level)) if Self::is_part(part) => {
                    filter.parts.push((part.to_owned(), Self::level(level)?));
                }
                Some((part, _)) => return Err(format!("`{part}` is no part of the program")),
            }
        }
        Ok(filter)
    }
    /// As the log takes it.
    #[must_use]
    pub fn targets(&self) -> Targets {
        Targets::new().with_default(self.level).with_targets(self.parts.iter().cloned())
    }

    fn level(word: &str) -> Result<LevelFilter, String> {
        let found = Self::LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, level)| *level).ok_or_else(|| {
            let names = Self::LEVELS.map(|(name, _)| format!("`{name}`")).join(", ");
            format!("`{word}` is none of {names}")
        })
    }

    /// A module's path, or a name that lines go by.
    fn is_part(name: &str) -> bool {
        !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_:-.".contains(char))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(text: &str) -> [bool; 3] {
        use tracing::Level;
        let targets = LogFilter::parse(text).unwrap().targets();
        [("bursar_gateway::chain", Level::DEBUG), ("bursar_request", Level::INFO), ("hyper", Level::WARN)]
            .map(|(target, level)| targets.would_enable(target, &level))
    }

    #[test]
    fn a_level_is_for_all_and_the_longest_name_that_fits_wins() {
        assert_eq!(logged("debug"), [true, true, true]);
        assert_eq!(logged("Info"), [false, true, true]);
        assert_eq!(logged("error"), [false, false, false]);
        assert_eq!(logged("info,bursar_gateway=debug"), [true, true, true]);
        assert_eq!(logged("bursar_gateway=debug"), [true, false, false]);
        assert_eq!(logged("info, bursar_request=off"), [false, false, true]);
        assert_eq!(logged("bursar_gateway=debug,info,bursar_gateway::chain=warn"), [false, true, true]);
    }

    /// Found by fuzzing: a pattern of a few hundred bytes took minutes and hundreds of megabytes to prepare.
    #[test]
    fn what_is_no_level_and_no_part_with_one_is_refused_at_once() {
        let patterns = format!("info,[}} . {{`nnn{}[.}} . {{`{}", ".".repeat(300), "n".repeat(300));
        for text in [
            "",
            ",",
            "info,",
            "verbose",
            "bursar_gateway",
            "a=b=c",
            "=info",
            "bursar_gateway=",
            "a b=info",
            "bursar[{user=alice}]=debug",
            "bursar[span]",
            &patterns,
        ] {
            assert!(LogFilter::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            LogFilter::parse("verbose").unwrap_err(),
            "`verbose` is none of `off`, `error`, `warn`, `info`, `debug`, `trace`"
        );
    }
}
