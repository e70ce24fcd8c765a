//! Governed keys of one object: each at most once, spelled exactly, never escaped.

use super::error::InputError;
use super::text::Text;

/// Which spellings of a key a provider's reader takes for the same field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    /// One.
    Exact,
    /// Protocol buffers in JSON: `maxOutputTokens` and `max_output_tokens` are the same field.
    Proto,
}

/// The governed keys of one object and which of them were seen.
pub(crate) struct Keys {
    names: &'static [&'static str],
    spelling: Spelling,
    seen: u64,
}

impl Keys {
    /// None of `names` (at most 64) seen yet.
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        Self { names, spelling: Spelling::Exact, seen: 0 }
    }
    /// As [`Keys::new`], for an object that a protocol buffer's reader reads.
    pub(crate) const fn proto(names: &'static [&'static str]) -> Self {
        Self { names, spelling: Spelling::Proto, seen: 0 }
    }
    /// The governed name that `key` is, or `None` when it is not governed.
    ///
    /// # Errors
    /// When it was seen before, is escaped, or differs from a governed name in case only: Go's reader, behind Ollama
    /// and others, takes `MODEL` for `model`, so two readers would read two requests.
    pub(crate) fn admit(&mut self, key: &Text<'_>) -> Result<Option<&'static str>, InputError> {
        for (index, name) in (0u32..).zip(self.names) {
            if self.is(key.raw, name) {
                let bit = 1u64.checked_shl(index).unwrap_or(0);
                if self.seen & bit != 0 {
                    return Err(InputError::new(key.start, "is given twice; give it once").under(name));
                }
                self.seen |= bit;
                return Ok(Some(name));
            }
        }
        match self.look_alike(key) {
            None => Ok(None),
            Some(name) => {
                let how = if key.escaped() { "with escapes" } else { "in another case" };
                let message = format!("is spelled {how}; spell it `{name}`");
                Err(InputError::new(key.start, message).under(name))
            }
        }
    }
    fn is(&self, raw: &[u8], name: &str) -> bool {
        raw == name.as_bytes() || (self.spelling == Spelling::Proto && is_snake_of(raw, name))
    }
    fn look_alike(&self, key: &Text<'_>) -> Option<&'static str> {
        // The quick way out: no escape, and no length that a look-alike could have.
        let long = key.raw.len() > 64;
        if !key.escaped() && (long || !self.names.iter().any(|name| may_fold_to(key.raw, name))) {
            return None;
        }
        let decoded = key.decode()?;
        let mut names = self.names.iter().copied();
        names.find(|name| {
            folds_to(&decoded, name)
                || (self.spelling == Spelling::Proto && folds_to(&decoded.replace('_', ""), name))
        })
    }
}

/// Whether `raw` is the snake-case form of the camel-case `name`.
fn is_snake_of(raw: &[u8], name: &str) -> bool {
    let mut raw = raw.iter().copied();
    let spelled = name.bytes().all(|byte| {
        let first = if byte.is_ascii_uppercase() && raw.next() != Some(b'_') { None } else { raw.next() };
        first == Some(byte.to_ascii_lowercase())
    });
    spelled && raw.next().is_none()
}

/// Cheap and generous: the first letter agrees but for case, or is not ASCII.
fn may_fold_to(raw: &[u8], name: &str) -> bool {
    match (raw.first(), name.as_bytes().first()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) || !a.is_ascii() || *a == b'_',
        _ => false,
    }
}

/// Whether `key` is `name` under Unicode's simple case folding, as Go's `encoding/json` compares.
fn folds_to(key: &str, name: &str) -> bool {
    let fold = |char: char| match char {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(|char| char.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["model", "stream", "maxOutputTokens"];

    fn admit(keys: &mut Keys, raw: &'static str) -> Result<Option<&'static str>, String> {
        let key = Text { raw: raw.as_bytes(), start: 7, saved: raw.matches('\\').count() };
        keys.admit(&key).map_err(|error| error.to_string())
    }

    #[test]
    fn a_governed_key_is_taken_once() {
        let mut keys = Keys::new(NAMES);
        assert_eq!(admit(&mut keys, "model"), Ok(Some("model")));
        assert_eq!(admit(&mut keys, "temperature"), Ok(None));
        assert_eq!(admit(&mut keys, "models"), Ok(None));
        assert_eq!(admit(&mut keys, "model"), Err("`model`, at byte 7: is given twice; give it once".into()));
    }

    #[test]
    fn what_another_reader_takes_for_a_governed_key_is_refused() {
        for raw in [
            "MODEL",
            "Model",
            "\\u006dodel",
            "m\\u006fdel",
            "\u{17f}tream",
            "\\u017ftream",
            "max_output_tokens_",
        ] {
            let mut keys = Keys::new(NAMES);
            let admitted = admit(&mut keys, raw);
            assert_eq!(admitted.is_err(), raw != "max_output_tokens_", "{raw}: {admitted:?}");
        }
    }

    #[test]
    fn both_spellings_of_a_protocol_buffer_are_one_field() {
        let mut keys = Keys::proto(NAMES);
        assert_eq!(admit(&mut keys, "max_output_tokens"), Ok(Some("maxOutputTokens")));
        assert!(admit(&mut keys, "maxOutputTokens").is_err());
        assert!(admit(&mut Keys::proto(NAMES), "max_outputTokens").is_err());
        assert_eq!(admit(&mut Keys::new(NAMES), "max_output_tokens"), Ok(None));
    }
}
