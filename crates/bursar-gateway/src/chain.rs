//! The chain: tries the deployments of a route in order, each with every credential that lets it in, and again after a
//! pause what failed for the moment. Never after the first byte has gone to the client.

use crate::answer::{self, Answer};
use crate::attempt::{Errand, Failure, Tried, send};
use crate::choose::{self, Chosen, NoneLeft, Wish};
use crate::{dry_run, refusal};
use bursar_core::limits::ATTEMPTS_MAX;
use bursar_core::{Code, Refusal, Value};
use bursar_govern::Governor;
use bursar_govern::admit::{Admitted, Ask, NotAdmitted};
use bursar_govern::backoff;
use bursar_govern::circuit::Stop;
use bursar_govern::directory::Credentials;
use bursar_govern::route::{Deployment, told};
use bursar_govern::story::{Status, Story};
use bursar_store::records::WouldMove;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Tries the deployments in order.
pub async fn run(errand: Errand, story: Box<Story>) -> Answer {
    let governor = Arc::clone(&errand.worker.gateway.governor);
    let mut tour = Tour::new(&errand, &governor);
    let mut turn = tour.round(story, 0).await;
    let mut round = 0;
    loop {
        let story = match turn {
            Turn::Ended(answer) => return answer,
            Turn::On(story) => story,
        };
        let Some(pause) = tour.pause(round) else { return tour.end(story) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = errand.gone.cancelled() => return left(&governor, story),
        }
        round += 1;
        turn = tour.round(story, round).await;
    }
}

/// Where a request stands on its way through its deployments.
struct Tour<'a> {
    errand: &'a Errand,
    governor: &'a Arc<Governor>,
    /// With whether they are not to be tried again.
    places: Vec<(&'a Deployment, bool)>,
    /// Tries that were admitted.
    tries: u16,
    /// What a budget of the request said to the model that was asked for.
    refused: Option<Refusal>,
    /// What the last failure said.
    failure: Option<Failure>,
    /// Of this round: whether something may do soon, and when the first of them wants to be asked again.
    soon: Option<Option<Duration>>,
    /// Of this round: whether a try was made, and whether advice alone kept one from being made.
    made: bool,
    advised: bool,
    /// When the first open circuit lets a probe in.
    opens_in_s: Option<u64>,
}

/// How a round, or a part of it, ended.
enum Turn {
    /// The client has its answer.
    Ended(Answer),
    /// Nobody answered.
    On(Box<Story>),
}

/// What one try says about where it was made.
enum Step {
    Ended(Answer),
    /// Another credential may do.
    Next(Box<Story>),
    /// A budget of the request refused this model.
    Refused(Box<Story>),
}

impl<'a> Tour<'a> {
    fn new(errand: &'a Errand, governor: &'a Arc<Governor>) -> Self {
        let places = errand.deployments.iter().map(|deployment| (deployment, false)).collect();
        Self {
            errand,
            governor,
            places,
            tries: 0,
            refused: None,
            failure: None,
            soon: None,
            made: false,
            advised: false,
            opens_in_s: None,
        }
    }

    /// Tries everything that is left, once; where nothing could be tried but for advice, without heeding it.
    async fn round(&mut self, mut story: Box<Story>, round: u32) -> Turn {
        (self.soon, self.made, self.advised) = (None, false, false);
        for lenient in [false, true] {
            if lenient && (self.made || !self.advised) {
                break;
            }
            for at in 0..self.places.len() {
                match self.place(story, at, round > 0, lenient).await {
                    Turn::Ended(answer) => return Turn::Ended(answer),
                    Turn::On(on) => story = on,
                }
            }
        }
        Turn::On(story)
    }

