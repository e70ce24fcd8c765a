//! The circuits of every endpoint and credential, and the permit that a try carries until it has ended.

use crate::circuit::{Change, Circuit, Epoch, Limits, Stop, Went};
use bursar_core::{Timestamp, Value};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Events kept for whoever drains them; the oldest go first. An outage of a hundred endpoints fits twice.
const EVENTS_MAX: usize = 256;
/// Circuits remembered. Configured endpoints and credentials are far fewer; beyond it idle ones are forgotten.
const CIRCUITS_MAX: usize = 10_000;

/// An endpoint, with the credential used towards it where Bursar has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The provider.
    pub provider: Value,
    /// The credential.
    pub credential: Option<Value>,
}

/// What happened to a route, for alerts and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteEvent {
    /// A circuit opened: nothing goes there until then, but to probe.
    CircuitOpened {
        /// Whose.
        endpoint: Endpoint,
        /// When.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// A circuit closed again.
    CircuitClosed {
        /// Whose.
        endpoint: Endpoint,
        /// When.
        at: Timestamp,
    },
}

/// Every circuit.
#[derive(Default)]
pub struct Circuits {
    circuits: Mutex<HashMap<Endpoint, Circuit>>,
    events: Mutex<VecDeque<RouteEvent>>,
}

/// A place that a try has at its endpoint. Dropping it gives the place back.
#[must_use = "dropping a permit gives its place back"]
pub struct Permit {
    circuits: Arc<Circuits>,
    endpoint: Endpoint,
    epoch: Epoch,
    told: Option<Went>,
    is_retry: bool,
}

impl Circuits {
    /// Takes a place for a try. Of a request that tries the same endpoint again (`is_retry`), a failure does not count
    /// a second time.
    ///
    /// # Errors
    /// Why not now.
    pub fn enter(
        self: &Arc<Self>,
        endpoint: Endpoint,
        now: Timestamp,
        limits: Limits,
        lenient: bool,
        is_retry: bool,
    ) -> Result<Permit, Stop> {
        let mut circuits = self.circuits.lock();
        if circuits.len() >= CIRCUITS_MAX && !circuits.contains_key(&endpoint) {
            circuits.retain(|_, circuit| circuit.in_flight() > 0 || circuit.is_open(now));
        }
        let epoch = circuits.entry(endpoint.clone()).or_default().enter(now, limits, lenient)?;
        drop(circuits);
        Ok(Permit { circuits: Arc::clone(self), endpoint, epoch, told: None, is_retry })
    }
    /// Whether an endpoint is avoided for its failures now.
    #[must_use]
    pub fn is_open(&self, endpoint: &Endpoint, now: Timestamp) -> bool {
        self.circuits.lock().get(endpoint).is_some_and(|circuit| circuit.is_open(now))
    }
    /// Endpoints that are avoided for their failures now.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Vec<Endpoint> {
        let circuits = self.circuits.lock();
        circuits
            .iter()
            .filter(|(_, circuit)| circuit.is_open(now))
            .map(|(endpoint, _)| endpoint.clone())
            .collect()
    }
    /// Tries in flight at an endpoint.
    #[must_use]
    pub fn in_flight(&self, endpoint: &Endpoint) -> u32 {
        self.circuits.lock().get(endpoint).map_or(0, Circuit::in_flight)
    }
    /// Takes the events since the last call, oldest first.
    #[must_use]
    pub fn drain_events(&self) -> Vec<RouteEvent> {
        self.events.lock().drain(..).collect()
    }

    fn note(&self, event: RouteEvent) {
        let mut events = self.events.lock();
        if events.len() >= EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(event);
    }
}

impl Permit {
    /// Says how the try went: the first word counts, and that an answer that had begun well broke off.
    pub fn went(&mut self, now: Timestamp, went: Went) {
        let broke = self.told == Some(Went::Well) && went == Went::Badly;
        if (self.told.is_some() && !broke) || (self.is_retry && went == Went::Badly) {
            return;
        }
        self.told = Some(went);
        let mut circuits = self.circuits.circuits.lock();
        let change = circuits.get_mut(&self.endpoint).and_then(|circuit| match broke {
            true => circuit.broke(now, self.epoch),
            false => circuit.went(now, self.epoch, went),
        });
        drop(circuits);
        let endpoint = self.endpoint.clone();
        let credential = endpoint.credential.as_ref().map_or("", Value::as_str);
        match change {
            Some(Change::Opened(until)) => {
                tracing::warn!(provider = %endpoint.provider, credential, %until, "circuit opened");
                self.circuits.note(RouteEvent::CircuitOpened { endpoint, at: now, until });
            }
            Some(Change::Closed) => {
                tracing::info!(provider = %endpoint.provider, credential, "circuit closed");
                self.circuits.note(RouteEvent::CircuitClosed { endpoint, at: now });
            }
            None => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(circuit) = self.circuits.circuits.lock().get_mut(&self.endpoint) {
            circuit.leave(self.epoch, self.told.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::RESULTS_MIN;

    #[test]
    fn an_answer_that_began_well_and_broke_off_is_a_failure() {
        let circuits = Arc::new(Circuits::default());
        let endpoint = Endpoint { provider: Value::new("a").unwrap(), credential: None };
        let now = Timestamp::from_micros(0);
        for _ in 0..RESULTS_MIN {
            let mut permit =
                circuits.enter(endpoint.clone(), now, Limits::default(), false, false).expect("not open yet");
            permit.went(now, Went::Well);
            permit.went(now, Went::Badly);
            permit.went(now, Went::Badly);
            if circuits.is_open(&endpoint, now) {
                break;
            }
        }
        assert!(circuits.is_open(&endpoint, now), "half of its results are failures");
    }

    #[test]
    fn an_opened_circuit_is_an_event_and_a_retry_fails_only_once() {
        let circuits = Arc::new(Circuits::default());
        let endpoint =
            Endpoint { provider: Value::new("a").unwrap(), credential: Some(Value::new("one").unwrap()) };
        let now = Timestamp::from_micros(0);
        let go = |is_retry| {
            let permit = circuits.enter(endpoint.clone(), now, Limits::default(), false, is_retry);
            permit.map(|mut permit| permit.went(now, Went::Badly))
        };
        for _ in 1..RESULTS_MIN {
            go(false).unwrap();
            go(true).unwrap();
        }
        assert_eq!(circuits.drain_events(), []);
        go(false).unwrap();
        let until = now.plus_seconds(30);
        assert_eq!(go(false), Err(Stop::Open(until)));
        assert_eq!(
            circuits.drain_events(),
            [RouteEvent::CircuitOpened { endpoint: endpoint.clone(), at: now, until }]
        );
        assert!(circuits.is_open(&endpoint, now));
        assert_eq!(circuits.in_flight(&endpoint), 0);
    }
}
