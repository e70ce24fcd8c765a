//! The grammar of LiteLLM's price keys: `base[_above_1hr][_above_<N>k_tokens][_<service tier>]`.

use bursar_core::UsageClass;

use crate::class::RateClass;

/// What a key of LiteLLM's price map means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// A rate in USD per unit.
    Rate(Place),
    /// A rate in USD per thousand units.
    PerThousand(RateClass),
    /// A rate of something priced by the piece, under a variant's name.
    Variant(RateClass, &'static str),
    /// Rates by pixel: the size is in the model's name.
    Pixel,
    /// Rates by image, of the prompt or the answer.
    Image(Side),
    /// Rates by second, of the prompt or the answer.
    Second(Side),
    /// `{search_context_size_low, _medium, _high}`.
    SearchContext,
    /// A list of rows with ranges of prompt size.
    Tiers,
    /// Hours with rates of their own.
    OffPeak,
    /// Factors by region or service tier, among other things.
    ProviderSpecific,
    /// A factor for regions that match.
    Uplift(&'static [(&'static str, bool)]),
    /// Whether a search is billed by query or by prompt.
    SearchUnit,
    /// Searches that are free.
    FreeSearches,
    /// A price that another key of the row states too, or that never applies.
    Redundant(&'static str),
    /// A price that Bursar cannot express.
    Unsupported,
    /// Not about price.
    Other,
}

/// Whether a rate is for what goes in or what comes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Input,
    Output,
}

/// Which rate of a row a key states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) class: RateClass,
    /// The service tier, in Bursar's word.
    pub(crate) service: Option<&'static str>,
    /// Above how many prompt tokens.
    pub(crate) above: Option<u64>,
}

const SERVICES: [(&str, &str); 6] = [
    ("_priority", "priority"),
    ("_flex", "flex"),
    ("_batches", "batch"),
    ("_balanced", "balanced"),
    ("_ultrafast", "ultrafast"),
    ("_decisions", "decisions"),
];

/// Reads a key. Whatever has `cost` or `pricing` in its name is about price.
pub(crate) fn read(key: &str) -> Meaning {
    special(key).unwrap_or_else(|| plain(key))
}

fn plain(key: &str) -> Meaning {
    let found = SERVICES.iter().find_map(|(suffix, word)| key.strip_suffix(suffix).map(|rest| (rest, *word)));
    let (rest, service) = found.map_or((key, None), |(rest, word)| (rest, Some(word)));
    let (rest, above) = match rest.strip_suffix("k_tokens").and_then(|rest| rest.rsplit_once("_above_")) {
        Some((rest, thousands)) => match thousands.parse::<u64>() {
            Ok(thousands) => (rest, Some(thousands.saturating_mul(1000))),
            Err(_) => return Meaning::Unsupported,
        },
        None => (rest, None),
    };
    let (rest, hour) = rest.strip_suffix("_above_1hr").map_or((rest, false), |rest| (rest, true));
    match base(rest) {
        Some(RateClass::Usage(UsageClass::CacheWrite5m)) if hour => {
            Meaning::Rate(Place { class: UsageClass::CacheWrite1h.into(), service, above })
        }
        Some(class) if !hour => Meaning::Rate(Place { class, service, above }),
        _ if key.contains("cost") || key.contains("pric") => Meaning::Unsupported,
        _ => Meaning::Other,
    }
}

fn base(key: &str) -> Option<RateClass> {
    let class = match key {
        "input_cost_per_token" => UsageClass::Input,
        "output_cost_per_token" => UsageClass::Output,
        "cache_read_input_token_cost" | "input_cost_per_token_cache_hit" => UsageClass::CacheRead,
        "cache_creation_input_token_cost" => UsageClass::CacheWrite5m,
        "input_cost_per_audio_token" => UsageClass::AudioInput,
        "output_cost_per_audio_token" => UsageClass::AudioOutput,
        "cache_read_input_audio_token_cost" => UsageClass::AudioCacheRead,
        "input_cost_per_image_token" => UsageClass::ImageInput,
        "output_cost_per_image_token" => UsageClass::ImageOutput,
        "cache_read_input_image_token_cost" => UsageClass::ImageCacheRead,
        "input_cost_per_video_token" => UsageClass::VideoInput,
        "output_cost_per_reasoning_token" => UsageClass::Reasoning,
        "google_maps_grounding_cost_per_query" => UsageClass::MapsGrounding,
        "code_interpreter_cost_per_session" => UsageClass::CodeInterpreter,
        "ocr_cost_per_page" => UsageClass::Page,
        "input_cost_per_query" | "input_cost_per_request" => return Some(RateClass::Request),
        _ => return None,
    };
    Some(class.into())
}

