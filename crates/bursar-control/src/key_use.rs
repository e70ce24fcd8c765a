//! What keys used, summed over records, on its way to their totals.

use bursar_core::{Attribute, Usd};
use bursar_store::records::Record;
use bursar_store::settings::{KeyId, KeyUse};
use std::collections::BTreeMap;

/// The sum of the key that a record is of, which has then seen the record; none where it is of no key.
pub(crate) fn of<'a>(totals: &'a mut BTreeMap<KeyId, KeyUse>, record: &Record) -> Option<&'a mut KeyUse> {
    let key = record.attributes.get(&Attribute::Key).and_then(|value| KeyId::parse(value.as_str()))?;
    let sum = totals.entry(key).or_insert(KeyUse {
        key,
        requests: 0,
        tokens: 0,
        list_cost: Usd::ZERO,
        effective_cost: Usd::ZERO,
        last_used_at: record.created_at,
    });
    sum.last_used_at = sum.last_used_at.max(record.created_at);
    Some(sum)
}
