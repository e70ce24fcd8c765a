//! Small charts of block characters. They only repeat what the numbers beside them say.

use bursar_core::Usd;

/// Cells of a whole bar.
const WIDTH: u64 = 20;
/// A cell filled in eighths, from one to all.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// Shades of a day, from none to most.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

/// A bar of `value` where `largest` is a whole one; what is above 0 shows.
pub(super) fn bar(value: u64, largest: u64) -> String {
    if value == 0 || largest == 0 {
        return String::new();
    }
    let eighths = u128::from(value) * u128::from(WIDTH * 8) / u128::from(largest);
    let eighths = usize::try_from(eighths).unwrap_or(0).max(1);
    let mut bar = "█".repeat(eighths / 8);
    if let Some(part) = (eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)) {
        bar.push(*part);
    }
    bar
}

/// Tables without the bars at the ends of their lines, for where no person looks.
pub(super) fn without_bars(text: &str) -> String {
    let is_bar = |c: char| EIGHTHS.contains(&c);
    text.lines().map(|line| format!("{}\n", line.trim_end_matches(is_bar).trim_end())).collect()
}

/// The shade of a level from 0 to 4, or its digit.
pub(super) fn shade(level: u64, drawn: bool) -> char {
    if !drawn {
        return u32::try_from(level).ok().and_then(|level| char::from_digit(level, 10)).unwrap_or('4');
    }
    usize::try_from(level).ok().and_then(|level| SHADES.get(level)).copied().unwrap_or('█')
}

/// All shades, from none to most.
pub(super) fn legend(drawn: bool) -> String {
    (0..).take(SHADES.len()).map(|level| shade(level, drawn).to_string()).collect::<Vec<_>>().join(" ")
}

/// Decimal USD as a whole number of nano-USD, for the length of a bar.
pub(super) fn nanos(text: &str) -> u64 {
    Usd::parse(text).ok().and_then(|usd| u64::try_from(usd.nanos()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_vanish() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10).chars().count(), 20);
        assert_eq!(bar(5, 10), "██████████");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(without_bars("a  5  ██▌\nb  0\n"), "a  5\nb  0\n");
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 20);
        assert_eq!((shade(0, true), shade(4, true), shade(3, false)), ('·', '█', '3'));
    }
}
