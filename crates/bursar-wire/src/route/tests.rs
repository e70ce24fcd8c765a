//! Every path that a client is known to call, and those that must not be mistaken for it.

use super::*;

fn spend_of(method: &str, target: &str) -> SpendRoute {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    match route(method, path, query) {
        Route::Spend(spend) => spend,
        other => panic!("{method} {target} is {other:?}"),
    }
}

#[test]
fn every_format_has_its_path() {
    for (target, format) in [
        ("/v1/chat/completions", ApiFormat::OpenAiChat),
        ("/v1/completions", ApiFormat::OpenAiCompletions),
        ("/v1/responses", ApiFormat::OpenAiResponses),
        ("/v1/responses/compact", ApiFormat::OpenAiResponses),
        ("/v1/embeddings", ApiFormat::OpenAiEmbeddings),
        ("/v1/messages?beta=true", ApiFormat::AnthropicMessages),
        ("/v1beta/models/gemini-2.5-pro:generateContent", ApiFormat::GeminiGenerate),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", ApiFormat::GeminiGenerate),
        ("/v1/models/gemini-2.5-pro:generateContent", ApiFormat::GeminiGenerate),
        ("/v1beta/models/gemini-embedding-001:embedContent", ApiFormat::GeminiEmbed),
        ("/v1beta/models/gemini-embedding-001:batchEmbedContents", ApiFormat::GeminiEmbed),
        ("/api/chat", ApiFormat::OllamaChat),
        ("/api/generate", ApiFormat::OllamaGenerate),
        ("/api/embed", ApiFormat::OllamaEmbed),
    ] {
        assert_eq!(spend_of("POST", target).format, format, "{target}");
        assert_eq!(spend_of("POST", &format!("/k/bsr_abc{target}")).format, format, "{target}");
    }
}

