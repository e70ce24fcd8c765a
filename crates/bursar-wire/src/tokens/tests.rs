//! Counts that OpenAI publishes: of texts and of prompts.

use super::{Prompt, Tokenizer};
use bursar_core::ApiFormat;
use bytes::Bytes;
use serde_json::json;

/// Every test reads the vocabularies it needs: nothing else counts in this process.
fn loaded(tokenizer: Tokenizer) -> Tokenizer {
    tokenizer.load();
    tokenizer
}

/// The examples of OpenAI's cookbook, "How to count tokens with tiktoken".
#[test]
fn texts_have_as_many_tokens_as_their_maker_says() {
    for (text, cl100k, o200k) in [
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("", 0, 0),
    ] {
        assert_eq!(loaded(Tokenizer::Cl100k).count(text), Some(cl100k), "{text}");
        assert_eq!(loaded(Tokenizer::O200k).count(text), Some(o200k), "{text}");
    }
    // What looks like a control token in a text is text.
    assert!(loaded(Tokenizer::O200k).count("<|endoftext|>").unwrap() > 3);
}

/// Texts that are made to be hard to take apart, as long as any that is counted.
#[test]
fn no_text_is_too_hard_to_count() {
    let units = [
        " ",
        "\n",
        "\t \n",
        "A",
        "a",
        "aA",
        "'s",
        "\u{301}",
        "e\u{301}",
        "東",
        "\u{1F468}\u{200D}",
        "<|endoftext|>",
        "/\n",
        "9",
        "!",
        "ﬀ",
        "\u{0}",
    ];
    for tokenizer in Tokenizer::ALL.map(loaded) {
        for unit in units {
            for end in ["", "x", "9", "\n"] {
                let text = unit.repeat(Prompt::BYTES_MAX / unit.len()) + end;
                let tokens = tokenizer.count(&text).unwrap_or_else(|| panic!("{unit:?} and {end:?}"));
                assert!(tokens > 0 && tokens <= u64::try_from(text.len()).unwrap(), "{unit:?}: {tokens}");
            }
        }
    }
}

fn prompt(tokenizer: Tokenizer, format: ApiFormat, body: &serde_json::Value) -> Option<u64> {
    Prompt::new(loaded(tokenizer), format, &Bytes::from(body.to_string()))?.count()
}

/// The cookbook's own conversation: 129 tokens for the models of cl100k, 124 for those of o200k.
#[test]
fn a_conversation_has_as_many_tokens_as_its_maker_counts() {
    let says = |name: &str, content: &str| json!({"role": "system", "name": name, "content": content});
    let body = json!({"messages": [
        {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        says("example_user", "New synergies will help drive top-line growth."),
        says("example_assistant", "Things working well together will increase revenue."),
        says("example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."),
        says("example_assistant", "Let's talk later when we're less busy about how to do better."),
        {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},
    ]});
    assert_eq!(prompt(Tokenizer::Cl100k, ApiFormat::OpenAiChat, &body), Some(129));
    assert_eq!(prompt(Tokenizer::O200k, ApiFormat::OpenAiChat, &body), Some(124));
}

#[test]
fn a_prompt_with_anything_but_text_is_not_counted() {
    let part = |part: serde_json::Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let count = |body| prompt(Tokenizer::O200k, ApiFormat::OpenAiChat, &body);
    assert!(count(part(json!({"type": "text", "text": "hello"}))).is_some());
    assert!(count(part(json!({"type": "image_url", "image_url": {"url": "data:"}}))).is_none());
    assert!(count(part(json!({"type": "file", "file": {"file_id": "f"}}))).is_none());
    assert!(count(json!({"messages": [], "tools": [{"type": "web_search"}]})).is_none());
    assert!(count(json!({})).is_none());
    let embed = |input| prompt(Tokenizer::Cl100k, ApiFormat::OpenAiEmbeddings, &json!({"input": input}));
    assert_eq!(embed(json!(["hello world", "hello"])), Some(3));
    assert_eq!(embed(json!([[1, 2, 3], [4]])), Some(4));
    assert_eq!(embed(json!([1, 2, 3])), Some(3));
    let answer = |input| prompt(Tokenizer::O200k, ApiFormat::OpenAiResponses, &json!({"input": input}));
    assert!(
        answer(json!("hello")).is_some() && answer(json!([{"type": "item_reference", "id": "x"}])).is_none()
    );
    let large = Bytes::from(vec![b' '; Prompt::BYTES_MAX + 1]);
    assert!(Prompt::new(Tokenizer::O200k, ApiFormat::OpenAiChat, &large).is_none());
    assert!(Prompt::new(Tokenizer::O200k, ApiFormat::AnthropicMessages, &Bytes::new()).is_none());
}
