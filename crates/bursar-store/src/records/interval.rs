//! Cuts an interval into whole UTC days, whole hours, and the ends that are neither.

use super::roll::{day_of, day_start, hour_of, hour_start};
use bursar_core::Timestamp;

/// What answers for a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grain {
    /// `roll_day`.
    Days,
    /// `roll_hour`.
    Hours,
    /// The records.
    Records,
}

/// A piece of an interval: `from` inclusive, `until` exclusive, both on its grain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) grain: Grain,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Piece {
    /// Its first day or hour.
    pub(super) fn first(&self) -> i64 {
        self.grain.number(self.from)
    }
    /// The day or hour behind its last.
    pub(super) fn end(&self) -> i64 {
        self.grain.number(self.until)
    }
}

impl Grain {
    fn number(self, at: Timestamp) -> i64 {
        match self {
            Self::Days => day_of(at),
            Self::Hours | Self::Records => hour_of(at),
        }
    }
    fn start(self, number: i64) -> Timestamp {
        match self {
            Self::Days => day_start(number),
            Self::Hours | Self::Records => hour_start(number),
        }
    }
}

/// The pieces of an interval in order of time, as coarse as is allowed.
pub(super) fn pieces(from: Timestamp, until: Timestamp, days: bool, hours: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    cut(from, until, [(days, Grain::Days), (hours, Grain::Hours)].into_iter(), &mut pieces);
    pieces
}

fn cut(
    from: Timestamp,
    until: Timestamp,
    mut grains: impl Iterator<Item = (bool, Grain)> + Clone,
    pieces: &mut Vec<Piece>,
) {
    if from >= until {
        return;
    }
    let Some((_, grain)) = grains.by_ref().find(|(allowed, _)| *allowed) else {
        return pieces.push(Piece { grain: Grain::Records, from, until });
    };
    let first = grain.number(Timestamp::from_micros(from.micros().saturating_sub(1))).saturating_add(1);
    let end = grain.number(until);
    if first >= end {
        return cut(from, until, grains, pieces);
    }
    let (first, end) = (grain.start(first), grain.start(end));
    cut(from, first, grains.clone(), pieces);
    pieces.push(Piece { grain, from: first, until: end });
    cut(end, until, grains, pieces);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(from: &str, until: &str, days: bool, hours: bool) -> Vec<String> {
        let time = |text| Timestamp::parse(text).unwrap();
        let pieces = pieces(time(from), time(until), days, hours);
        pieces.iter().map(|piece| format!("{:?} {} {}", piece.grain, piece.from, piece.until)).collect()
    }

    #[test]
    fn a_month_in_kolkata_is_days_hours_and_two_half_hours() {
        let (from, until) = ("2026-02-28T18:30:00Z", "2026-03-31T18:30:00Z");
        let expected = [
            "Records 2026-02-28T18:30:00Z 2026-02-28T19:00:00Z",
            "Hours 2026-02-28T19:00:00Z 2026-03-01T00:00:00Z",
            "Days 2026-03-01T00:00:00Z 2026-03-31T00:00:00Z",
            "Hours 2026-03-31T00:00:00Z 2026-03-31T18:00:00Z",
            "Records 2026-03-31T18:00:00Z 2026-03-31T18:30:00Z",
        ];
        assert_eq!(told(from, until, true, true), expected);
        assert_eq!(told(from, until, false, false).len(), 1);
        assert_eq!(told("2026-03-01", "2026-03-01", true, true), [""; 0]);
    }

    proptest! {
        #[test]
        fn pieces_meet_and_cover(from in 0..10_000_000_000i64, len in 0..400_000_000_000i64, days in any::<bool>(), hours in any::<bool>()) {
            let (from, until) = (Timestamp::from_micros(from), Timestamp::from_micros(from + len));
            let mut at = from;
            for piece in pieces(from, until, days, hours) {
                prop_assert_eq!(piece.from, at);
                prop_assert!(piece.from < piece.until);
                at = piece.until;
            }
            prop_assert_eq!(at, until);
        }
    }
}
