//! What a kill switch says to a request that it stops.

use super::Kill;
use crate::admit::NotAdmitted;
use crate::governor::Governor;
use crate::identify::Caller;
use crate::route::Deployment;
use crate::story::Story;
use bursar_core::refusal::Stopped;
use bursar_core::{ApiFormat, Attribute, Attributes, Code, Refusal, RequestId, Value};

/// A request or attempt is stopped by this switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The switch.
    pub kill: Kill,
    /// Whether another deployment is outside of its scope.
    pub per_attempt: bool,
}

/// E-BUDGET-004 with scope and reason.
pub(super) fn refusal(kill: &Kill, request_id: RequestId) -> Refusal {
    let until = kill.until.map_or_else(String::new, |until| format!(" (until {until})"));
    let message = format!("the kill switch on {} is on{until}: {}", kill.scope, kill.reason);
    let stopped = Stopped { scope: kill.scope.clone(), reason: kill.reason.to_string(), until: kill.until };
    Refusal { stopped: Some(Box::new(stopped)), ..Refusal::new(Code::KillSwitch, request_id, message) }
}

impl Governor {
    /// Whether a request may go on, before it is routed: every scope that it is in by itself.
    ///
    /// # Errors
    /// E-BUDGET-004.
    pub fn not_killed(
        &self,
        caller: &Caller,
        format: ApiFormat,
        model: &str,
        request_id: RequestId,
    ) -> Result<(), Refusal> {
        if self.kills().is_empty() {
            return Ok(());
        }
        let mut attributes = caller.attributes.clone();
        set(&mut attributes, &Attribute::Model, model);
        set(&mut attributes, &Attribute::ApiFormat, format.as_str());
        match self.kills().stop(&attributes, self.now()) {
            Some(stop) => Err(refusal(&stop.kill, request_id)),
            None => Ok(()),
        }
    }

    /// The first deployment that no switch stops: for what is passed on without a reservation.
    ///
    /// # Errors
    /// E-BUDGET-004 of the last one when all are stopped; `Ok(None)` where there is none at all.
    pub fn first_not_killed(
        &self,
        caller: &Caller,
        model: &str,
        deployments: Vec<Deployment>,
        request_id: RequestId,
    ) -> Result<Option<Deployment>, Refusal> {
        let mut killed = Ok(None);
        for deployment in deployments {
            let mut attributes = caller.attributes.clone();
            attributes.set(&Attribute::Provider, deployment.provider.name.clone());
            attributes.set(&Attribute::Endpoint, deployment.provider.name.clone());
            set(&mut attributes, &Attribute::Model, model);
            let served = deployment.upstream_model.as_deref().unwrap_or(model);
            set(&mut attributes, &Attribute::ServedModel, served);
            match self.kills().stop(&attributes, self.now()) {
                None => return Ok(Some(deployment)),
                Some(stop) => killed = Err(refusal(&stop.kill, request_id)),
            }
        }
        killed
    }

    /// Why an attempt with these attributes may not be sent now, if it may not: a switch, or, where it has a price, a
    /// kill state that nobody knows any more.
    pub(crate) fn killed(&self, attributes: &Attributes, priced: bool) -> Option<Killed> {
        let now = self.now();
        if let Some(stop) = self.kills().stop(attributes, now) {
            return Some(Killed::Stop(stop));
        }
        (priced && self.kills().is_unknown(now)).then_some(Killed::Unknown)
    }
}

/// Why an attempt is not sent.
pub(crate) enum Killed {
    Stop(Stop),
    /// Nobody has confirmed the state for too long.
    Unknown,
}

impl Killed {
    /// As what a client is told.
    pub(crate) fn refusal(&self, request_id: RequestId) -> Refusal {
        match self {
            Self::Stop(stop) => refusal(&stop.kill, request_id),
            Self::Unknown => {
                let message =
                    "whether a kill switch is on cannot be read; priced requests are refused until it can";
                Refusal::new(Code::LedgerUnavailable, request_id, message)
            }
        }
    }
    /// As what [`Governor::admit`] answers: the next deployment where only this one is stopped.
    pub(crate) fn not_admitted(self, mut story: Box<Story>, deployment: &Deployment) -> NotAdmitted {
        let refusal = self.refusal(story.request_id);
        match self {
            Self::Stop(stop) if stop.per_attempt => {
                story.skipped.push(deployment.skipped(&story.model_asked, "killed"));
                NotAdmitted::TryNext(story, refusal)
            }
            Self::Stop(_) | Self::Unknown => NotAdmitted::Refused(story, refusal),
        }
    }
}

/// A text that cannot be an attribute is in nobody's scope.
fn set(attributes: &mut Attributes, attribute: &Attribute, text: &str) {
    if let Ok(value) = Value::new(text) {
        attributes.set(attribute, value);
    }
}
