//! Keys and single values of a request, whatever their type.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A key, borrowed where it has no escape.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}
impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A single value, whatever its type: providers differ in what they forgive, this fake forgives all.
pub(super) struct Scalar;

pub(super) enum Single {
    Flag(bool),
    Count(u64),
    Text(String),
    Other,
}

impl Single {
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(_) | Self::Count(_) | Self::Other => None,
        }
    }
    pub(super) fn flag(self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(flag),
            Self::Text(_) | Self::Count(_) | Self::Other => None,
        }
    }
    pub(super) fn count(self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(count),
            Self::Text(_) | Self::Flag(_) | Self::Other => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Single;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Single, D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for Scalar {
    type Value = Single;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Single, E> {
        Ok(Single::Flag(flag))
    }
    fn visit_u64<E>(self, count: u64) -> Result<Single, E> {
        Ok(Single::Count(count))
    }
    // Ollama's -1 ("no limit") and other negatives are no count.
    fn visit_i64<E>(self, _: i64) -> Result<Single, E> {
        Ok(Single::Other)
    }
    // `1e3` is the number 1000 to most servers.
    fn visit_f64<E>(self, number: f64) -> Result<Single, E> {
        Ok(format!("{number:.0}").parse().map_or(Single::Other, Single::Count))
    }
    fn visit_str<E>(self, text: &str) -> Result<Single, E> {
        Ok(Single::Text(text.to_owned()))
    }
    fn visit_unit<E>(self) -> Result<Single, E> {
        Ok(Single::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Single, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Single::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Single, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Single::Other)
    }
}
