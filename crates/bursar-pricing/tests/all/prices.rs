//! What a usage costs: classes, parts, tiers, service tiers, regions, hours, fees.

use bursar_core::bound::SearchContext;
use bursar_core::{Multiplier, Pattern, Rate, UsageClass, Usd};
use bursar_pricing::{Conditions, Period, PriceRow, RateClass, RowSpec, ServiceTierSpec, Variant, cost};

use crate::common::{amounts, at, bill, rates, row, spec, spec_of, tier, usage};

/// Rules: S1-07, S4-09.
#[test]
fn a_cost_is_exact_by_line_and_rounded_up_once() {
    let row = row(spec("input 3, output 15, cache_read 0.3, cache_write_5m 3.75"));
    let cost = bill(&row, "input 1000, output 500, cache_read 300, cache_write_5m 200");
    assert_eq!(amounts(&cost), "input 0.003, cache_read 0.00009, cache_write_5m 0.00075, output 0.0075");
    assert_eq!(cost.list, Usd::parse("0.01134").unwrap());
    assert_eq!((cost.tier_index, cost.tier_context), (None, 1500));
    assert!(!cost.lines.spilled(), "the usual lines need no allocation");
    let tiny = crate::common::row(spec("input 0.000001"));
    assert_eq!(bill(&tiny, "input 1").list, Usd::ONE_NANO, "one pico-USD is not nothing");
}

/// Rules: S4-11, S4-12.
#[test]
fn a_tier_moves_the_whole_request_and_its_bound_is_inclusive() {
    let mut tiered = spec("input 3, output 15, cache_read 0.3");
    tiered.tiers = Some(vec![tier(Some(200_000), "input 3"), tier(None, "input 6, output 22.5")]);
    let row = row(tiered);
    assert_eq!(bill(&row, "input 150000, cache_read 50000, output 1000").tier_index, Some(0));
    let above = bill(&row, "input 150001, cache_read 50000, output 1000");
    assert_eq!(above.tier_index, Some(1));
    assert_eq!(
        amounts(&above),
        "input 0.900006, cache_read 0.015, output 0.0225",
        "a rate that is absent in a tier is the base row's"
    );
}

/// Rules: S4-10.
#[test]
fn absent_cache_rates_follow_the_vendor_then_the_input_rate() {
    let all = "input 1000000, cache_read 1000000, cache_write_5m 1000000, cache_write_1h 1000000";
    let claude = row(spec_of("anthropic", "claude-x", "input 3"));
    assert_eq!(
        amounts(&bill(&claude, all)),
        "input 3, cache_read 0.3, cache_write_5m 3.75, cache_write_1h 6"
    );
    let claude = row(spec_of("bedrock", "eu.anthropic.claude-x", "input 3"));
    assert_eq!(
        amounts(&bill(&claude, all)),
        "input 3, cache_read 0.3, cache_write_5m 3.75, cache_write_1h 6"
    );
    let other = row(spec("input 3, cache_write_5m 4"));
    assert_eq!(amounts(&bill(&other, all)), "input 3, cache_read 3, cache_write_5m 4, cache_write_1h 4");
}

#[test]
fn parts_are_charged_once_at_their_own_rate() {
    let row =
        row(spec("input 1, output 2, cache_read 0.1, audio_input 10, audio_cache_read 5, audio_output 20"));
    let cost = bill(
        &row,
        "input 100, audio_input 60, cache_read 50, audio_cache_read 20, output 30, audio_output 10",
    );
    let units: Vec<_> = cost.lines.iter().map(|line| (line.class.as_str(), line.units)).collect();
    let expected = [
        ("audio_input", 40),
        ("audio_cache_read", 20),
        ("input", 60),
        ("cache_read", 30),
        ("audio_output", 10),
        ("output", 20),
    ];
    assert_eq!(units, expected);
    let same = bill(&row, "input 100, image_input 60, output 30, reasoning 25");
    let units: Vec<_> = same.lines.iter().map(|line| (line.class.as_str(), line.units)).collect();
    assert_eq!(
        units,
        [("input", 100), ("output", 30)],
        "a part without a rate of its own stays in its whole"
    );
}

#[test]
fn parts_that_claim_more_than_their_whole_are_cut_to_it() {
    let row = row(spec("input 1, output 2, reasoning 3, audio_input 4"));
    let cost = bill(&row, "input 5, audio_input 9, output 10, reasoning 11");
    let units: Vec<_> = cost.lines.iter().map(|line| (line.class.as_str(), line.units)).collect();
    assert_eq!(units, [("audio_input", 5), ("reasoning", 10)]);
}

fn with_service_tier(name: &str, own: ServiceTierSpec) -> PriceRow {
    let mut priced = spec("input 4, output 20, cache_read 0.4");
    priced.tiers = Some(vec![tier(Some(1000), ""), tier(None, "input 8, output 30")]);
    priced.service_tiers.insert(name.to_owned(), own);
    row(priced)
}

fn under<'a>(service_tier: &'a str) -> Conditions<'a> {
    Conditions { service_tier: Some(service_tier), ..Conditions::default() }
}

#[test]
fn the_service_tier_of_the_answer_sets_the_rates() {
    let row = with_service_tier(
        "batch",
        ServiceTierSpec { rates: rates("input 2, output 10"), ..Default::default() },
    );
    let small = cost(&row, &usage("input 100, output 10"), &under("BATCH"));
    assert_eq!(amounts(&small), "input 0.0002, output 0.0001");
    assert_eq!(row.service_tier(small.place), Some("batch"));
    let large = cost(&row, &usage("input 2000, output 10"), &under("batch"));
    assert_eq!(amounts(&large), "input 0.008, output 0.00015", "half price also beyond the threshold");
    for word in ["default", "standard", "", "scale"] {
        let standard = cost(&row, &usage("input 100, output 10"), &under(word));
        assert_eq!(amounts(&standard), "input 0.0004, output 0.0002", "{word}");
    }
}

