//! Asks the roll-ups: what was used from when until when, by which names. Exact for every interval: whole days and hours
//! come from roll-ups, the ends that are no whole hour from the records themselves.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use super::interval::{Grain, Piece, pieces};
use super::limits::USAGE_ROWS_MAX;
use super::month::Month;
use super::month_file::ReadError;
use super::roll::{Counted, Sums, TAG};
use super::row::{COUNTED, SECOND, place_at, read_counted, tags_of};
use super::status::Status;
use super::strings::{self, Texts};
use super::{Records, RecordsError};
use crate::sqlite::words::words;
use bursar_core::Timestamp;

words! {
    /// What usage can be asked by.
    Dimension {
        /// The project.
        Project = "project",
        /// The user.
        User = "user",
        /// The key, by its id.
        Key = "key",
        /// The agent. Ask by project too: two projects may have an agent of the same name.
        Agent = "agent",
        /// The run.
        Run = "run",
        /// The session.
        Session = "session",
        /// The provider that served.
        Provider = "provider",
        /// The model that was asked for.
        Model = "model",
        /// A tag, as `name=value`. A request counts under each of its tags.
        Tag = "tag",
    }
}

/// What a question counts: names that must be these; the empty one means requests without.
pub type NameFilter = BTreeMap<Dimension, String>;

/// One row of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// The names in the order that was asked for; empty where a request has none. What has no tag is in no row by tag.
    pub names: Vec<Arc<str>>,
    /// The state of the requests. Which states count is the asker's to say.
    pub status: Status,
    /// What they add up to.
    pub sums: Sums,
}

impl Dimension {
    /// Its number in `roll_day` and its place among the named columns.
    const fn number(self) -> i64 {
        match self {
            Self::Project => 0,
            Self::User => 1,
            Self::Key => 2,
            Self::Agent => 3,
            Self::Run => 4,
            Self::Session => 5,
            Self::Provider => 6,
            Self::Model => 7,
            Self::Tag => TAG,
        }
    }
    /// Whether `roll_hour` has it.
    const fn is_hourly(self) -> bool {
        match self {
            Self::Project | Self::User | Self::Key | Self::Agent | Self::Provider | Self::Model => true,
            Self::Run | Self::Session | Self::Tag => false,
        }
    }
}

/// Names and states, and what they add up to: an answer being gathered.
type Answer = BTreeMap<(Vec<Arc<str>>, i64), Sums>;

impl Records {
    /// What was used at or after `from` and before `until`, by these names, in order of the names. Without a name: one
    /// row per state.
    ///
    /// Questions by the project and one more name are answered from days, by any names but run, session and tag from
    /// hours, and everything else from the records of the interval, however many there are.
    ///
    /// # Errors
    /// [`RecordsError::TooManyRows`] and what reading may bring.
    pub fn usage(
        &self,
        from: Timestamp,
        until: Timestamp,
        by: &[Dimension],
        filter: &NameFilter,
    ) -> Result<Vec<Used>, RecordsError> {
        let asked: Vec<Dimension> = by.iter().chain(filter.keys()).copied().collect();
        let mut narrow: Vec<Dimension> =
            asked.iter().copied().filter(|dimension| *dimension != Dimension::Project).collect();
        narrow.sort_unstable();
        narrow.dedup();
        let by_day = (narrow.len() <= 1).then(|| narrow.first().copied().unwrap_or(Dimension::Project));
        let by_hour = asked.iter().all(|dimension| dimension.is_hourly());
        let mut answer = Answer::new();
        for piece in pieces(from, until, by_day.is_some(), by_hour) {
            let question = Question { by, filter, piece, by_day };
            if piece.grain != Grain::Records {
                self.book.read(|db, texts| question.rolled(db, texts, &mut answer))?;
            }
            for month in self.months() {
                if month.starts_at() >= piece.until || month.ends_at() <= piece.from {
                    continue;
                }
                self.month_usage(month, &question, &mut answer)?;
            }
            if answer.len() > USAGE_ROWS_MAX {
                return Err(RecordsError::TooManyRows(USAGE_ROWS_MAX));
            }
        }
        let rows = answer.into_iter().filter(|(_, sums)| *sums != Sums::default());
        Ok(rows.filter_map(|((names, status), sums)| used(names, status, sums)).collect())
    }
    fn month_usage(
        &self,
        month: Month,
        question: &Question<'_>,
        answer: &mut Answer,
    ) -> Result<(), RecordsError> {
        let Some(file) = self.known_month(month)? else { return Ok(()) };
        file.read(|db, texts| match question.piece.grain {
            Grain::Days | Grain::Hours => Ok(question.rolled(db, texts, answer)?),
            Grain::Records => question.counted(db, texts, answer),
        })
    }
}

