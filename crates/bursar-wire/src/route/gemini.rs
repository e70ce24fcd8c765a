//! Gemini's paths: `/v1beta/models/{model}:{verb}`, with the model and the verb in the last segment.

use super::{Action, Found, Framing, ModelsRoute, Route, SpendRoute, Surface};
use crate::request::{InputError, check_model};
use bursar_core::{ApiFormat, Family};

/// The version in a path of Gemini's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeminiVersion {
    /// `/v1`
    V1,
    /// `/v1alpha`
    V1Alpha,
    /// `/v1beta`
    V1Beta,
}

impl GeminiVersion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Alpha => "v1alpha",
            Self::V1Beta => "v1beta",
        }
    }
    fn parse(word: &str) -> Option<Self> {
        [Self::V1, Self::V1Alpha, Self::V1Beta].into_iter().find(|version| version.as_str() == word)
    }
}

/// Query parameters under which an answer cannot be metered: `fields` and its kin cut the usage out, `alt` other than
/// `json` and `sse` answers in no JSON, `callback` wraps it (Google's system parameters, read 2026-11).
const UNMETERABLE: [&str; 6] = ["fields", "$fields", "callback", "$callback", "$alt", "access_token"];

/// Finds a route of Gemini's.
pub(super) fn route(path: &str, query: Option<&str>) -> Found {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    let version = GeminiVersion::parse(version)?;
    let shared = version == GeminiVersion::V1;
    if rest == "models" {
        return Some(("GET", Route::Models(ModelsRoute::of(Family::Gemini))));
    }
    let name = rest.strip_prefix("models/").and_then(percent_decode)?;
    let Some((model, verb)) = name.rsplit_once(':') else {
        let family = if shared { Family::OpenAi } else { Family::Gemini };
        let one = Some(name.as_str().into());
        return Some(("GET", Route::Models(ModelsRoute { family, certain: !shared, one })));
    };
    let main = |format| SpendRoute { model: Some(model.into()), version, ..SpendRoute::new(format) };
    let generate = |stream| SpendRoute { stream: Some(stream), ..main(ApiFormat::GeminiGenerate) };
    let (counts, mut spend) = match verb {
        "generateContent" => (false, generate(false)),
        "streamGenerateContent" => (false, generate(true)),
        "embedContent" => (false, main(ApiFormat::GeminiEmbed)),
        "batchEmbedContents" => {
            (false, SpendRoute { action: Action::BatchEmbed, ..main(ApiFormat::GeminiEmbed) })
        }
        "countTokens" => (true, SpendRoute { action: Action::CountTokens, ..generate(false) }),
        _ => return Surface::of_gemini_verb(verb).map(|surface| ("POST", Route::Unmetered { surface })),
    };
    if let Err(message) = check_model(model).and_then(|()| check_segment(model)) {
        return Some(("POST", Route::BadQuery(InputError::new(0, message).under("model"))));
    }
    match framing(query) {
        Err(error) => return Some(("POST", Route::BadQuery(error))),
        Ok(framing) => spend.framing = framing,
    }
    Some(("POST", if counts { Route::CountTokens(spend) } else { Route::Spend(spend) }))
}

/// The path at the provider.
pub(super) fn path(route: &SpendRoute, model: &str) -> String {
    let verb = match (route.action, route.format, route.stream) {
        (Action::CountTokens, _, _) => "countTokens",
        (Action::BatchEmbed, _, _) => "batchEmbedContents",
        (Action::Main, ApiFormat::GeminiEmbed, _) => "embedContent",
        (Action::Main, _, Some(true)) => "streamGenerateContent",
        (Action::Main | Action::Compact, _, _) => "generateContent",
    };
    format!("/{}/models/{}:{verb}", route.version.as_str(), percent_encode(model))
}

fn framing(query: Option<&str>) -> Result<Framing, InputError> {
    let mut framing = None;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name).unwrap_or_default();
        let refused = |message: &str| InputError::new(0, message).under(&name);
        if UNMETERABLE.contains(&name.as_str()) {
            return Err(refused("is a query parameter that cannot be metered behind; leave it out"));
        }
        if name == "alt" {
            let framed = match value {
                "sse" => Framing::Sse,
                "json" => Framing::JsonArray,
                _ => return Err(refused("must be `sse` or `json`")),
            };
            if framing.replace(framed).is_some() {
                return Err(refused("is given twice; give it once"));
            }
        }
    }
    Ok(framing.unwrap_or(Framing::JsonArray))
}

/// A name that is one segment of a path: nothing that could lead elsewhere.
fn check_segment(model: &str) -> Result<(), String> {
    let safe = |char: char| !matches!(char, '/' | '\\' | '?' | '#' | '%');
    if model.chars().all(safe) && !model.starts_with('.') {
        Ok(())
    } else {
        Err("has a character that a model in a path cannot have".into())
    }
}

/// Decodes `%41`. `None` when a sign is no pair of hexadecimal digits or the result is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2).filter(|hex| !hex.starts_with('+'))?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Encodes what a path segment cannot hold.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
