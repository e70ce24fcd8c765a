//! One piece of an interval, asked of one file: the statement, and where its rows go.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use super::super::grain::Grain;
use super::super::interval::Piece;
use super::super::month_file::ReadError;
use super::super::roll::{Counted, SUMS, Sums};
use super::super::row::{COUNTED, SECOND, place_at, read_counted, tags_of};
use super::super::strings::{self, Texts};
use super::plan::{Plan, Source};
use super::{Dimension, NameFilter};
use bursar_core::Timestamp;

/// Period, names and state, and what they add up to: an answer being gathered.
pub(super) type Answer = BTreeMap<(usize, Vec<Arc<str>>, i64), Sums>;

/// The periods of one grain that are asked for.
struct Periods {
    grain: Grain,
    /// From, and behind the last, in order.
    ranges: Vec<(i64, i64)>,
}

impl Periods {
    fn of(grain: Grain, pieces: &[Piece]) -> Self {
        let of_grain = pieces.iter().filter(|piece| piece.grain == Some(grain));
        let ranges = of_grain.map(|piece| (grain.number(piece.from), grain.number(piece.until)));
        Self { grain, ranges: ranges.collect() }
    }
    /// Each of them, as a JSON array.
    fn numbers(&self) -> String {
        let numbers = self.ranges.iter().flat_map(|(first, end)| *first..*end);
        let texts: Vec<String> = numbers.map(|number| number.to_string()).collect();
        format!("[{}]", texts.join(","))
    }
}

pub(super) struct Question<'q> {
    /// Where periods begin and end.
    pub(super) edges: &'q [Timestamp],
    pub(super) by: &'q [Dimension],
    pub(super) filter: &'q NameFilter,
    pub(super) plan: Plan,
}

/// Names and state, and the period, in numbers, and what they add up to.
type Gathered = HashMap<Vec<i64>, Sums>;

impl Question<'_> {
    /// Adds what the file's roll-ups say of these pieces.
    pub(super) fn rolled(
        &self,
        db: &Connection,
        texts: &mut Texts,
        pieces: &[Piece],
        answer: &mut Answer,
    ) -> rusqlite::Result<()> {
        let Some(wanted) = self.wanted(db)? else { return Ok(()) };
        // Added up here and by number: the file would have to sort its rows first.
        let mut gathered = Gathered::new();
        for grain in Grain::ALL {
            let periods = Periods::of(grain, pieces);
            if !periods.ranges.is_empty() {
                self.gather(db, &periods, &wanted, &mut gathered)?;
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
    fn gather(
        &self,
        db: &Connection,
        periods: &Periods,
        wanted: &[(Dimension, i64)],
        gathered: &mut Gathered,
    ) -> rusqlite::Result<()> {
        let (sql, values) = self.statement(periods, wanted);
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let (columns, mut key) = (self.by.len() + 1, Vec::new());
        while let Some(row) = rows.next()? {
            let begins = periods.grain.start(row.get(columns)?);
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
        Ok(())
    }
    /// The numbers of the names that are asked for. `None`: the file's dictionary does not have one.
    fn wanted(&self, db: &Connection) -> rusqlite::Result<Option<Vec<(Dimension, i64)>>> {
        let number = |(dimension, name): (&Dimension, &String)| {
            strings::find(db, name).map(|number| number.map(|number| (*dimension, number)))
        };
        self.filter.iter().map(number).collect()
    }
    /// The statement: names, state, period, sums.
    fn statement(&self, periods: &Periods, wanted: &[(Dimension, i64)]) -> (String, Vec<Sql>) {
        let source = self.plan.source(periods.grain);
        let (time, table) = match source {
            Source::Named(_) => ("period", periods.grain.table()),
            Source::Cross => ("hour", "roll_cross"),
        };
        let column = |name: Dimension| self.plan.column(source, name);
        let mut sql = "SELECT ".to_owned();
        for name in self.by {
            let _ = write!(sql, "{}, ", column(*name));
        }
        let _ = write!(sql, "status, {time}, {} FROM {table} WHERE ", SUMS.join(", "));
        let is_sought = wanted.iter().any(|(name, _)| self.plan.sought(source) == Some(*name));
        let mut values: Vec<Sql> = Vec::new();
        match periods.ranges.as_slice() {
            [(first, end)] if !is_sought => {
                let _ = write!(sql, "{time} >= ? AND {time} < ?");
                values.extend([(*first).into(), (*end).into()]);
            }
            // One look-up for each period instead of going through all periods between, or all names of a period.
            [..] => {
                let _ = write!(sql, "{time} IN (SELECT value FROM json_each(?))");
                values.push(periods.numbers().into());
            }
        }
        if let Source::Named(dimension) = source {
            sql.push_str(" AND dimension = ?");
            values.push(dimension.into());
        }
        for (name, number) in wanted {
            let _ = write!(sql, " AND {} = ?", column(*name));
            values.push((*number).into());
        }
        (sql, values)
    }
    /// Adds what the file's records themselves say.
    pub(super) fn counted(
        &self,
        db: &Connection,
        texts: &mut Texts,
        pieces: &[Piece],
        answer: &mut Answer,
    ) -> Result<(), ReadError> {
        let mut counted = pieces.iter().filter(|piece| piece.grain.is_none()).peekable();
        if counted.peek().is_none() {
            return Ok(());
        }
        let Some(wanted) = self.wanted(db)? else { return Ok(()) };
        counted.try_for_each(|piece| self.count(db, texts, piece, &wanted, answer))
    }
    fn count(
        &self,
        db: &Connection,
        texts: &mut Texts,
        piece: &Piece,
        wanted: &[(Dimension, i64)],
        answer: &mut Answer,
    ) -> Result<(), ReadError> {
        // A row may lie up to a second behind its instant.
        let until = place_at(piece.until).saturating_add(SECOND);
        let mut values: Vec<Sql> = vec![place_at(piece.from).into(), until.into()];
        let mut sql = format!("SELECT {COUNTED} FROM records WHERE place >= ? AND place < ?");
        for (dimension, number) in wanted {
            match dimension {
                Dimension::Tag => sql.push_str(" AND place IN (SELECT place FROM record_tags WHERE tag = ?)"),
                // The empty name of an index that leaves it out is found by going through the rows.
                named => {
                    let _ = write!(sql, " AND {named} = ?");
                }
            }
            values.push((*number).into());
            if *number != 0 && dimension.is_indexed() {
                let _ = write!(sql, " AND {dimension} <> 0");
            }
        }
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let tagged = self.by.contains(&Dimension::Tag) || self.filter.contains_key(&Dimension::Tag);
        while let Some(row) = rows.next()? {
            let (place, mut counted) = read_counted(row)?;
            if counted.at < piece.from || counted.at >= piece.until {
                continue;
            }
            if tagged {
                counted.tags = tags_of(db, place)?;
            }
            // Once under each tag where tags are asked for, else once.
            let tags = if tagged { counted.tags.clone() } else { vec![0] };
            for tag in tags.into_iter().filter(|tag| has_names(&counted, *tag, wanted)) {
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