#[test]
fn geminis_path_names_model_stream_and_framing() {
    let plain = spend_of("POST", "/v1/models/gemini-2.5-pro:generateContent");
    assert_eq!((plain.model.as_deref(), plain.stream), (Some("gemini-2.5-pro"), Some(false)));
    assert_eq!(plain.upstream_path("gemini-2.5-pro"), "/v1/models/gemini-2.5-pro:generateContent");
    let array = spend_of("POST", "/v1beta/models/gemini-2.5-pro%3AstreamGenerateContent");
    assert_eq!((array.stream, array.framing), (Some(true), Framing::JsonArray));
    let sse = spend_of("POST", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?key=k&alt=sse");
    assert_eq!(sse.framing, Framing::Sse);
    assert_eq!(sse.upstream_path("a/b c"), "/v1beta/models/a%2Fb%20c:streamGenerateContent");
}

#[test]
fn a_query_that_would_hide_the_usage_is_refused() {
    for query in [
        "fields=candidates",
        "%66ields=candidates",
        "$alt=proto",
        "alt=proto",
        "alt=sse&alt=json",
        "callback=x",
    ] {
        let found = route("POST", "/v1beta/models/gemini-2.5-pro:generateContent", Some(query));
        assert!(matches!(found, Route::BadQuery(_)), "{query}: {found:?}");
    }
}

#[test]
fn a_model_in_a_path_leads_nowhere_else() {
    for name in ["..%2f..%2fv1%2ffiles%2fx", "a%2Fb", ".%2e", "a%3Fb", "%0a"] {
        let found = route("POST", &format!("/v1beta/models/{name}:generateContent"), None);
        assert!(matches!(found, Route::BadQuery(_)), "{name}: {found:?}");
    }
    assert_eq!(
        route("POST", "/v1beta/models/../v1/files:generateContent", None),
        Route::BadQuery(
            InputError::new(0, "has a character that a model in a path cannot have").under("model")
        )
    );
}

#[test]
fn free_routes_are_told_apart() {
    for target in [
        "/v1/messages/count_tokens",
        "/v1beta/models/gemini-2.5-pro:countTokens",
        "/v1/responses/input_tokens",
    ] {
        let found = route("POST", target, None);
        assert!(matches!(found, Route::CountTokens(_)), "{target}: {found:?}");
    }
    let Route::Models(shared) = route("GET", "/v1/models", None) else { panic!() };
    assert_eq!(shared.for_headers(false, false), Family::OpenAi);
    assert_eq!(shared.for_headers(true, false), Family::Anthropic);
    assert_eq!(shared.for_headers(false, true), Family::Gemini);
    let Route::Models(one) = route("GET", "/v1/models/gpt-4o-mini", None) else { panic!() };
    assert_eq!(one.one.as_deref(), Some("gpt-4o-mini"));
    let Route::Models(gemini) = route("GET", "/v1beta/models", Some("pageSize=50")) else { panic!() };
    assert_eq!(gemini.for_headers(true, false), Family::Gemini);
    let Route::Models(tags) = route("GET", "/k/key/api/tags", None) else { panic!() };
    assert_eq!(tags.family, Family::Ollama);
}

#[test]
fn what_has_no_meter_is_named() {
    for (method, path, surface) in [
        ("POST", "/v1/batches", Surface::Batches),
        ("POST", "/v1/messages/batches", Surface::Batches),
        ("GET", "/v1/messages/batches/msgbatch_1/results", Surface::Batches),
        ("POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent", Surface::Batches),
        ("GET", "/v1/realtime", Surface::Realtime),
        ("POST", "/v1/realtime/sessions", Surface::Realtime),
        ("POST", "/v1/images/generations", Surface::Images),
        ("POST", "/v1/audio/speech", Surface::Audio),
        ("POST", "/v1/files", Surface::Files),
        ("POST", "/upload/v1beta/files", Surface::Files),
        ("POST", "/v1/fine_tuning/jobs", Surface::FineTuning),
        ("POST", "/v1/threads/t/runs", Surface::Assistants),
        ("POST", "/v1/moderations", Surface::Moderations),
        ("GET", "/v1/responses/resp_1", Surface::Stored),
        ("POST", "/v1/responses/resp_1/cancel", Surface::Stored),
        ("GET", "/v1/chat/completions", Surface::Stored),
        ("POST", "/v1/complete", Surface::Legacy),
        ("POST", "/v1beta/cachedContents", Surface::CachedContents),
        ("POST", "/v1beta/models/imagen-4:predict", Surface::Predictions),
        ("POST", "/api/embeddings", Surface::Legacy),
        ("POST", "/api/pull", Surface::ModelManagement),
        ("POST", "/k/key/v1/videos", Surface::Videos),
    ] {
        assert_eq!(route(method, path, None), Route::Unmetered { surface }, "{method} {path}");
    }
}

#[test]
fn everything_else_is_unknown() {
    assert_eq!(route("HEAD", "/", None), Route::Root);
    assert_eq!(route("HEAD", "/k/key/", None), Route::Root);
    assert_eq!(route("GET", "/v1/messages", None), Route::WrongMethod { allowed: "POST" });
    for (method, path) in [
        ("POST", "/"),
        ("POST", "//v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/V1/chat/completions"),
        ("POST", "/v1/chat%2Fcompletions"),
        ("POST", "/v1beta/models/gemini:unheardOf"),
        ("POST", "/v1/imagesque"),
        ("GET", "/k//v1/models"),
    ] {
        let found = route(method, path, None);
        assert_eq!(found, Route::Unknown, "{method} {path}");
    }
}

#[test]
fn the_key_in_a_path_is_split_off() {
    assert_eq!(split_path_key("/k/bsr_1/v1/models"), (Some("bsr_1"), "/v1/models"));
    assert_eq!(split_path_key("/k/bsr_1"), (Some("bsr_1"), "/"));
    assert_eq!(split_path_key("/k//v1/models"), (None, "/k//v1/models"));
    assert_eq!(split_path_key("/v1/models"), (None, "/v1/models"));
}

#[test]
fn a_path_that_another_reader_may_read_otherwise_is_not_plain() {
    for path in
        ["/v1/images/generations", "/v1beta/models/imagen-4:predict", "/v1/files/file-1/content", "/api/pull"]
    {
        assert!(Surface::is_plain_path(path), "{path}");
    }
    for path in [
        "/v1/images/../chat/completions",
        "/v1/images/./x",
        "/v1/images//x",
        "/v1/images/",
        "/v1/images/%2E%2e/chat",
        "/v1/images%2f..%2fchat",
        "/v1/images/%252e%252e/chat",
        "/v1/images\\..\\chat",
        "/v1/images/..;/chat",
    ] {
        assert!(!Surface::is_plain_path(path), "{path}");
    }
}

#[test]
fn the_reference_lists_every_surface_with_its_paths() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/surfaces.md");
    let page = std::fs::read_to_string(page).unwrap();
    for surface in Surface::ALL {
        let paths: Vec<String> = surface.paths().iter().map(|path| format!("`{path}`")).collect();
        let row = format!("| `{}` | {} | {}", surface.as_str(), surface.title(), paths.join(", "));
        assert!(page.contains(&row), "docs/reference/surfaces.md has no row\n{row}");
        assert_eq!(Surface::parse(surface.as_str()), Some(*surface));
        assert!(surface.message().contains(surface.as_str()));
    }
    for format in ApiFormat::ALL {
        assert!(page.contains(&format!("| `{format}` |")), "{format}");
    }
}
