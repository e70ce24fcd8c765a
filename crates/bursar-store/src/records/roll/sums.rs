//! What roll-ups add up, and the columns it lies in.

/// What is added up. Costs are nano-USD, times milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Records.
    pub requests: i64,
    /// Input tokens.
    pub input: i64,
    /// Tokens read from a cache.
    pub cache_read: i64,
    /// Tokens written to a cache for five minutes.
    pub cache_write_5m: i64,
    /// Tokens written to a cache for an hour.
    pub cache_write_1h: i64,
    /// Output tokens.
    pub output: i64,
    /// List cost.
    pub list_cost: i64,
    /// Effective cost.
    pub effective_cost: i64,
    /// Records with a total time.
    pub timed: i64,
    /// Their times.
    pub total_ms: i64,
    /// Records with a time to the first byte.
    pub first_bytes: i64,
    /// Their times.
    pub first_byte_ms: i64,
    /// Records that read from a cache.
    pub cache_hits: i64,
    /// The part of the list cost for reading from caches.
    pub cache_read_cost: i64,
    /// The part of the list cost for writing to caches.
    pub cache_write_cost: i64,
    /// What the tokens that were read would have cost more as input, each record at its own price row.
    pub cache_saved: i64,
    /// What the tokens that were written cost more than as input.
    pub cache_premium: i64,
    /// Records that no budget counted.
    pub unbudgeted: i64,
    /// Their list cost.
    pub unbudgeted_cost: i64,
}

impl Sums {
    pub(in crate::records) const COUNT: usize = 19;
    pub(in crate::records) fn values(&self) -> [i64; Self::COUNT] {
        [
            self.requests,
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
            self.list_cost,
            self.effective_cost,
            self.timed,
            self.total_ms,
            self.first_bytes,
            self.first_byte_ms,
            self.cache_hits,
            self.cache_read_cost,
            self.cache_write_cost,
            self.cache_saved,
            self.cache_premium,
            self.unbudgeted,
            self.unbudgeted_cost,
        ]
    }
    pub(in crate::records) const fn of_values(values: [i64; Self::COUNT]) -> Self {
        let [requests, input, cache_read, cache_write_5m, cache_write_1h, output, rest @ ..] = values;
        let [list_cost, effective_cost, timed, total_ms, first_bytes, first_byte_ms, rest @ ..] = rest;
        let [cache_hits, cache_read_cost, cache_write_cost, cache_saved, cache_premium, rest @ ..] = rest;
        let [unbudgeted, unbudgeted_cost] = rest;
        Self {
            requests,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            list_cost,
            effective_cost,
            timed,
            total_ms,
            first_bytes,
            first_byte_ms,
            cache_hits,
            cache_read_cost,
            cache_write_cost,
            cache_saved,
            cache_premium,
            unbudgeted,
            unbudgeted_cost,
        }
    }
    /// Adds `other`, pinned at the bounds.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }
    /// Takes `other` away, pinned at the bounds.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }
    fn combine(&mut self, other: &Self, with: impl Fn(i64, i64) -> i64) {
        let mut values = self.values();
        for (value, other) in values.iter_mut().zip(other.values()) {
            *value = with(*value, other);
        }
        *self = Self::of_values(values);
    }
    /// Every token once.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        let parts = [self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h, self.output];
        parts.into_iter().fold(0, i64::saturating_add)
    }
    /// Reads the sums of a row from column `first` on.
    pub(in crate::records) fn read(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let mut values = [0; Self::COUNT];
        for (value, column) in values.iter_mut().zip(first..) {
            *value = row.get(column)?;
        }
        Ok(Self::of_values(values))
    }
}

/// The columns of [`Sums`], in the order of [`Sums::values`].
pub(in crate::records) const SUMS: [&str; Sums::COUNT] = [
    "requests",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "list_cost",
    "effective_cost",
    "timed",
    "total_ms",
    "first_bytes",
    "first_byte_ms",
    "cache_hits",
    "cache_read_cost",
    "cache_write_cost",
    "cache_saved",
    "cache_premium",
    "unbudgeted",
    "unbudgeted_cost",
];
