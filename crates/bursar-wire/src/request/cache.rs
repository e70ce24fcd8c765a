//! Cache markers: `cache_control` with its time to live, in Anthropic's format and where others pass it on.

use super::Facts;
use super::error::InputError;
use super::fields::{fields_or_null, label, unseen};
use super::keys::Keys;
use super::scan::Scanner;
use bursar_core::bound::CacheWrite;

/// Reads `{"type": "ephemeral", "ttl": "5m" | "1h"}`, or null for no marker. A time that is not known is the dearest.
pub(super) fn cache_control(scan: &mut Scanner<'_>, facts: &mut Facts) -> Result<(), InputError> {
    let mut write = CacheWrite::FiveMinutes;
    let there = fields_or_null(scan, facts, Keys::new(&["type", "ttl"]), |scan, _, name| {
        if name == "type" {
            return unseen(scan).map(|_| ());
        }
        if label(scan)?.is_some_and(|text| !text.is("5m")) {
            write = CacheWrite::OneHour;
        }
        Ok(())
    })?;
    if there.is_some() {
        facts.bound.cache_write = facts.bound.cache_write.max(write);
    }
    Ok(())
}
