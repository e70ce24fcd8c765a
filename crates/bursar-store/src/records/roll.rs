//! Roll-ups: what records add up to, kept in step with them, exact to the nano-dollar.
//!
//! A batch is gathered by the shortest periods that are kept; the longer ones are added up from these once a batch.

mod sums;
mod table;

use rusqlite::Connection;
use std::collections::BTreeMap;

use super::grain::Grain;
use super::limits::ROLLS_GATHERED_MAX;
use bursar_core::Timestamp;

pub(super) use sums::SUMS;
pub use sums::Sums;
pub(super) use table::{each_roll, months_from_days};

/// A row of `roll_cross`: hour, project, user, key, agent, provider, model, status.
pub(super) type CrossKey = [i64; 8];
/// A row of `roll_month`, `roll_day`, `roll_hour` or `roll_quarter`: dimension, period, value, project, model, status.
pub(super) type NameKey = [i64; 6];

/// The dimension of tags; those of names are their place in [`Counted::names`].
pub(super) const TAG: i64 = 8;
/// The dimension of codes.
pub(super) const CODE: i64 = 9;
/// Dimensions of few names are also rolled up over all projects together, under this number more; that of projects then is
/// everything.
pub(super) const TOGETHER: i64 = 10;
/// Users, keys and agents are also rolled up with each model, under this number more; by the day and month only: by the
/// hour `roll_cross` answers.
pub(super) const WITH_MODEL: i64 = 20;
/// Every dimension there is: a condition that names them lets each be sought by its period.
pub(super) const DIMENSIONS: &str = "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 19, 21, 22, 23)";
const PROVIDER: i64 = 6;
const MODEL: i64 = 7;

/// What one record counts as, in numbers of its file's dictionary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) at: Timestamp,
    pub(super) status: i64,
    /// In the order of [`Dimension`](super::Dimension): project, user, key, agent, run, session, provider, model.
    pub(super) names: [i64; 8],
    pub(super) tags: Vec<i64>,
    /// The code of a refusal or error; 0 where nothing went wrong.
    pub(super) code: i64,
    pub(super) sums: Sums,
}

/// What records of one quarter have in common that count in the same rows.
#[derive(PartialEq, Eq)]
struct Alike {
    quarter: i64,
    status: i64,
    names: [i64; 8],
    tags: Vec<i64>,
    code: i64,
}

impl Alike {
    fn of(counted: &Counted) -> Self {
        let Counted { at, status, names, tags, code, .. } = counted;
        let quarter = Grain::Quarters.number(*at);
        Self { quarter, status: *status, names: *names, tags: tags.clone(), code: *code }
    }
    fn hour(&self) -> i64 {
        Grain::Quarters.longer(self.quarter)
    }
    fn cross_key(&self) -> CrossKey {
        let [project, user, key, agent, _, _, provider, model] = self.names;
        [self.hour(), project, user, key, agent, provider, model, self.status]
    }
    /// The rows of quarters: of the project, and of everything.
    fn quarter_keys(&self) -> [NameKey; 2] {
        let [project, ..] = self.names;
        let quarter = self.quarter;
        [[0, quarter, project, project, 0, self.status], [TOGETHER, quarter, 0, 0, 0, self.status]]
    }
    /// The rows of hours that are no sum of rows of quarters.
    fn hour_keys(&self) -> impl Iterator<Item = NameKey> + '_ {
        let [project, .., provider, model] = self.names;
        let hour = self.hour();
        // A name that is absent is a row too: what has no user is part of the sum over users.
        let named = (0..).zip(self.names).skip(1);
        let tags = self.tags.iter().map(|tag| (TAG, *tag)).chain([(CODE, self.code)]);
        let together = [(PROVIDER, provider), (MODEL, model), (CODE, self.code)];
        let together =
            together.map(|(dimension, value)| [dimension + TOGETHER, hour, value, 0, 0, self.status]);
        named
            .chain(tags)
            .map(move |(dimension, value)| [dimension, hour, value, project, 0, self.status])
            .chain(together)
    }
    /// The rows of days that are no sum of rows of hours.
    fn day_keys(&self) -> [NameKey; 3] {
        let [project, user, key, agent, .., model] = self.names;
        let day = Grain::Hours.longer(self.hour());
        [(1, user), (2, key), (3, agent)]
            .map(|(dimension, value)| [dimension + WITH_MODEL, day, value, project, model, self.status])
    }
}

