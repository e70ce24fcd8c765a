//! Capable: whether a deployment can do what a request needs, by the facts of its price row. What a row does not say
//! is taken to work.

use bursar_core::ApiFormat;
use bursar_pricing::Facts;
use bursar_wire::Needs;

/// The word for what a deployment lacks, if its row says so.
///
/// The words: `api_format`, `tools`, `vision`, `audio`, `structured_output`.
#[must_use]
pub fn lacks(facts: &Facts, needs: Needs, format: ApiFormat) -> Option<&'static str> {
    let serves = facts.formats.as_ref().is_none_or(|formats| formats.contains(&format));
    let without = |need: bool, fact: Option<bool>| need && fact == Some(false);
    let Needs { tools, vision, audio, documents: _, structured_output, thinking: _ } = needs;
    if !serves {
        Some("api_format")
    } else if without(tools, facts.tools) {
        Some("tools")
    } else if without(vision, facts.vision) {
        Some("vision")
    } else if without(audio, facts.audio) {
        Some("audio")
    } else if without(structured_output, facts.structured_output) {
        Some("structured_output")
    } else {
        None
    }
}

/// Whether a prompt of about `tokens` exceeds the context window.
#[must_use]
pub fn overflows(facts: &Facts, tokens: u64) -> bool {
    facts.context.is_some_and(|context| tokens > context)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S0-03.
    #[test]
    fn only_what_a_row_denies_is_lacking() {
        let chat = ApiFormat::OpenAiChat;
        let all =
            Needs { tools: true, vision: true, audio: true, structured_output: true, ..Needs::default() };
        assert_eq!(lacks(&Facts::default(), all, chat), None);
        let no = |change: fn(&mut Facts)| {
            let mut facts = Facts::default();
            change(&mut facts);
            assert_eq!(lacks(&facts, Needs::default(), chat).is_some(), facts.formats.is_some());
            lacks(&facts, all, chat)
        };
        assert_eq!(no(|facts| facts.tools = Some(false)), Some("tools"));
        assert_eq!(no(|facts| facts.vision = Some(false)), Some("vision"));
        assert_eq!(no(|facts| facts.audio = Some(false)), Some("audio"));
        assert_eq!(no(|facts| facts.structured_output = Some(false)), Some("structured_output"));
        assert_eq!(no(|facts| facts.formats = Some(vec![ApiFormat::OpenAiResponses])), Some("api_format"));
        assert!(overflows(&Facts { context: Some(10), ..Facts::default() }, 11));
        assert!(!overflows(&Facts { context: Some(10), ..Facts::default() }, 10));
    }
}
