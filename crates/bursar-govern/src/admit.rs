//! Admit: from a quote to a reservation that is durable, or to a refusal with numbers. Waits, briefly and in turn, when
//! only requests in flight are in the way.

use crate::circuits::Permit;
use crate::directory::Credential;
use crate::fit::{OutputLimit, Wish};
use crate::governor::Governor;
use crate::identify::Caller;
use crate::kill::Cut;
use crate::queue::{No, Patience};
use crate::quote::{self, AttemptQuote};
use crate::refuse;
use crate::reservation::{Attempt, Reservation};
use crate::route::Deployment;
use crate::story::{AttemptStory, Story};
use bursar_core::{
    Attribute, Attributes, Charge, Code, Refusal, RequestBound, ReservationId, Timestamp, Value,
};
use bursar_ledger::{Denial, HoldPolicy, Mode, Reserve, WindowId};
use bursar_wire::OutputFacts;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What an attempt asks to be admitted with.
pub struct Ask<'a> {
    /// Where it would go.
    pub deployment: &'a Deployment,
    /// With which credential.
    pub credential: Option<&'a Arc<Credential>>,
    /// What it may cost at most, in units.
    pub bound: &'a RequestBound,
    /// What the request says about its output.
    pub output: OutputFacts,
    /// What the client allows where it does not fit.
    pub wish: Wish,
    /// Whether another deployment is left to try: then it does not wait for a window of this one alone.
    pub has_alternative: bool,
    /// Its place at the endpoint.
    pub permit: Option<Permit>,
}

/// Admitted: what is held, and what the client may be told.
pub struct Admitted {
    /// The reservation, durable.
    pub reservation: Reservation,
    /// What is left in the tightest hard window that counts money, after this hold.
    pub tightest_usd: Option<bursar_core::Usd>,
    /// The output limit that has to go upstream instead of the client's.
    pub output_limit: Option<OutputLimit>,
    /// Budget name and tenths of a percent for each budget that is near its limit.
    pub warnings: Vec<(Arc<str>, Option<i64>)>,
    /// Rings when a kill switch or a shutdown cuts it.
    pub cut: Cut,
}

/// Not admitted.
pub enum NotAdmitted {
    /// The client left while waiting.
    ClientLeft(Box<Story>),
    /// Only windows of this deployment are in the way: another may do.
    TryNext(Box<Story>, Refusal),
    /// Another deployment would not help.
    Refused(Box<Story>, Refusal),
}

impl Governor {
    /// Quotes and reserves one attempt, and waits until it is durable.
    ///
    /// # Errors
    /// See [`NotAdmitted`]; nothing is held then.
    pub async fn admit(
        self: &Arc<Self>,
        mut story: Box<Story>,
        caller: &Caller,
        mut ask: Ask<'_>,
        gone: &CancellationToken,
    ) -> Result<Admitted, NotAdmitted> {
        let request_id = story.request_id;
        let id = ReservationId {
            request: request_id,
            attempt: u16::try_from(story.attempts.len()).unwrap_or(u16::MAX),
        };
        let attributes = attempt_attributes(caller, &ask, &story);
        let priced = !ask.deployment.price.row.is_free();
        if let Some(killed) = self.killed(&attributes, priced) {
            return Err(killed.not_admitted(story, ask.deployment));
        }
        let hold = Charge { requests: i64::from(!counted(&story)), ..Charge::ZERO };
        story.attributes = attributes.clone();
        story.output_limit = None;
        let mut reserve = Reserve::new(id, attributes, hold, story.created_at);
        let mut offer = self.offer(&ask, &reserve, &story, ask.bound.clone());
        if offer.quote.quote.unbounded.is_some()
            && self.needs_bound(&reserve.attributes, story.created_at)
            && let Err(refusal) = quote::require_bound(&offer.quote, &ask.deployment.price.row, request_id)
        {
            return Err(NotAdmitted::Refused(story, refusal));
        }
        reserve.hold = offer.hold;
        story.attempts.push(told(&ask, offer.hold, &story.model_asked));
        reserve.priced = priced;
        reserve.require_budget = caller.key.project.require_budget;
        reserve.record = crate::record::encode(&story);
        let patience = Patience {
            may_wait: ask.wish.may_wait(),
            has_alternative: ask.has_alternative,
            began: Instant::now(),
            gone,
            stale_s: ask.deployment.provider.timeouts.stale_s,
        };
        let mut reserved = self.reserve_in_turn(&mut story, &reserve, &patience).await;
        if let Err(No::Denied(denied)) = reserved {
            let fitted = self.fit(&mut story, &mut reserve, &offer, (caller, &ask), denied, &patience).await;
            reserved = fitted.map(|(lower, held, seq)| {
                offer = lower;
                (held, seq)
            });
        }
        let (held, seq) = match reserved {
            Ok(held) => held,
            Err(no) => return Err(self.not_admitted(story, no, &ask, &offer.quote)),
        };
        let windows: Vec<WindowId> = held.windows.iter().map(|held| held.window).collect();
        story.shadow_refusals = held.shadow_refusals.iter().map(|blocked| blocked.numbers.clone()).collect();
        story.windows = held.windows.to_vec();
        story.multiplier = offer.quote.multiplier;
        // Watched before it is looked up once more: a switch that comes in between is seen one way or the other.
        let cut = self.watch(&story.attributes);
        let reservation = Reservation::new(Attempt {
            governor: Arc::clone(self),
            story,
            id,
            deployment: ask.deployment.clone(),
            most: Charge { requests: offer.hold.requests, ..offer.quote.hold },
            quote: offer.quote,
            bound: offer.bound,
            hold: offer.hold,
            ahead: offer.ahead,
            windows,
            permit: ask.permit.take(),
            prompt: None,
        });
        if self.ledger().durable(seq).await.is_err() {
            let refusal = refuse::unavailable(request_id, "an entry was not written");
            let story = reservation.release("the ledger cannot write".to_owned());
            let story = story
                .unwrap_or_else(|| Story::begin(request_id, self.now(), bursar_core::ApiFormat::OpenAiChat));
            return Err(NotAdmitted::Refused(story, refusal));
        }
        if let Some(killed) = self.killed(cut.attributes(), priced) {
            let story = reservation.release("stopped before it was sent".to_owned());
            let story = story
                .unwrap_or_else(|| Story::begin(request_id, self.now(), bursar_core::ApiFormat::OpenAiChat));
            return Err(killed.not_admitted(story, ask.deployment));
        }
        let warnings =
            held.warnings.iter().map(|warning| (Arc::clone(&warning.name), warning.permille)).collect();
        Ok(Admitted {
            reservation,
            tightest_usd: held.tightest_usd,
            warnings,
            output_limit: offer.output_limit,
            cut,
        })
    }

