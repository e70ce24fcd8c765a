//! Whatever a full JSON parser would read as model, stream or limit is what we read, or we refuse.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// Top-level fields of a document, in order, duplicates kept: what a reader that takes the first and one that takes the
/// last would both start from.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The values that readers of every habit could take for `name`: first, last, and under other cases of the key.
fn readings<'a>(pairs: &'a [(String, Value)], name: &str) -> Vec<&'a Value> {
    pairs.iter().filter(|(key, _)| key.to_lowercase() == name).map(|(_, value)| value).collect()
}

/// Whether a full parser takes the grammar of `body`.
fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Checks that our scanner takes exactly the grammar that the full parser takes.
fn same_grammar(body: &[u8]) {
    let ours = Scanner::new(body).and_then(|mut scan| scan.skip().and_then(|_| scan.end())).is_ok();
    assert_eq!(ours, is_json(body), "{}", String::from_utf8_lossy(body));
}

/// Checks one body against the full parser.
fn agree(format: ApiFormat, body: &[u8]) {
    let route =
        SpendRoute::of(format, Some("gemini-2.5-pro").filter(|_| format == ApiFormat::GeminiGenerate));
    let Ok(facts) = read_facts(&route, body) else { return };
    let text = String::from_utf8_lossy(body);
    assert!(is_json(body), "taken, but no JSON: {text}");
    // Half of a surrogate pair and a number beyond a double are grammar, but have no value to compare.
    let Ok(Pairs(pairs)) = serde_json::from_slice(body) else { return };
    if format != ApiFormat::GeminiGenerate {
        for value in readings(&pairs, "model") {
            assert_eq!(value.as_str(), Some(&*facts.model), "{text}");
        }
        let default = matches!(format, ApiFormat::OllamaChat);
        for value in readings(&pairs, "stream") {
            let stream = if value.is_null() { Some(default) } else { value.as_bool() };
            assert_eq!(stream, Some(facts.stream), "{text}");
        }
    }
    let limits: Vec<&Value> = match format {
        ApiFormat::OpenAiChat => {
            [readings(&pairs, "max_tokens"), readings(&pairs, "max_completion_tokens")].concat()
        }
        ApiFormat::AnthropicMessages => readings(&pairs, "max_tokens"),
        ApiFormat::OpenAiResponses => readings(&pairs, "max_output_tokens"),
        ApiFormat::OllamaChat => {
            readings(&pairs, "options").into_iter().filter_map(|o| o.get("num_predict")).collect()
        }
        _ => readings(&pairs, "generationconfig")
            .into_iter()
            .filter_map(|c| c.get("maxOutputTokens"))
            .collect(),
    };
    for value in limits {
        let Some(bound) = facts.bound.output_limit else { continue };
        if !value.is_null() && value.as_i64() != Some(0) {
            let limit = value.as_u64().unwrap_or_else(|| panic!("{value} was taken: {text}"));
            assert!(limit <= bound, "{limit} is above {bound}: {text}");
        }
    }
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        (0u32..5000).prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| f.to_string()),
        prop::sample::select(vec!["1e3", "-1", "1.5", "99999999999999999999", "0", "-0", "1E400"])
            .prop_map(Into::into),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        prop::sample::select(vec![r#""gpt-4o""#, r#""\u0067pt""#, r#""\ud83d""#, r#""a\/b""#])
            .prop_map(Into::into),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let governed = vec![
        "model",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "options",
        "generationConfig",
        "generation_config",
        "num_predict",
        "maxOutputTokens",
        "max_output_tokens",
        "n",
        "messages",
        "contents",
        "stream_options",
        "include_usage",
        "type",
        "content",
        "tools",
        "system",
        "input",
    ];
    prop_oneof![
        8 => prop::sample::select(governed.clone()).prop_map(|name| format!("\"{name}\"")),
        1 => prop::sample::select(governed.clone()).prop_map(|name| format!("\"{}\"", name.to_uppercase())),
        1 => prop::sample::select(governed).prop_map(|name| {
            let first = name.chars().next().map_or(0, u32::from);
            format!("\"\\u{first:04x}{}\"", &name[1..])
        }),
        2 => any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
    ]
}

/// Documents with governed fields in all states, and others.
pub(crate) fn document() -> impl Strategy<Value = String> {
    let leaf = scalar().boxed();
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((key(), inner), 0..5).prop_map(|pairs| object(&pairs)),
        ]
    });
    let ours = prop::sample::select(vec![
        (r#""model""#, r#""gpt-4o""#),
        (r#""stream""#, "true"),
        (r#""max_tokens""#, "100"),
        (r#""options""#, r#"{"num_predict": 5}"#),
        (r#""messages""#, r#"[{"role":"user","content":"hi"}]"#),
    ]);
    let ours = ours.prop_map(|(key, value)| (key.to_owned(), value.to_owned()));
    let theirs = (key(), value);
    prop::collection::vec(prop_oneof![2 => ours, 1 => theirs], 0..7).prop_map(|pairs| object(&pairs))
}

fn object(pairs: &[(String, String)]) -> String {
    let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", fields.join(","))
}

pub(crate) const FORMATS: [ApiFormat; 5] = [
    ApiFormat::OpenAiChat,
    ApiFormat::OpenAiResponses,
    ApiFormat::AnthropicMessages,
    ApiFormat::GeminiGenerate,
    ApiFormat::OllamaChat,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_documents(body in document()) {
        same_grammar(body.as_bytes());
        for format in FORMATS {
            agree(format, body.as_bytes());
        }
    }

    #[test]
    fn mutated_documents(body in document(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4)) {
        let mut bytes = body.into_bytes();
        for (index, byte, how) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        same_grammar(&bytes);
        for format in FORMATS {
            agree(format, &bytes);
        }
    }
}
