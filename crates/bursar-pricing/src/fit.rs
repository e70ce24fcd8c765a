//! The largest output that fits a room: for `fits` in refusals and for `fit`.

use bursar_core::{Multiplier, RequestBound, Usd};

use crate::conditions::Conditions;
use crate::exposure::exposure;
use crate::quote::cases;
use crate::row::PriceRow;

/// The largest output limit of one choice whose worst list cost is at most `room`, never above what the request or
/// the model allows. `None` when not even one token fits, or the request produces none.
#[must_use]
pub fn affordable_output(
    row: &PriceRow,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    room: Usd,
) -> Option<u64> {
    let room = u128::try_from(room.nanos()).ok()?.saturating_mul(1000);
    fitting(row, bound, conditions, room)
}

/// As [`affordable_output`], for a room that counts effective cost.
#[must_use]
pub fn affordable_output_effective(
    row: &PriceRow,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    multiplier: Multiplier,
    room: Usd,
) -> Option<u64> {
    let room = u128::try_from(room.nanos()).ok()?.saturating_mul(1000);
    let scaled = room.saturating_mul(1_000_000).checked_div(u128::from(multiplier.millionths()));
    fitting(row, bound, conditions, scaled.unwrap_or(u128::MAX))
}

fn fitting(
    row: &PriceRow,
    bound: &RequestBound,
    conditions: &Conditions<'_>,
    room_pico: u128,
) -> Option<u64> {
    let exposure = exposure(row.facts(), bound);
    if exposure.choices == 0 {
        return None;
    }
    let mut limit = exposure.output_limit;
    for case in cases(row, bound, conditions, &exposure) {
        let left = room_pico.checked_sub(case.fixed_pico())?;
        if let Some(tokens) = left.checked_div(case.output_rate.times(exposure.choices)) {
            limit = limit.min(u64::try_from(tokens).unwrap_or(u64::MAX));
        }
    }
    (limit > 0).then_some(limit)
}
