//! Which surface of which provider a path means.

use bursar_core::ApiFormat;
use http::Method;

/// A surface of a fake provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Surface {
    /// A priced route; the model, where the path names it; whether the path asks for a stream.
    Spend { format: ApiFormat, model: Option<String>, stream: Option<bool>, array: bool, batch: bool },
    /// A list of models, in the shape of that route's format.
    Models(Shape),
    /// Free token counts.
    CountTokens(Shape),
    /// `HEAD /`, `GET /`.
    Root,
    /// `/__mock/…`.
    Control(String),
    /// Nothing of ours.
    Unknown,
}

/// Whose shape a free answer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
    OllamaTags,
    OllamaVersion,
}

/// Reads a path. Prefixes before the version are ignored, as providers differ in them.
pub(crate) fn route(method: &Method, path: &str, query: Option<&str>, anthropic: bool) -> Surface {
    if let Some(rest) = path.strip_prefix("/__mock/") {
        return Surface::Control(rest.to_owned());
    }
    if path == "/" {
        return Surface::Root;
    }
    if let Some((_, tail)) = path.rsplit_once("/models/")
        && let Some((model, verb)) = tail.rsplit_once(':')
    {
        return gemini(model, verb, query);
    }
    if method == Method::GET || method == Method::HEAD {
        return free(path, anthropic);
    }
    if method != Method::POST {
        return Surface::Unknown;
    }
    let spend = |format| Surface::Spend { format, model: None, stream: None, array: false, batch: false };
    match path {
        "/api/chat" => spend(ApiFormat::OllamaChat),
        "/api/generate" => spend(ApiFormat::OllamaGenerate),
        "/api/embed" => spend(ApiFormat::OllamaEmbed),
        _ if path.ends_with("/chat/completions") => spend(ApiFormat::OpenAiChat),
        _ if path.ends_with("/completions") => spend(ApiFormat::OpenAiCompletions),
        _ if path.ends_with("/responses") => spend(ApiFormat::OpenAiResponses),
        _ if path.ends_with("/embeddings") => spend(ApiFormat::OpenAiEmbeddings),
        _ if path.ends_with("/messages") => spend(ApiFormat::AnthropicMessages),
        _ if path.ends_with("/messages/count_tokens") => Surface::CountTokens(Shape::Anthropic),
        _ => Surface::Unknown,
    }
}

fn gemini(model: &str, verb: &str, query: Option<&str>) -> Surface {
    let sse = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    let spend = |format, stream, batch| Surface::Spend {
        format,
        model: Some(model.to_owned()),
        stream: Some(stream),
        array: stream && !sse,
        batch,
    };
    match verb {
        "generateContent" => spend(ApiFormat::GeminiGenerate, false, false),
        "streamGenerateContent" => spend(ApiFormat::GeminiGenerate, true, false),
        "embedContent" => spend(ApiFormat::GeminiEmbed, false, false),
        "batchEmbedContents" => spend(ApiFormat::GeminiEmbed, false, true),
        "countTokens" => Surface::CountTokens(Shape::Gemini),
        _ => Surface::Unknown,
    }
}

fn free(path: &str, anthropic: bool) -> Surface {
    match path {
        "/api/tags" => Surface::Models(Shape::OllamaTags),
        "/api/version" => Surface::Models(Shape::OllamaVersion),
        _ if path.ends_with("/v1beta/models") => Surface::Models(Shape::Gemini),
        _ if path.ends_with("/models") && anthropic => Surface::Models(Shape::Anthropic),
        _ if path.ends_with("/models") => Surface::Models(Shape::OpenAi),
        _ => Surface::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str, query: Option<&str>) -> Surface {
        route(&Method::POST, path, query, false)
    }

    #[test]
    fn the_paths_of_real_clients() {
        let format = |path| match post(path, None) {
            Surface::Spend { format, .. } => Some(format),
            _ => None,
        };
        assert_eq!(format("/v1/chat/completions"), Some(ApiFormat::OpenAiChat));
        assert_eq!(format("/openai/v1/completions"), Some(ApiFormat::OpenAiCompletions));
        assert_eq!(format("/v1/messages"), Some(ApiFormat::AnthropicMessages));
        assert_eq!(format("/v1/models/gemini-2.5-flash:generateContent"), Some(ApiFormat::GeminiGenerate));
        assert_eq!(format("/v1/images/generations"), None);
        assert_eq!(post("/v1/messages/count_tokens", None), Surface::CountTokens(Shape::Anthropic));
        assert_eq!(
            post("/v1beta/models/g:streamGenerateContent", Some("key=k&alt=sse")),
            Surface::Spend {
                format: ApiFormat::GeminiGenerate,
                model: Some("g".into()),
                stream: Some(true),
                array: false,
                batch: false
            }
        );
        assert_eq!(route(&Method::GET, "/v1/models", None, true), Surface::Models(Shape::Anthropic));
    }
}
