//! The plain recount: adds up what the entries say and knows nothing of decisions.

use std::collections::BTreeMap;

use bursar_core::amount::CostBasis;
use bursar_core::{Charge, Measure, ReservationId};
use bursar_ledger::{Engine, Entry, Settled, State, WindowId, WindowIds, WindowImage, WindowKey};

/// Counters of one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counters {
    settled: i64,
    suspense: i64,
    held: i64,
    overage: i64,
}

impl Counters {
    /// The words of the standings.
    pub(super) const WORDS: [&'static str; 4] = ["settled", "suspense", "held", "overage"];

    pub(super) fn of(image: &WindowImage) -> Self {
        Self { settled: image.settled, suspense: image.suspense, held: image.held, overage: image.overage }
    }
    pub(super) fn get(&self, word: &str) -> i64 {
        match word {
            "settled" => self.settled,
            "suspense" => self.suspense,
            "held" => self.held,
            _ => self.overage,
        }
    }
}

/// What the entries add up to.
#[derive(Debug, Default)]
pub(super) struct Recount {
    windows: BTreeMap<WindowId, Counters>,
    measures: BTreeMap<WindowId, (Measure, CostBasis)>,
    keys: BTreeMap<WindowId, WindowKey>,
    /// Those that left memory and did not come back.
    paged: BTreeMap<WindowId, Counters>,
    open: BTreeMap<ReservationId, Open>,
}

#[derive(Clone, Debug)]
struct Open {
    hold: Charge,
    windows: WindowIds,
    state: State,
}

impl Recount {
    /// Starts from what a checkpoint recorded.
    pub(super) fn of(engine: &Engine) -> Self {
        let mut recount = Self::default();
        for image in engine.images(0) {
            recount.put(&image);
        }
        for open in engine.open() {
            let (hold, windows) = (open.reserved.hold, open.reserved.windows);
            recount.open.insert(open.reserved.id, Open { hold, windows, state: open.state });
        }
        recount
    }
    pub(super) fn windows(&self) -> &BTreeMap<WindowId, Counters> {
        &self.windows
    }
    /// The windows that left memory and did not come back, with what the entries add up to for them.
    pub(super) fn paged(&self) -> Vec<(WindowId, WindowKey, Counters)> {
        let paged = self.paged.iter();
        paged.filter_map(|(id, counters)| Some((*id, self.keys.get(id)?.clone(), *counters))).collect()
    }
    /// Adds one entry.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Opened(image) => self.put(image),
            Entry::PagedIn { image, .. } => {
                if self.paged.remove(&image.id).is_some_and(|left| left != Counters::of(image)) {
                    return Err("it brings a window back with other counters than it left with".to_owned());
                }
                self.put(image);
            }
            Entry::Reserved(reserved) => {
                let (hold, windows) = (reserved.hold, reserved.windows.clone());
                self.change(&windows, &hold, |counters, part| plus(&mut counters.held, part))?;
                self.open.insert(reserved.id, Open { hold, windows, state: State::Live });
            }
            Entry::Extended { id, more, .. } => self.extend(*id, more)?,
            Entry::Settled(settled) => self.settle(settled)?,
            Entry::Released { id, .. } | Entry::Forgiven { id, .. } => {
                let open = self.close(*id)?;
                self.give_back(&open)?;
            }
            Entry::Suspended { id, .. } => {
                let mut open = self.close(*id)?;
                self.give_back(&open)?;
                self.change(&open.windows, &open.hold, |counters, part| plus(&mut counters.suspense, part))?;
                open.state = State::Suspense;
                self.open.insert(*id, open);
            }
            Entry::Adjusted { parts, .. } => {
                for (window, delta) in parts {
                    let counters = self.windows.get_mut(window).ok_or("it adjusts an unknown window")?;
                    plus(&mut counters.settled, *delta)?;
                    plus(&mut counters.overage, (*delta).max(0))?;
                }
            }
            Entry::PagedOut { windows, .. } => {
                for window in windows {
                    let left = self.windows.remove(window).ok_or("it pages out an unknown window")?;
                    self.paged.insert(*window, left);
                }
            }
            Entry::Progressed { .. }
            | Entry::BudgetPut { .. }
            | Entry::BudgetRemoved { .. }
            | Entry::Granted { .. }
            | Entry::GaveBack { .. }
            | Entry::Image(_) => {}
        }
        Ok(())
    }

    fn put(&mut self, image: &WindowImage) {
        self.windows.insert(image.id, Counters::of(image));
        self.measures.insert(image.id, (image.measure, image.cost_basis));
        self.keys.insert(image.id, image.key.clone());
    }

    fn extend(&mut self, id: ReservationId, more: &Charge) -> Result<(), String> {
        let open = self.open.get_mut(&id).ok_or("it extends an unknown reservation")?;
        let sum = |one: bursar_core::Usd, other| one.checked_add(other).ok_or("a hold overflows");
        open.hold = Charge {
            list: sum(open.hold.list, more.list)?,
            effective: sum(open.hold.effective, more.effective)?,
            tokens: open.hold.tokens.checked_add(more.tokens).ok_or("a hold overflows")?,
            requests: open.hold.requests.checked_add(more.requests).ok_or("a hold overflows")?,
        };
        let windows = open.windows.clone();
        self.change(&windows, more, |counters, part| plus(&mut counters.held, part))
    }

    fn settle(&mut self, settled: &Settled) -> Result<(), String> {
        let open = self.close(settled.id)?;
        self.give_back(&open)?;
        let (hold, charge) = (open.hold, settled.charge);
        for window in &open.windows {
            let (was, is) = (self.part(*window, &hold)?, self.part(*window, &charge)?);
            let counters = self.windows.get_mut(window).ok_or("it settles in an unknown window")?;
            plus(&mut counters.settled, is)?;
            plus(&mut counters.overage, is.saturating_sub(was).max(0))?;
        }
        Ok(())
    }

    fn close(&mut self, id: ReservationId) -> Result<Open, String> {
        self.open.remove(&id).ok_or_else(|| "it ends an unknown reservation".to_owned())
    }

    /// Takes a hold out of the counter in which it is.
    fn give_back(&mut self, open: &Open) -> Result<(), String> {
        let live = open.state == State::Live;
        self.change(&open.windows, &open.hold, |counters, part| {
            plus(if live { &mut counters.held } else { &mut counters.suspense }, part.saturating_neg())
        })
    }

    fn change(
        &mut self,
        windows: &WindowIds,
        charge: &Charge,
        change: impl Fn(&mut Counters, i64) -> Result<(), String>,
    ) -> Result<(), String> {
        for window in windows {
            let part = self.part(*window, charge)?;
            let counters = self.windows.get_mut(window).ok_or("it names an unknown window")?;
            change(counters, part)?;
        }
        Ok(())
    }

    fn part(&self, window: WindowId, charge: &Charge) -> Result<i64, String> {
        let (measure, basis) = self.measures.get(&window).ok_or("it names an unknown window")?;
        Ok(charge.of(*measure, *basis))
    }
}

fn plus(counter: &mut i64, amount: i64) -> Result<(), String> {
    *counter = counter.checked_add(amount).ok_or("a counter overflows")?;
    Ok(())
}
