//! One piece of an interval, asked of one file: the statement, and where its rows go.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use super::super::interval::{Grain, Piece};
use super::super::month_file::ReadError;
use super::super::roll::{Counted, SUMS, Sums, day_start, hour_start};
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
        let first = self.by.len();
        while let Some(row) = rows.next()? {
            let mut names = Vec::with_capacity(first);
            for place in 0..first {
                names.push(texts.text(db, row.get(place)?)?);
            }
            let sums = Sums::read(row, first + 2)?;
            let begins = match self.piece.grain {
                Grain::Days => day_start(row.get(first + 1)?),
                Grain::Hours | Grain::Records => hour_start(row.get(first + 1)?),
            };
            answer.entry((self.period(begins), names, row.get(first)?)).or_default().add(&sums);
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
        // Within one period the file adds up; else it tells day by day or hour by hour.
        let several = self.period(self.piece.from) != self.period(self.piece.last());
        let time_column = if several { time.to_owned() } else { format!("min({time})") };
        let mut sql = "SELECT ".to_owned();
        let mut group = String::new();
        for dimension in self.by {
            let _ = write!(sql, "{}, ", column(*dimension));
            let _ = write!(group, "{}, ", column(*dimension));
        }
        let _ = write!(sql, "status, {time_column}");
        for sum in SUMS {
            let _ = write!(sql, ", sum({sum})");
        }
        let mut values: Vec<Sql> = Vec::new();
        let _ = write!(sql, " FROM {table} WHERE ");
        if let (true, Some(dimension)) = (days, self.by_day) {
            sql.push_str("dimension = ? AND ");
            values.push(dimension.number().into());
        }
        let _ = write!(sql, "{time} >= ? AND {time} < ?");
        values.extend([self.piece.first().into(), self.piece.end().into()]);
        for (dimension, name) in self.filter {
            let Some(number) = strings::find(db, name)? else { return Ok(None) };
            let _ = write!(sql, " AND {} = ?", column(*dimension));
            values.push(number.into());
        }
        let _ = write!(sql, " GROUP BY {group}status");
        if several {
            let _ = write!(sql, ", {time}");
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
