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
    pub(super) const COUNT: usize = 19;
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
            self.cache_hits,
            self.cache_read_cost,
            self.cache_write_cost,
            self.cache_saved,
            self.cache_premium,
            self.unbudgeted,
            self.unbudgeted_cost,
        ]
    }
    pub(super) const fn of_values(values: [i64; Self::COUNT]) -> Self {
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

/// A row of `roll_project`: project, hour, status.
pub(super) type ProjectKey = [i64; 3];

/// What one record counts as, in numbers of its file's dictionary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) at: Timestamp,
    pub(super) status: i64,
    /// In the order of [`Dimension`]: project, user, key, agent, run, session, provider, model.
    pub(super) names: [i64; 8],
    pub(super) tags: Vec<i64>,
    /// The code of a refusal or error; 0 where nothing went wrong.
    pub(super) code: i64,
    pub(super) sums: Sums,
}

impl Counted {
    fn hour_key(&self) -> HourKey {
        let [project, user, key, agent, _, _, provider, model] = self.names;
        [hour_of(self.at), project, user, key, agent, provider, model, self.status]
    }
    fn day_keys(&self) -> impl Iterator<Item = DayKey> + '_ {
        let [project, .., provider, model] = self.names;
        let day = day_of(self.at);
        // A name that is absent is a row too: what has no user is part of the sum over users.
        let named = (0..).zip(self.names);
        let tags = self.tags.iter().map(|tag| (TAG, *tag)).chain([(CODE, self.code)]);
        let together = [(0, 0), (PROVIDER, provider), (MODEL, model), (CODE, self.code)];
        let together = together.map(|(dimension, value)| [dimension + TOGETHER, day, value, 0, self.status]);
        named
            .chain(tags)
            .map(move |(dimension, value)| [dimension, day, value, project, self.status])
            .chain(together)
    }
}

/// The dimension of tags; those of names are their place in [`Counted::names`].
pub(super) const TAG: i64 = 8;
/// The dimension of codes, the last one.
pub(super) const CODE: i64 = 9;
/// Dimensions of few names are also rolled up over all projects together, under this number more; that of projects then is
/// everything.
pub(super) const TOGETHER: i64 = 10;
const PROVIDER: i64 = 6;
const MODEL: i64 = 7;
/// The project of what is rolled up over all of them by the hour.
pub(super) const ALL_PROJECTS: i64 = -1;

/// Changes of roll-ups, gathered over a batch and written once per row.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Rolls {
    pub(super) hours: BTreeMap<HourKey, Sums>,
    pub(super) days: BTreeMap<DayKey, Sums>,
    pub(super) projects: BTreeMap<ProjectKey, Sums>,
}

/// A roll-up table and the columns of its key; behind them come those of [`SUMS`].
struct Table {
    name: &'static str,
    key: &'static [&'static str],
}

const HOURS: Table = Table {
    name: "roll_hour",
    key: &["hour", "project", "user", "key", "agent", "provider", "model", "status"],
};
const DAYS: Table = Table { name: "roll_day", key: &["dimension", "day", "value", "project", "status"] };
const PROJECTS: Table = Table { name: "roll_project", key: &["project", "hour", "status"] };

/// The columns of [`Sums`], in the order of [`Sums::values`].
pub(super) const SUMS: [&str; Sums::COUNT] = [
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

impl Table {
    /// Adds to a row, or makes it.
    fn add(&self) -> String {
        let places = vec!["?"; self.key.len() + SUMS.len()].join(", ");
        let sums: Vec<String> = SUMS.iter().map(|sum| format!("{sum} = {sum} + excluded.{sum}")).collect();
        format!("INSERT INTO {} VALUES ({places}) ON CONFLICT DO UPDATE SET {}", self.name, sums.join(", "))
    }
    /// Removes a row in which nothing counts.
    fn drop(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| format!("{column} = ?")).collect();
        format!("DELETE FROM {} WHERE {} AND requests = 0", self.name, key.join(" AND "))
    }
}

impl Rolls {
    pub(super) fn add(&mut self, counted: &Counted) {
        self.change(counted, Sums::add);
    }
    pub(super) fn subtract(&mut self, counted: &Counted) {
        self.change(counted, Sums::subtract);
    }
    /// Writes and forgets what was gathered once it is much: for going through a whole file.
    pub(super) fn write_if_many(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.hours.len() + self.days.len() + self.projects.len() >= ROLLS_GATHERED_MAX {
            self.write(db)?;
            *self = Self::default();
        }
        Ok(())
    }
    fn change(&mut self, counted: &Counted, with: impl Fn(&mut Sums, &Sums)) {
        let hour_key @ [hour, project, .., status] = counted.hour_key();
        with(self.hours.entry(hour_key).or_default(), &counted.sums);
        for project in [project, ALL_PROJECTS] {
            with(self.projects.entry([project, hour, status]).or_default(), &counted.sums);
        }
        for key in counted.day_keys() {
            with(self.days.entry(key).or_default(), &counted.sums);
        }
    }
    /// Adds the gathered changes to the tables. A row that nothing counts in any more goes.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        write_rows(db, &self.hours, &HOURS)?;
        write_rows(db, &self.projects, &PROJECTS)?;
        write_rows(db, &self.days, &DAYS)
    }
}

fn write_rows<const N: usize>(
    db: &Connection,
    rows: &BTreeMap<[i64; N], Sums>,
    table: &Table,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(&table.add())?;
    let drop = table.drop();
    for (key, sums) in rows.iter().filter(|(_, sums)| **sums != Sums::default()) {
        statement.execute(rusqlite::params_from_iter(key.iter().copied().chain(sums.values())))?;
        if sums.requests < 0 {
            db.prepare_cached(&drop)?.execute(rusqlite::params_from_iter(key.iter()))?;
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
