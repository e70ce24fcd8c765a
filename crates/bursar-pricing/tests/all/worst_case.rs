//! The promise of a hold: no usage that a request can produce costs more than its quote.

use bursar_core::bound::{CacheWrite, HostedTool, HostedToolKind, SearchContext};
use bursar_core::{Multiplier, Pattern, Rate, RequestBound, Usage, UsageClass, Usd};
use bursar_pricing::{
    Conditions, Facts, Period, PriceRow, RateClass, Rates, RowSpec, ServiceTierSpec, TierSpec, Unbounded,
    Variant, affordable_output, affordable_output_effective, cost, quote,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::common::{row, spec};

fn rates() -> impl Strategy<Value = Rates> {
    vec(option::of(0u64..200_000_000), RateClass::COUNT).prop_map(|all| {
        let mut rates = Rates::new();
        for (class, rate) in RateClass::all().zip(all) {
            if let Some(pico) = rate {
                rates.set(class, Rate::from_pico(pico));
            }
        }
        rates
    })
}

fn tiers() -> impl Strategy<Value = Vec<TierSpec>> {
    vec((1u64..60_000, rates()), 0..4).prop_map(|parts| {
        let mut up_to = 0;
        let last = parts.len();
        let bounds = parts.into_iter().enumerate().map(|(n, (step, rates))| {
            up_to += step;
            TierSpec { up_to: (n + 1 < last).then_some(up_to), rates }
        });
        bounds.collect()
    })
}

fn a_row() -> impl Strategy<Value = PriceRow> {
    let service = (rates(), tiers()).prop_map(|(rates, tiers)| ServiceTierSpec { rates, tiers });
    let services = proptest::collection::btree_map("flex|priority", service, 0..3);
    let variants = vec((0u64..100_000_000_000, prop_oneof!["low", "medium", "high"]), 0..4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let facts = (10u64..200_000, 1u64..50_000, flags);
    let provider = prop_oneof![Just("anthropic"), Just("p")];
    let hours = option::of(rates());
    let region = 1_000_000u64..2_000_000;
    (provider, rates(), tiers(), services, variants, facts, hours, region).prop_map(
        |(provider, rates, tiers, services, variants, (context, max_output, flags), hours, region)| {
            let mut spec = RowSpec { rates, service_tiers: services, ..RowSpec::new(provider, "m") };
            spec.tiers = Some(tiers);
            spec.periods =
                hours.map(|rates| vec![Period { weekdays: 0x7f, from_minute: 600, until_minute: 60, rates }]);
            spec.regions = vec![(Pattern::new("eu"), Multiplier::from_millionths(region))];
            spec.variants = variants
                .into_iter()
                .map(|(pico, name)| Variant {
                    class: UsageClass::WebSearch.into(),
                    name: name.into(),
                    rate: Rate::from_pico(pico),
                })
                .collect();
            spec.facts = Facts {
                context: Some(context),
                max_output: Some(max_output),
                writes_cache: Some(flags.0),
                always_searches: Some(flags.1),
                grounding_per_prompt: Some(flags.2),
                ..Facts::default()
            };
            row(spec)
        },
    )
}

fn a_tool() -> impl Strategy<Value = HostedTool> {
    let search =
        prop_oneof![Just(SearchContext::Low), Just(SearchContext::Medium), Just(SearchContext::High)];
    let kind = prop_oneof![
        search.prop_map(HostedToolKind::WebSearch),
        Just(HostedToolKind::WebFetch),
        Just(HostedToolKind::CodeInterpreter),
        Just(HostedToolKind::FileSearch),
        Just(HostedToolKind::Grounding),
        Just(HostedToolKind::MapsGrounding),
        Just(HostedToolKind::ImageGeneration),
        Just(HostedToolKind::Other),
    ];
    (kind, 0u32..5).prop_map(|(kind, uses)| HostedTool { kind, uses_max: Some(uses) })
}

fn a_bound() -> impl Strategy<Value = RequestBound> {
    let writes =
        prop_oneof![Just(CacheWrite::None), Just(CacheWrite::FiveMinutes), Just(CacheWrite::OneHour)];
    let tier = option::of(prop_oneof!["flex", "priority", "default", "auto", "scale"]);
    let prompt = (0u64..150_000, 0u64..20_000, 0u64..20_000, prop::bool::weighted(0.2));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    let output = (option::of(1u64..10_000), 0u32..4);
    let tools = vec(a_tool(), 0..3);
    let region = option::of(prop_oneof!["eu", "us"]);
    (prompt, flags, output, writes, tier, tools, region).prop_map(
        |(
            (text, media, audio, by_reference),
            flags,
            (output_limit, choices),
            cache_write,
            tier,
            tools,
            region,
        )| {
            RequestBound {
                text_tokens: text,
                media_tokens: media.max(audio),
                audio_tokens: audio,
                by_reference,
                output_limit,
                choices,
                cache_write,
                service_tier: tier.map(Into::into),
                region: region.map(Into::into),
                hosted_tools: tools.into(),
                audio_output: flags.0,
                image_output: flags.1,
                text_only: flags.2,
                no_output: flags.3,
            }
        },
    )
}

/// Takes shares of a whole in thousandths, from a list that never runs out.
struct Shares(std::vec::IntoIter<u64>);

impl Shares {
    fn of(&mut self, whole: u64) -> u64 {
        let share = self.0.next().unwrap_or(1000).min(1000);
        u64::try_from(u128::from(whole) * u128::from(share) / 1000).unwrap()
    }
}

/// A usage that the request can produce at the model, by the documents' rules rather than by the engine's code.
fn usage_within(row: &PriceRow, bound: &RequestBound, shares: Vec<u64>) -> Usage {
    let mut shares = Shares(shares.into_iter());
    let facts = row.facts();
    let context = facts.context.unwrap();
    let is_grounding =
        |tool: &&HostedTool| matches!(tool.kind, HostedToolKind::Grounding | HostedToolKind::MapsGrounding);
    let grounded = bound.hosted_tools.iter().any(|tool| is_grounding(&tool));
    let passes: u64 = bound
        .hosted_tools
        .iter()
        .filter(|tool| !is_grounding(tool))
        .map(|tool| u64::from(tool.uses_max.unwrap()))
        .sum();
    // The request's own tokens are of the kinds it shows; what is named, fetched or found may be of any.
    let own = (bound.text_tokens + bound.media_tokens).min(context);
    let (told, untold) = if bound.by_reference { (0, context) } else { (own, 0) };
    let untold = if grounded { context - told } else { untold } + passes * context;
    let (told, untold) = (shares.of(told), shares.of(untold));
    let prompt = told + untold;

    let mut usage = Usage::new();
    let mut left = prompt;
    let read = shares.of(left);
    left -= read;
    let writes = bound.cache_write != CacheWrite::None || facts.writes_cache == Some(true);
    let short = if writes { shares.of(left) } else { 0 };
    left -= short;
    let long = if bound.cache_write == CacheWrite::OneHour { shares.of(left) } else { 0 };
    left -= long;
    usage.set(UsageClass::CacheRead, read);
    usage.set(UsageClass::CacheWrite5m, short);
    usage.set(UsageClass::CacheWrite1h, long);
    usage.set(UsageClass::Input, left);

    let audio = shares.of(bound.audio_tokens.min(told));
    let (extra, more) = (shares.of(untold), shares.of(untold));
    let extra_image = more.min(untold - extra);
    let media = (bound.media_tokens - bound.audio_tokens).min(told - audio) + untold - extra - extra_image;
    let audio = audio + extra;
    let video = shares.of(media);
    let image = media - video + extra_image;
    usage.set(UsageClass::AudioInput, audio);
    usage.set(UsageClass::AudioCacheRead, shares.of(audio.min(read)));
    usage.set(UsageClass::ImageInput, image);
    usage.set(UsageClass::ImageCacheRead, shares.of(image.min(read)));
    usage.set(UsageClass::VideoInput, video);
    usage.set(UsageClass::ToolUseInput, shares.of(left));

    if !bound.no_output {
        let limit = bound.output_limit.or(facts.max_output).unwrap();
        let output = shares.of(limit * u64::from(bound.choices.max(1)));
        usage.set(UsageClass::Output, output);
        usage.set(UsageClass::Reasoning, shares.of(output));
        if bound.audio_output {
            usage.set(UsageClass::AudioOutput, shares.of(output));
        }
        if bound.image_output || !bound.text_only {
            usage.set(UsageClass::ImageOutput, shares.of(output));
        }
        if bound.image_output {
            usage.add(UsageClass::Image, shares.of(u64::from(bound.choices.max(1))));
        }
    }
    let mut searched = false;
    for tool in &bound.hosted_tools {
        let class = match tool.kind {
            HostedToolKind::WebSearch(_) => UsageClass::WebSearch,
            HostedToolKind::WebFetch => UsageClass::WebFetch,
            HostedToolKind::CodeInterpreter => UsageClass::CodeInterpreter,
            HostedToolKind::FileSearch => UsageClass::FileSearch,
            HostedToolKind::Grounding => UsageClass::Grounding,
            HostedToolKind::MapsGrounding => UsageClass::MapsGrounding,
            HostedToolKind::ImageGeneration => UsageClass::Image,
            HostedToolKind::Other => continue,
        };
        searched |= class == UsageClass::WebSearch;
        usage.add(class, shares.of(u64::from(tool.uses_max.unwrap())));
    }
    if facts.always_searches == Some(true) && !searched {
        usage.set(UsageClass::WebSearch, 1);
    }
    usage
}

/// The conditions that the answer may report.
fn answered<'a>(
    bound: &'a RequestBound,
    asked: &Conditions<'a>,
    standard: bool,
    failed: bool,
) -> Conditions<'a> {
    let named = bound.service_tier.as_deref();
    let context = bound.hosted_tools.iter().filter_map(|tool| match tool.kind {
        HostedToolKind::WebSearch(size) => Some(size),
        _ => None,
    });
    Conditions {
        service_tier: if standard {
            None
        } else {
            named.filter(|word| *word != "auto").or(asked.service_tier)
        },
        region: bound.region.as_deref().or(asked.region),
        search_context: context.max().unwrap_or(asked.search_context),
        failed,
        ..asked.clone()
    }
}

