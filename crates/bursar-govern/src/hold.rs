//! Holds: how much one attempt sets aside before its cost is known, by the policy of the hard budgets that count it, and
//! how a hold grows while a stream comes.
//!
//! One amount is held in all windows of an attempt, so the strictest policy decides: where a hard budget wants the worst
//! case, the worst case is held. A hold of less grows ahead of the meter: every byte seen counts as a token, and what a
//! stream does not show (thinking) is held from the start, or, where nobody knows how much it is, in full.

use crate::admit::Ask;
use crate::fit::{self, OutputLimit};
use crate::governor::Governor;
use crate::learn::Owner;
use crate::limits::{AHEAD_LAST, AHEAD_LEAST, FIRST_SLICE, PROMPT_MARGIN, SLICE};
use crate::quote::{self, AttemptQuote};
use crate::refuse;
use crate::reservation::{Attempt, Sent};
use crate::story::Story;
use bursar_core::{Charge, Code, Refusal, RequestBound, Usd};
use bursar_ledger::{Extend, HoldPolicy, Outcome, Reserve};
use bursar_wire::Progress;

/// What an attempt would hold.
pub(crate) struct Offer {
    /// What the request may cost at most, in units.
    pub(crate) bound: RequestBound,
    /// The worst case of it.
    pub(crate) quote: AttemptQuote,
    /// What is held at first.
    pub(crate) hold: Charge,
    /// How it grows, where less than the worst case is held for a stream.
    pub(crate) ahead: Option<Ahead>,
    /// The limit that is sent instead of the client's.
    pub(crate) output_limit: Option<OutputLimit>,
}

/// A hold that grows with the stream it is for.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Whether the stream ends when the hold cannot grow; else what it costs beyond is overage.
    ends: bool,
    /// What the hold is the price of, but for its output.
    base: RequestBound,
    /// Output tokens that are held, over all choices.
    output: u64,
    /// Output tokens at most.
    most: u64,
    /// Output tokens that the stream may not show.
    unseen: u64,
    /// No whole slice fitted: the next try is when so many were seen.
    tried_at: u64,
}

/// Whether enough is held for what comes next.
#[derive(Debug)]
#[must_use]
pub enum KeptAhead {
    /// Yes, or the attempt may cost more than its hold.
    Enough,
    /// No, and the stream has to end: why.
    Short(Box<Refusal>),
}

/// Less than the worst case: what is held at first.
struct Part {
    /// The request's bound, with the output that is held as its limit.
    base: RequestBound,
    /// Output tokens of one choice that a stream may not show.
    unseen: u64,
}

impl Governor {
    /// What an attempt with this bound would hold now.
    pub(crate) fn offer(
        &self,
        ask: &Ask<'_>,
        reserve: &Reserve,
        story: &Story,
        bound: RequestBound,
    ) -> Offer {
        let credential = ask.credential.map(|credential| &**credential);
        let price = |bound: &RequestBound| {
            quote::quote(ask.deployment, credential, bound, story.api_format, story.created_at)
        };
        let counted = |charge: Charge| Charge { requests: reserve.hold.requests, ..charge };
        let quote = price(&bound);
        let policy = self.ledger().look(|engine| engine.hold_policy(story.created_at, &reserve.attributes));
        let policy = policy.unwrap_or_default();
        let part = match policy {
            HoldPolicy::WorstCase => None,
            HoldPolicy::Streaming if story.stream => first_slice(ask, &bound, &quote),
            HoldPolicy::Streaming => None,
            HoldPolicy::Estimate => self.expected(ask, story, &bound, &quote),
        };
        let quote = match part {
            None => self.calibrated(quote, ask, &reserve.attributes, story),
            Some(_) => quote,
        };
        let mut offer = Offer { hold: counted(quote.hold), bound, quote, ahead: None, output_limit: None };
        if let Some(Part { base, unseen }) = part {
            offer.hold = counted(price(&base).hold);
            let choices = u64::from(base.choices.max(1));
            offer.ahead = story.stream.then(|| Ahead {
                ends: policy == HoldPolicy::Streaming,
                output: base.output_limit.unwrap_or(0).saturating_mul(choices),
                most: offer.quote.quote.output_tokens,
                unseen: unseen.saturating_mul(choices),
                tried_at: 0,
                base,
            });
        }
        offer
    }

    /// The same offer with the prompt as this model's tokenizer made the worst of its last prompts, and a margin: for a
    /// stream held in slices whose offer does not fit at one token a byte. `None` where that is not known, or is no less.
    pub(crate) fn tightened(
        &self,
        ask: &Ask<'_>,
        reserve: &Reserve,
        story: &Story,
        offer: &Offer,
    ) -> Option<Offer> {
        let ahead = offer.ahead.as_ref().filter(|ahead| ahead.ends && !ahead.base.by_reference)?;
        let (row, text) = (ask.deployment.price.row.id(), ahead.base.text_tokens);
        let usual = self.calibrations.estimate(row, text);
        let usual = usual.saturating_add(usual / PROMPT_MARGIN);
        if usual >= text {
            return None;
        }
        let base = RequestBound { text_tokens: usual, ..ahead.base.clone() };
        let credential = ask.credential.map(|credential| &**credential);
        let hold = quote::quote(ask.deployment, credential, &base, story.api_format, story.created_at).hold;
        Some(Offer {
            hold: Charge { requests: reserve.hold.requests, ..hold },
            ahead: Some(Ahead { base, ..*ahead }),
            bound: offer.bound.clone(),
            quote: offer.quote.clone(),
            output_limit: offer.output_limit,
        })
    }

