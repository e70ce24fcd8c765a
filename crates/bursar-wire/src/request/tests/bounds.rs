//! What bounds a request: choices, tiers, caches, and a fixture for every by-reference feature and hosted tool.

use super::*;
use bursar_core::bound::{CacheWrite, HostedToolKind, SearchContext};

fn chat(content: &str) -> Facts {
    read(
        ApiFormat::OpenAiChat,
        &format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":{content}}}]}}"#),
    )
}
fn claude(block: &str) -> Facts {
    let body = format!(
        r#"{{"model":"claude-sonnet-5","max_tokens":9,"messages":[{{"role":"user","content":[{block}]}}]}}"#
    );
    read(ApiFormat::AnthropicMessages, &body)
}
fn gemini(part: &str) -> Facts {
    read(ApiFormat::GeminiGenerate, &format!(r#"{{"contents":[{{"role":"user","parts":[{part}]}}]}}"#))
}
fn responses(fields: &str) -> Facts {
    read(ApiFormat::OpenAiResponses, &format!(r#"{{"model":"gpt-5",{fields}}}"#))
}

/// The header of a PNG of that size, in base64, with `padding` bytes behind it.
fn png(width: u32, height: u32, padding: usize) -> String {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.resize(bytes.len() + padding, 7);
    base64(&bytes)
}
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len())
            .map(move |n| char::from(ALPHABET[usize::try_from(bits >> (18 - 6 * n) & 63).unwrap()]))
    });
    digits.collect()
}

