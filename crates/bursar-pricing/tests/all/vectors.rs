//! The worked examples of the specification about prices, read from `vectors.json`.

use crate::common::{outside, per_million, row};
use bursar_core::{ApiFormat, Multiplier, Rate, RequestBound, UsageClass, Usd};
use bursar_pricing::{
    Billing, Conditions, Cost, Multipliers, PriceBook, PriceRow, PriceSource, RowSpec, TierSpec,
    UnknownModel, cost, quote,
};
use serde_json::Value;

/// One worked example.
struct Vector(Value);

impl Vector {
    fn load(id: &str) -> Option<Self> {
        let text = outside("BURSAR_SPEC", "../shared/spec", "vectors.json")?;
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        Some(Self(all.into_iter().find(|vector| vector["id"] == id).unwrap()))
    }
    fn given(&self, field: &str) -> &Value {
        &self.0["given"][field]
    }
    fn then(&self, field: &str) -> &Value {
        &self.0["then"][field]
    }
    /// The documents' own row: their names for classes, a map or a pair of prices, tiers or none.
    fn row(&self, provider: &str) -> PriceRow {
        let mut spec = RowSpec::new(provider, "m");
        set_rates(&mut spec.rates, self.given("price_usd_per_1m"));
        if let Some(fee) = self.given("price_per_request_usd").as_str() {
            spec = spec.with(bursar_pricing::RateClass::Request, Rate::parse_per_unit(fee).unwrap());
        }
        if let Some(tiers) = self.given("tiers").as_array() {
            let tiers = tiers.iter().map(|tier| {
                let mut own = TierSpec { up_to: tier["up_to"].as_u64(), ..TierSpec::default() };
                set_rates(&mut own.rates, tier);
                own
            });
            spec.tiers = Some(tiers.collect());
        }
        row(spec)
    }
    fn usage(&self) -> bursar_core::Usage {
        usage_of(&self.0["given"])
    }
    fn cost(&self, provider: &str) -> Cost {
        cost(&self.row(provider), &self.usage(), &Conditions::default())
    }
}

const NAMES: [(&str, UsageClass); 7] = [
    ("input", UsageClass::Input),
    ("output", UsageClass::Output),
    ("cache_read", UsageClass::CacheRead),
    ("cache_creation", UsageClass::CacheWrite5m),
    ("prompt", UsageClass::Input),
    ("completion", UsageClass::Output),
    ("max_completion", UsageClass::Output),
];

fn set_rates(rates: &mut bursar_pricing::Rates, from: &Value) {
    if let Some([input, output]) = from.as_array().map(Vec::as_slice) {
        rates.set(UsageClass::Input, per_million(input.as_str().unwrap()));
        rates.set(UsageClass::Output, per_million(output.as_str().unwrap()));
    }
    for (name, class) in NAMES {
        if let Some(rate) = from.get(name).and_then(Value::as_str) {
            rates.set(class, per_million(rate));
        }
    }
}

fn usage_of(from: &Value) -> bursar_core::Usage {
    let mut usage = bursar_core::Usage::new();
    for (name, class) in NAMES {
        if let Some(count) = from.get(format!("{name}_tokens")).and_then(Value::as_u64) {
            usage.set(class, count);
        }
    }
    usage
}

fn usd(value: &Value) -> Usd {
    Usd::parse(value.as_str().unwrap()).unwrap()
}

/// The amount of a class in nano-USD, rounded up.
fn amount(cost: &Cost, class: UsageClass) -> Usd {
    let of_class = cost.lines.iter().filter(|line| line.class == class.into());
    Usd::from_pico_ceil(of_class.map(|line| line.amount_pico).sum()).unwrap()
}

#[track_caller]
fn check(vector: &Vector, cost: &Cost) {
    let then = &vector.0["then"];
    for (name, class) in NAMES {
        if let Some(expected) = then.get(name) {
            assert_eq!(amount(cost, class), usd(expected), "{name}");
        }
    }
    if let Some(total) = then.get("total") {
        assert_eq!(cost.list, usd(total));
    }
    if let Some(index) = then.get("tier_index") {
        assert_eq!(cost.tier_index, index.as_u64().map(|index| usize::try_from(index).unwrap()));
    }
    if let Some(context) = then.get("tier_context") {
        assert_eq!(Some(cost.tier_context), context.as_u64());
    }
}

/// Rules: V P01, V P02, V P04, V P05, V P07, V P08, S4-09, S4-11, S4-12.
#[test]
fn fixed_prices_and_tiers() {
    for id in ["P01", "P02", "P04", "P05", "P07", "P08"] {
        let Some(vector) = Vector::load(id) else { return };
        check(&vector, &vector.cost("p"));
    }
}

/// Rules: V P10, S4-10.
#[test]
fn p10_absent_cache_rates_follow_the_matched_tier() {
    let Some(vector) = Vector::load("P10") else { return };
    let cost = vector.cost("anthropic");
    check(&vector, &cost);
    let cache = amount(&cost, UsageClass::CacheWrite5m).saturating_add(amount(&cost, UsageClass::CacheRead));
    assert_eq!(cache, usd(vector.then("cache")));
}

