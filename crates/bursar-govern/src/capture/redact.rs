//! Redaction of what is kept: values of JSON fields by name, and words by pattern. It works on whatever there is, whole
//! JSON or its first part, a stream of events, plain text, and leaves every other byte as it was.

use crate::keys::{KEY_PREFIX, TOKEN_PREFIX};

/// What stands in the place of what was taken out.
const MARK: &[u8] = b"[redacted]";
/// How keys of well-known services begin; a word of that kind is taken out without being asked for.
const KEYS: &[&str] = &[
    KEY_PREFIX,
    TOKEN_PREFIX,
    "sk-",
    "sk_live_",
    "AIza",
    "AKIA",
    "ghp_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "gsk_",
    "hf_",
    "glpat-",
];
/// Bytes from which a word that begins like a key is taken for one: shorter ones are names such as `sk-learn`.
const KEY_BYTES_MIN: usize = 20;

/// What is taken out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redaction {
    fields: Vec<String>,
    patterns: Vec<String>,
}

impl Redaction {
    /// Takes out the values of JSON `fields`, and words that match one of `patterns`, in which `*` stands for any
    /// characters of a word. Keys of well-known services are always taken out.
    #[must_use]
    pub const fn new(fields: Vec<String>, patterns: Vec<String>) -> Self {
        Self { fields, patterns }
    }
    /// `text` without what is to be taken out. `is_cut`: more followed that is not here.
    #[must_use]
    pub fn apply(&self, text: &[u8], is_cut: bool) -> Vec<u8> {
        let text = if self.fields.is_empty() { text.to_vec() } else { self.without_fields(text) };
        self.without_words(&text, is_cut)
    }
    /// The same for a whole text.
    #[must_use]
    pub fn apply_to_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.without_words(text.as_bytes(), false)).into_owned()
    }

    fn without_words(&self, text: &[u8], is_cut: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.first() {
            let is_word = is_word(*first);
            let length = rest.iter().position(|byte| self::is_word(*byte) != is_word).unwrap_or(rest.len());
            let (run, after) = rest.split_at(length);
            let broken_off = is_cut && after.is_empty();
            out.extend_from_slice(if is_word && self.is_taken_out(run, broken_off) { MARK } else { run });
            rest = after;
        }
        out
    }
    fn is_taken_out(&self, word: &[u8], broken_off: bool) -> bool {
        // Of a word that was cut the beginning decides.
        let is_key =
            |start: &&str| word.starts_with(start.as_bytes()) && (word.len() >= KEY_BYTES_MIN || broken_off);
        let matches = |pattern: &String| {
            let stem = pattern.split('*').next().unwrap_or_default().as_bytes();
            glob(pattern.as_bytes(), word)
                || (broken_off && (word.starts_with(stem) || stem.starts_with(word)))
        };
        KEYS.iter().any(is_key) || self.patterns.iter().any(matches)
    }

    fn without_fields(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let end = if *byte == b'"' { string_end(text, at) } else { None };
            let Some(end) = end else {
                out.push(*byte);
                at += 1;
                continue;
            };
            out.extend_from_slice(text.get(at..end).unwrap_or_default());
            let is_named = self.is_field(text.get(at..end).unwrap_or_default());
            at = end;
            let colon = skip_space(text, at);
            if is_named && text.get(colon) == Some(&b':') {
                let value = skip_space(text, colon + 1);
                let after = value_end(text, value);
                out.extend_from_slice(text.get(at..value).unwrap_or_default());
                if after > value {
                    out.push(b'"');
                    out.extend_from_slice(MARK);
                    out.push(b'"');
                }
                at = after;
            }
        }
        out
    }
    /// Whether a JSON string is the name of a field that is taken out; however it is escaped.
    fn is_field(&self, quoted: &[u8]) -> bool {
        let Ok(name) = serde_json::from_slice::<String>(quoted) else { return false };
        self.fields.iter().any(|field| field.eq_ignore_ascii_case(&name))
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+')
}

fn skip_space(text: &[u8], from: usize) -> usize {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    text.iter().skip(from).take_while(|byte| space(byte)).count() + from
}

/// Behind the closing quote of the string that opens at `from`; `None` where it never closes on its line.
fn string_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            b'\n' => return None,
            _ => at += 1,
        }
    }
}

/// Behind the value that begins at `from`, or the end of the text where it was cut.
fn value_end(text: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at).unwrap_or_else(|| line_end(text, at));
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 1 { at + 1 } else { at },
            b'}' | b']' => depth -= 1,
            b',' | b'\n' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

fn line_end(text: &[u8], from: usize) -> usize {
    text.iter().skip(from).position(|byte| *byte == b'\n').map_or(text.len(), |length| from + length)
}

/// Whether a word matches a pattern whose `*` stands for any bytes. Linear but for the last star: it goes back to that.
fn glob(pattern: &[u8], word: &[u8]) -> bool {
    let (mut p, mut w) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while w < word.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, w));
                p += 1;
            }
            Some(byte) if Some(byte) == word.get(w) => {
                p += 1;
                w += 1;
            }
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, w) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}