/// Rules: S3-06.
#[test]
fn text_is_bounded_by_its_bytes() {
    let short = chat(r#""a""#).bound.text_tokens;
    let long = chat(&format!("\"{}\"", "ab".repeat(5000))).bound.text_tokens;
    assert_eq!(long - short, 9999);
    let escaped = chat(&format!("\"{}\"", r"\n".repeat(5000))).bound.text_tokens;
    assert_eq!(escaped - short, 4999, "an escape is the byte it stands for");
}

#[test]
fn unknown_fields_count_as_text() {
    let without = read(ApiFormat::OpenAiChat, r#"{"model":"m"}"#).bound.text_tokens;
    let with = read(ApiFormat::OpenAiChat, r#"{"model":"m","brand_new":{"context":"0123456789"}}"#)
        .bound
        .text_tokens;
    assert!(with >= without + 30, "{with} {without}");
    let unseen =
        read(ApiFormat::OpenAiChat, r#"{"model":"m","temperature":0.25,"seed":12345}"#).bound.text_tokens;
    assert_eq!(unseen, without);
}

#[test]
fn inline_media_is_never_text() {
    let data = png(1024, 1024, 300_000);
    let text_only = chat(r#"[{"type":"text","text":"?"}]"#).bound.text_tokens;
    let facts = chat(&format!(
        r#"[{{"type":"text","text":"?"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]"#
    ));
    assert_eq!(facts.images.as_slice(), [Image { size: Some((1024, 1024)), detail: Detail::Full }]);
    assert_eq!(facts.bound.media_tokens, 765);
    assert!(facts.bound.text_tokens < text_only + 100, "{}", facts.bound.text_tokens);
    assert!(!facts.bound.by_reference);
    assert_eq!(
        facts.bound_for("gpt-4o-mini").media_tokens,
        2833 + 4 * 5667,
        "the same image at another model"
    );

    let block = format!(
        r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}"#
    );
    assert_eq!(claude(&block).bound.media_tokens, 1399);
    let nested = format!(r#"{{"type":"tool_result","tool_use_id":"t","content":[{block}]}}"#);
    assert_eq!(claude(&nested).bound.media_tokens, 1399);
    assert!(claude(&nested).bound.text_tokens < 300);

    let part = gemini(&format!(r#"{{"inline_data":{{"mime_type":"image/png","data":"{data}"}}}}"#));
    assert_eq!((part.images.len(), part.bound.by_reference), (1, false));
    let ollama =
        format!(r#"{{"model":"llava","messages":[{{"role":"user","content":"?","images":["{data}"]}}]}}"#);
    let facts = read(ApiFormat::OllamaChat, &ollama);
    assert_eq!((facts.images.len(), facts.bound.text_tokens < 300), (1, true));
}

#[test]
fn a_size_that_cannot_be_read_is_the_maximum() {
    let image = |url: &str| chat(&format!(r#"[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]"#));
    assert_eq!(image("data:image/avif;base64,AAAA").bound.media_tokens, 85 + 8 * 170);
    let low =
        chat(r#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]"#);
    assert_eq!(low.bound.media_tokens, 85);
    let escaped = png(1024, 1024, 0).replace('/', "\\/");
    assert_eq!(image(&format!(r"data:image\/png;base64,{escaped}")).bound.media_tokens, 765);
}

#[test]
fn sound_is_bounded_by_its_length_where_the_header_tells() {
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(24_000u32.to_le_bytes());
    wav.extend(48_000u32.to_le_bytes());
    wav.resize(480_000, 0);
    let audio = |bytes: &[u8]| {
        let data = base64(bytes);
        chat(&format!(r#"[{{"type":"input_audio","input_audio":{{"data":"{data}","format":"wav"}}}}]"#))
    };
    let ten_seconds = audio(&wav).bound;
    assert_eq!((ten_seconds.audio_tokens, ten_seconds.by_reference), (352, false));
    assert_eq!(ten_seconds.media_tokens, 352);
    let opus = audio(b"OggS").bound;
    assert_eq!((opus.audio_tokens, opus.by_reference), (0, true));
}

#[test]
fn whatever_is_named_but_not_contained_may_fill_the_window() {
    for (what, facts) in [
        ("image URL", chat(r#"[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]"#)),
        ("file id", chat(r#"[{"type":"file","file":{"file_id":"file-1"}}]"#)),
        (
            "inline PDF",
            chat(
                r#"[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}]"#,
            ),
        ),
        ("a part of a new kind", chat(r#"[{"type":"video_url","video_url":{"url":"https://x"}}]"#)),
        (
            "earlier audio",
            read(
                ApiFormat::OpenAiChat,
                r#"{"model":"m","messages":[{"role":"assistant","audio":{"id":"a"}}]}"#,
            ),
        ),
        (
            "chat template",
            read(ApiFormat::OpenAiChat, r#"{"model":"m","chat_template":"{% for m in messages %}"}"#),
        ),
        ("previous response", responses(r#""input":"x","previous_response_id":"resp_1""#)),
        ("conversation", responses(r#""input":"x","conversation":"conv_1""#)),
        ("conversation object", responses(r#""input":"x","conversation":{"id":"conv_1"}"#)),
        ("item reference", responses(r#""input":[{"type":"item_reference","id":"msg_1"}]"#)),
        ("stored prompt", responses(r#""prompt":{"id":"pmpt_1"}"#)),
        (
            "input file",
            responses(r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]"#),
        ),
        (
            "input file URL",
            responses(
                r#""input":[{"role":"user","content":[{"type":"input_file","file_url":"https://x"}]}]"#,
            ),
        ),
        (
            "input image id",
            responses(r#""input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]"#),
        ),
        (
            "compacted conversation",
            responses(r#""input":[{"type":"compaction","encrypted_content":"AAAA"}]"#),
        ),
        ("Anthropic file", claude(r#"{"type":"document","source":{"type":"file","file_id":"file_1"}}"#)),
        ("Anthropic image URL", claude(r#"{"type":"image","source":{"type":"url","url":"https://x"}}"#)),
        (
            "Anthropic PDF",
            claude(
                r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}"#,
            ),
        ),
        ("Anthropic upload", claude(r#"{"type":"container_upload","file_id":"file_1"}"#)),
        ("Anthropic block of a new kind", claude(r#"{"type":"hologram","data":"x"}"#)),
        ("Anthropic container", read(ApiFormat::AnthropicMessages, r#"{"model":"m","container":"c_1"}"#)),
        ("Gemini file", gemini(r#"{"fileData":{"fileUri":"https://x","mimeType":"video/mp4"}}"#)),
        ("Gemini file, other spelling", gemini(r#"{"file_data":{"file_uri":"https://x"}}"#)),
        ("Gemini PDF", gemini(r#"{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}"#)),
        ("Gemini part of a new kind", gemini(r#"{"hologram":{"x":1}}"#)),
        (
            "Gemini cache",
            read(ApiFormat::GeminiGenerate, r#"{"contents":[],"cached_content":"cachedContents/1"}"#),
        ),
        (
            "Ollama template",
            read(ApiFormat::OllamaGenerate, r#"{"model":"m","prompt":"x","template":"{{ .Prompt }}"}"#),
        ),
    ] {
        assert!(facts.bound.by_reference, "{what}");
    }
}

#[test]
fn what_is_contained_is_not_by_reference() {
    for facts in [
        chat(r#""hello""#),
        chat(r#"[{"type":"text","text":"hello"}]"#),
        responses(r#""input":"x","previous_response_id":null,"conversation":null"#),
        responses(
            r#""input":[{"type":"function_call_output","call_id":"c","output":"42"},{"type":"reasoning","summary":[],"encrypted_content":"AAAA"}]"#,
        ),
        claude(
            r#"{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"n","input":{"source":"y"}},{"type":"thinking","thinking":"…","signature":"AAAA"}"#,
        ),
        claude(
            r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hello"},"title":"t"}"#,
        ),
        claude(
            r#"{"type":"search_result","source":"https://x","title":"t","content":[{"type":"text","text":"x"}]}"#,
        ),
        gemini(r#"{"text":"x","thoughtSignature":"AAAA"}"#),
        gemini(r#"{"functionResponse":{"id":"1","name":"f","response":{"any":"thing"}}}"#),
    ] {
        assert!(!facts.bound.by_reference, "{facts:?}");
    }
    assert!(
        claude(r#"{"type":"document","source":{"type":"text","data":"0123456789"}}"#).bound.text_tokens >= 58
    );
}

#[test]
fn every_hosted_tool_is_told_with_its_cap() {
    let chat = |fields: &str| read(ApiFormat::OpenAiChat, &format!(r#"{{"model":"m",{fields}}}"#));
    let claude =
        |tool: &str| read(ApiFormat::AnthropicMessages, &format!(r#"{{"model":"m","tools":[{tool}]}}"#));
    let gemini =
        |tool: &str| read(ApiFormat::GeminiGenerate, &format!(r#"{{"contents":[],"tools":[{tool}]}}"#));
    let search = HostedToolKind::WebSearch;
    for (what, facts, kind, uses_max) in [
        (
            "search model",
            chat(r#""web_search_options":{"search_context_size":"high"}"#),
            search(SearchContext::High),
            Some(1),
        ),
        (
            "search model, defaults",
            chat(r#""web_search_options":{}"#),
            search(SearchContext::Medium),
            Some(1),
        ),
        ("router's plugin", chat(r#""plugins":[{"id":"web"}]"#), search(SearchContext::High), Some(1)),
        (
            "xAI live search",
            chat(r#""search_parameters":{"mode":"auto"}"#),
            search(SearchContext::High),
            None,
        ),
        (
            "Azure's own data",
            chat(r#""data_sources":[{"type":"azure_search","parameters":{}}]"#),
            HostedToolKind::Other,
            None,
        ),
        ("Azure's own data, as spelled before", chat(r#""dataSources":[{}]"#), HostedToolKind::Other, None),
        (
            "a vendor's own tool",
            chat(r#""tools":[{"type":"browser_search"}]"#),
            search(SearchContext::Medium),
            None,
        ),
        (
            "web search",
            responses(r#""tools":[{"type":"web_search","search_context_size":"low"}]"#),
            search(SearchContext::Low),
            None,
        ),
        (
            "capped web search",
            responses(r#""tools":[{"type":"web_search_preview"}],"max_tool_calls":3"#),
            search(SearchContext::Medium),
            Some(3),
        ),
        (
            "cap before tools",
            responses(r#""max_tool_calls":3,"tools":[{"type":"web_search"}]"#),
            search(SearchContext::Medium),
            Some(3),
        ),
        (
            "file search",
            responses(r#""tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]"#),
            HostedToolKind::FileSearch,
            None,
        ),
        (
            "code interpreter",
            responses(r#""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#),
            HostedToolKind::CodeInterpreter,
            None,
        ),
        (
            "image generation",
            responses(r#""tools":[{"type":"image_generation"}]"#),
            HostedToolKind::ImageGeneration,
            None,
        ),
        (
            "remote MCP",
            responses(r#""tools":[{"type":"mcp","server_url":"https://x"}]"#),
            HostedToolKind::Other,
            None,
        ),
        (
            "hosted shell",
            responses(r#""tools":[{"type":"shell","environment":{"type":"container_auto"}}]"#),
            HostedToolKind::CodeInterpreter,
            None,
        ),
        ("a tool of a new kind", responses(r#""tools":[{"type":"hologram"}]"#), HostedToolKind::Other, None),
        ("stored prompt's tools", responses(r#""prompt":{"id":"p"}"#), HostedToolKind::Other, None),
        (
            "compaction",
            responses(r#""context_management":[{"type":"compaction"}]"#),
            HostedToolKind::Other,
            None,
        ),
        (
            "Claude's search",
            claude(r#"{"type":"web_search_20250305","name":"web_search","max_uses":5}"#),
            search(SearchContext::Medium),
            Some(5),
        ),
        (
            "Claude's search, uncapped",
            claude(r#"{"type":"web_search_20250305","name":"web_search"}"#),
            search(SearchContext::Medium),
            None,
        ),
        (
            "Claude's fetch",
            claude(r#"{"type":"web_fetch_20250910","name":"web_fetch","max_uses":2}"#),
            HostedToolKind::WebFetch,
            Some(2),
        ),
        (
            "Claude's code",
            claude(r#"{"type":"code_execution_20250825","name":"code_execution"}"#),
            HostedToolKind::CodeInterpreter,
            None,
        ),
        (
            "an advisor, whose model is another",
            claude(r#"{"type":"advisor_20260301","name":"advisor","model":"x","max_uses":1}"#),
            HostedToolKind::Other,
            None,
        ),
        (
            "MCP servers",
            read(
                ApiFormat::AnthropicMessages,
                r#"{"model":"m","mcp_servers":[{"type":"url","url":"https://x"}]}"#,
            ),
            HostedToolKind::Other,
            None,
        ),
        (
            "compacting edits",
            read(
                ApiFormat::AnthropicMessages,
                r#"{"model":"m","context_management":{"edits":[{"type":"compact_20260112"}]}}"#,
            ),
            HostedToolKind::Other,
            None,
        ),
        ("Google's search", gemini(r#"{"googleSearch":{}}"#), HostedToolKind::Grounding, None),
        (
            "Google's search, other spelling",
            gemini(r#"{"google_search":{}}"#),
            HostedToolKind::Grounding,
            None,
        ),
        ("Google's maps", gemini(r#"{"googleMaps":{}}"#), HostedToolKind::MapsGrounding, None),
        ("Gemini's code", gemini(r#"{"codeExecution":{}}"#), HostedToolKind::CodeInterpreter, None),
        ("Gemini's fetch", gemini(r#"{"urlContext":{}}"#), HostedToolKind::WebFetch, Some(20)),
        (
            "Gemini's files",
            gemini(r#"{"fileSearch":{"fileSearchStoreNames":["s"]}}"#),
            HostedToolKind::FileSearch,
            None,
        ),
        (
            "a tool of Gemini's of a new kind",
            gemini(r#"{"functionDeclarations":[],"hologram":{}}"#),
            HostedToolKind::Other,
            None,
        ),
    ] {
        let tools: Vec<_> = facts.bound.hosted_tools.iter().map(|tool| (tool.kind, tool.uses_max)).collect();
        assert_eq!(tools, [(kind, uses_max)], "{what}");
        assert!(facts.bound.by_reference, "{what}");
    }
}

/// Each word that the code knows for a tool, where no fixture above has it.
#[test]
fn every_word_for_a_tool_says_who_runs_it() {
    let anthropic = |kind: &str| {
        let tool = format!(r#"{{"type":"{kind}","name":"t"}}"#);
        read(ApiFormat::AnthropicMessages, &format!(r#"{{"model":"m","tools":[{tool}]}}"#))
    };
    let gemini = |field: &str| {
        read(ApiFormat::GeminiGenerate, &format!(r#"{{"contents":[],"tools":[{{"{field}":{{}}}}]}}"#))
    };
    let openai = |kind: &str| responses(&format!(r#""tools":[{{"type":"{kind}"}}]"#));
    for facts in [
        openai("apply_patch"),
        openai("computer"),
        openai("computer_use"),
        openai("computer_use_preview"),
        anthropic("computer_20250124"),
        anthropic("memory_20250818"),
        anthropic("text_editor_20250728"),
        gemini("computerUse"),
    ] {
        assert!(facts.bound.hosted_tools.is_empty() && !facts.bound.by_reference, "{facts:?}");
    }
    for (facts, kind) in [
        (gemini("enterpriseWebSearch"), HostedToolKind::Grounding),
        (gemini("googleSearchRetrieval"), HostedToolKind::Grounding),
        (gemini("mcpServers"), HostedToolKind::Other),
        (gemini("retrieval"), HostedToolKind::Other),
        (openai("unheard_of"), HostedToolKind::Other),
        (anthropic("unheard_of_20270101"), HostedToolKind::Other),
    ] {
        assert_eq!(facts.bound.hosted_tools.len(), 1, "{facts:?}");
        assert_eq!((facts.bound.hosted_tools[0].kind, facts.bound.hosted_tools[0].uses_max), (kind, None));
        assert!(facts.bound.by_reference, "{facts:?}");
    }
}

#[test]
fn tools_of_the_client_are_not_hosted() {
    for facts in [
        read(
            ApiFormat::OpenAiChat,
            r#"{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#,
        ),
        read(ApiFormat::OpenAiChat, r#"{"model":"m","functions":[{"name":"f"}]}"#),
        responses(
            r#""tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"},{"type":"local_shell"},{"type":"namespace","tools":[]}]"#,
        ),
        responses(
            r#""tools":[{"type":"shell","environment":{"type":"local"}},{"type":"tool_search","execution":"client"}]"#,
        ),
        read(
            ApiFormat::AnthropicMessages,
            r#"{"model":"m","tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"bash_20250124","name":"bash"}]}"#,
        ),
        read(
            ApiFormat::AnthropicMessages,
            r#"{"model":"m","tools":[{"name":"f"}],"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#,
        ),
        read(
            ApiFormat::GeminiGenerate,
            r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"f"}],"googleSearch":null}]}"#,
        ),
        read(ApiFormat::OllamaChat, r#"{"model":"m","tools":[{"type":"function"}]}"#),
    ] {
        assert!(facts.bound.hosted_tools.is_empty() && facts.needs.tools, "{facts:?}");
        assert!(!facts.bound.by_reference, "{facts:?}");
    }
}

#[test]
fn caches_tiers_regions_and_choices_are_read() {
    let claude =
        |fields: &str| read(ApiFormat::AnthropicMessages, &format!(r#"{{"model":"m",{fields}}}"#)).bound;
    let system = |ttl: &str| {
        format!(r#""system":[{{"type":"text","text":"x","cache_control":{{"type":"ephemeral"{ttl}}}}}]"#)
    };
    assert_eq!(claude(r#""system":"x""#).cache_write, CacheWrite::None);
    assert_eq!(claude(&system("")).cache_write, CacheWrite::FiveMinutes);
    assert_eq!(claude(&system(r#","ttl":"5m""#)).cache_write, CacheWrite::FiveMinutes);
    assert_eq!(claude(&system(r#","ttl":"1h""#)).cache_write, CacheWrite::OneHour);
    assert_eq!(claude(r#""cache_control":{"type":"ephemeral"}"#).cache_write, CacheWrite::FiveMinutes);
    assert_eq!(
        claude(r#""tools":[{"name":"f","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#).cache_write,
        CacheWrite::OneHour
    );
    assert_eq!(claude(r#""service_tier":"standard_only""#).service_tier.as_deref(), Some("standard_only"));
    assert_eq!(claude(r#""speed":"fast","service_tier":"auto""#).service_tier.as_deref(), Some("fast"));
    assert_eq!(claude(r#""inference_geo":"us""#).region.as_deref(), Some("us"));
    let router = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]}"#;
    assert_eq!(read(ApiFormat::OpenAiChat, router).bound.cache_write, CacheWrite::FiveMinutes);

    let chat = |fields: &str| read(ApiFormat::OpenAiChat, &format!(r#"{{"model":"m",{fields}}}"#)).bound;
    assert_eq!(chat(r#""n":3,"best_of":5"#).choices, 5);
    assert_eq!(chat(r#""service_tier":"priority""#).service_tier.as_deref(), Some("priority"));
    assert!(chat(r#""modalities":["text","audio"]"#).audio_output);
    let prompts = |prompt: &str| {
        read(ApiFormat::OpenAiCompletions, &format!(r#"{{"model":"m","n":2,"prompt":{prompt}}}"#)).bound
    };
    assert_eq!(prompts(r#"["a","b","c"]"#).choices, 6);
    assert_eq!(prompts("[1,2,3]").choices, 2);
    assert_eq!(prompts("[[1,2],[3]]").choices, 4);
    assert_eq!(prompts("[100257,100258]").text_tokens, 10, "a token number is a token");
    let gemini = read(
        ApiFormat::GeminiGenerate,
        r#"{"generationConfig":{"candidateCount":4,"responseModalities":["TEXT","IMAGE"]}}"#,
    );
    assert_eq!((gemini.bound.choices, gemini.bound.image_output), (4, true));
    let text_only = |format, body: &str| read(format, body).bound.text_only;
    for (modalities, alone) in
        [(r#"["TEXT"]"#, true), (r#"["TEXT","IMAGE"]"#, false), ("[]", false), ("null", false)]
    {
        let config = format!(r#"{{"generationConfig":{{"responseModalities":{modalities}}}}}"#);
        assert_eq!(text_only(ApiFormat::GeminiGenerate, &config), alone, "{modalities}");
        let chat = format!(r#"{{"model":"m","modalities":{}}}"#, modalities.to_lowercase());
        assert_eq!(text_only(ApiFormat::OpenAiChat, &chat), alone, "{modalities}");
    }
    assert!(!text_only(ApiFormat::GeminiGenerate, "{}"), "a model that makes images makes them unasked");
    assert!(read(ApiFormat::OpenAiEmbeddings, r#"{"model":"m","input":"x"}"#).bound.no_output);
}

#[test]
fn output_that_is_billed_beyond_the_limit_is_bounded_too() {
    let claude = r#"{"model":"m","max_tokens":1000,"thinking":{"type":"enabled","budget_tokens":30000}}"#;
    let facts = read(ApiFormat::AnthropicMessages, claude);
    assert_eq!((facts.output_limit, facts.bound.output_limit), (Some(1000), Some(31_000)));
    let predicted =
        r#"{"model":"m","max_tokens":100,"prediction":{"type":"content","content":"0123456789"}}"#;
    let bound = read(ApiFormat::OpenAiChat, predicted).bound.output_limit.unwrap();
    assert!((110..200).contains(&bound), "{bound}");
}
