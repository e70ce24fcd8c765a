//! One house in front of four families of providers, and the same question in each API format.

use crate::house::House;
use bursar_core::Rate;
use bursar_mock::{Price, Script};
use serde_json::{Value, json};

/// One API format: where its requests go and how its answers end.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) path: fn(bool) -> &'static str,
    /// The body of a request with a prompt and an output limit.
    pub(crate) body: fn(&str, u64, bool) -> Value,
}

/// Every format that generates text, of each family.
pub(crate) const FORMATS: [Format; 7] = [
    Format {
        name: "openai_chat",
        path: |_| "/v1/chat/completions",
        body: |prompt, limit, stream| {
            json!({"model": "small", "stream": stream, "max_tokens": limit,
                "messages": [{"role": "user", "content": prompt}]})
        },
    },
    Format {
        name: "openai_completions",
        path: |_| "/v1/completions",
        body: |prompt, limit, stream| json!({"model": "small", "stream": stream, "max_tokens": limit, "prompt": prompt}),
    },
    Format {
        name: "openai_responses",
        path: |_| "/v1/responses",
        body: |prompt, limit, stream| json!({"model": "small", "stream": stream, "max_output_tokens": limit, "input": prompt}),
    },
    Format {
        name: "anthropic_messages",
        path: |_| "/v1/messages",
        body: |prompt, limit, stream| {
            json!({"model": "claude", "stream": stream, "max_tokens": limit,
                "messages": [{"role": "user", "content": prompt}]})
        },
    },
    Format {
        name: "gemini_generate",
        path: |stream| match stream {
            true => "/v1beta/models/gem:streamGenerateContent?alt=sse",
            false => "/v1beta/models/gem:generateContent",
        },
        body: |prompt, limit, _| {
            json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}],
                "generationConfig": {"maxOutputTokens": limit}})
        },
    },
    Format {
        name: "ollama_chat",
        path: |_| "/api/chat",
        body: |prompt, limit, stream| {
            json!({"model": "llama", "stream": stream, "options": {"num_predict": limit},
                "messages": [{"role": "user", "content": prompt}]})
        },
    },
    Format {
        name: "ollama_generate",
        path: |_| "/api/generate",
        body: |prompt, limit, stream| json!({"model": "llama", "stream": stream, "options": {"num_predict": limit}, "prompt": prompt}),
    },
];

/// A house whose models `small`, `claude`, `gem` and `llama` all cost 1 USD in and 2 USD out per million tokens, 32,000
/// tokens of output at most, and are billed so by the fake provider.
pub(crate) async fn house(budgets: &str) -> House {
    scripted(Script::default(), budgets).await
}

/// The same over a fake provider with a script of its own.
pub(crate) async fn scripted(script: Script, budgets: &str) -> House {
    let rate = |text| Rate::parse_per_million(text).expect("a rate");
    let price = Price { input: rate("1"), output: rate("2"), ..Price::default() };
    let mut text = String::new();
    for (family, model) in [("anthropic", "claude"), ("gemini", "gem"), ("ollama", "llama")] {
        text.push_str(&format!(
            "[providers.{family}]\nfamily = \"{family}\"\nbase_url = \"MOCK_ROOT\"\n\
             credential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\n\
             [models.\"{model}\"]\ndeployments = [{{ provider = \"{family}\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 32000 }} }}]\n"
        ));
    }
    House::with(script.price("*", price), &format!("{text}{budgets}")).await
}