/// What a batch of records changes, by the shortest periods.
#[derive(Default)]
pub(super) struct Gathered {
    /// The last ones, as long as they are alike: each counts in twenty rows, and an agent asks many times in a row.
    last: Option<(Alike, Sums)>,
    rolls: Rolls,
}

impl Gathered {
    pub(super) fn add(&mut self, counted: &Counted) {
        self.change(counted, Sums::add);
    }
    pub(super) fn subtract(&mut self, counted: &Counted) {
        self.change(counted, Sums::subtract);
    }
    fn change(&mut self, counted: &Counted, with: impl Fn(&mut Sums, &Sums)) {
        let alike = Alike::of(counted);
        if let Some((last, sums)) = &mut self.last
            && *last == alike
        {
            with(sums, &counted.sums);
            return;
        }
        self.spread();
        let (_, sums) = self.last.insert((alike, Sums::default()));
        with(sums, &counted.sums);
    }
    /// Brings the last ones into their rows.
    fn spread(&mut self) {
        let Some((alike, sums)) = self.last.take() else { return };
        let Rolls { cross, quarters, hours, days, .. } = &mut self.rolls;
        cross.entry(alike.cross_key()).or_default().add(&sums);
        for key in alike.quarter_keys() {
            quarters.entry(key).or_default().add(&sums);
        }
        for key in alike.hour_keys() {
            hours.entry(key).or_default().add(&sums);
        }
        for key in alike.day_keys() {
            days.entry(key).or_default().add(&sums);
        }
    }
    /// What it changes in all periods.
    pub(super) fn rolls(mut self) -> Rolls {
        self.spread();
        let Self { mut rolls, .. } = self;
        add_up(Grain::Quarters, &rolls.quarters, &mut rolls.hours);
        add_up(Grain::Hours, &rolls.hours, &mut rolls.days);
        add_up(Grain::Days, &rolls.days, &mut rolls.months);
        rolls
    }
}

fn add_up(grain: Grain, rows: &BTreeMap<NameKey, Sums>, longer: &mut BTreeMap<NameKey, Sums>) {
    // Rows of one period follow each other, and a month is found less quickly than compared.
    let mut last = None;
    for (key, sums) in rows {
        let [dimension, period, value, project, model, status] = *key;
        let whole = match last {
            Some((known, whole)) if known == period => whole,
            _other => grain.longer(period),
        };
        last = Some((period, whole));
        longer.entry([dimension, whole, value, project, model, status]).or_default().add(sums);
    }
}

/// Rows of roll-ups: changes of them, or what they should be.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Rolls {
    pub(super) cross: BTreeMap<CrossKey, Sums>,
    pub(super) quarters: BTreeMap<NameKey, Sums>,
    pub(super) hours: BTreeMap<NameKey, Sums>,
    pub(super) days: BTreeMap<NameKey, Sums>,
    pub(super) months: BTreeMap<NameKey, Sums>,
}

impl Rolls {
    pub(super) fn of(&self, grain: Grain) -> &BTreeMap<NameKey, Sums> {
        match grain {
            Grain::Months => &self.months,
            Grain::Days => &self.days,
            Grain::Hours => &self.hours,
            Grain::Quarters => &self.quarters,
        }
    }
    pub(super) fn of_mut(&mut self, grain: Grain) -> &mut BTreeMap<NameKey, Sums> {
        match grain {
            Grain::Months => &mut self.months,
            Grain::Days => &mut self.days,
            Grain::Hours => &mut self.hours,
            Grain::Quarters => &mut self.quarters,
        }
    }
    /// Adds the changes to the tables. A row that nothing counts in any more goes.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        table::write_cross(db, &self.cross)?;
        Grain::ALL.into_iter().try_for_each(|grain| table::write_named(db, grain, self.of(grain)))
    }
    /// Writes and forgets what was gathered once it is much: for going through a whole file.
    pub(super) fn write_if_many(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let named: usize = Grain::ALL.into_iter().map(|grain| self.of(grain).len()).sum();
        if self.cross.len() + named >= ROLLS_GATHERED_MAX {
            self.write(db)?;
            *self = Self::default();
        }
        Ok(())
    }
}
