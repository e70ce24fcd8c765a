//! Roll-ups: what records add up to, kept in step with them, exact to the nano-dollar.

use rusqlite::Connection;
use std::collections::BTreeMap;

use super::limits::ROLLS_GATHERED_MAX;
use bursar_core::Timestamp;

/// Microseconds of an hour and of a day.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// The whole hours since 1970 in UTC.
pub(super) fn hour_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(HOUR)
}

/// The start of an hour.
pub(super) fn hour_start(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour.saturating_mul(HOUR))
}

/// The whole days since 1970 in UTC.
pub(super) fn day_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(DAY)
}

/// The start of a day.
pub(super) fn day_start(day: i64) -> Timestamp {
    Timestamp::from_micros(day.saturating_mul(DAY))
}

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
}

impl Sums {
    pub(super) const COUNT: usize = 12;
    pub(super) fn values(&self) -> [i64; Self::COUNT] {
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
        ]
    }
    pub(super) const fn of_values(values: [i64; Self::COUNT]) -> Self {
        let [requests, input, cache_read, cache_write_5m, cache_write_1h, output, rest @ ..] = values;
        let [list_cost, effective_cost, timed, total_ms, first_bytes, first_byte_ms] = rest;
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
    pub(super) fn read(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let mut values = [0; Self::COUNT];
        for (value, column) in values.iter_mut().zip(first..) {
            *value = row.get(column)?;
        }
        Ok(Self::of_values(values))
    }
}

/// A row of `roll_hour`: hour, project, user, key, agent, provider, model, status.
pub(super) type HourKey = [i64; 8];
/// A row of `roll_day`: dimension, day, value, project, status.
pub(super) type DayKey = [i64; 5];

/// What one record counts as, in numbers of its file's dictionary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) at: Timestamp,
    pub(super) status: i64,
    /// In the order of [`Dimension`]: project, user, key, agent, run, session, provider, model.
    pub(super) names: [i64; 8],
    pub(super) tags: Vec<i64>,
    pub(super) sums: Sums,
}

impl Counted {
    fn hour_key(&self) -> HourKey {
        let [project, user, key, agent, _, _, provider, model] = self.names;
        [hour_of(self.at), project, user, key, agent, provider, model, self.status]
    }
    fn day_keys(&self) -> impl Iterator<Item = DayKey> + '_ {
        let [project, ..] = self.names;
        let day = day_of(self.at);
        // A name that is absent is a row too: what has no user is part of the sum over users.
        let named = (0..).zip(self.names);
        let tags = self.tags.iter().map(|tag| (TAG, *tag));
        named.chain(tags).map(move |(dimension, value)| [dimension, day, value, project, self.status])
    }
}

/// The dimension of tags; those of names are their place in [`Counted::names`].
pub(super) const TAG: i64 = 8;

/// Changes of roll-ups, gathered over a batch and written once per row.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Rolls {
    pub(super) hours: BTreeMap<HourKey, Sums>,
    pub(super) days: BTreeMap<DayKey, Sums>,
}

const ADD_HOUR: &str =
    "INSERT INTO roll_hour VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
    ?16, ?17, ?18, ?19, ?20)
  ON CONFLICT DO UPDATE SET requests = requests + ?9, input = input + ?10, cache_read = cache_read + ?11,
    cache_write_5m = cache_write_5m + ?12, cache_write_1h = cache_write_1h + ?13, output = output + ?14,
    list_cost = list_cost + ?15, effective_cost = effective_cost + ?16, timed = timed + ?17,
    total_ms = total_ms + ?18, first_bytes = first_bytes + ?19, first_byte_ms = first_byte_ms + ?20";
const ADD_DAY: &str =
    "INSERT INTO roll_day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
    ?16, ?17)
  ON CONFLICT DO UPDATE SET requests = requests + ?6, input = input + ?7, cache_read = cache_read + ?8,
    cache_write_5m = cache_write_5m + ?9, cache_write_1h = cache_write_1h + ?10, output = output + ?11,
    list_cost = list_cost + ?12, effective_cost = effective_cost + ?13, timed = timed + ?14,
    total_ms = total_ms + ?15, first_bytes = first_bytes + ?16, first_byte_ms = first_byte_ms + ?17";
const DROP_HOUR: &str =
    "DELETE FROM roll_hour WHERE hour = ?1 AND project = ?2 AND user = ?3 AND key = ?4 AND agent = ?5
  AND provider = ?6 AND model = ?7 AND status = ?8 AND requests = 0";
const DROP_DAY: &str =
    "DELETE FROM roll_day WHERE dimension = ?1 AND day = ?2 AND value = ?3 AND project = ?4
  AND status = ?5 AND requests = 0";

impl Rolls {
    pub(super) fn add(&mut self, counted: &Counted) {
        self.change(counted, Sums::add);
    }
    pub(super) fn subtract(&mut self, counted: &Counted) {
        self.change(counted, Sums::subtract);
    }
    /// Writes and forgets what was gathered once it is much: for going through a whole file.
    pub(super) fn write_if_many(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.hours.len() + self.days.len() >= ROLLS_GATHERED_MAX {
            self.write(db)?;
            *self = Self::default();
        }
        Ok(())
    }
    fn change(&mut self, counted: &Counted, with: impl Fn(&mut Sums, &Sums)) {
        with(self.hours.entry(counted.hour_key()).or_default(), &counted.sums);
        for key in counted.day_keys() {
            with(self.days.entry(key).or_default(), &counted.sums);
        }
    }
    /// Adds the gathered changes to the tables. A row that nothing counts in any more goes.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        write_rows(db, &self.hours, ADD_HOUR, DROP_HOUR)?;
        write_rows(db, &self.days, ADD_DAY, DROP_DAY)
    }
}

fn write_rows<const N: usize>(
    db: &Connection,
    rows: &BTreeMap<[i64; N], Sums>,
    add: &str,
    drop: &str,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(add)?;
    for (key, sums) in rows.iter().filter(|(_, sums)| **sums != Sums::default()) {
        statement.execute(rusqlite::params_from_iter(key.iter().copied().chain(sums.values())))?;
        if sums.requests < 0 {
            db.prepare_cached(drop)?.execute(rusqlite::params_from_iter(key.iter()))?;
        }
    }
    Ok(())
}

/// Reads the rows of a roll-up, `N` columns of key and then the sums, one by one.
pub(super) fn each_roll<const N: usize>(
    db: &Connection,
    sql: &str,
    mut take: impl FnMut([i64; N], Sums) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut key = [0; N];
        for (part, column) in key.iter_mut().zip(0..) {
            *part = row.get(column)?;
        }
        take(key, Sums::read(row, N)?)?;
    }
    Ok(())
}
