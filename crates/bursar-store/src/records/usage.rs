//! Asks the roll-ups: what was used from when until when, by which names. Exact for every interval: whole periods come
//! from roll-ups, the longest that fit, the ends that are none from the records themselves.

mod plan;
mod question;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::USAGE_ROWS_MAX;
use super::month::Month;
use super::roll::{CODE, Sums, TAG};
use super::row::newest_instant;
use super::status::Status;
use super::{Records, RecordsError};
use crate::sqlite::words::words;
use bursar_core::Timestamp;
use plan::Plan;
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
    /// Its number in the tables of names and its place among the named columns.
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
    /// Whether `records` has an index of this column, which leaves out rows without a name. It is used only where a
    /// question says so too.
    pub(super) const fn is_indexed(self) -> bool {
        match self {
            Self::User | Self::Key | Self::Agent | Self::Run | Self::Session => true,
            Self::Project | Self::Provider | Self::Model | Self::Tag | Self::Code => false,
        }
    }
}

impl Records {
    /// What was used at or after `from` and before `until`, by these names, in order of the names. Without a name: one
    /// row per state.
    ///
    /// Questions by the project and one more name are answered from months, days and hours, and by the project alone from
    /// quarters of hours too; so are those by a user, key or agent and the model. Questions by any names but run, session,
    /// tag and code are answered from hours, and everything else from the records of the interval, however many there are.
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
        let question = Question { edges, by, filter, plan: Plan::of(by, filter) };
        let mut answer = Answer::new();
        let (Some(from), Some(until)) = (edges.first().copied(), edges.last().copied()) else {
            return Ok(Vec::new());
        };
        if !self.book.is_empty()? {
            self.book
                .read(|db, texts| question.rolled(db, texts, &question.plan.pieces(edges), &mut answer))?;
        }
        for month in self.months() {
            if month.starts_at() < until && month.ends_at() > from {
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
        file.read(|db, texts| {
            let pieces = question.plan.pieces(&within(question.edges, month, newest_instant(db)?));
            question.rolled(db, texts, &pieces, answer)?;
            question.counted(db, texts, &pieces, answer)
        })
    }
}

/// The edges within a month. The last one is its end where nothing is newer than that edge, so that this month up to now is
/// answered as a whole month is.
fn within(edges: &[Timestamp], month: Month, newest: Option<Timestamp>) -> Vec<Timestamp> {
    let (start, end) = (month.starts_at(), month.ends_at());
    let mut within: Vec<Timestamp> = edges.iter().map(|edge| (*edge).clamp(start, end)).collect();
    within.dedup();
    if let Some(last) = within.last_mut()
        && newest.is_some_and(|newest| newest < *last)
    {
        *last = end;
    }
    within
}