    /// The learned quantile of what such requests really use; `None` until enough of them were seen.
    fn expected(
        &self,
        ask: &Ask<'_>,
        story: &Story,
        bound: &RequestBound,
        quote: &AttemptQuote,
    ) -> Option<Part> {
        let row = ask.deployment.price.row.id();
        let output = self.learned.output(&Owner::of(&story.attributes), row)?;
        let text = if bound.by_reference {
            bound.text_tokens
        } else {
            self.calibrations.estimate(row, bound.text_tokens)
        };
        let limit = quote.quote.output_limit.min(output);
        let base = RequestBound { text_tokens: text, output_limit: Some(limit), ..bound.clone() };
        // What was learned includes what streams do not show.
        Some(Part { base, unseen: 0 })
    }
}

/// The input and the first slice of output; `None` where that is all there can be, or where the stream may not show what
/// it costs.
fn first_slice(ask: &Ask<'_>, bound: &RequestBound, quote: &AttemptQuote) -> Option<Part> {
    let unseen = fit::thinking(ask)?;
    let first = unseen.saturating_add(FIRST_SLICE);
    let base = RequestBound { output_limit: Some(first), ..bound.clone() };
    (first < quote.quote.output_limit).then_some(Part { base, unseen })
}

impl Sent {
    /// Holds more where the stream comes close to what is held. Costs two comparisons while it does not.
    pub fn keep_ahead(&mut self, progress: &Progress) -> KeptAhead {
        match self.attempt_mut() {
            Some(attempt) if attempt.ahead.is_some() => attempt.keep_ahead(progress),
            Some(_) | None => KeptAhead::Enough,
        }
    }
}

impl Attempt {
    fn keep_ahead(&mut self, progress: &Progress) -> KeptAhead {
        let Some(ahead) = self.ahead.as_ref() else { return KeptAhead::Enough };
        let shown = progress.text_bytes.saturating_add(progress.media_bytes);
        let seen = shown.max(progress.output_tokens.unwrap_or(0)).saturating_add(ahead.unseen);
        let enough = |over: u64| ahead.output >= seen.saturating_add(over).min(ahead.most);
        if progress.ended || enough(AHEAD_LEAST) || seen < ahead.tried_at {
            return KeptAhead::Enough;
        }
        let (ends, last) = (ahead.ends, !enough(AHEAD_LAST));
        if self.extend_to(seen.saturating_add(SLICE)).is_ok() {
            return KeptAhead::Enough;
        }
        // The room is nearly used up: what there is, and the next look a little further on, not at each chunk.
        let short = self.extend_to(seen.saturating_add(AHEAD_LEAST)).err();
        if let Some(ahead) = self.ahead.as_mut() {
            ahead.tried_at = seen.saturating_add(AHEAD_LAST / 2);
        }
        match short {
            // A ledger that cannot write stops every priced stream; a budget, those that it may end.
            Some(refusal) if last && (ends || refusal.code == Code::LedgerUnavailable) => {
                KeptAhead::Short(Box::new(refusal))
            }
            Some(_) | None => KeptAhead::Enough,
        }
    }

    /// Holds what `output` tokens cost, over all choices.
    fn extend_to(&mut self, output: u64) -> Result<(), Refusal> {
        let Some(ahead) = self.ahead.as_mut() else { return Ok(()) };
        let choices = u64::from(ahead.base.choices.max(1));
        let limit = output.min(ahead.most).div_ceil(choices);
        ahead.base.output_limit = Some(limit);
        let (format, at) = (self.story.api_format, self.story.created_at);
        let conditions = quote::conditions(&ahead.base, format, at);
        let quote = bursar_pricing::quote(&self.deployment.price.row, &ahead.base, &conditions);
        let charge = quote::charge(&quote, self.quote.multiplier);
        let more = beyond(&charge, &self.hold);
        let governor = &self.governor;
        let now = governor.now();
        let deadline = now.plus_seconds(self.deployment.provider.timeouts.stale_s);
        let extend = Extend { id: self.id, more, deadline };
        let request_id = self.story.request_id;
        let unavailable = |why: String| Err(refuse::unavailable(request_id, &why));
        match governor.ledger().extend(now, extend).map(|applied| applied.outcome) {
            Ok(Outcome::Extended) => {
                ahead.output = limit.saturating_mul(choices);
                self.hold = sum(&self.hold, &more);
                let hold = self.hold;
                if let Some(told) = self.story.attempt() {
                    told.hold = hold;
                }
                Ok(())
            }
            Ok(Outcome::Short(denial)) => {
                let mut refusal = refuse::from_denial(&denial, request_id, None);
                refusal.message.push_str("; the answer ends here because no more of it can be held");
                Err(refusal)
            }
            Ok(outcome) => unavailable(format!("an extension was answered with {outcome:?}")),
            Err(down) => unavailable(down.to_string()),
        }
    }
}

/// `charge - hold`, part by part, where positive.
pub(crate) fn beyond(charge: &Charge, hold: &Charge) -> Charge {
    Charge {
        list: charge.list.saturating_sub(hold.list).max(Usd::ZERO),
        effective: charge.effective.saturating_sub(hold.effective).max(Usd::ZERO),
        tokens: charge.tokens.saturating_sub(hold.tokens).max(0),
        requests: 0,
    }
}

fn sum(one: &Charge, other: &Charge) -> Charge {
    Charge {
        list: one.list.saturating_add(other.list),
        effective: one.effective.saturating_add(other.effective),
        tokens: one.tokens.saturating_add(other.tokens),
        requests: one.requests,
    }
}