/// An affordable output, and the cost of an output limit in the same measure.
type Found<'a> = (Option<u64>, &'a dyn Fn(u64) -> Usd);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Rules: S1-08, S4-67.
    #[test]
    fn no_usage_costs_more_than_the_quote(
        row in a_row(),
        bound in a_bound(),
        shares in vec(prop_oneof![0u64..=1000, Just(0), Just(1000)], 40),
        minute in 0i64..10_080,
        account in option::of(prop_oneof![Just("flex"), Just("priority")]),
        standard in any::<bool>(),
        failed in any::<bool>(),
    ) {
        let at = bursar_core::Timestamp::from_micros(minute * 60_000_000);
        let asked = Conditions { service_tier: account, ..Conditions::at(at) };
        let held = quote(&row, &bound, &asked);
        let usage = usage_within(&row, &bound, shares);
        let billed = cost(&row, &usage, &answered(&bound, &asked, standard, failed));
        prop_assert!(billed.list <= held.list, "{billed:#?}\n above {held:#?}");
        prop_assert!(billed.list_pico <= held.list_pico);
        prop_assert!(usage.tokens() <= held.tokens);
        let multiplier = Multiplier::parse("0.7").unwrap();
        prop_assert!(billed.effective(multiplier) <= held.effective(multiplier));
        let sum: u128 = held.lines.iter().map(|line| line.amount_pico).sum();
        prop_assert_eq!(sum, held.list_pico, "the lines make up the total");
    }

    #[test]
    fn an_affordable_output_fits_and_one_more_does_not(
        row in a_row(),
        bound in a_bound(),
        room in 0i64..2_000_000_000,
        multiplier in 1u64..3_000_000,
    ) {
        let conditions = Conditions::default();
        let room = Usd::from_nanos(room);
        let with = |limit| RequestBound { output_limit: Some(limit), ..bound.clone() };
        let most = quote(&row, &bound, &conditions).output_limit;
        let multiplier = Multiplier::from_millionths(multiplier);
        let list = |limit| quote(&row, &with(limit), &conditions).list;
        let effective = |limit| quote(&row, &with(limit), &conditions).effective(multiplier);
        let fits = affordable_output(&row, &bound, &conditions, room);
        let cheap = affordable_output_effective(&row, &bound, &conditions, multiplier, room);
        let both: [Found<'_>; 2] = [(fits, &list), (cheap, &effective)];
        for (found, cost) in both {
            if bound.no_output {
                prop_assert_eq!(found, None);
                continue;
            }
            if let Some(limit) = found {
                prop_assert!(cost(limit) <= room.max(Usd::ONE_NANO));
                prop_assert!(limit == most || cost(limit + 1) > room);
            } else {
                prop_assert!(cost(1) > room);
            }
        }
    }
}

