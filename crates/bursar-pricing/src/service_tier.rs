//! Words for service tiers: which of them mean the standard one, and which a request can reach.

/// What a service tier's word means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named<'a> {
    /// The tier that has no name in a row: also an empty word.
    Standard,
    /// Whatever the account's settings say: standard where they are not known.
    Auto,
    /// Another, by the word rows use.
    Other(&'a str),
}

/// Reads a provider's word for a service tier, in whatever case.
pub(crate) fn read(word: &str) -> Named<'_> {
    let is = |other: &str| word.eq_ignore_ascii_case(other);
    // OpenAI: auto, default, flex, priority, scale. Anthropic: auto, standard_only, standard, priority, batch.
    // Groq: on_demand, flex, auto, performance. Gemini's trafficType: ON_DEMAND, ON_DEMAND_PRIORITY, ON_DEMAND_FLEX.
    if word.is_empty() || is("default") || is("standard") || is("standard_only") || is("on_demand") {
        Named::Standard
    } else if is("auto") {
        Named::Auto
    } else if is("batches") || is("batch_api") {
        Named::Other("batch")
    } else if is("ON_DEMAND_PRIORITY") {
        Named::Other("priority")
    } else if is("ON_DEMAND_FLEX") {
        Named::Other("flex")
    } else {
        Named::Other(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_tier_has_many_names() {
        for word in ["", "default", "standard", "STANDARD_ONLY", "on_demand", "ON_DEMAND"] {
            assert_eq!(read(word), Named::Standard, "{word}");
        }
        assert_eq!(read("Auto"), Named::Auto);
        assert_eq!(read("ON_DEMAND_FLEX"), Named::Other("flex"));
        assert_eq!(read("ultrafast"), Named::Other("ultrafast"));
    }
}
