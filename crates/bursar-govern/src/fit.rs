//! Fitting: what is tried for a request that does not fit a hard budget, in this order: the next deployment, waiting, and
//! with consent a lower output limit. Consent is the client's, the key's, or that of every budget in the way.

use crate::admit::Ask;
use crate::governor::Governor;
use crate::hold::{Offer, beyond};
use crate::identify::Caller;
use crate::limits::{OUTPUT_LIMIT_LEAST, OUTPUT_LIMIT_LEAST_THINKING};
use crate::queue::{No, Patience};
use crate::story::Story;
use crate::{quote, refuse};
use bursar_core::{Code, Measure};
use bursar_ledger::{Denial, Extend, Fit, Held, Outcome, Reserve, Room};
use bursar_store::ledger::{Applied, Seq};
use bursar_wire::Thinking;
use std::fmt;

/// What a client allows for a request of its own (`x-bursar-fit`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Wish {
    /// Nothing is said: budgets and key decide.
    #[default]
    Unsaid,
    /// Answer or refuse at once.
    Nothing,
    /// Wait, but leave the request as it is.
    Wait,
    /// Wait, then lower the output limit.
    Clamp,
}

impl Wish {
    /// The words of the header.
    pub const WORDS: [&'static str; 3] = ["none", "wait", "clamp"];

    /// Reads the header's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::Nothing),
            "wait" => Some(Self::Wait),
            "clamp" => Some(Self::Clamp),
            _ => None,
        }
    }
    /// Whether the request may wait for room.
    #[must_use]
    pub const fn may_wait(self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// An output limit that was lowered to what is affordable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimit {
    /// What went upstream.
    pub limit: u64,
    /// What the client asked for; absent: no limit.
    pub asked: Option<u64>,
}

impl fmt::Display for OutputLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked {
            Some(asked) => write!(f, "{} (asked {asked})", self.limit),
            None => write!(f, "{} (asked none)", self.limit),
        }
    }
}

/// What the model may think at most inside its output limit; `None`: as much as it likes.
pub(crate) fn thinking(ask: &Ask<'_>) -> Option<u64> {
    match ask.output.thinking {
        Thinking::Off => Some(0),
        Thinking::UpTo(budget) => Some(budget),
        Thinking::Free => None,
        Thinking::Unsaid => (ask.deployment.price.row.facts().reasoning != Some(true)).then_some(0),
    }
}

