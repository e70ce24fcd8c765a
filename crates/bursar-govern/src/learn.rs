//! Learned output: how many output tokens answers really have, by who asks and at which price row, for
//! `hold = "estimate"`.
//!
//! What is known is a histogram in steps of a quarter octave, in which old answers fade. A key with too few answers of
//! its own takes its project's.

use bursar_core::limits::PAGE_MAX;
use bursar_core::{Attribute, Attributes, UsageClass, Value};
use bursar_store::PageRequest;
use bursar_store::records::{RecordFilter, Records, Status};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Keys and projects, each by model, that are remembered: 10,000 histograms are four megabytes; beyond it the worst case
/// is held.
const OWNERS_MAX: usize = 10_000;
/// Answers before they are believed: one in twenty may be above the quantile, so that a few such were seen.
const BELIEVED_AFTER: u32 = 50;
/// Answers after which each counts half: a change of habit shows after a few hundred.
const FADES_AFTER: u32 = 1_024;
/// The share of answers, in percent, that stays within what is held: one in twenty costs more, and says so as overage.
const QUANTILE_PCT: u32 = 95;
/// Records that are read at start to know again what was known before: enough for every busy key, read in well under a
/// second.
const RECORDS_READ_MAX: usize = 2_000;
/// Steps: four to an octave, up to two million tokens.
const STEPS: usize = 84;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    key: Option<Value>,
    project: Option<Value>,
}

impl Owner {
    /// Who asks with these attributes.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Self {
        let get = |attribute| attributes.get(attribute).cloned();
        Self { key: get(&Attribute::Key), project: get(&Attribute::Project) }
    }
    /// The narrower one first.
    fn names(&self) -> impl Iterator<Item = Name> {
        let key = self.key.clone().map(|key| (Kind::Key, key));
        let project = self.project.clone().map(|project| (Kind::Project, project));
        key.into_iter().chain(project)
    }
}

type Name = (Kind, Value);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Key,
    Project,
}

/// What was learned so far.
#[derive(Default)]
pub struct Learned {
    answers: Mutex<HashMap<(Name, Arc<str>), Histogram>>,
}

struct Histogram {
    counts: [u32; STEPS],
    total: u32,
}

impl Learned {
    /// Learns from an answer: its output tokens, by choice.
    pub fn observe(&self, owner: &Owner, row: &Arc<str>, output: u64) {
        let mut answers = self.answers.lock();
        for name in owner.names() {
            let place = (name, Arc::clone(row));
            if answers.len() >= OWNERS_MAX && !answers.contains_key(&place) {
                continue;
            }
            answers.entry(place).or_default().observe(output);
        }
    }

    /// Learns again from the newest records: what was known before a restart. Whatever cannot be read is learned anew.
    pub fn read(&self, records: &Records) {
        let filter = RecordFilter { status: Some(Status::Completed), ..RecordFilter::default() };
        let mut newest = Vec::new();
        let mut page = PageRequest { cursor: None, limit: PAGE_MAX };
        while newest.len() < RECORDS_READ_MAX {
            let Ok(read) = records.list(&filter, &page) else { break };
            newest.extend(read.items);
            page.cursor = read.next_cursor;
            if page.cursor.is_none() {
                break;
            }
        }
        for record in newest.iter().rev().filter(|record| !record.estimated) {
            if let Some(price) = &record.price {
                let output = record.usage.get(UsageClass::Output);
                self.observe(&Owner::of(&record.attributes), &price.id.as_str().into(), output);
            }
        }
    }

    /// The output tokens of one choice that most of the owner's answers stay within; `None` until that is known.
    #[must_use]
    pub fn output(&self, owner: &Owner, row: &Arc<str>) -> Option<u64> {
        let answers = self.answers.lock();
        let known = |name| answers.get(&(name, Arc::clone(row))).and_then(Histogram::quantile);
        owner.names().find_map(known)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; STEPS], total: 0 }
    }
}

impl Histogram {
    fn observe(&mut self, output: u64) {
        if self.total >= FADES_AFTER {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        if let Some(count) = self.counts.get_mut(step_of(output)) {
            *count += 1;
            self.total += 1;
        }
    }
    fn quantile(&self) -> Option<u64> {
        if self.total < BELIEVED_AFTER {
            return None;
        }
        let within = self.total.saturating_mul(QUANTILE_PCT).div_ceil(100);
        let mut seen = 0;
        let step = self.counts.iter().position(|count| {
            seen += count;
            seen >= within
        })?;
        Some(top_of(step))
    }
}

/// The first step whose top is not below `output`.
fn step_of(output: u64) -> usize {
    (0..STEPS).find(|step| top_of(*step) >= output).unwrap_or(STEPS - 1)
}

/// The most tokens of a step: 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, …
fn top_of(step: usize) -> u64 {
    let octave = 1u64.checked_shl(u32::try_from(step / 4).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
    let quarters = u64::try_from(step % 4).unwrap_or(0);
    octave.saturating_add(octave.saturating_mul(quarters) / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: &str) -> Owner {
        Owner { key: Value::new(key).ok(), project: Value::new("alpha").ok() }
    }

    #[test]
    fn a_quantile_is_known_after_enough_answers_and_covers_most_of_them() {
        let learned = Learned::default();
        let row: Arc<str> = "fake/small".into();
        for n in 0..u64::from(BELIEVED_AFTER) {
            assert_eq!(learned.output(&owner("a"), &row), None, "after {n}");
            learned.observe(&owner("a"), &row, if n % 25 == 0 { 9_000 } else { 200 + n });
        }
        let known = learned.output(&owner("a"), &row).unwrap();
        assert!((240..=320).contains(&known), "{known}");
        assert_eq!(learned.output(&owner("b"), &row), Some(known), "another key takes its project's");
        assert_eq!(learned.output(&owner("a"), &"fake/large".into()), None, "each model by itself");
    }

    #[test]
    fn old_habits_fade() {
        let learned = Learned::default();
        let row: Arc<str> = "m".into();
        (0..2_000).for_each(|_| learned.observe(&owner("a"), &row, 8_000));
        (0..6_000).for_each(|_| learned.observe(&owner("a"), &row, 100));
        assert!(learned.output(&owner("a"), &row).unwrap() < 200);
    }

    #[test]
    fn the_table_is_bounded() {
        let learned = Learned::default();
        let row: Arc<str> = "m".into();
        for n in 0..OWNERS_MAX + 10 {
            learned.observe(&owner(&format!("key-{n}")), &row, 5);
        }
        assert_eq!(learned.answers.lock().len(), OWNERS_MAX);
        assert!(learned.output(&owner("key-99999"), &row).is_some(), "the project is still learned");
    }

    #[test]
    fn steps_rise_and_end_above_every_answer() {
        assert!((1..STEPS).all(|step| top_of(step) >= top_of(step - 1)));
        assert_eq!(top_of(step_of(1_000)), 1_024);
        assert!(top_of(STEPS - 1) > 1_500_000);
    }
}