    /// Whether a budget applies that promises never to be overspent: then what cannot be bounded cannot pass.
    fn needs_bound(&self, attributes: &Attributes, now: Timestamp) -> bool {
        let windows = self.ledger().windows_of(attributes, now);
        windows.is_ok_and(|windows| {
            windows.iter().any(|touched| {
                let budget = &touched.budget;
                budget.mode == Mode::Hard && budget.hold == HoldPolicy::WorstCase && budget.limit.is_some()
            })
        })
    }

    fn not_admitted(
        &self,
        mut story: Box<Story>,
        no: No,
        ask: &Ask<'_>,
        quote: &AttemptQuote,
    ) -> NotAdmitted {
        story.attempts.pop();
        let request_id = story.request_id;
        let denial = match no {
            No::Gone => return NotAdmitted::ClientLeft(story),
            No::Denied(denial) => denial,
            No::InLine(denial) => {
                let refusal = refuse::in_line(&denial, request_id);
                return self.blocked(story, &denial, refusal, ask);
            }
            No::Unavailable(why) => {
                return NotAdmitted::Refused(story, refuse::unavailable(request_id, &why));
            }
        };
        let conditions = quote::conditions(ask.bound, story.api_format, story.created_at);
        let fits = refuse::fits(&denial.room, &ask.deployment.price.row, ask.bound, &conditions, quote);
        let refusal = refuse::from_denial(&denial, request_id, fits);
        self.blocked(story, &denial, refusal, ask)
    }

    #[expect(clippy::unused_self, reason = "reads beside its callers")]
    fn blocked(
        &self,
        mut story: Box<Story>,
        denial: &Denial,
        refusal: Refusal,
        ask: &Ask<'_>,
    ) -> NotAdmitted {
        if is_of_deployment(denial) {
            let reason = if denial.code == Code::BudgetHeld { "quota_held" } else { "quota_exhausted" };
            story.skipped.push(ask.deployment.skipped(&story.model_asked, reason));
            return NotAdmitted::TryNext(story, refusal);
        }
        NotAdmitted::Refused(story, refusal)
    }
}

/// Whether only windows of this deployment or credential are in the way: its quota, which another does not share.
fn is_of_deployment(denial: &Denial) -> bool {
    !denial.blocking.is_empty() && denial.blocking.iter().all(|blocked| blocked.per_attempt)
}

/// Whether an attempt before this one carries the request's count.
fn counted(story: &Story) -> bool {
    use crate::story::AttemptEnd;
    story.attempts.iter().any(|told| match told.end {
        Some(AttemptEnd::Released) | None => false,
        Some(AttemptEnd::Settled | AttemptEnd::Estimated | AttemptEnd::Suspense) => told.hold.requests > 0,
    })
}

fn told(ask: &Ask<'_>, hold: Charge, asked: &str) -> AttemptStory {
    AttemptStory {
        provider: ask.deployment.provider.name.to_string(),
        credential: ask.credential.map(|credential| credential.name.to_string()),
        served_model: ask.deployment.upstream_model.as_deref().unwrap_or(asked).to_owned(),
        hold,
        charge: Charge::ZERO,
        end: None,
        status_code: None,
        error: None,
        sent_at: None,
        ended_at: None,
    }
}

fn attempt_attributes(caller: &Caller, ask: &Ask<'_>, story: &Story) -> Attributes {
    let mut attributes = caller.attributes.clone();
    attributes.set(&Attribute::Provider, ask.deployment.provider.name.clone());
    attributes.set(&Attribute::Endpoint, ask.deployment.provider.name.clone());
    if let Some(credential) = ask.credential {
        attributes.set(&Attribute::Credential, credential.name.clone());
    }
    let served = ask.deployment.upstream_model.as_deref().unwrap_or(&story.model_asked);
    let routed = ask.deployment.fallback_model.as_deref().unwrap_or(&story.model_asked);
    for (attribute, text) in [
        (Attribute::Model, routed),
        (Attribute::ServedModel, served),
        (Attribute::ApiFormat, story.api_format.as_str()),
    ] {
        if let Ok(value) = Value::new(text) {
            attributes.set(&attribute, value);
        }
    }
    attributes
}
