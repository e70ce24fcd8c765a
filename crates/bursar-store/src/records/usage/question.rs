//! One piece of an interval, asked of one file: the statement, and where its rows go.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use super::super::interval::{Grain, Piece};
use super::super::month_file::ReadError;
use super::super::roll::{ALL_PROJECTS, Counted, SUMS, Sums, TOGETHER, day_start, hour_start};
use super::super::row::{COUNTED, SECOND, place_at, read_counted, tags_of};
use super::super::strings::{self, Texts};
use super::{Dimension, NameFilter};
use bursar_core::Timestamp;

/// Period, names and state, and what they add up to: an answer being gathered.
pub(super) type Answer = BTreeMap<(usize, Vec<Arc<str>>, i64), Sums>;

pub(super) struct Question<'q> {
    /// Where periods begin and end.
    pub(super) edges: &'q [Timestamp],
    pub(super) by: &'q [Dimension],
    pub(super) filter: &'q NameFilter,
    pub(super) piece: Piece,
    /// The dimension of `roll_day` that answers.
    pub(super) by_day: Option<Dimension>,
    /// Whether `roll_project` answers for hours.
    pub(super) by_project: bool,
    /// Whether projects are neither asked by nor for.
    pub(super) any_project: bool,
}

impl Question<'_> {
    /// Adds what the file's roll-ups say.
    pub(super) fn rolled(
        &self,
        db: &Connection,
        texts: &mut Texts,
        answer: &mut Answer,
    ) -> rusqlite::Result<()> {
        let Some((sql, values)) = self.statement(db)? else { return Ok(()) };
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        // Added up here and by number: the file would have to sort its rows first.
        let mut gathered: HashMap<Vec<i64>, Sums> = HashMap::new();
        let (columns, mut key) = (self.by.len() + 1, Vec::new());
        while let Some(row) = rows.next()? {
            let time: i64 = row.get(columns)?;
            let begins = if self.piece.grain == Grain::Days { day_start(time) } else { hour_start(time) };
            key.clear();
            for place in 0..columns {
                key.push(row.get(place)?);
            }
            key.push(i64::try_from(self.period(begins)).unwrap_or(0));
            let sums = Sums::read(row, columns + 1)?;
            match gathered.get_mut(key.as_slice()) {
                Some(sum) => sum.add(&sums),
                None => drop(gathered.insert(key.clone(), sums)),
            }
        }
        for (key, sums) in gathered {
            let [names @ .., status, period] = key.as_slice() else { continue };
            let names = names.iter().map(|number| texts.text(db, *number));
            let names = names.collect::<rusqlite::Result<_>>()?;
            let period = usize::try_from(*period).unwrap_or(0);
            answer.entry((period, names, *status)).or_default().add(&sums);
        }
        Ok(())
    }
    /// The statement: names, state, day or hour, sums. `None`: the file's dictionary does not have a name that is asked for.
    fn statement(&self, db: &Connection) -> rusqlite::Result<Option<(String, Vec<Sql>)>> {
        let days = self.piece.grain == Grain::Days;
        let column = |dimension: Dimension| match dimension {
            Dimension::Project => "project",
            // In `roll_day` the one dimension's names are its values.
            _other if days => "value",
            named => named.as_str(),
        };
        let (time, table) = match (days, self.by_project) {
            (true, _) => ("day", "roll_day"),
            (false, true) => ("hour", "roll_project"),
            (false, false) => ("hour", "roll_hour"),
        };
        let mut sql = "SELECT ".to_owned();
        for dimension in self.by {
            let _ = write!(sql, "{}, ", column(*dimension));
        }
        let _ = write!(sql, "status, {time}, {}", SUMS.join(", "));
        let mut values: Vec<Sql> = Vec::new();
        let _ = write!(sql, " FROM {table} WHERE ");
        if let (true, Some(dimension)) = (days, self.by_day) {
            let together = self.any_project && dimension.is_together();
            sql.push_str("dimension = ? AND ");
            values.push((dimension.number() + if together { TOGETHER } else { 0 }).into());
        }
        if table == "roll_project" {
            let sign = if self.any_project { "=" } else { "<>" };
            let _ = write!(sql, "project {sign} {ALL_PROJECTS} AND ");
        }
        let _ = write!(sql, "{time} >= ? AND {time} < ?");
        values.extend([self.piece.first().into(), self.piece.end().into()]);
        for (dimension, name) in self.filter {
            let Some(number) = strings::find(db, name)? else { return Ok(None) };
            let _ = write!(sql, " AND {} = ?", column(*dimension));
            values.push(number.into());
        }
        Ok(Some((sql, values)))
    }
    /// Adds what the file's records themselves say.
    pub(super) fn counted(
        &self,
        db: &Connection,
        texts: &mut Texts,
        answer: &mut Answer,
    ) -> Result<(), ReadError> {
        // A row may lie up to a second behind its instant.
        let until = place_at(self.piece.until).saturating_add(SECOND);
        let mut values: Vec<Sql> = vec![place_at(self.piece.from).into(), until.into()];
        let mut sql = format!("SELECT {COUNTED} FROM records WHERE place >= ? AND place < ?");
        let mut wanted = Vec::new();
        for (dimension, name) in self.filter {
            let Some(number) = strings::find(db, name)? else { return Ok(()) };
            wanted.push((*dimension, number));
            match dimension {
                Dimension::Tag => sql.push_str(" AND place IN (SELECT place FROM record_tags WHERE tag = ?)"),
                // The empty name of an index that leaves it out is found by going through the rows.
                named => {
                    let _ = write!(sql, " AND {named} = ?");
                }
            }
            values.push(number.into());
            if number != 0 && is_indexed(*dimension) {
                let _ = write!(sql, " AND {dimension} <> 0");
            }
        }
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let tagged = self.by.contains(&Dimension::Tag) || self.filter.contains_key(&Dimension::Tag);
        while let Some(row) = rows.next()? {
            let (place, mut counted) = read_counted(row)?;
            if counted.at < self.piece.from || counted.at >= self.piece.until {
                continue;
            }
            if tagged {
                counted.tags = tags_of(db, place)?;
            }
            // Once under each tag where tags are asked for, else once.
            let tags = if tagged { counted.tags.clone() } else { vec![0] };
            for tag in tags.into_iter().filter(|tag| has_names(&counted, *tag, &wanted)) {
                let names =
                    self.by.iter().map(|dimension| texts.text(db, number_of(&counted, tag, *dimension)));
                let names = names.collect::<rusqlite::Result<_>>()?;
                let key = (self.period(counted.at), names, counted.status);
                answer.entry(key).or_default().add(&counted.sums);
            }
        }
        Ok(())
    }
    /// Which period an instant is in.
    fn period(&self, at: Timestamp) -> usize {
        self.edges.partition_point(|edge| *edge <= at).saturating_sub(1)
    }
}

/// Whether `records` has an index of this column, which leaves out rows without a name.
const fn is_indexed(dimension: Dimension) -> bool {
    match dimension {
        Dimension::User | Dimension::Key | Dimension::Agent | Dimension::Run | Dimension::Session => true,
        Dimension::Project | Dimension::Provider | Dimension::Model | Dimension::Tag | Dimension::Code => {
            false
        }
    }
}

fn number_of(counted: &Counted, tag: i64, dimension: Dimension) -> i64 {
    match dimension {
        Dimension::Tag => tag,
        Dimension::Code => counted.code,
        named => {
            let place = usize::try_from(named.number()).ok();
            place.and_then(|place| counted.names.get(place).copied()).unwrap_or(0)
        }
    }
}

fn has_names(counted: &Counted, tag: i64, wanted: &[(Dimension, i64)]) -> bool {
    wanted.iter().all(|(dimension, number)| number_of(counted, tag, *dimension) == *number)
}
