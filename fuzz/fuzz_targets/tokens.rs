//! Texts and prompts against the tokenizers: each has a count, none above its bytes, and no prompt of any shape is a panic.

#![no_main]

use bursar_core::ApiFormat;
use bursar_wire::{Prompt, Tokenizer};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

const FORMATS: [ApiFormat; 4] = [
    ApiFormat::OpenAiChat,
    ApiFormat::OpenAiCompletions,
    ApiFormat::OpenAiResponses,
    ApiFormat::OpenAiEmbeddings,
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let tokenizer = Tokenizer::ALL[usize::from(choice & 1)];
    tokenizer.load();
    let text = String::from_utf8_lossy(body);
    let tokens = tokenizer.count(&text).expect("a count");
    assert!(tokens <= text.len() as u64, "more tokens than bytes");
    let format = FORMATS[usize::from(choice >> 1 & 3)];
    if let Some(prompt) = Prompt::new(tokenizer, format, &Bytes::copy_from_slice(body))
        && let Some(count) = prompt.count()
    {
        // Beside its text a prompt has constants for what stands in it, and each of these takes bytes.
        assert!(count <= 16 + 16 * body.len() as u64, "{count} tokens in {} bytes", body.len());
    }
});