/// One piece of the interval, to be asked of one file.
struct Question<'q> {
    by: &'q [Dimension],
    filter: &'q NameFilter,
    piece: Piece,
    /// The dimension of `roll_day` that answers.
    by_day: Option<Dimension>,
}

impl Question<'_> {
    fn rolled(&self, db: &Connection, texts: &mut Texts, answer: &mut Answer) -> rusqlite::Result<()> {
        let Some((sql, values)) = self.statement(db)? else { return Ok(()) };
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let mut names = Vec::with_capacity(self.by.len());
            for place in 0..self.by.len() {
                names.push(texts.text(db, row.get(place)?)?);
            }
            let sums = Sums::read(row, self.by.len() + 1)?;
            answer.entry((names, row.get(self.by.len())?)).or_default().add(&sums);
        }
        Ok(())
    }
    /// `None`: the file's dictionary does not have a name that is asked for.
    fn statement(&self, db: &Connection) -> rusqlite::Result<Option<(String, Vec<Sql>)>> {
        let days = self.piece.grain == Grain::Days;
        let column = |dimension: Dimension| match dimension {
            Dimension::Project => "project",
            // In `roll_day` the one dimension's names are its values.
            _other if days => "value",
            named => named.as_str(),
        };
        let mut sql = "SELECT ".to_owned();
        for dimension in self.by {
            let _ = write!(sql, "{}, ", column(*dimension));
        }
        sql.push_str("status, ");
        sql.push_str(SUMS);
        let mut values: Vec<Sql> = Vec::new();
        if days {
            sql.push_str(" FROM roll_day WHERE dimension = ? AND day >= ? AND day < ?");
            values.push(self.by_day.unwrap_or(Dimension::Project).number().into());
        } else {
            sql.push_str(" FROM roll_hour WHERE hour >= ? AND hour < ?");
        }
        values.extend([self.piece.first().into(), self.piece.end().into()]);
        for (dimension, name) in self.filter {
            let Some(number) = strings::find(db, name)? else { return Ok(None) };
            let _ = write!(sql, " AND {} = ?", column(*dimension));
            values.push(number.into());
        }
        sql.push_str(" GROUP BY ");
        for dimension in self.by {
            let _ = write!(sql, "{}, ", column(*dimension));
        }
        sql.push_str("status");
        Ok(Some((sql, values)))
    }
    fn counted(&self, db: &Connection, texts: &mut Texts, answer: &mut Answer) -> Result<(), ReadError> {
        let mut wanted = Vec::new();
        for (dimension, name) in self.filter {
            let Some(number) = strings::find(db, name)? else { return Ok(()) };
            wanted.push((*dimension, number));
        }
        // A row may lie up to a second behind its instant.
        let bounds = (place_at(self.piece.from), place_at(self.piece.until).saturating_add(SECOND));
        let sql = format!("SELECT {COUNTED} FROM records WHERE place >= ?1 AND place < ?2");
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(bounds)?;
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
                let key = (names.collect::<rusqlite::Result<_>>()?, counted.status);
                answer.entry(key).or_default().add(&counted.sums);
            }
        }
        Ok(())
    }
}

/// The sums in the order of [`Sums::values`].
const SUMS: &str =
    "sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms)";

fn number_of(counted: &Counted, tag: i64, dimension: Dimension) -> i64 {
    if dimension == Dimension::Tag {
        return tag;
    }
    usize::try_from(dimension.number()).ok().and_then(|place| counted.names.get(place).copied()).unwrap_or(0)
}

fn has_names(counted: &Counted, tag: i64, wanted: &[(Dimension, i64)]) -> bool {
    wanted.iter().all(|(dimension, number)| number_of(counted, tag, *dimension) == *number)
}

fn used(names: Vec<Arc<str>>, status: i64, sums: Sums) -> Option<Used> {
    let status = u8::try_from(status).ok().and_then(Status::from_number)?;
    Some(Used { names, status, sums })
}
