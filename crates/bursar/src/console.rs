//! Where commands speak: data to standard output, talk to standard error, colour only where a person looks at it.

use crate::exit::Failure;
use serde_json::Value;
use std::io::{Read, Write};

/// The process's three streams, as arguments.
pub struct Console<'a> {
    /// Data.
    pub out: &'a mut dyn Write,
    /// Talk.
    pub err: &'a mut dyn Write,
    /// Input.
    pub input: &'a mut dyn Read,
    /// Whether standard error shows colour.
    pub colour: bool,
    /// Whether standard output is a terminal, which charts are drawn for.
    pub charts: bool,
}

impl Console<'_> {
    /// Writes data as it stands.
    ///
    /// # Errors
    /// When standard output fails.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            self.out.write_all(b"\n")?;
        }
        Ok(self.out.flush()?)
    }
    /// Writes data as JSON, indented.
    ///
    /// # Errors
    /// When standard output fails.
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
        self.data(&text)
    }
    /// Says something to the person. That it cannot be said is no reason to stop.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
        let _ = self.err.flush();
    }
    /// Says what to do.
    pub fn hint(&mut self, text: &str) {
        let label = self.paint("36", "hint");
        self.say(&format!("{label}: {text}"));
    }
    /// Says what is odd.
    pub fn warn(&mut self, text: &str) {
        let label = self.paint("33", "warning");
        self.say(&format!("{label}: {text}"));
    }
    /// Says why a command ended, with the chain of causes and what to do.
    pub fn end(&mut self, failure: &Failure) {
        let (message, hint) = match failure {
            Failure::Failed { error, hint } => {
                let mut message = error.to_string();
                for cause in error.chain().skip(1) {
                    message.push_str("\n  caused by: ");
                    message.push_str(&cause.to_string());
                }
                (message, hint.as_deref())
            }
            Failure::Refused { message, hint } => (message.clone(), hint.as_deref()),
            Failure::Usage { message } => (message.clone(), Some("`bursar help` lists the commands")),
            Failure::Silent | Failure::Closed => return,
        };
        let word = if matches!(failure, Failure::Refused { .. }) { "refused" } else { "error" };
        let label = self.paint("31", word);
        self.say(&format!("{label}: {message}"));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }
    /// Reads everything from standard input, up to `most` bytes.
    ///
    /// # Errors
    /// When it cannot be read or is longer.
    pub fn read_input(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        self.input.take(bound).read_to_end(&mut bytes).map_err(anyhow::Error::from)?;
        if bytes.len() > most {
            return Err(Failure::failed(format!("standard input has more than {most} bytes")));
        }
        Ok(bytes)
    }
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
