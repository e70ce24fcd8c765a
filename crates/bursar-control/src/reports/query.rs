//! What a report is asked: time, names, groups, rows. Options that a report does not take are refused.

use super::ReportError;
use super::limits::{GROUPS_MAX, ROWS_MAX, SCAN_DAYS_MAX};
use super::range::{Asked, Range, zone};
use bursar_core::Timestamp;
use bursar_ledger::Zone;
use bursar_store::records::{Dimension, NameFilter, Status};
use serde::Deserialize;
use utoipa::IntoParams;

/// The options of all reports. Which of them a report takes is said at its route.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// Received at or after: RFC 3339, or a date of the time zone. Default: the start of this month.
    pub(crate) from: Option<String>,
    /// Received before: RFC 3339, or a date. Default: the end of today.
    pub(crate) until: Option<String>,
    /// The last so many hours instead of `from`: 1 to 720.
    pub(crate) hours: Option<i64>,
    /// The last so many days of the calendar, today included, instead of `from`.
    pub(crate) days: Option<i64>,
    /// `hour`, `day`, `week`, `month` or `year`.
    pub(crate) period: Option<String>,
    /// The instant whose period is meant: RFC 3339, or a date. Default: now.
    pub(crate) at: Option<String>,
    /// An IANA name. Default: the zone of the project that is asked about, else UTC.
    pub(crate) time_zone: Option<String>,
    /// Names to group by, with commas: `project`, `user`, `key`, `agent`, `run`, `session`, `provider`, `model`, `tag`,
    /// `code`.
    pub(crate) by: Option<String>,
    /// What is ranked or shaded by: `cost`, `effective_cost`, `tokens`, `requests`, `unbudgeted`, `refused`.
    pub(crate) order: Option<String>,
    /// That ended so: `completed`, `failed`, `cancelled`, `denied`.
    pub(crate) status: Option<String>,
    /// Rows.
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// Of this project.
    pub(crate) project: Option<String>,
    /// Of this user.
    pub(crate) user: Option<String>,
    /// Of this key, by its id.
    pub(crate) key: Option<String>,
    /// Of this agent.
    pub(crate) agent: Option<String>,
    /// Of this run.
    pub(crate) run: Option<String>,
    /// Of this session.
    pub(crate) session: Option<String>,
    /// Served by this provider.
    pub(crate) provider: Option<String>,
    /// That asked for this model.
    pub(crate) model: Option<String>,
    /// With this tag: `name=value`.
    pub(crate) tag: Option<String>,
    /// That went wrong so: a code such as `E-BUDGET-002`, or a status such as `503`.
    pub(crate) code: Option<String>,
}

/// Options that say when.
pub(crate) const WHEN: &[&str] = &["from", "until", "hours", "days", "time_zone"];
/// Options that say whose.
pub(crate) const WHOSE: &[&str] =
    &["project", "user", "key", "agent", "run", "session", "provider", "model", "tag", "code"];
/// Options that say whose, of what has no code: what is completed, what runs, what a budget counts.
pub(crate) const WHOSE_UNFAILED: &[&str] =
    &["project", "user", "key", "agent", "run", "session", "provider", "model", "tag"];
/// The states that a report counts.
const ENDED: [Status; 4] = [Status::Completed, Status::Failed, Status::Cancelled, Status::Denied];