fn plain(text_tokens: u64) -> RequestBound {
    RequestBound { text_tokens, choices: 1, ..RequestBound::default() }
}

#[test]
fn what_has_no_bound_is_named() {
    let mut priced = spec("input 3, output 15");
    let unbounded = |spec: &RowSpec, bound: &RequestBound| {
        quote(&row(spec.clone()), bound, &Conditions::default()).unbounded
    };
    assert_eq!(unbounded(&priced, &plain(10)), Some(Unbounded::Output));
    priced.facts.max_output = Some(100);
    assert_eq!(unbounded(&priced, &plain(10)), None);
    let by_reference = RequestBound { by_reference: true, ..plain(10) };
    assert_eq!(unbounded(&priced, &by_reference), Some(Unbounded::Context));
    let mut searching = plain(10);
    searching.hosted_tools.push(HostedTool { kind: HostedToolKind::WebFetch, uses_max: None });
    priced.facts.context = Some(1000);
    assert_eq!(unbounded(&priced, &searching), Some(Unbounded::HostedTool));
    priced.facts.researches = Some(true);
    assert_eq!(unbounded(&priced, &plain(10)), Some(Unbounded::Research));
    assert_eq!(
        unbounded(&spec("image 0.04"), &RequestBound { no_output: true, ..plain(5) }),
        Some(Unbounded::Rate)
    );
}

