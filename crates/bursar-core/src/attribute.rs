//! Who and what a request is about: the attributes that budgets match and reports group by.

use crate::limits::{ATTRIBUTE_BYTES_MAX, TAGS_MAX};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// A checked attribute value: 1 to 128 bytes of UTF-8, no control characters, no leading or trailing space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Arc<str>);

/// Why a text is no attribute value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// No characters.
    #[error("is empty")]
    Empty,
    /// More than [`ATTRIBUTE_BYTES_MAX`] bytes.
    #[error("is longer than {ATTRIBUTE_BYTES_MAX} bytes")]
    TooLong,
    /// A control character, or a space at either end.
    #[error("has a control character or a space at an end")]
    BadCharacter,
}

impl Value {
    /// Checks `text`.
    ///
    /// # Errors
    /// See [`ValueError`].
    pub fn new(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Empty);
        }
        if text.len() > ATTRIBUTE_BYTES_MAX {
            return Err(ValueError::TooLong);
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(ValueError::BadCharacter);
        }
        Ok(Self(text.into()))
    }
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A named property of a request. Declared narrowest first: the order is the order of scopes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Attribute {
    /// One job of an agent.
    Run,
    /// One conversation.
    Session,
    /// Which program.
    Agent,
    /// The virtual API key that the client presented.
    Key,
    /// A person.
    User,
    /// The name the client asked for.
    Model,
    /// Who answers. Known per attempt.
    Provider,
    /// The unit that owns keys and is billed.
    Project,
    /// A provider's base URL for one family. Known per attempt.
    Endpoint,
    /// The secret used towards a provider, by its name. Known per attempt.
    Credential,
    /// The upstream's name for the model that serves. Known per attempt.
    ServedModel,
    /// The wire protocol of the route.
    ApiFormat,
    /// A free label, by its name.
    Tag(Value),
}

impl Attribute {
    const WORDS: [(Self, &'static str); 12] = [
        (Self::Run, "run"),
        (Self::Session, "session"),
        (Self::Agent, "agent"),
        (Self::Key, "key"),
        (Self::User, "user"),
        (Self::Model, "model"),
        (Self::Provider, "provider"),
        (Self::Project, "project"),
        (Self::Endpoint, "endpoint"),
        (Self::Credential, "credential"),
        (Self::ServedModel, "served_model"),
        (Self::ApiFormat, "api_format"),
    ];
    /// Reads `project`, `user`, …, `tag.NAME`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if let Some(name) = word.strip_prefix("tag.") {
            return Value::new(name).ok().map(Self::Tag);
        }
        Self::WORDS.into_iter().find(|(_, text)| *text == word).map(|(attribute, _)| attribute)
    }
    /// Every word that [`Self::parse`] reads, for messages about a wrong one.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        let mut words: Vec<&'static str> = Self::WORDS.iter().map(|(_, word)| *word).collect();
        words.push("tag.NAME");
        words
    }
    /// Whether it is known only once a deployment was chosen.
    #[must_use]
    pub const fn is_per_attempt(&self) -> bool {
        matches!(self, Self::Provider | Self::Endpoint | Self::Credential | Self::ServedModel)
    }
    const fn slot(&self) -> Option<usize> {
        match self {
            Self::Run => Some(0),
            Self::Session => Some(1),
            Self::Agent => Some(2),
            Self::Key => Some(3),
            Self::User => Some(4),
            Self::Model => Some(5),
            Self::Provider => Some(6),
            Self::Project => Some(7),
            Self::Endpoint => Some(8),
            Self::Credential => Some(9),
            Self::ServedModel => Some(10),
            Self::ApiFormat => Some(11),
            Self::Tag(_) => None,
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Tag(name) = self {
            return write!(f, "tag.{name}");
        }
        let word = Self::WORDS.iter().find(|(attribute, _)| attribute == self).map_or("", |(_, word)| word);
        f.pad(word)
    }
}

/// The attributes of one request or attempt. Cheap to clone: values are shared.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Attributes {
    fixed: [Option<Value>; 12],
    tags: SmallVec<[(Value, Value); 2]>,
}

