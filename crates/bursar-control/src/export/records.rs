//! Records as rows: one per request, refusals included.

use super::{Cell, Column, Kind};
use bursar_core::amount::PICO_PLACES;
use bursar_core::{Attribute, UsageClass, decimal};
use bursar_store::records::Record;
use serde_json::{Map, Value};

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// Places of amounts in nano-USD.
const NANO: Kind = Kind::Decimal(9);

/// The columns of an export of records. Only ever appended to.
pub const COLUMNS: [Column; 41] = [
    column("id", Kind::Text),
    column("created_at", Kind::Time),
    column("finalized_at", Kind::Time),
    column("status", Kind::Text),
    column("status_code", Kind::Integer),
    column("code", Kind::Text),
    column("project", Kind::Text),
    column("user", Kind::Text),
    column("key", Kind::Text),
    column("agent", Kind::Text),
    column("run", Kind::Text),
    column("session", Kind::Text),
    column("tags", Kind::Text),
    column("provider", Kind::Text),
    column("endpoint", Kind::Text),
    column("credential", Kind::Text),
    column("model", Kind::Text),
    column("served_model", Kind::Text),
    column("answered_model", Kind::Text),
    column("api_format", Kind::Text),
    column("stream", Kind::Flag),
    column("estimated", Kind::Flag),
    column("input", Kind::Integer),
    column("cache_read", Kind::Integer),
    column("cache_write_5m", Kind::Integer),
    column("cache_write_1h", Kind::Integer),
    column("output", Kind::Integer),
    column("reasoning", Kind::Integer),
    column("tokens", Kind::Integer),
    column("list_cost", NANO),
    column("effective_cost", NANO),
    column("hold_usd", NANO),
    column("provider_cost", Kind::Decimal(PICO_PLACES)),
    column("price_row", Kind::Text),
    column("price_source", Kind::Text),
    column("service_tier", Kind::Text),
    column("multiplier", Kind::Decimal(6)),
    column("first_byte_ms", Kind::Integer),
    column("total_ms", Kind::Integer),
    column("upstream_request_id", Kind::Text),
    column("error", Kind::Text),
];

/// The row of a record, a cell for each of [`COLUMNS`].
#[must_use]
pub fn row(record: &Record) -> Vec<Cell> {
    let name = |attribute| Cell::text(attribute_text(record, &attribute));
    let class = |class| Cell::count(record.usage.get(class));
    let text = |text: &Option<String>| Cell::some(text.clone(), Cell::Text);
    let price = record.price.as_ref();
    let pico =
        |pico: u128| Cell::Decimal(decimal::format(i128::try_from(pico).unwrap_or(i128::MAX), PICO_PLACES));
    vec![
        Cell::Text(record.id.to_string()),
        Cell::Time(record.created_at),
        Cell::some(record.finalized_at, Cell::Time),
        Cell::Text(record.status.to_string()),
        Cell::some(record.status_code, |status| Cell::Integer(status.into())),
        Cell::some(record.code, |code| Cell::Text(code.to_string())),
        name(Attribute::Project),
        name(Attribute::User),
        name(Attribute::Key),
        name(Attribute::Agent),
        name(Attribute::Run),
        name(Attribute::Session),
        Cell::some(tags(record), |tags| Cell::Text(Value::Object(tags).to_string())),
        name(Attribute::Provider),
        name(Attribute::Endpoint),
        name(Attribute::Credential),
        name(Attribute::Model),
        name(Attribute::ServedModel),
        text(&record.answered_model),
        name(Attribute::ApiFormat),
        Cell::Flag(record.stream),
        Cell::Flag(record.estimated),
        class(UsageClass::Input),
        class(UsageClass::CacheRead),
        class(UsageClass::CacheWrite5m),
        class(UsageClass::CacheWrite1h),
        class(UsageClass::Output),
        class(UsageClass::Reasoning),
        Cell::Integer(record.charge.tokens),
        Cell::Decimal(record.charge.list.to_string()),
        Cell::Decimal(record.charge.effective.to_string()),
        Cell::Decimal(record.hold.list.to_string()),
        Cell::some(price.and_then(|price| price.provider_cost_pico), pico),
        Cell::some(price, |price| Cell::text(price.id.clone())),
        Cell::some(price.and_then(|price| price.detail.source), |source| Cell::Text(source.to_string())),
        Cell::some(price.and_then(|price| price.service_tier.clone()), Cell::Text),
        Cell::some(price, |price| Cell::Decimal(price.multiplier.to_string())),
        Cell::some(record.first_byte_ms, |ms| Cell::Integer(ms.into())),
        Cell::some(record.total_ms, |ms| Cell::Integer(ms.into())),
        text(&record.upstream_request_id),
        text(&record.error),
    ]
}

/// An attribute's value; empty where it is absent.
pub(super) fn attribute_text(record: &Record, attribute: &Attribute) -> String {
    record.attributes.get(attribute).map(ToString::to_string).unwrap_or_default()
}

/// The tags as an object; `None` where there are none.
pub(super) fn tags(record: &Record) -> Option<Map<String, Value>> {
    let tags = record.attributes.iter().filter_map(|(attribute, value)| match attribute {
        Attribute::Tag(name) => Some((name.to_string(), Value::String(value.to_string()))),
        _ => None,
    });
    Some(tags.collect::<Map<_, _>>()).filter(|tags| !tags.is_empty())
}
