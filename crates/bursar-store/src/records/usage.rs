//! Asks the roll-ups: what was used from when until when, by which names. Exact for every interval: whole days and hours
//! come from roll-ups, the ends that are no whole hour from the records themselves.

mod question;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::interval::{Grain, Piece, pieces};
use super::limits::USAGE_ROWS_MAX;
use super::month::Month;
use super::roll::{CODE, Sums, TAG};
use super::status::Status;
use super::{Records, RecordsError};
use crate::sqlite::words::words;
use bursar_core::Timestamp;
use question::{Answer, Question};

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
        /// What went wrong: the code of a refusal or gateway error, else the status of a failed request; empty where
        /// nothing did.
        Code = "code",
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
            Self::Code => CODE,
        }
    }
    /// Whether `roll_day` also has it over all projects together; that of projects is everything then.
    const fn is_together(self) -> bool {
        match self {
            Self::Project | Self::Provider | Self::Model | Self::Code => true,
            Self::User | Self::Key | Self::Agent | Self::Run | Self::Session | Self::Tag => false,
        }
    }
    /// Whether `roll_hour` has it.
    const fn is_hourly(self) -> bool {
        match self {
            Self::Project | Self::User | Self::Key | Self::Agent | Self::Provider | Self::Model => true,
            Self::Run | Self::Session | Self::Tag | Self::Code => false,
        }
    }
}

impl Records {
    /// What was used at or after `from` and before `until`, by these names, in order of the names. Without a name: one
    /// row per state.
    ///
    /// Questions by the project and one more name are answered from days, by any names but run, session, tag and code
    /// from hours, and everything else from the records of the interval, however many there are.
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
        Ok(self.usage_by_period(&[from, until], by, filter)?.into_iter().flatten().collect())
    }
    /// As [`Records::usage`], for each of the periods between these instants, which rise: as many answers as there are
    /// instants, less one. All periods are asked together, so that a year of days costs little more than a year.
    ///
    /// # Errors
    /// As [`Records::usage`].
    pub fn usage_by_period(
        &self,
        edges: &[Timestamp],
        by: &[Dimension],
        filter: &NameFilter,
    ) -> Result<Vec<Vec<Used>>, RecordsError> {
        let asked: Vec<Dimension> = by.iter().chain(filter.keys()).copied().collect();
        let mut narrow: Vec<Dimension> =
            asked.iter().copied().filter(|dimension| *dimension != Dimension::Project).collect();
        narrow.sort_unstable();
        narrow.dedup();
        let by_day = (narrow.len() <= 1).then(|| narrow.first().copied().unwrap_or(Dimension::Project));
        let by_hour = asked.iter().all(|dimension| dimension.is_hourly());
        let mut answer = Answer::new();
        for piece in joined(edges, by_day.is_some(), by_hour) {
            let any_project = !asked.contains(&Dimension::Project);
            let by_project = narrow.is_empty();
            let question = Question { edges, by, filter, piece, by_day, by_project, any_project };
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
        let mut periods = vec![Vec::new(); edges.len().saturating_sub(1)];
        for ((period, names, status), sums) in answer {
            let status = u8::try_from(status).ok().and_then(Status::from_number);
            if let (Some(rows), Some(status), true) =
                (periods.get_mut(period), status, sums != Sums::default())
            {
                rows.push(Used { names, status, sums });
            }
        }
        Ok(periods)
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

/// The pieces of all periods, those of one grain that meet as one.
fn joined(edges: &[Timestamp], days: bool, hours: bool) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    let periods = edges.iter().zip(edges.iter().skip(1));
    for piece in periods.flat_map(|(from, until)| pieces(*from, *until, days, hours)) {
        match joined.last_mut() {
            Some(last) if last.grain == piece.grain && last.until == piece.from => last.until = piece.until,
            Some(_) | None => joined.push(piece),
        }
    }
    joined
}