/// A model that makes images makes them where nothing was said of them.
#[test]
fn images_that_nobody_asked_for_are_held() {
    let mut priced = spec("input 1, output 2, image_output 30");
    priced.facts = Facts { max_output: Some(1000), ..Facts::default() };
    let held =
        |bound: &RequestBound| quote(&row(priced.clone()), bound, &Conditions::default()).list.to_string();
    assert_eq!(held(&plain(0)), "0.03");
    assert_eq!(held(&RequestBound { text_only: true, ..plain(0) }), "0.002");
    assert_eq!(held(&RequestBound { image_output: true, ..plain(0) }), "0.03");
}

#[test]
fn the_context_window_caps_a_long_text_but_not_the_passes_of_a_tool() {
    let mut priced = spec("input 1, output 0, web_search 0.01");
    priced.facts = Facts { context: Some(1000), max_output: Some(10), ..Facts::default() };
    let row = row(priced);
    let held = quote(&row, &plain(5000), &Conditions::default());
    assert_eq!((held.input_tokens, held.list.to_string()), (1000, "0.001".to_owned()));
    let mut searching = plain(100);
    let kind = HostedToolKind::WebSearch(SearchContext::Medium);
    searching.hosted_tools.push(HostedTool { kind, uses_max: Some(2) });
    let held = quote(&row, &searching, &Conditions::default());
    assert_eq!((held.input_tokens, held.list.to_string()), (2100, "0.0221".to_owned()));
}

#[test]
fn only_tiers_within_reach_are_held() {
    let mut priced = spec("input 1, output 1");
    priced.tiers =
        Some(vec![crate::common::tier(Some(100), "input 1"), crate::common::tier(None, "input 100")]);
    priced.facts.max_output = Some(0);
    let row = row(priced);
    let held = |tokens| quote(&row, &plain(tokens), &Conditions::default()).list.to_string();
    assert_eq!(held(100), "0.0001");
    assert_eq!(held(101), "0.0101");
}

/// Rules: S1-10, S4-40.
#[test]
fn a_priced_attempt_holds_at_least_one_nano_usd_and_a_free_one_nothing() {
    let bound = RequestBound { no_output: true, ..plain(0) };
    assert_eq!(quote(&row(spec("input 1")), &bound, &Conditions::default()).list, Usd::ONE_NANO);
    let local = row(RowSpec::free("ollama", "qwen3:8b"));
    assert!(local.is_free());
    let held =
        quote(&local, &RequestBound { output_limit: Some(1000), ..plain(1000) }, &Conditions::default());
    assert_eq!((held.list, held.tokens), (Usd::ZERO, 2000));
}