    /// Tries one deployment with one credential after another.
    async fn place(&mut self, mut story: Box<Story>, at: usize, is_retry: bool, lenient: bool) -> Turn {
        let Some((deployment, false)) = self.places.get(at).copied() else { return Turn::On(story) };
        let provider = &deployment.provider;
        let marks = choose::marks(self.governor, provider, &self.errand.caller, &self.errand.body.bytes);
        let mut tried: Vec<Option<Value>> = Vec::new();
        let soon_before = self.soon;
        self.soon = None;
        loop {
            let wish = Wish {
                request_id: story.request_id,
                stays_with: self.governor.affinity().find(&marks, self.governor.now()),
                tried: &tried,
                lenient,
                is_retry,
            };
            if self.tries >= ATTEMPTS_MAX {
                break;
            }
            let chosen = match choose::choose(self.governor, provider, &wish) {
                Ok(chosen) => chosen,
                Err(NoneLeft::Tried) => break,
                Err(NoneLeft::Stopped(stop)) => {
                    self.stopped(stop);
                    let skipped = deployment.skipped(&story.model_asked, stop.as_str());
                    if tried.is_empty() && !story.skipped.contains(&skipped) {
                        story.skipped.push(skipped);
                    }
                    break;
                }
            };
            let name = chosen.credential.as_ref().map(|credential| credential.name.clone());
            tried.push(name.clone());
            match self.once(story, at, deployment, chosen, tried.len()).await {
                Step::Ended(answer) => {
                    if let Some(name) = name.filter(|_| !marks.is_empty() && answer.status().is_success()) {
                        let kept = choose::kept_s(&self.errand.facts.bound);
                        self.governor.affinity().stay(&marks, &name, self.governor.now(), kept);
                    }
                    return Turn::Ended(answer);
                }
                Step::Next(on) => {
                    self.governor.affinity().leave(&marks);
                    story = on;
                }
                Step::Refused(on) => {
                    self.close_step(deployment.step);
                    story = on;
                    break;
                }
            }
        }
        if self.soon.is_none()
            && let Some(place) = self.places.get_mut(at)
        {
            place.1 = true;
        }
        self.soon = match (soon_before, self.soon) {
            (Some(before), Some(now)) => Some(before.zip(now).map(|(before, now)| before.min(now))),
            (before, now) => before.or(now),
        };
        Turn::On(story)
    }

    /// One try: its own quote, its own reservation.
    async fn once(
        &mut self,
        mut story: Box<Story>,
        at: usize,
        deployment: &Deployment,
        chosen: Chosen,
        tried: usize,
    ) -> Step {
        let errand = self.errand;
        (story.first_byte_at, story.status_code, story.upstream_request_id) = (None, None, None);
        story.would_move = self.would_move(at, deployment);
        let Chosen { credential, permit } = chosen;
        let served = deployment.upstream_model.as_deref().unwrap_or(&errand.facts.model);
        let bound = errand.facts.bound_for(served);
        let ask = Ask {
            deployment,
            credential: credential.as_ref(),
            bound: &bound,
            output: errand.facts.output(),
            wish: errand.wish,
            has_alternative: self.has_others(at, tried),
            permit: Some(permit),
        };
        let admitted: Admitted = match self.governor.admit(story, &errand.caller, ask, &errand.gone).await {
            Ok(admitted) => admitted,
            Err(NotAdmitted::ClientLeft(story)) => return Step::Ended(left(self.governor, story)),
            Err(NotAdmitted::Refused(mut story, no)) => {
                if !self.may_step_down(deployment.step, no.code) {
                    let no = self.refused.take().unwrap_or(no);
                    return Step::Ended(refusal::answer(
                        &errand.worker.gateway,
                        errand.route.format,
                        story,
                        no,
                    ));
                }
                let reason = if no.code == Code::KillSwitch { "killed" } else { "budget" };
                story.skipped.push(deployment.skipped(&story.model_asked, reason));
                if deployment.step == 0 {
                    self.refused.get_or_insert(no);
                }
                return Step::Refused(story);
            }
            Err(NotAdmitted::TryNext(story, no)) => {
                self.failure = Some(Failure::Own(no));
                return Step::Next(story);
            }
        };
        self.tries += 1;
        self.made = true;
        match send(errand, deployment, credential.as_deref(), admitted).await {
            Tried::Answered(answer) => Step::Ended(answer),
            Tried::Next(story, failure, outlook) => {
                self.failure = Some(failure);
                if outlook.soon {
                    self.soon = Some(match self.soon {
                        Some(before) => before.zip(outlook.after).map(|(before, after)| before.min(after)),
                        None => outlook.after,
                    });
                }
                Step::Next(story)
            }
        }
    }