#[test]
fn a_service_tier_may_have_sizes_of_its_own() {
    let tiers = vec![tier(Some(1000), ""), tier(None, "input 13")];
    let own = ServiceTierSpec { rates: rates("input 7, output 35"), tiers };
    let row = with_service_tier("priority", own);
    let large = cost(&row, &usage("input 2000, output 10, cache_read 1000"), &under("priority"));
    assert_eq!(amounts(&large), "input 0.026, cache_read 0.0004, output 0.00035");
}

#[test]
fn a_region_lifts_every_token_rate_and_no_fee() {
    let mut priced = spec("input 10, output 50, web_search 0.01");
    priced.regions = vec![(Pattern::new("eu*"), Multiplier::parse("1.1").unwrap())];
    let row = row(priced);
    let conditions = Conditions { region: Some("eu-west"), ..Conditions::default() };
    let cost = cost(&row, &usage("input 1000, output 100, web_search 2"), &conditions);
    assert_eq!(amounts(&cost), "input 0.011, output 0.0055, web_search 0.02");
}

#[test]
fn hours_win_over_tiers() {
    let mut priced = spec("input 4, output 8");
    priced.tiers = Some(vec![tier(Some(1000), ""), tier(None, "input 8")]);
    let night = Period { weekdays: 0x7f, from_minute: 990, until_minute: 30, rates: rates("input 2") };
    priced.periods = Some(vec![night]);
    let row = row(priced);
    let on = |instant| cost(&row, &usage("input 2000, output 10"), &Conditions::at(at(instant)));
    assert_eq!(amounts(&on("2026-01-01T12:00:00Z")), "input 0.016, output 0.00008");
    assert_eq!(amounts(&on("2026-01-01T23:00:00Z")), "input 0.004, output 0.00008");
}

/// Rules: S4-16.
#[test]
fn fees_by_variant_allowance_and_failure() {
    let mut priced = spec("input 1, request 0.005");
    for (name, rate) in [("low", "0.025"), ("medium", "0.03"), ("high", "0.05")] {
        let rate = Rate::parse_per_unit(rate).unwrap();
        priced.variants.push(Variant { class: UsageClass::WebSearch.into(), name: name.into(), rate });
    }
    let row = row(priced);
    let searched = usage("web_search 3");
    let total = |conditions: &Conditions<'_>| cost(&row, &searched, conditions).list.to_string();
    assert_eq!(total(&Conditions::default()), "0.095", "medium where none is named");
    assert_eq!(total(&Conditions { search_context: SearchContext::High, ..Conditions::default() }), "0.155");
    assert_eq!(total(&Conditions { failed: true, ..Conditions::default() }), "0.09");
    let mut free = Conditions::default();
    free.free.push((UsageClass::WebSearch, 2));
    assert_eq!(amounts(&cost(&row, &searched, &free)), "web_search 0, web_search 0.03, request 0.005");
}

#[test]
fn a_fee_without_a_rate_is_named() {
    let cost = bill(&row(spec("input 1")), "input 1, file_search 2");
    assert_eq!(cost.unpriced.as_slice(), [UsageClass::FileSearch]);
}

#[test]
fn an_image_without_a_known_variant_costs_the_dearest() {
    let mut priced = RowSpec::new("p", "m");
    for (name, rate) in [("512", "0.02"), ("1024", "0.04")] {
        let rate = Rate::parse_per_unit(rate).unwrap();
        priced.variants.push(Variant { class: UsageClass::Image.into(), name: name.into(), rate });
    }
    let row = row(priced);
    let of = |variant| cost(&row, &usage("image 1"), &Conditions { variant, ..Conditions::default() }).list;
    assert_eq!(of(Some("512")), Usd::parse("0.02").unwrap());
    assert_eq!(of(Some("4096")), Usd::parse("0.04").unwrap());
}

#[test]
fn two_models_in_one_answer_round_once() {
    let (a, b) = (row(spec("input 0.0005")), row(spec("input 0.0005")));
    let both = bill(&a, "input 1").plus(bill(&b, "input 1"));
    assert_eq!(both.list, Usd::ONE_NANO);
    assert_eq!(both.lines.len(), 2);
}

#[test]
fn a_billed_cost_is_taken_only_where_preferred() {
    let cost = bill(&row(spec("input 1")), "input 1000");
    assert_eq!(cost.list_or_billed(Some(2_000_000_001), true), Usd::from_nanos(2_000_001));
    assert_eq!(cost.list_or_billed(Some(2_000_000_001), false), cost.list);
    assert_eq!(cost.list_or_billed(None, true), cost.list);
}

#[test]
fn repricing_a_past_record_is_an_adjustment() {
    let old = bill(&row(spec("input 3")), "input 1000");
    let new = bill(&row(spec("input 2")), "input 1000");
    assert_eq!(new.adjustment(old.list), Usd::parse("-0.001").unwrap());
    assert_eq!(old.lines[0].rate_text(), "3");
}

#[test]
fn every_class_has_a_word_for_files() {
    assert_eq!(RateClass::parse("request"), Some(RateClass::Request));
    assert_eq!(RateClass::parse("nothing"), None);
}
