//! Values of governed fields: counts, switches, names. What is anything else is an error that says what would be right.

use super::error::InputError;
use super::limits::{COUNT_MAX, MODEL_BYTES_MAX, USER_BYTES_MAX};
use super::scan::{Kind, Scanner, Span};

type Result<T> = std::result::Result<T, InputError>;

/// Reads a whole number from 0, or null for none.
pub(crate) fn count(scan: &mut Scanner<'_>) -> Result<Option<u64>> {
    match signed(scan)? {
        None => Ok(None),
        Some(Signed::Count(count)) => Ok(Some(count)),
        Some(Signed::Negative { at, .. }) => {
            Err(InputError::new(at, "is negative; give a whole number from 0, or leave it out"))
        }
    }
}

/// Reads a whole number from 1, or null for none.
pub(crate) fn at_least_one(scan: &mut Scanner<'_>) -> Result<Option<u32>> {
    scan.kind()?;
    let at = scan.at();
    match count(scan)? {
        None => Ok(None),
        Some(count) => match u32::try_from(count) {
            Ok(count) if count > 0 => Ok(Some(count)),
            Ok(_) | Err(_) => Err(InputError::new(at, "must be from 1 to 4294967295")),
        },
    }
}

/// A whole number with its sign.
pub(crate) enum Signed {
    /// From 0.
    Count(u64),
    /// Below 0: its size, and where it stands.
    Negative {
        /// How far below 0.
        size: u64,
        /// The byte at which it stands.
        at: usize,
    },
}

/// Reads a whole number, or null for none. `1e3`, `1.0` and `"1"` are not whole numbers to every reader.
pub(crate) fn signed(scan: &mut Scanner<'_>) -> Result<Option<Signed>> {
    match scan.kind()? {
        Kind::Null => {
            scan.word("null")?;
            Ok(None)
        }
        Kind::Number => {
            let at = scan.at();
            let raw = scan.number()?;
            let text = std::str::from_utf8(raw).unwrap_or_default();
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = "must be a whole number in plain digits, without point or exponent";
                return Err(InputError::new(at, message));
            }
            match digits.parse::<u64>() {
                Ok(size) if size <= COUNT_MAX => {
                    Ok(Some(if negative { Signed::Negative { size, at } } else { Signed::Count(size) }))
                }
                Ok(_) | Err(_) => {
                    Err(InputError::new(at, format!("is too large; the largest count is {COUNT_MAX}")))
                }
            }
        }
        other => Err(wrong(scan, other, "a whole number")),
    }
}

/// Reads a boolean, or null for none.
pub(crate) fn switch(scan: &mut Scanner<'_>) -> Result<Option<bool>> {
    match scan.kind()? {
        Kind::Null => scan.word("null").map(|()| None),
        Kind::True => scan.word("true").map(|()| Some(true)),
        Kind::False => scan.word("false").map(|()| Some(false)),
        other => Err(wrong(scan, other, "`true` or `false`")),
    }
}

/// Reads a model's name and tells where it stands.
pub(crate) fn model(scan: &mut Scanner<'_>) -> Result<(Box<str>, Span)> {
    let kind = scan.kind()?;
    if kind != Kind::String {
        return Err(wrong(scan, kind, "a model's name as a string"));
    }
    let text = scan.string()?;
    let name = text.decode().ok_or_else(|| InputError::new(text.start, "has half of a surrogate pair"))?;
    check_model(&name).map_err(|message| InputError::new(text.start, message))?;
    Ok((name.into(), text.span()))
}

/// Whether `name` can be a model's name.
pub(crate) fn check_model(name: &str) -> std::result::Result<(), String> {
    if name.is_empty() {
        return Err("is empty; name a model".into());
    }
    if name.len() > MODEL_BYTES_MAX {
        return Err(format!("is longer than {MODEL_BYTES_MAX} bytes; name a model"));
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err("has a control character or a space at an end; name a model".into());
    }
    Ok(())
}

/// Reads a word such as a service tier: a string, or null for none.
pub(crate) fn word(scan: &mut Scanner<'_>) -> Result<Option<Box<str>>> {
    match scan.kind()? {
        Kind::Null => scan.word("null").map(|()| None),
        Kind::String => {
            let text = scan.string()?;
            let word = text.decode().filter(|word| word.len() <= MODEL_BYTES_MAX);
            match word {
                Some(word) => Ok(Some(word.into())),
                None => Err(InputError::new(text.start, "must be a short string")),
            }
        }
        other => Err(wrong(scan, other, "a string")),
    }
}

/// Reads the name of an end user where it is one; anything else is passed over, for it governs nothing.
pub(crate) fn user(scan: &mut Scanner<'_>) -> Result<Option<Box<str>>> {
    if scan.kind()? != Kind::String {
        return scan.skip().map(|_| None);
    }
    let text = scan.string()?;
    let name = text.decode().filter(|name| !name.is_empty() && name.len() <= USER_BYTES_MAX);
    Ok(name.map(Into::into))
}

/// The error for a value of another kind than it must be.
pub(crate) fn wrong(scan: &Scanner<'_>, found: Kind, right: &str) -> InputError {
    scan.error(format!("is {}; it must be {right}", found.name()))
}