/// Rules: V P11, S4-13, S4-14.
#[test]
fn p11_writes_of_an_hour_have_their_own_rate() {
    let Some(vector) = Vector::load("P11") else { return };
    let by_ttl = vector.given("cache_creation_price_by_ttl");
    let tokens = vector.given("cache_creation_tokens");
    let rate = |value: &Value| per_million(value.as_str().unwrap());
    let spec = RowSpec::new("p", "m")
        .with(UsageClass::Input, rate(vector.given("input_price")))
        .with(UsageClass::CacheWrite5m, rate(&by_ttl["5"]))
        .with(UsageClass::CacheWrite1h, rate(&by_ttl["60"]));
    let usage = bursar_core::Usage::new()
        .with(UsageClass::CacheWrite5m, tokens["5"].as_u64().unwrap())
        .with(UsageClass::CacheWrite1h, tokens["60"].as_u64().unwrap());
    let cost = cost(&row(spec), &usage, &Conditions::default());
    assert_eq!(amount(&cost, UsageClass::CacheWrite5m), usd(vector.then("5")));
    assert_eq!(amount(&cost, UsageClass::CacheWrite1h), usd(vector.then("60")));
    assert_eq!(cost.list, usd(vector.then("total")));
}

/// Rules: V P16, S4-16.
#[test]
fn p16_a_failed_request_keeps_its_tokens_and_drops_its_fee() {
    let Some(vector) = Vector::load("P16") else { return };
    let row = vector.row("p");
    let cases = vector.given("cases").as_array().unwrap();
    for (index, case) in cases.iter().enumerate() {
        let failed = case["status_code"].as_u64().unwrap() >= 400 || case["error_message"].is_string();
        assert_eq!(Value::Bool(failed), vector.then("failed")[index]);
        let cost = cost(&row, &usage_of(case), &Conditions { failed, ..Conditions::default() });
        assert_eq!(cost.list, usd(&vector.then("total_usd")[index]));
        let fee: u128 = cost
            .lines
            .iter()
            .filter(|line| line.class == bursar_pricing::RateClass::Request)
            .map(|line| line.amount_pico)
            .sum();
        assert_eq!(Usd::from_pico_ceil(fee).unwrap(), usd(&vector.then("request_usd")[index]));
    }
}

/// Rules: V P17, V P22, S4-17.
#[test]
fn p17_p22_effective_cost_is_list_times_the_multiplier() {
    let Some(vector) = Vector::load("P17") else { return };
    let multiplier = Multiplier::parse(vector.given("rate_multiplier").as_str().unwrap()).unwrap();
    let row = row(crate::common::spec("input 3, output 15"));
    let cost = crate::common::bill(&row, "input 1000, output 500");
    assert_eq!(cost.list, usd(&vector.given("list_cost_usd")["total"]));
    assert_eq!(cost.effective(multiplier), usd(vector.then("total")));
    let parts: Vec<_> =
        cost.lines.iter().map(|line| Usd::from_pico_ceil(line.effective_pico(multiplier))).collect();
    assert_eq!(parts, [Some(usd(vector.then("input"))), Some(usd(vector.then("output")))]);
    let Some(booking) = Vector::load("P22") else { return };
    assert_eq!(cost.list, usd(booking.given("list_cost_usd")));
    assert_eq!(cost.effective(multiplier), usd(booking.given("effective_cost_usd")));
}

/// Rules: V P19, S4-17, S4-70.
#[test]
fn p19_a_multiplier_belongs_to_a_format_of_a_credential() {
    let Some(vector) = Vector::load("P19") else { return };
    let by_format = vector.given("rate_multipliers").as_object().unwrap().iter();
    let by_format = by_format.map(|(format, value)| {
        (ApiFormat::parse(format).unwrap(), Multiplier::parse(value.as_str().unwrap()).unwrap())
    });
    let multipliers = Multipliers { by_format: by_format.collect(), ..Multipliers::default() };
    for (index, case) in vector.given("cases").as_array().unwrap().iter().enumerate() {
        let found = multipliers.of(case.as_str().map(|word| ApiFormat::parse(word).unwrap()));
        assert_eq!(found.to_string(), vector.then("multiplier")[index].as_str().unwrap());
    }
    let unknown = Multipliers::default().of(None).to_string();
    assert_eq!(unknown, vector.then("unknown_credential").as_str().unwrap());
}

/// Free tiers cost nothing and keep their list cost, whatever factor the credential has; a monthly quota is counted.
/// Rules: S4-18, S4-29, S4-70.
#[test]
fn what_a_billing_type_makes_of_a_list_cost() {
    let cost = crate::common::bill(&row(crate::common::spec("input 3, output 15")), "input 1000, output 500");
    let effective = |billing| {
        let multipliers =
            Multipliers { default: Multiplier::parse("0.8").unwrap(), billing, ..Multipliers::default() };
        cost.effective(multipliers.of(Some(ApiFormat::OpenAiChat))).to_string()
    };
    assert_eq!(cost.list.to_string(), "0.0105");
    assert_eq!(effective(Billing::FreeTier), "0");
    assert_eq!([effective(Billing::PayAsYouGo), effective(Billing::MonthlyQuota)], ["0.0084", "0.0084"]);
}