impl UsageQuery {
    /// Refuses options that are in none of these lists.
    pub(crate) fn only(&self, lists: &[&[&str]]) -> Result<(), ReportError> {
        let set = |text: &Option<String>| text.is_some();
        let given: [(&'static str, bool); 22] = [
            ("from", set(&self.from)),
            ("until", set(&self.until)),
            ("hours", self.hours.is_some()),
            ("days", self.days.is_some()),
            ("period", set(&self.period)),
            ("at", set(&self.at)),
            ("time_zone", set(&self.time_zone)),
            ("by", set(&self.by)),
            ("order", set(&self.order)),
            ("status", set(&self.status)),
            ("limit", self.limit.is_some()),
            ("cursor", set(&self.cursor)),
            ("project", set(&self.project)),
            ("user", set(&self.user)),
            ("key", set(&self.key)),
            ("agent", set(&self.agent)),
            ("run", set(&self.run)),
            ("session", set(&self.session)),
            ("provider", set(&self.provider)),
            ("model", set(&self.model)),
            ("tag", set(&self.tag)),
            ("code", set(&self.code)),
        ];
        let taken = |name: &str| lists.iter().any(|list| list.contains(&name));
        match given.iter().find(|(name, given)| *given && !taken(name)) {
            Some((name, _)) => Err(ReportError::input(name, "this report does not take it")),
            None => Ok(()),
        }
    }
    /// Whose usage is asked for.
    pub(crate) fn filter(&self) -> Result<NameFilter, ReportError> {
        let named = [
            (Dimension::Project, &self.project),
            (Dimension::User, &self.user),
            (Dimension::Key, &self.key),
            (Dimension::Agent, &self.agent),
            (Dimension::Run, &self.run),
            (Dimension::Session, &self.session),
            (Dimension::Provider, &self.provider),
            (Dimension::Model, &self.model),
            (Dimension::Tag, &self.tag),
            (Dimension::Code, &self.code),
        ];
        if let Some(tag) = &self.tag
            && !tag.contains('=')
        {
            return Err(ReportError::input("tag", format!("`{tag}` is none: write `name=value`")));
        }
        Ok(named.into_iter().filter_map(|(dimension, name)| Some((dimension, name.clone()?))).collect())
    }
    /// The one state that is asked for.
    pub(crate) fn status(&self) -> Result<Option<Status>, ReportError> {
        let ended = |word: &str| ENDED.into_iter().find(|status| status.as_str() == word);
        let read = |word: &str| {
            let words = ENDED.map(Status::as_str).join(", ");
            ended(word).ok_or_else(|| {
                ReportError::input("status", format!("`{word}` is not one that reports count: {words}"))
            })
        };
        self.status.as_deref().map(read).transpose()
    }
    /// What it is grouped by.
    pub(crate) fn groups(&self) -> Result<Vec<Dimension>, ReportError> {
        let mut groups = Vec::new();
        for word in self.by.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
            let group = dimension(word)?;
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        if groups.len() > GROUPS_MAX {
            return Err(ReportError::input("by", format!("at most {GROUPS_MAX} names at once")));
        }
        Ok(groups)
    }
    /// In whose calendar: `project_zone` is that of the project that is asked about.
    pub(crate) fn zone(&self, project_zone: Option<&str>) -> Result<Zone, ReportError> {
        self.time_zone.as_deref().or(project_zone).map_or_else(|| Ok(Zone::utc()), zone)
    }
    /// From when until when. `hours`: unless asked otherwise.
    pub(crate) fn range(&self, zone: Zone, now: Timestamp, hours: Option<i64>) -> Result<Range, ReportError> {
        let mut asked = Asked {
            from: self.from.as_deref(),
            until: self.until.as_deref(),
            hours: self.hours,
            days: self.days,
        };
        if asked.from.is_none() && asked.days.is_none() {
            asked.hours = asked.hours.or(hours);
        }
        Range::of(asked, zone, now)
    }
    /// As [`Self::range`], of a report that goes through records: no longer than one busy month.
    pub(crate) fn scanned(&self, zone: Zone, now: Timestamp, hours: i64) -> Result<Range, ReportError> {
        let range = self.range(zone, now, Some(hours))?;
        if range.days() <= SCAN_DAYS_MAX {
            return Ok(range);
        }
        let problem = format!("this report goes through records: at most {SCAN_DAYS_MAX} days at once");
        Err(ReportError::input("from", problem))
    }
    /// Rows of a page.
    pub(crate) fn rows(&self, default: u32, most: u32) -> Result<usize, ReportError> {
        let rows = self.limit.unwrap_or(default);
        if !(1..=most).contains(&rows) {
            return Err(ReportError::input("limit", format!("`{rows}` is not within 1 and {most}")));
        }
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }
    /// Rows of a page that is a list.
    pub(crate) fn page(&self, default: u32) -> Result<usize, ReportError> {
        self.rows(default, ROWS_MAX)
    }
}

/// What that word means.
pub(crate) fn dimension(word: &str) -> Result<Dimension, ReportError> {
    let all = || Dimension::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
    Dimension::parse(word).ok_or_else(|| {
        ReportError::input("by", format!("`{word}` is nothing to group by: ask for {}", all()))
    })
}

/// Refuses what no roll-up answers and that would go through too many records.
pub(crate) fn check_cost(range: &Range, by: &[Dimension], filter: &NameFilter) -> Result<(), ReportError> {
    let asked = || by.iter().chain(filter.keys()).copied();
    let daily = |dimension: Dimension| {
        matches!(dimension, Dimension::Run | Dimension::Session | Dimension::Tag | Dimension::Code)
    };
    let mut narrow: Vec<Dimension> = asked().filter(|dimension| *dimension != Dimension::Project).collect();
    narrow.sort_unstable();
    narrow.dedup();
    let rolled_up = narrow.len() <= 1 || !asked().any(daily);
    // Records of one run, session or tag are found by an index.
    let few = filter
        .keys()
        .any(|dimension| matches!(dimension, Dimension::Run | Dimension::Session | Dimension::Tag));
    if rolled_up || few || range.days() <= SCAN_DAYS_MAX {
        return Ok(());
    }
    let problem = format!(
        "runs, sessions, tags and codes together with other names are counted from records: at most \
         {SCAN_DAYS_MAX} days at once"
    );
    Err(ReportError::input("from", problem))
}