fn special(key: &str) -> Option<Meaning> {
    const IMAGE: RateClass = RateClass::Usage(UsageClass::Image);
    const SECOND: RateClass = RateClass::Usage(UsageClass::Second);
    const CHARACTER: &str = "input_cost_per_character";
    Some(match key {
        "input_cost_per_pixel" | "output_cost_per_pixel" => Meaning::Pixel,
        "input_cost_per_image" => Meaning::Image(Side::Input),
        "output_cost_per_image" => Meaning::Image(Side::Output),
        "output_cost_per_image_512" => Meaning::Variant(IMAGE, "512"),
        "output_cost_per_image_0.5K" => Meaning::Variant(IMAGE, "0.5K"),
        "output_cost_per_image_1024" => Meaning::Variant(IMAGE, "1024"),
        "output_cost_per_image_1536" => Meaning::Variant(IMAGE, "1536"),
        "output_cost_per_image_1K" => Meaning::Variant(IMAGE, "1K"),
        "output_cost_per_image_2K" => Meaning::Variant(IMAGE, "2K"),
        "output_cost_per_image_4K" => Meaning::Variant(IMAGE, "4K"),
        "cost_per_second" | "input_cost_per_second" => Meaning::Second(Side::Input),
        "output_cost_per_second" | "output_cost_per_video_per_second" => Meaning::Second(Side::Output),
        "output_cost_per_second_480p" => Meaning::Variant(SECOND, "480p"),
        "output_cost_per_second_720p" => Meaning::Variant(SECOND, "720p"),
        "output_cost_per_second_768p" => Meaning::Variant(SECOND, "768p"),
        "output_cost_per_second_1080p" => Meaning::Variant(SECOND, "1080p"),
        "output_cost_per_second_2k" => Meaning::Variant(SECOND, "2k"),
        "output_cost_per_second_4k" => Meaning::Variant(SECOND, "4k"),
        "input_cost_per_video_per_second" => Meaning::Variant(SECOND, "video"),
        "input_cost_per_video_per_second_above_8s_interval" => Meaning::Variant(SECOND, "video_above_8s"),
        "input_cost_per_video_per_second_above_15s_interval" => Meaning::Variant(SECOND, "video_above_15s"),
        "input_cost_per_audio_per_second" => Meaning::Variant(SECOND, "audio"),
        CHARACTER => Meaning::Variant(UsageClass::Character.into(), "input"),
        "output_cost_per_character" => Meaning::Variant(UsageClass::Character.into(), "output"),
        "annotation_cost_per_page" => Meaning::Variant(UsageClass::Page.into(), "annotation"),
        "search_context_cost_per_query" => Meaning::SearchContext,
        "file_search_cost_per_1k_calls" => Meaning::PerThousand(UsageClass::FileSearch.into()),
        "tiered_pricing" => Meaning::Tiers,
        "off_peak_pricing" => Meaning::OffPeak,
        "provider_specific_entry" => Meaning::ProviderSpecific,
        "regional_endpoint_uplift_multiplier" => Meaning::Uplift(&[("global", false), ("*", true)]),
        "regional_processing_uplift_multiplier_eu" => Meaning::Uplift(&[("eu*", true)]),
        "regional_processing_uplift_multiplier_us" => Meaning::Uplift(&[("us*", true)]),
        "web_search_billing_unit" => Meaning::SearchUnit,
        "search_free_requests" => Meaning::FreeSearches,
        "input_dbu_cost_per_token" | "output_dbu_cost_per_token" => {
            Meaning::Redundant("a unit of Databricks' own; the rows state the price in USD too")
        }
        "cache_creation_input_audio_token_cost" => {
            Meaning::Redundant("OpenAI and Azure, who have it, report and bill no cache writes of audio")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_suffixes() {
        let place =
            |class: UsageClass, service, above| Meaning::Rate(Place { class: class.into(), service, above });
        let keys = [
            ("input_cost_per_token", place(UsageClass::Input, None, None)),
            (
                "output_cost_per_token_above_272k_tokens_priority",
                place(UsageClass::Output, Some("priority"), Some(272_000)),
            ),
            ("cache_creation_input_token_cost_above_1hr", place(UsageClass::CacheWrite1h, None, None)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                place(UsageClass::CacheWrite1h, None, Some(200_000)),
            ),
            ("cache_read_input_token_cost_batches", place(UsageClass::CacheRead, Some("batch"), None)),
            ("cache_creation_input_token_cost_above_12hr", Meaning::Unsupported),
            ("input_cost_per_token_above_1hr", Meaning::Unsupported),
            ("some_new_cost_per_thing", Meaning::Unsupported),
            ("supports_vision", Meaning::Other),
        ];
        for (key, meaning) in keys {
            assert_eq!(read(key), meaning, "{key}");
        }
    }
}
