//! Mistakes as people read them: the line, a mark under it, what is wrong, what would be right. No colour needed.

use super::mistake::{Mistake, Mistakes, Severity};
use super::tree::{Place, sounds_secret};
use std::fmt::{self, Write as _};
use std::ops::Range;
use unicode_width::UnicodeWidthChar as _;

/// Mistakes shown of one file: more than a screenful per round of corrections helps nobody.
const SHOWN_MAX: usize = 50;

/// Everything that is wrong with a configuration. `Display` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's name as it was given; empty where there is none.
    pub file: String,
    /// Every mistake, in the order of the file; those from environment variables come last.
    pub items: Vec<ReportItem>,
}

/// One mistake of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportItem {
    /// How bad it is.
    pub severity: Severity,
    /// Where: line and column from 1, counted in characters. Absent for environment variables.
    pub at: Option<(usize, usize)>,
    /// The environment variable it came from.
    pub variable: Option<String>,
    /// Full path of the field; empty for syntax.
    pub field: String,
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// The lines of the file that it is about, marked; empty where it is not shown.
    snippet: String,
}

impl Report {
    /// Looks up lines and columns in `text`.
    pub(crate) fn new(file: &str, text: &str, mut mistakes: Mistakes) -> Self {
        let order = |mistake: &Mistake| match &mistake.place {
            Place::Whole => (0, 0),
            Place::Text(span) => (1, span.start),
            Place::Environment(_) => (2, 0),
        };
        mistakes.found.sort_by_key(order);
        let source = Source::new(text, &mistakes.masked);
        let found = mistakes.found.iter().enumerate();
        let items = found.map(|(n, mistake)| source.item(mistake, n < SHOWN_MAX)).collect();
        Self { file: file.to_owned(), items }
    }
    /// How many of them forbid to use the configuration.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|item| item.severity == Severity::Error).count()
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in self.items.iter().take(SHOWN_MAX) {
            item.render(&self.file, f)?;
        }
        if self.items.len() > SHOWN_MAX {
            writeln!(f, "… and {} more\n", self.items.len() - SHOWN_MAX)?;
        }
        let file = if self.file.is_empty() { "the environment" } else { &self.file };
        match (self.errors(), self.items.len()) {
            (0, 0) => Ok(()),
            (0, n) => write!(f, "{n} {} in `{file}`", plural(n, "warning")),
            (errors, _) => write!(f, "{errors} {} in `{file}`", plural(errors, "mistake")),
        }
    }
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}

impl ReportItem {
    fn render(&self, file: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{kind}: {}", self.message)?;
        match (&self.variable, self.at) {
            (Some(variable), _) => writeln!(f, "  --> environment variable `{variable}`")?,
            (None, Some((line, column))) => writeln!(f, "  --> {file}:{line}:{column}")?,
            (None, None) if !file.is_empty() => writeln!(f, "  --> {file}")?,
            (None, None) => {}
        }
        f.write_str(&self.snippet)?;
        if !self.field.is_empty() {
            writeln!(f, "  = field: {}", self.field)?;
        }
        writeln!(f, "  = help: {}\n", self.help)
    }
}

struct Source<'a> {
    text: &'a str,
    masked: &'a [Range<usize>],
    /// Where each line but the first begins, looked up for every mistake.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    fn new(text: &'a str, masked: &'a [Range<usize>]) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { text, masked, lines }
    }

    fn item(&self, mistake: &Mistake, is_shown: bool) -> ReportItem {
        let (at, variable) = match &mistake.place {
            Place::Text(span) => (Some(self.position(span.start)), None),
            Place::Environment(name) => (None, Some(name.to_string())),
            Place::Whole => (None, None),
        };
        ReportItem {
            severity: mistake.severity,
            at,
            variable,
            field: mistake.field.clone(),
            message: mistake.message.clone(),
            help: mistake.help.clone(),
            snippet: if is_shown { self.snippet(mistake) } else { String::new() },
        }
    }

    fn snippet(&self, mistake: &Mistake) -> String {
        let mut out = String::new();
        let Place::Text(span) = &mistake.place else {
            return out;
        };
        let mut marks = vec![(span, "")];
        if let Some((Place::Text(other), label)) = &mistake.other {
            marks.push((other, *label));
            marks.sort_by_key(|(span, _)| span.start);
        }
        let widest = marks.iter().map(|(span, _)| self.position(span.start).0).max().unwrap_or(1);
        let width = widest.to_string().len();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:width$} |", "");
        for (span, label) in marks {
            let (line, _) = self.position(span.start);
            let (shown, mark) = self.marked_line(span, mistake.field.is_empty());
            let _ = writeln!(out, "{line:width$} | {shown}");
            let _ = writeln!(out, "{:width$} | {}", "", format!("{mark} {label}").trim_end());
        }
        out
    }

    /// The line where `span` starts, with secrets masked, and the mark under it.
    fn marked_line(&self, span: &Range<usize>, is_syntax: bool) -> (String, String) {
        let (_, start) = self.line_of(span.start);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let hide_from = if is_syntax && sounds_secret(line) { line.find('=') } else { None };
        // A place between two characters is marked at the one behind it.
        let marked = span.start..span.end.max(span.start + 1);
        let (mut shown, mut mark) = (String::new(), String::new());
        let mut masking = false;
        for (offset, character) in line.char_indices() {
            let at = start + offset;
            if hide_from.is_some_and(|from| offset > from) {
                shown.push_str(" …");
                break;
            }
            let masked = self.masked.iter().any(|range| range.contains(&at));
            let here = if marked.contains(&at) { '^' } else { ' ' };
            if masked && masking {
                continue;
            }
            masking = masked;
            if masked {
                shown.push_str("\"…\"");
                mark.extend(std::iter::repeat_n(here, 3));
            } else {
                shown.push(if character == '\t' { ' ' } else { character });
                // Wide characters take two columns of a terminal, those that combine with another none.
                mark.extend(std::iter::repeat_n(here, character.width().unwrap_or(1)));
            }
        }
        if !mark.contains('^') {
            mark.push('^');
        }
        (shown, mark.trim_end().to_owned())
    }

    /// Line and column of a byte, from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let head = self.text.get(..byte).unwrap_or(self.text);
        let (line, start) = self.line_of(head.len());
        let column = head.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The line of a byte, from 1, and where it begins.
    fn line_of(&self, byte: usize) -> (usize, usize) {
        let before = self.lines.partition_point(|start| *start <= byte);
        let start = before.checked_sub(1).and_then(|last| self.lines.get(last)).copied();
        (before + 1, start.unwrap_or(0))
    }
}
