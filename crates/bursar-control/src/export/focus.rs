//! Records as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification: one row per line of a cost.
//!
//! Every mandatory column of version 1.2 is there, those conditional ones that apply, and ours behind `x_`. Amounts are exact:
//! list unit price times pricing quantity is the list cost. What a record was charged beside its lines (attempts before the
//! last, corrections, what an estimate was cut by) is one more row of the class `Correction`; rounding up to nano-USD, once
//! per attempt, is in none, so a request's rows are less than two nano-USD below its record.

use super::records::{attribute_text, tags};
use super::{Cell, Column, Kind};
use bursar_core::usage::Unit;
use bursar_core::{Attribute, Timestamp, UsageClass, Usd, decimal};
use bursar_store::records::{LineUsed, Month, Record};
use serde_json::{Value, json};

/// Places of unit prices with a factor, and of amounts: pico-USD times millionths.
const PLACES: u32 = 18;
/// One nano-USD at those places.
const NANO: i128 = 1_000_000_000;
/// One pico-USD at those places.
const PICO: i128 = 1_000_000;

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}
const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Decimal(PLACES) }
}
const fn time(name: &'static str) -> Column {
    Column { name, kind: Kind::Time }
}

/// The columns. Only ever appended to.
pub const COLUMNS: [Column; 48] = [
    number("BilledCost"),
    text("BillingAccountId"),
    text("BillingAccountName"),
    text("BillingCurrency"),
    time("BillingPeriodStart"),
    time("BillingPeriodEnd"),
    text("ChargeCategory"),
    text("ChargeClass"),
    text("ChargeDescription"),
    text("ChargeFrequency"),
    time("ChargePeriodStart"),
    time("ChargePeriodEnd"),
    number("ConsumedQuantity"),
    text("ConsumedUnit"),
    number("ContractedCost"),
    number("ContractedUnitPrice"),
    number("EffectiveCost"),
    text("InvoiceIssuerName"),
    number("ListCost"),
    number("ListUnitPrice"),
    text("PricingCategory"),
    number("PricingQuantity"),
    text("PricingUnit"),
    text("ProviderName"),
    text("PublisherName"),
    text("RegionId"),
    text("RegionName"),
    text("ResourceId"),
    text("ResourceName"),
    text("ResourceType"),
    text("ServiceCategory"),
    text("ServiceName"),
    text("ServiceSubcategory"),
    text("SkuId"),
    text("SkuMeter"),
    text("SkuPriceDetails"),
    text("SkuPriceId"),
    text("SubAccountId"),
    text("SubAccountName"),
    text("SubAccountType"),
    text("Tags"),
    text("x_RequestId"),
    text("x_User"),
    text("x_Key"),
    text("x_Agent"),
    text("x_Run"),
    text("x_Session"),
    text("x_PriceRow"),
];

/// What one row is about: a line, or what the lines do not say.
struct Charge<'a> {
    line: Option<&'a LineUsed>,
    /// At [`PLACES`].
    list: i128,
    effective: i128,
}

/// The rows of a record: none where nothing was charged.
#[must_use]
pub fn rows(record: &Record) -> Vec<Vec<Cell>> {
    let price = record.price.as_ref();
    let factor = price.map_or(PICO, |price| i128::from(price.multiplier.millionths()));
    let lines = price.map(|price| price.lines.as_slice()).unwrap_or_default();
    let mut charges: Vec<Charge<'_>> = Vec::with_capacity(lines.len() + 1);
    for line in lines {
        let pico = i128::try_from(line.amount_pico).unwrap_or(i128::MAX);
        let (list, effective) = (pico.saturating_mul(PICO), pico.saturating_mul(factor));
        charges.push(Charge { line: Some(line), list, effective });
    }
    let rest = |charged: Usd, said: fn(&Charge<'_>) -> i128, charges: &[Charge<'_>]| {
        let lines = charges.iter().map(said).fold(0i128, i128::saturating_add);
        i128::from(charged.nanos()).saturating_mul(NANO).saturating_sub(lines)
    };
    let list = rest(record.charge.list, |charge| charge.list, &charges);
    let effective = rest(record.charge.effective, |charge| charge.effective, &charges);
    // Below that is what rounding up has added.
    if !(0..NANO).contains(&list) || !(0..NANO).contains(&effective) {
        charges.push(Charge { line: None, list, effective });
    }
    charges.iter().map(|charge| row(record, charge)).collect()
}

