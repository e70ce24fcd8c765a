//! A sliding count over one span: the span that runs, and of the one before the part that the window still covers, taken
//! to have come evenly. Two numbers instead of a log, and no doubled burst where a span begins.

use bursar_core::Timestamp;
use bursar_core::key_limit::Span;

/// What was counted lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sliding {
    /// Which span runs, counted from the epoch.
    span: i64,
    current: i64,
    before: i64,
}

impl Sliding {
    /// What was counted so far in the span that runs and in the one before it.
    #[must_use]
    pub const fn recalled(now: Timestamp, span: Span, before: i64, current: i64) -> Self {
        Self { span: now.micros().div_euclid(span.micros()), current, before }
    }
    /// What counts at `now`, rounded up.
    #[must_use]
    pub fn used(&self, now: Timestamp, span: Span) -> i64 {
        let at = self.at(now, span);
        at.current.saturating_add(weighted(at.before, span.micros() - into(now, span), span))
    }
    /// Counts more.
    pub fn add(&mut self, now: Timestamp, span: Span, amount: i64) {
        *self = self.at(now, span);
        self.current = self.current.saturating_add(amount);
    }
    /// How long until one more fits into `most`, in microseconds; a whole span where nothing ever fits.
    #[must_use]
    pub fn wait_micros(&self, now: Timestamp, span: Span, most: i64) -> i64 {
        let at = self.at(now, span);
        let elapsed = into(now, span);
        if let Some(from) = fits_from(at.before, most.saturating_sub(1).saturating_sub(at.current), span) {
            return (from - elapsed).max(0);
        }
        match fits_from(at.current, most.saturating_sub(1), span) {
            Some(from) => span.micros() - elapsed + from,
            None => span.micros(),
        }
    }
    /// When nothing that counts now counts any more, in microseconds from now.
    #[must_use]
    pub fn empty_in_micros(&self, now: Timestamp, span: Span) -> i64 {
        let at = self.at(now, span);
        let rest = span.micros() - into(now, span);
        match (at.current > 0, at.before > 0) {
            (true, _) => rest + span.micros(),
            (false, true) => rest,
            (false, false) => 0,
        }
    }
    /// The same count as it stands at `now`.
    const fn at(&self, now: Timestamp, span: Span) -> Self {
        let running = now.micros().div_euclid(span.micros());
        if running <= self.span {
            return *self;
        }
        let before = if running == self.span + 1 { self.current } else { 0 };
        Self { span: running, current: 0, before }
    }
}

/// How far `now` is into the span that runs.
const fn into(now: Timestamp, span: Span) -> i64 {
    now.micros().rem_euclid(span.micros())
}

/// The part of `before` that a window still covers for `rest` microseconds, rounded up.
fn weighted(before: i64, rest: i64, span: Span) -> i64 {
    let length = i128::from(span.micros());
    let covered = i128::from(before) * i128::from(rest);
    i64::try_from((covered + length - 1) / length).unwrap_or(i64::MAX)
}

/// How far into a span the part of `before` has fallen to `room`; `None`: never within it.
fn fits_from(before: i64, room: i64, span: Span) -> Option<i64> {
    if room < 0 {
        return None;
    }
    if before <= 0 {
        return Some(0);
    }
    let length = i128::from(span.micros());
    let rest = i128::from(room) * length / i128::from(before);
    i64::try_from((length - rest).max(0)).ok()
}
