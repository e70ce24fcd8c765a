//! In turn: a reserve is made at once, or when its turn in the lines has come, or not at all.
//!
//! Nobody overtakes who waits: neither a newcomer that would fit, nor one that does not want to wait itself.

use crate::governor::Governor;
use crate::limits::LOOK_AGAIN;
use crate::story::Story;
use bursar_core::limits::RESERVATION_TTL_S;
use bursar_core::refusal::Blocking;
use bursar_core::{Code, Timestamp};
use bursar_ledger::{Blocked, Denial, Held, Reserve, Room, Touched, WindowId};
use bursar_store::ledger::{ReserveError, Seq};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whether and how long a request may wait.
pub(crate) struct Patience<'a> {
    /// It may at all.
    pub(crate) may_wait: bool,
    /// It does not wait for a window of this deployment alone: another deployment is left.
    pub(crate) has_alternative: bool,
    /// When it came to be admitted.
    pub(crate) began: Instant,
    /// Cancelled when the client left.
    pub(crate) gone: &'a CancellationToken,
}

/// Why nothing is held.
pub(crate) enum No {
    /// The client left.
    Gone,
    /// It does not fit.
    Denied(Box<Denial>),
    /// It may fit, but others came before and wait for the same room.
    InLine(Box<Denial>),
    /// The ledger does not answer.
    Unavailable(String),
}

/// The lines that others stand in.
struct Line {
    windows: Vec<Touched>,
    wait_ms: u32,
}

impl Governor {
    /// Reserves, or waits in line until it can, as long as every budget in the way allows.
    pub(crate) async fn reserve_in_turn(
        &self,
        story: &mut Story,
        reserve: &Reserve,
        patience: &Patience<'_>,
    ) -> Result<(Held, Seq), No> {
        let began = self.now();
        let mut last = None;
        let (keys, mut wait_ms) = match self.line_ahead(reserve, began) {
            Some(line) => {
                let per_attempt = line.windows.iter().all(|touched| touched.budget.is_per_attempt());
                if !patience.may_wait || (patience.has_alternative && per_attempt) {
                    return Err(No::InLine(line.denial(reserve)));
                }
                (line.windows.iter().filter_map(|touched| touched.window).collect(), line.wait_ms)
            }
            None => match self.try_reserve(reserve, began)? {
                Ok(held) => return Ok(held),
                Err(denial) if !patience.waits_for(&denial) => return Err(No::Denied(denial)),
                Err(denial) => {
                    let found = (in_the_way(&denial), denial.wait_ms);
                    last = Some(denial);
                    found
                }
            },
        };
        // Without a place, or when patience ends: what the ledger said last, or says now.
        let say = |last: Option<Box<Denial>>| match last {
            Some(denial) => Err(No::Denied(denial)),
            None => self.try_reserve(reserve, self.now())?.map_err(No::Denied),
        };
        let Some(mut place) = self.waiters.stand(keys) else {
            return match (last, self.line_ahead(reserve, began)) {
                (None, Some(line)) => Err(No::InLine(line.denial(reserve))),
                (last, _) => say(last),
            };
        };
        let until = |wait_ms: u32| patience.began + Duration::from_millis(u64::from(wait_ms));
        let alarm = tokio::time::sleep_until(until(wait_ms));
        tokio::pin!(alarm);
        loop {
            let is_first = place.is_first();
            if is_first {
                let now = self.now();
                story.waited_us = now.micros_since(began);
                match self.try_reserve(reserve, now)? {
                    Ok(held) => return Ok(held),
                    Err(denial) if !patience.waits_for(&denial) => return Err(No::Denied(denial)),
                    Err(denial) => {
                        place.change(in_the_way(&denial));
                        if denial.wait_ms < wait_ms {
                            wait_ms = denial.wait_ms;
                            alarm.as_mut().reset(until(wait_ms));
                        }
                        last = Some(denial);
                    }
                }
            }
            tokio::select! {
                () = place.turn() => {}
                () = tokio::time::sleep(LOOK_AGAIN), if is_first => {}
                () = &mut alarm => return say(last),
                () = patience.gone.cancelled() => return Err(No::Gone),
            }
        }
    }

    fn try_reserve(&self, reserve: &Reserve, now: Timestamp) -> Result<Result<(Held, Seq), Box<Denial>>, No> {
        let reserve = Reserve { deadline: now.plus_seconds(RESERVATION_TTL_S), ..reserve.clone() };
        match self.ledger().reserve(now, reserve) {
            Ok(reserved) => Ok(Ok((reserved.held, reserved.seq))),
            Err(ReserveError::Refused(denial)) => Ok(Err(denial)),
            Err(other) => Err(No::Unavailable(other.to_string())),
        }
    }

    /// The lines of others that a request which would fit now has to stand behind: whoever waits for room is not
    /// overtaken by who comes later.
    fn line_ahead(&self, reserve: &Reserve, now: Timestamp) -> Option<Line> {
        if self.waiters.is_empty() {
            return None;
        }
        if self.ledger().check(now, &reserve.attributes, &reserve.hold).ok()?.denial.is_some() {
            return None;
        }
        let mut windows = self.ledger().windows_of(&reserve.attributes, now).ok()?;
        windows.retain(|touched| touched.window.is_some_and(|window| self.waiters.has_line([&window])));
        let wait_ms = windows.iter().map(|touched| touched.budget.wait_ms).min()?;
        Some(Line { windows, wait_ms })
    }
}

impl Patience<'_> {
    /// Whether waiting may help, and there is no better way.
    fn waits_for(&self, denial: &Denial) -> bool {
        let elsewhere = self.has_alternative && denial.blocking.iter().all(|blocked| blocked.per_attempt);
        self.may_wait && denial.wait_ms > 0 && !elsewhere
    }
}

impl Line {
    /// The numbers of the windows that others wait for.
    fn denial(&self, reserve: &Reserve) -> Box<Denial> {
        let blocked = |touched: &Touched| {
            let (budget, standing) = (&touched.budget, &touched.standing);
            Blocked {
                budget: budget.id,
                window: touched.window,
                per_attempt: budget.is_per_attempt(),
                numbers: Blocking {
                    code: Code::BudgetHeld,
                    budget: budget.name.to_string(),
                    measure: budget.measure,
                    scope: standing.scope.clone(),
                    per: standing.per.to_vec(),
                    starts_at: standing.starts_at,
                    ends_at: standing.ends_at,
                    limit: standing.limit.unwrap_or(i64::MAX),
                    settled: standing.settled,
                    suspense: standing.suspense,
                    held: standing.held,
                    requested: reserve.hold.of(budget.measure, budget.cost_basis),
                },
            }
        };
        Box::new(Denial {
            code: Code::BudgetHeld,
            blocking: self.windows.iter().map(blocked).collect(),
            room: Room::default(),
            wait_ms: self.wait_ms,
        })
    }
}

/// The windows that are in the way.
fn in_the_way(denial: &Denial) -> Vec<WindowId> {
    denial.blocking.iter().filter_map(|blocked| blocked.window).collect()
}
