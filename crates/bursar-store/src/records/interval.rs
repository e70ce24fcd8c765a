//! Cuts an interval into the longest periods that roll-ups have, and the ends that are none.

use super::grain::Grain;
use bursar_core::Timestamp;

/// A piece of an interval: `from` inclusive, `until` exclusive, both on its grain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// Whose periods it is made of; `None`: only the records can answer.
    pub(super) grain: Option<Grain>,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// The pieces of an interval in order of time, of the longest of these grains that fit. Grains go from long to short.
pub(super) fn pieces(from: Timestamp, until: Timestamp, grains: &[Grain]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    cut(from, until, grains, &mut pieces);
    pieces
}

fn cut(from: Timestamp, until: Timestamp, grains: &[Grain], pieces: &mut Vec<Piece>) {
    if from >= until {
        return;
    }
    let Some((grain, shorter)) = grains.split_first() else {
        return pieces.push(Piece { grain: None, from, until });
    };
    let (first, end) = (grain.first_from(from), grain.number(until));
    if first >= end {
        return cut(from, until, shorter, pieces);
    }
    let (first, end) = (grain.start(first), grain.start(end));
    cut(from, first, shorter, pieces);
    pieces.push(Piece { grain: Some(*grain), from: first, until: end });
    cut(end, until, shorter, pieces);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(from: &str, until: &str, grains: &[Grain]) -> Vec<String> {
        let time = |text| Timestamp::parse(text).unwrap();
        let pieces = pieces(time(from), time(until), grains);
        let grain = |piece: &Piece| piece.grain.map_or("Records".to_owned(), |grain| format!("{grain:?}"));
        pieces.iter().map(|piece| format!("{} {} {}", grain(piece), piece.from, piece.until)).collect()
    }

    #[test]
    fn a_month_in_kolkata_is_days_hours_and_two_half_hours() {
        let (from, until) = ("2026-02-28T18:30:00Z", "2026-03-31T18:30:00Z");
        let expected = [
            "Quarters 2026-02-28T18:30:00Z 2026-02-28T19:00:00Z",
            "Hours 2026-02-28T19:00:00Z 2026-03-01T00:00:00Z",
            "Days 2026-03-01T00:00:00Z 2026-03-31T00:00:00Z",
            "Hours 2026-03-31T00:00:00Z 2026-03-31T18:00:00Z",
            "Quarters 2026-03-31T18:00:00Z 2026-03-31T18:30:00Z",
        ];
        assert_eq!(told(from, until, &Grain::ALL), expected);
        assert_eq!(told(from, until, &[]).len(), 1);
        assert_eq!(told("2026-03-01", "2026-03-01", &Grain::ALL), [""; 0]);
    }

    #[test]
    fn a_year_and_a_half_hour_is_months_and_quarters_or_records() {
        let (from, until) = ("2026-01-01", "2027-01-01T00:30:00Z");
        let expected = ["Months 2026-01-01T00:00:00Z 2027-01-01T00:00:00Z"];
        let ends = ["Quarters 2027-01-01T00:00:00Z 2027-01-01T00:30:00Z"];
        assert_eq!(told(from, until, &Grain::ALL), [expected, ends].concat());
        let ends = ["Records 2027-01-01T00:00:00Z 2027-01-01T00:30:00Z"];
        assert_eq!(told(from, until, &Grain::ALL[..3]), [expected, ends].concat());
    }

    proptest! {
        #[test]
        fn pieces_meet_and_cover(from in 0..10_000_000_000_000i64, len in 0..8_000_000_000_000i64, kept in any::<[bool; 4]>()) {
            let (from, until) = (Timestamp::from_micros(from), Timestamp::from_micros(from + len));
            let grains: Vec<Grain> =
                Grain::ALL.into_iter().zip(kept).filter_map(|(grain, kept)| kept.then_some(grain)).collect();
            let mut at = from;
            for piece in pieces(from, until, &grains) {
                prop_assert_eq!(piece.from, at);
                prop_assert!(piece.from < piece.until);
                at = piece.until;
            }
            prop_assert_eq!(at, until);
        }
    }
}
