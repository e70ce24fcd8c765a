//! The text form of core's words, for SQL columns and JSON: core does not serialise itself.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::SerializeSeq};

use bursar_core::{
    ApiFormat, Attribute, Attributes, IpRange, KeyLimit, Multiplier, Pattern, RequestId, Scope, Timestamp,
    Usd, Value,
};

/// Written as one text and read back the same.
pub(crate) trait Text: Sized {
    fn to_text(&self) -> String;
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! text {
    ($($name:ty, $parse:expr;)*) => {$(
        impl Text for $name {
            fn to_text(&self) -> String { self.to_string() }
            fn from_text(text: &str) -> Option<Self> { ($parse)(text) }
        }
    )*};
}

text! {
    ApiFormat, ApiFormat::parse;
    Attribute, Attribute::parse;
    IpRange, |text| IpRange::parse(text).ok();
    KeyLimit, |text| KeyLimit::parse(text).ok();
    Multiplier, |text| Multiplier::parse(text).ok();
    Pattern, |text| Some(Pattern::new(text));
    RequestId, RequestId::parse;
    Scope, Scope::parse;
    Timestamp, Timestamp::parse;
    Usd, |text| Usd::parse(text).ok();
    Value, |text| Value::new(text).ok();
}

/// For `#[serde(with = "text")]`.
pub(crate) fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_text())
}

/// For `#[serde(with = "text")]`.
pub(crate) fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::from_text(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not known here")))
}

/// `Option<T>` as text or null.
pub(crate) mod option {
    use super::{Serializer, Text};

    pub(crate) fn serialize<T: Text, S: Serializer>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.serialize_str(&value.to_text()),
            None => s.serialize_none(),
        }
    }
}

/// `Vec<T>` as a list of texts.
pub(crate) mod list {
    use super::{SerializeSeq, Serializer, Text};

    pub(crate) fn serialize<T: Text, S: Serializer>(values: &[T], s: S) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&value.to_text())?;
        }
        list.end()
    }
}

/// [`Attributes`] as a map from word to value.
pub(crate) mod attributes {
    use super::{Attributes, Serializer};

    pub(crate) fn serialize<S: Serializer>(attributes: &Attributes, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(attributes.iter().map(|(attribute, value)| (attribute.to_string(), value.as_str())))
    }
}

/// A list of texts as JSON, for one column.
pub(crate) fn list_to_json<T: Text>(values: &[T]) -> String {
    serde_json::Value::from(values.iter().map(Text::to_text).collect::<Vec<String>>()).to_string()
}

/// Reads what [`list_to_json`] wrote.
pub(crate) fn list_from_json<T: Text>(json: &str) -> Option<Vec<T>> {
    let texts: Vec<String> = serde_json::from_str(json).ok()?;
    texts.iter().map(|text| T::from_text(text)).collect()
}

/// Attributes as a JSON list of pairs, which keeps the order of tags.
pub(crate) fn attributes_to_json(attributes: &Attributes) -> String {
    let pair = |(attribute, value): (Attribute, &Value)| {
        serde_json::Value::from(vec![attribute.to_string(), value.as_str().to_owned()])
    };
    serde_json::Value::from(attributes.iter().map(pair).collect::<Vec<_>>()).to_string()
}

/// Reads what [`attributes_to_json`] wrote.
pub(crate) fn attributes_from_json(json: &str) -> Option<Attributes> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).ok()?;
    let mut attributes = Attributes::new();
    for (attribute, value) in pairs {
        if !attributes.set(&Attribute::parse(&attribute)?, Value::new(&value).ok()?) {
            return None;
        }
    }
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_attributes_survive_their_column() {
        let formats = ApiFormat::ALL.to_vec();
        assert_eq!(list_from_json::<ApiFormat>(&list_to_json(&formats)), Some(formats));
        let value = |text: &str| Value::new(text).unwrap();
        let attributes = Attributes::new()
            .with(&Attribute::Agent, value("crawler"))
            .with(&Attribute::Tag(value("z")), value("\"quoted\""))
            .with(&Attribute::Tag(value("a")), value("2"));
        assert_eq!(attributes_from_json(&attributes_to_json(&attributes)), Some(attributes));
        assert_eq!(attributes_from_json(r#"[["planet","earth"]]"#), None);
    }
}