impl Governor {
    /// Tries what is left for a request that does not fit: a tighter prompt where the budgets allow it, then a lower
    /// output limit where somebody consents.
    ///
    /// # Errors
    /// The denial of the request as it was asked, when nothing useful fits.
    pub(crate) async fn fit(
        &self,
        story: &mut Story,
        reserve: &mut Reserve,
        offer: &Offer,
        (caller, ask): (&Caller, &Ask<'_>),
        denied: Box<Denial>,
        patience: &Patience<'_>,
    ) -> Result<(Offer, Held, Seq), No> {
        if is_about_room(&denied)
            && let Some(tight) = self.tightened(ask, reserve, story, offer)
        {
            reserve.hold = tight.hold;
            tell(story, &tight);
            reserve.record = crate::record::encode(story);
            match self.reserve_in_turn(story, reserve, patience).await {
                Ok((held, seq)) => return Ok((tight, held, seq)),
                Err(No::Denied(_)) => {}
                Err(other) => return Err(other),
            }
        }
        if is_about_room(&denied)
            && self.consents(&denied, reserve, caller, ask)
            && let Some(limit) = least_below_asked(ask)
        {
            match self.clamp(story, reserve, ask, limit, patience).await {
                Err(No::Denied(_)) => {}
                done => return done,
            }
        }
        // It may have waited: the numbers of this moment, for the request as it was asked.
        story.output_limit = None;
        let hold = self.offer(ask, reserve, story, ask.bound.clone()).hold;
        let decision = self.ledger().check(self.now(), &reserve.attributes, &hold);
        Err(No::Denied(decision.ok().and_then(|decision| decision.denial).unwrap_or(denied)))
    }

    /// Reserves the request with the least limit, in turn, then raises the limit to what is affordable.
    async fn clamp(
        &self,
        story: &mut Story,
        reserve: &mut Reserve,
        ask: &Ask<'_>,
        least: u64,
        patience: &Patience<'_>,
    ) -> Result<(Offer, Held, Seq), No> {
        let full = self.offer(ask, reserve, story, ask.bound.clone());
        let least = self.lower(story, reserve, ask, least);
        let (held, seq) = self.reserve_in_turn(story, reserve, patience).await?;
        Ok(match self.raise(story, reserve, ask, &full, &least) {
            Some((more, extended)) => (more, held, extended),
            None => (least, held, seq),
        })
    }

    /// The limit that makes the request affordable now.
    fn affordable(&self, story: &Story, ask: &Ask<'_>, full: &Offer, room: &Room) -> Option<u64> {
        let conditions = quote::conditions(&full.bound, story.api_format, story.created_at);
        let fits = refuse::fits(room, &ask.deployment.price.row, &full.bound, &conditions, &full.quote);
        fits.and_then(|fits| lowered(ask, fits))
    }

    /// The request with another limit, to be reserved.
    fn lower(&self, story: &mut Story, reserve: &mut Reserve, ask: &Ask<'_>, limit: u64) -> Offer {
        let mut offer = self.offer(ask, reserve, story, ask.output.limited(ask.bound, limit));
        let output_limit = OutputLimit { limit, asked: ask.output.asked };
        offer.output_limit = Some(output_limit);
        reserve.hold = offer.hold;
        tell(story, &offer);
        reserve.record = crate::record::encode(story);
        offer
    }

    /// Holds as much as fits beyond `least`, before anything is sent.
    fn raise(
        &self,
        story: &mut Story,
        reserve: &mut Reserve,
        ask: &Ask<'_>,
        full: &Offer,
        least: &Offer,
    ) -> Option<(Offer, Seq)> {
        let now = self.now();
        let decision = self.ledger().check(now, &reserve.attributes, &full.hold).ok()?;
        let offer = match decision.denial {
            Some(denied) => {
                let with = |room: Option<i64>, held: i64| room.map(|room| room.saturating_add(held));
                let room = Room {
                    list: with(denied.room.list, least.hold.list.nanos()),
                    effective: with(denied.room.effective, least.hold.effective.nanos()),
                    tokens: with(denied.room.tokens, least.hold.tokens),
                    requests: denied.room.requests,
                };
                let limit = self.affordable(story, ask, full, &room)?;
                self.lower(story, reserve, ask, limit)
            }
            None => {
                let whole = self.offer(ask, reserve, story, ask.bound.clone());
                tell(story, &whole);
                whole
            }
        };
        let more = beyond(&offer.hold, &least.hold);
        let extend = Extend {
            id: reserve.id,
            more,
            deadline: now.plus_seconds(ask.deployment.provider.timeouts.stale_s),
        };
        match self.ledger().extend(now, extend) {
            Ok(Applied { outcome: Outcome::Extended, seq }) => Some((offer, seq)),
            Ok(_) | Err(_) => {
                tell(story, least);
                None
            }
        }
    }

    /// Whether the client, the key, or every budget in the way consents to a lower output limit.
    fn consents(&self, denied: &Denial, reserve: &Reserve, caller: &Caller, ask: &Ask<'_>) -> bool {
        if !ask.output.may_lower {
            return false;
        }
        match ask.wish {
            Wish::Nothing | Wish::Wait => false,
            Wish::Clamp => true,
            Wish::Unsaid => {
                caller.key.fit || {
                    let touched =
                        self.ledger().windows_of(&reserve.attributes, self.now()).unwrap_or_default();
                    denied.blocking.iter().all(|blocked| {
                        let budget = touched.iter().find(|touched| touched.budget.id == blocked.budget);
                        budget.is_some_and(|touched| touched.budget.fit.contains(&Fit::Clamp))
                    })
                }
            }
        }
    }
}

/// Whether less output could help: money or tokens are short, and nothing else is wrong.
fn is_about_room(denied: &Denial) -> bool {
    let room = |code| {
        !matches!(code, Code::BudgetExpired | Code::BudgetRequired | Code::TooManyWindows | Code::BadInput)
    };
    !denied.blocking.is_empty()
        && denied
            .blocking
            .iter()
            .all(|blocked| room(blocked.numbers.code) && blocked.numbers.measure != Measure::Requests)
}

/// The client's limit for what fits, unless it would be useless or no lower than the client's own.
fn lowered(ask: &Ask<'_>, fits: u64) -> Option<u64> {
    let limit = ask.output.limit_for(fits);
    (limit >= least(ask) && is_below_asked(ask, limit)).then_some(limit)
}

/// The least limit, where that is lower than the client's own.
fn least_below_asked(ask: &Ask<'_>) -> Option<u64> {
    Some(least(ask)).filter(|least| is_below_asked(ask, *least))
}

/// Below it an answer says nothing.
fn least(ask: &Ask<'_>) -> u64 {
    match thinking(ask) {
        Some(budget) => budget.saturating_add(OUTPUT_LIMIT_LEAST),
        None => OUTPUT_LIMIT_LEAST_THINKING,
    }
}

fn is_below_asked(ask: &Ask<'_>, limit: u64) -> bool {
    ask.output.asked.is_none_or(|asked| limit < asked)
}

fn tell(story: &mut Story, offer: &Offer) {
    story.output_limit = offer.output_limit;
    if let Some(told) = story.attempt() {
        told.hold = offer.hold;
    }
}
