//! What a request asks for: the few facts of its body that decide an answer, read in one pass without a tree.

mod scalar;

use self::scalar::{Key, Scalar};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The facts of one request body, of whichever family.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) stream: Option<bool>,
    pub(crate) include_usage: bool,
    /// The asked limit on output tokens of one choice.
    pub(crate) limit: Option<u64>,
    pub(crate) choices: u64,
    pub(crate) best_of: u64,
    pub(crate) text_bytes: u64,
    pub(crate) messages: u64,
    pub(crate) media: u64,
    /// The first tool's name.
    pub(crate) tool: Option<String>,
    pub(crate) tool_forced: bool,
    /// The conversation already holds a tool's result.
    pub(crate) tool_answered: bool,
    pub(crate) tier: Option<String>,
    pub(crate) base64: bool,
    pub(crate) dimensions: Option<u64>,
}

impl Asked {
    /// Prompt tokens as this fake counts them: four bytes a token, three for each message, 85 for each inline medium.
    pub(crate) fn input_tokens(&self) -> u64 {
        self.text_bytes.div_ceil(4) + 3 * self.messages + 85 * self.media
    }
}

/// Reads a body.
///
/// # Errors
/// It is not one JSON object.
pub(crate) fn read(body: &[u8]) -> Result<Asked, serde_json::Error> {
    let mut asked = Asked { choices: 1, ..Asked::default() };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer.deserialize_map(Body(&mut asked))?;
    deserializer.end()?;
    Ok(asked)
}

struct Body<'a>(&'a mut Asked);

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let asked = self.0;
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "model" => asked.model = map.next_value_seed(Scalar)?.text(),
                "stream" => asked.stream = map.next_value_seed(Scalar)?.flag(),
                "max_tokens" | "max_output_tokens" | "num_predict" | "maxOutputTokens" => {
                    asked.limit = map.next_value_seed(Scalar)?.count().or(asked.limit);
                }
                "max_completion_tokens" => {
                    asked.limit = map.next_value_seed(Scalar)?.count().or(asked.limit);
                }
                "n" | "candidateCount" => asked.choices = map.next_value_seed(Scalar)?.count().unwrap_or(1),
                "best_of" => asked.best_of = map.next_value_seed(Scalar)?.count().unwrap_or(0),
                "include_usage" => asked.include_usage = map.next_value_seed(Scalar)?.flag() == Some(true),
                "service_tier" => asked.tier = map.next_value_seed(Scalar)?.text(),
                "encoding_format" => {
                    asked.base64 = map.next_value_seed(Scalar)?.text().as_deref() == Some("base64");
                }
                "dimensions" | "outputDimensionality" => {
                    asked.dimensions = map.next_value_seed(Scalar)?.count();
                }
                // Objects whose members matter by the same names.
                "stream_options" | "generationConfig" | "options" => map.next_value_seed(Inner(asked))?,
                "messages" | "input" | "prompt" | "contents" | "content" | "system" | "instructions"
                | "systemInstruction" | "system_instruction" | "suffix" | "requests" => {
                    map.next_value_seed(Text { asked: &mut *asked, top: true, tools: false })?;
                }
                "tools" => map.next_value_seed(Text { asked: &mut *asked, top: true, tools: true })?,
                "tool_choice" | "toolConfig" | "function_call" => map.next_value_seed(Choice(asked))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// An object read by the same table as the body; anything else is ignored.
struct Inner<'a>(&'a mut Asked);

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for Inner<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("options")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Body(self.0).visit_map(map)
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Whether a tool call is demanded: `"required"`, `{"type": "any" | "tool" | "function"}`, Gemini's mode `ANY`.
struct Choice<'a>(&'a mut Asked);

impl<'de> DeserializeSeed<'de> for Choice<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for Choice<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tool choice")
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if matches!(text, "required" | "any" | "tool" | "function" | "ANY") {
            self.0.tool_forced = true;
        }
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "type" | "mode" | "functionCallingConfig" | "function_calling_config" => {
                    map.next_value_seed(Choice(&mut *self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Sums the text below a value, counts messages and media, and notes tools.
struct Text<'a> {
    asked: &'a mut Asked,
    top: bool,
    tools: bool,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
impl Text<'_> {
    fn add(&mut self, bytes: usize) {
        self.asked.text_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
    fn below(&mut self) -> Text<'_> {
        Text { asked: &mut *self.asked, top: false, tools: self.tools }
    }
}
impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.add(text.len());
        if self.top {
            self.asked.messages += 1;
        }
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    // A number in a prompt is a token id (four bytes by this fake's count).
    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.add(4);
        Ok(())
    }
    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.add(4);
        Ok(())
    }
    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.add(4);
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.below())?.is_some() {
            if self.top {
                self.asked.messages += 1;
            }
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "role" | "type" => {
                    let word = map.next_value_seed(Scalar)?.text();
                    if matches!(word.as_deref(), Some("tool" | "tool_result" | "function_call_output")) {
                        self.asked.tool_answered = true;
                    }
                }
                "name" if self.tools => {
                    let name = map.next_value_seed(Scalar)?.text();
                    self.add(name.as_ref().map_or(0, String::len));
                    self.asked.tool = self.asked.tool.take().or(name);
                }
                "id" | "tool_call_id" | "call_id" | "tool_use_id" | "mime_type" | "mimeType"
                | "media_type" => {
                    map.next_value::<IgnoredAny>()?;
                }
                "data" | "url" | "image_url" | "file_data" | "images" => {
                    let before = self.asked.text_bytes;
                    map.next_value_seed(self.below())?;
                    // Inline media is no text: longer than any link it is one medium.
                    if self.asked.text_bytes - before > 256 {
                        self.asked.text_bytes = before;
                        self.asked.media += 1;
                    }
                }
                other => {
                    if self.tools {
                        self.add(other.len());
                    }
                    if matches!(other, "functionResponse" | "function_response") {
                        self.asked.tool_answered = true;
                    }
                    map.next_value_seed(self.below())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_reads_every_family() {
        let openai = read(
            br#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"n":2,
            "messages":[{"role":"user","content":"12345678"}],"max_completion_tokens":9,
            "tools":[{"type":"function","function":{"name":"get","parameters":{"type":"object"}}}],"tool_choice":"required"}"#,
        )
        .unwrap();
        assert_eq!(openai.model.as_deref(), Some("m"));
        assert_eq!((openai.stream, openai.include_usage, openai.limit), (Some(true), true, Some(9)));
        assert_eq!((openai.choices, openai.tool.as_deref(), openai.tool_forced), (2, Some("get"), true));
        let gemini = read(
            br#"{"contents":[{"parts":[{"text":"1234"}]}],"generationConfig":{"maxOutputTokens":7,"candidateCount":3}}"#,
        )
        .unwrap();
        assert_eq!((gemini.limit, gemini.choices, gemini.input_tokens()), (Some(7), 3, 4));
        let ollama = read(br#"{"model":"m","prompt":"1234","options":{"num_predict":-1}}"#).unwrap();
        assert_eq!((ollama.limit, ollama.input_tokens()), (None, 4));
    }

    #[test]
    fn inline_media_is_not_text() {
        let image = "A".repeat(10_000);
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:{image}"}}}}]}}]}}"#
        );
        let asked = read(body.as_bytes()).unwrap();
        assert_eq!((asked.media, asked.text_bytes, asked.input_tokens()), (1, 0, 88));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in [&b""[..], b"[]", b"{} x", b"{\"model\":", b"\xff"] {
            assert!(read(body).is_err(), "{body:?}");
        }
    }
}