/// Rules: V P20, S4-19, S4-66.
#[test]
fn p20_the_record_keeps_the_rates_that_were_charged() {
    let Some(vector) = Vector::load("P20") else { return };
    let (row, cost) = (vector.row("p"), vector.cost("p"));
    check(&vector, &cost);
    let card = row.card(cost.place).unwrap();
    for (name, class) in NAMES.into_iter().take(4) {
        let expected = vector.then("price_snapshot")[name].as_str().unwrap();
        assert_eq!(card.rate(class), per_million(expected), "{name}");
    }
    assert_eq!(amount(&cost, UsageClass::Input), usd(vector.then("input_usd")));
}

/// Rules: V K01, V K02, S1-05, S1-07.
#[test]
fn k01_k02_small_calls_keep_their_cost() {
    let Some(vector) = Vector::load("K01") else { return };
    for (index, case) in vector.given("cases").as_array().unwrap().iter().enumerate() {
        let mut spec = RowSpec::new("p", case["model"].as_str().unwrap());
        set_rates(&mut spec.rates, &vector.given("prices_usd_per_1m")[&spec.model]);
        let cost = cost(&row(spec), &usage_of(case), &Conditions::default());
        assert_eq!(cost.list, usd(&vector.then("cost_usd")[index]));
    }
    let Some(vector) = Vector::load("K02") else { return };
    let cost = vector.cost("p");
    let expected = usd(vector.then("cost_usd"));
    assert_eq!(cost.list, expected);
    let million = usd(vector.then("total_usd")).nanos();
    assert!((cost.list.nanos() * 1_000_000 - million).abs() <= 1_000_000, "one nano-USD a call at most");
}

/// Rules: V K20, V U09, V B20, V B21, S1-08, S2-15, S3-05, S4-67.
#[test]
fn k20_u09_b20_b21_a_hold_counts_prompt_and_output() {
    let bound = |input: u64, output: u64| RequestBound {
        text_tokens: input,
        output_limit: Some(output),
        choices: 1,
        ..RequestBound::default()
    };
    let Some(vector) = Vector::load("K20") else { return };
    let tokens = |vector: &Vector, field: &str| vector.given(field).as_u64().unwrap();
    let hold = bound(tokens(&vector, "estimated_prompt_tokens"), tokens(&vector, "max_output_tokens"));
    let held = quote(&vector.row("p"), &hold, &Conditions::default());
    assert_eq!(held.list, usd(vector.then("reserve_usd")));

    let vector = Vector::load("U09").unwrap();
    let hold = bound(tokens(&vector, "prompt_tokens"), tokens(&vector, "max_completion_tokens"));
    assert_eq!(quote(&vector.row("p"), &hold, &Conditions::default()).list, usd(vector.then("estimate_usd")));

    let vector = Vector::load("B20").unwrap();
    let all = tokens(&vector, "estimated_tokens");
    let hold = bound(all * 7 / 10, all * 3 / 10);
    assert_eq!(quote(&vector.row("p"), &hold, &Conditions::default()).list, usd(vector.then("estimate_usd")));

    let vector = Vector::load("B21").unwrap();
    assert_eq!(vector.cost("p").list, usd(vector.then("cost_usd")));
}

/// Rules: V U08, S1-06, S2-15, S2-16, S4-07.
#[test]
fn u08_hold_and_bill_of_an_unknown_model_follow_one_rule() {
    let Some(vector) = Vector::load("U08") else { return };
    let policy = UnknownModel::FallbackPrice { input: per_million("10"), output: per_million("10") };
    let priced = policy.price(&PriceBook::empty(), "p", "m", crate::common::at("2026-01-01")).unwrap();
    assert_eq!(priced.source, PriceSource::FallbackPrice);
    let bound = RequestBound {
        text_tokens: vector.given("prompt_tokens").as_u64().unwrap(),
        output_limit: vector.given("max_completion_tokens").as_u64(),
        choices: 1,
        ..RequestBound::default()
    };
    let held = quote(&priced.row, &bound, &Conditions::default());
    let billed = cost(&priced.row, &vector.usage(), &Conditions::default());
    assert_eq!(held.list, usd(vector.then("estimate_usd")));
    assert_eq!(billed.list, usd(vector.then("actual_usd")));
    assert!(
        UnknownModel::Deny.price(&PriceBook::empty(), "p", "m", crate::common::at("2026-01-01")).is_none()
    );
}

/// Rules: V L04, S4-20.
#[test]
fn l04_the_total_counts_every_class_once() {
    let Some(vector) = Vector::load("L04") else { return };
    assert_eq!(Some(vector.usage().tokens()), vector.then("total_tokens").as_u64());
}
