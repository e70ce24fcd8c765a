//! Names with `*`: how budgets, keys and prices say which values they mean.

use std::fmt;

/// An exact name, or one with `*` standing for any run of characters (also none). Case matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// A pattern; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The one name it stands for, when it has no `*`.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        if self.0.contains('*') { None } else { Some(&self.0) }
    }
    /// Whether `name` is meant. Linear in both lengths for one `*`, never exponential.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        let yes = [
            ("gpt-4o", "gpt-4o"),
            ("gpt-*", "gpt-4o"),
            ("*", ""),
            ("*-mini", "gpt-4o-mini"),
            ("a*b*c", "abbc"),
        ];
        let no = [("gpt-4o", "gpt-4o-mini"), ("gpt-*", "xgpt-4"), ("a*b*c", "acb"), ("a*a", "a"), ("", "x")];
        for (pattern, name) in yes {
            assert!(Pattern::new(pattern).matches(name), "{pattern} {name}");
        }
        for (pattern, name) in no {
            assert!(!Pattern::new(pattern).matches(name), "{pattern} {name}");
        }
    }
}
