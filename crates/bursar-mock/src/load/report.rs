//! What came of a run: counts, times, bytes.

use super::Seen;
use super::histogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a request did not end with a complete answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Failure {
    /// No connection.
    Connect,
    /// The connection broke, or what came was no HTTP, before an answer's head.
    NoAnswer,
    /// The answer's body broke off.
    Cut,
    /// Too slow.
    Timeout,
    /// We left, as planned.
    Aborted,
}

impl Failure {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::NoAnswer => "no_answer",
            Self::Cut => "cut",
            Self::Timeout => "timeout",
            Self::Aborted => "aborted",
        }
    }
}

/// The sum of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests sent.
    pub requests: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without a complete answer, by reason.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of answers' bodies.
    pub bytes: u64,
    /// From sending to the end, complete answers only.
    pub latency: Histogram,
    /// From sending to the first byte of the body.
    pub first_byte: Histogram,
    /// How late requests with a time of their own were sent: high where the connections were too few.
    pub late: Histogram,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Report {
    /// Counts one request.
    pub(crate) fn add(&mut self, seen: &Seen) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(seen.bytes);
        self.late.add(seen.late);
        if let Some(status) = seen.status {
            *self.statuses.entry(status).or_default() += 1;
            self.first_byte.add(seen.first_byte);
        }
        match seen.failure {
            Some(failure) => *self.failures.entry(failure).or_default() += 1,
            None => self.latency.add(seen.total),
        }
    }
    /// Adds another's counts; the longer time stays.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.latency.merge(&other.latency);
        self.first_byte.merge(&other.first_byte);
        self.late.merge(&other.late);
        self.elapsed = self.elapsed.max(other.elapsed);
    }
    /// Answers of that status.
    #[must_use]
    pub fn of_status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }
    /// Requests that failed so.
    #[must_use]
    pub fn of_failure(&self, failure: Failure) -> u64 {
        self.failures.get(&failure).copied().unwrap_or(0)
    }
    /// Requests per second over the whole run, rounded down.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        let us = self.elapsed.as_micros().max(1);
        u64::try_from(u128::from(self.requests) * 1_000_000 / us).unwrap_or(u64::MAX)
    }
}