impl Attributes {
    /// None set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The value of `attribute`, if it has one.
    #[must_use]
    pub fn get(&self, attribute: &Attribute) -> Option<&Value> {
        match (attribute, attribute.slot()) {
            (Attribute::Tag(name), _) => self.tags.iter().find(|(n, _)| n == name).map(|(_, value)| value),
            (_, Some(slot)) => self.fixed.get(slot).and_then(Option::as_ref),
            (_, None) => None,
        }
    }
    /// Sets `attribute`. Returns false, changing nothing, when there is no room for another tag ([`TAGS_MAX`]).
    pub fn set(&mut self, attribute: &Attribute, value: Value) -> bool {
        match (attribute, attribute.slot()) {
            (Attribute::Tag(name), _) => {
                if let Some((_, old)) = self.tags.iter_mut().find(|(n, _)| n == name) {
                    *old = value;
                } else if self.tags.len() < TAGS_MAX {
                    self.tags.push((name.clone(), value));
                } else {
                    return false;
                }
            }
            (_, Some(slot)) => {
                if let Some(place) = self.fixed.get_mut(slot) {
                    *place = Some(value);
                }
            }
            (_, None) => return false,
        }
        true
    }
    /// With `attribute` set: for building in one expression.
    #[must_use]
    pub fn with(mut self, attribute: &Attribute, value: Value) -> Self {
        self.set(attribute, value);
        self
    }
    /// Those that are set, fixed ones first in the order of [`Attribute`], then tags as they were given.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &Value)> {
        let fixed = Attribute::WORDS.into_iter().zip(&self.fixed);
        let fixed =
            fixed.filter_map(|((attribute, _), value)| value.as_ref().map(|value| (attribute, value)));
        fixed.chain(self.tags.iter().map(|(name, value)| (Attribute::Tag(name.clone()), value)))
    }
}

/// Where a budget, a kill switch or a refusal applies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// One value of one attribute; the value is absent where a window is shared by all who omit it.
    Attribute(Attribute, Option<Value>),
    /// The whole installation.
    Platform,
}

impl Scope {
    /// Reads `platform`, `project=alpha`, `tag.team=x`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "platform" {
            return Some(Self::Platform);
        }
        let (attribute, value) = text.split_once('=')?;
        Some(Self::Attribute(Attribute::parse(attribute)?, Some(Value::new(value).ok()?)))
    }
    /// The kind as a word: `platform`, `project`, `tag.team`, …
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Attribute(attribute, _) => attribute.to_string(),
            Self::Platform => "platform".to_owned(),
        }
    }
    /// The value, if any.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Attribute(_, value) => value.as_ref(),
            Self::Platform => None,
        }
    }
    /// Whether a request with these attributes is inside.
    #[must_use]
    pub fn contains(&self, attributes: &Attributes) -> bool {
        match self {
            Self::Attribute(attribute, value) => attributes.get(attribute) == value.as_ref(),
            Self::Platform => true,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.pad("platform"),
            Self::Attribute(attribute, Some(value)) => write!(f, "{attribute}={value}"),
            Self::Attribute(attribute, None) => write!(f, "{attribute}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::new(text).unwrap()
    }

    #[test]
    fn values_are_bounded_in_length_and_charset() {
        assert_eq!(Value::new(""), Err(ValueError::Empty));
        assert_eq!(Value::new(&"x".repeat(129)), Err(ValueError::TooLong));
        assert_eq!(Value::new("a\nb"), Err(ValueError::BadCharacter));
        assert_eq!(Value::new(" a"), Err(ValueError::BadCharacter));
        assert_eq!(value("qwen3:8b").as_str(), "qwen3:8b");
    }

    #[test]
    fn attributes_keep_what_was_set() {
        let team = Attribute::parse("tag.team").unwrap();
        let mut attributes =
            Attributes::new().with(&Attribute::Project, value("alpha")).with(&team, value("x"));
        assert_eq!(attributes.get(&team), Some(&value("x")));
        assert_eq!(attributes.get(&Attribute::User), None);
        assert_eq!(attributes.iter().count(), 2);
        for n in 1..TAGS_MAX {
            assert!(attributes.set(&Attribute::Tag(value(&format!("t{n}"))), value("v")));
        }
        assert!(!attributes.set(&Attribute::Tag(value("one-too-many")), value("v")));
    }

    #[test]
    fn scopes_read_as_they_are_written() {
        for text in ["platform", "project=alpha", "tag.team=x", "run=42"] {
            assert_eq!(Scope::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Scope::parse("planet=earth"), None);
        let alpha = Attributes::new().with(&Attribute::Project, value("alpha"));
        assert!(Scope::parse("project=alpha").unwrap().contains(&alpha));
        assert!(!Scope::parse("project=beta").unwrap().contains(&alpha));
        assert!(Scope::Platform.contains(&alpha));
    }
}