fn row(record: &Record, charge: &Charge<'_>) -> Vec<Cell> {
    let name = |attribute| attribute_text(record, &attribute);
    let (provider, model) = (name(Attribute::Provider), name(Attribute::Model));
    let served =
        Some(name(Attribute::ServedModel)).filter(|name| !name.is_empty()).unwrap_or_else(|| model.clone());
    let credential = name(Attribute::Credential);
    let account = if credential.is_empty() { provider.clone() } else { format!("{provider}/{credential}") };
    let month = Month::of(record.created_at);
    let starts = whole_second(record.created_at);
    let ends = whole_second(record.finalized_at.unwrap_or(record.created_at)).plus_seconds(1);
    let price = record.price.as_ref();
    let meter = charge.line.map(|line| bursar_govern::record::class_word(line.class));
    let amount = |amount: i128| Cell::Decimal(decimal::format(amount, PLACES));
    let line = |cell: fn(&LineUsed, i128) -> Cell| {
        let factor = price.map_or(PICO, |price| i128::from(price.multiplier.millionths()));
        Cell::some(charge.line, |line| cell(line, factor))
    };
    let quantity = || line(|line, _| Cell::Decimal(line.units.to_string()));
    let unit = || line(|line, _| Cell::Text(unit(line.class).to_owned()));
    let region = || Cell::some(price.and_then(|price| price.detail.region.clone()), Cell::text);
    let sku = format!("{provider}/{served}");
    let sku_price = |meter: &str| {
        let path = price.and_then(|price| price.detail.rates.as_deref()).map(|path| format!("/{path}"));
        Cell::Text(format!("{sku}/{meter}{}", path.unwrap_or_default()))
    };
    let details = price.filter(|_| meter.is_some()).map(|price| {
        let details = json!({ "x_price_row": price.id, "x_service_tier": price.service_tier,
            "x_tier_context": price.tier_context, "x_multiplier": price.multiplier.to_string() });
        Cell::Text(details.to_string())
    });
    let described = match meter {
        Some(meter) => format!("{served}: {meter}"),
        None => format!("{served}: charged beside the lines of its cost"),
    };
    vec![
        amount(charge.effective),
        Cell::Text(or_unknown(account)),
        Cell::text(credential),
        Cell::Text("USD".to_owned()),
        Cell::Time(month.starts_at()),
        Cell::Time(month.ends_at()),
        Cell::Text("Usage".to_owned()),
        if meter.is_some() { Cell::Absent } else { Cell::Text("Correction".to_owned()) },
        Cell::Text(described),
        Cell::Text("Usage-Based".to_owned()),
        Cell::Time(starts),
        Cell::Time(ends),
        quantity(),
        unit(),
        amount(charge.effective),
        line(|line, factor| {
            let rate = i128::from(line.rate.pico()).saturating_mul(factor);
            Cell::Decimal(decimal::format(rate, PLACES))
        }),
        amount(charge.effective),
        Cell::Text(or_unknown(provider.clone())),
        amount(charge.list),
        line(|line, _| Cell::Decimal(line.rate.per_unit())),
        if meter.is_some() { Cell::Text("Standard".to_owned()) } else { Cell::Absent },
        quantity(),
        unit(),
        Cell::Text(or_unknown(provider.clone())),
        Cell::Text(or_unknown(provider.clone())),
        region(),
        region(),
        Cell::text(served),
        Cell::text(model),
        Cell::Text("Model".to_owned()),
        Cell::Text("AI and Machine Learning".to_owned()),
        Cell::Text(format!("{} API", or_unknown(provider))),
        Cell::Text("Generative AI".to_owned()),
        Cell::Text(sku.clone()),
        Cell::some(meter, Cell::text),
        details.unwrap_or(Cell::Absent),
        Cell::some(meter, sku_price),
        Cell::text(name(Attribute::Project)),
        Cell::text(name(Attribute::Project)),
        Cell::Text("Project".to_owned()),
        Cell::some(tags(record), |tags| Cell::Text(Value::Object(tags).to_string())),
        Cell::Text(record.id.to_string()),
        Cell::text(name(Attribute::User)),
        Cell::text(name(Attribute::Key)),
        Cell::text(name(Attribute::Agent)),
        Cell::text(name(Attribute::Run)),
        Cell::text(name(Attribute::Session)),
        Cell::some(price, |price| Cell::text(price.id.clone())),
    ]
}

/// The unit of a class, in the words of the specification where it has one.
fn unit(class: Option<UsageClass>) -> &'static str {
    match class.map_or(Unit::Request, UsageClass::unit) {
        Unit::Request => "Requests",
        Unit::Session => "Sessions",
        Unit::Image => "Images",
        Unit::Second => "Seconds",
        Unit::Character => "Characters",
        Unit::Page => "Pages",
        Unit::Token => "Tokens",
    }
}

fn or_unknown(name: String) -> String {
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// The specification writes whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.seconds().saturating_mul(1_000_000))
}