    /// What a dry run of the throttle would have done with a try at this place.
    fn would_move(&self, at: usize, deployment: &Deployment) -> Option<WouldMove> {
        let behind = self.places.iter().skip(at + 1).filter(|(_, is_done)| !is_done).map(|(other, _)| *other);
        let errand = self.errand;
        dry_run::would_move(self.governor, &errand.caller.key, &errand.facts.model, deployment, behind)
    }

    /// Notes what kept a try from being made.
    fn stopped(&mut self, stop: Stop) {
        self.advised |= stop.is_advice();
        let now = self.governor.now();
        let wait = stop.until().map(|until| until.micros_since(now).max(0));
        let wait = wait.and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros);
        if let Stop::Open(_) = stop {
            let seconds = wait.map_or(1, |wait| wait.as_secs().max(1));
            self.opens_in_s = Some(self.opens_in_s.map_or(seconds, |before| before.min(seconds)));
        } else {
            self.soon = Some(wait);
        }
    }

    /// Whether the same model has another place: then room of this deployment alone is not waited for.
    fn has_others(&self, at: usize, tried: usize) -> bool {
        let Some((deployment, _)) = self.places.get(at) else { return false };
        let credentials = match &deployment.provider.credentials {
            Credentials::Own(own) => own.len() > tried,
            Credentials::Client | Credentials::None => false,
        };
        let mut behind = self.places.iter().skip(at + 1);
        credentials || behind.any(|(other, is_done)| !is_done && other.step == deployment.step)
    }

    /// Whether a model further down the route may fit where this one did not.
    fn may_step_down(&self, step: usize, code: Code) -> bool {
        let is_about_room =
            code.is_spent_budget() || matches!(code, Code::BudgetHeld | Code::RequestTooLarge);
        // A fallback model may be stopped where the one that was asked for is not.
        let is_stopped = step > 0 && code == Code::KillSwitch;
        let never = matches!(code, Code::BudgetExpired | Code::BudgetRequired | Code::TooManyWindows);
        ((is_about_room && !never) || is_stopped)
            && self.places.iter().any(|(other, is_done)| !is_done && other.step > step)
    }

    fn close_step(&mut self, step: usize) {
        for (_, is_done) in self.places.iter_mut().filter(|(deployment, _)| deployment.step == step) {
            *is_done = true;
        }
    }

    /// How long to wait before the next round; none: it is over.
    fn pause(&self, round: u32) -> Option<Duration> {
        let asked = self.soon.filter(|_| self.tries < ATTEMPTS_MAX)?;
        backoff::pause(round, asked, (self.governor.ports().random)())
    }

    /// Nobody answered: what the client is told.
    fn end(self, mut story: Box<Story>) -> Answer {
        let gateway = &self.errand.worker.gateway;
        let format = self.errand.route.format;
        match (self.refused, self.failure) {
            (Some(no), _) | (None, Some(Failure::Own(no))) => refusal::answer(gateway, format, story, no),
            (None, Some(Failure::Passed(answer))) => {
                story.status_code = Some(answer.status().as_u16());
                self.governor.end(story, Status::Failed);
                answer
            }
            (None, None) => {
                let message = format!("no usable deployment is left: {}", told(&story.skipped));
                let no = Refusal::new(Code::NoDeployment, story.request_id, message);
                let no = Refusal { retry_after_s: self.opens_in_s.or(Some(1)), ..no };
                refusal::answer(gateway, format, story, no)
            }
        }
    }
}

fn left(governor: &Governor, story: Box<Story>) -> Answer {
    governor.end(story, Status::Cancelled);
    answer::text(StatusCode::REQUEST_TIMEOUT, "the client left\n")
}
