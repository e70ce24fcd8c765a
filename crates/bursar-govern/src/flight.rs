//! How many requests are in flight: counted by a value that each one's story carries, so none is counted for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count.
#[derive(Debug, Default)]
pub struct Flights(Arc<AtomicU64>);

/// One request in flight. Dropping it ends the flight.
#[derive(Debug)]
#[must_use = "dropping it ends the flight"]
pub struct InFlight(Arc<AtomicU64>);

impl Flights {
    /// Counts one more, until what is given is dropped.
    pub fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.0))
    }
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_ends_when_its_value_goes() {
        let flights = Flights::default();
        let (one, two) = (flights.enter(), flights.enter());
        assert_eq!(flights.count(), 2);
        drop(one);
        drop(two);
        assert_eq!(flights.count(), 0);
    }
}
