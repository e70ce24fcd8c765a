//! Kill switches on their way from an operator to the data plane, and what becomes of them with time.
//!
//! A stop reaches the data plane before it is stored; a start again only after. Whoever may not wait for the disk (the
//! file's watcher, the signal) leaves a note that [`State::tend_kills`] writes into the audit trail.

use crate::state::{ControlError, State};
use bursar_core::{Scope, Timestamp};
use bursar_govern::kill::{Kill, KillChange, KillEvent, KillSource};
use bursar_store::settings::{KillSwitch, SettingsError, Stamp};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long before its end a switch is said to be expiring: time enough for a person to decide.
pub const EXPIRING_S: i64 = 3_600;
/// Notes that wait for the audit trail: a file that is written and removed ten times a second for a minute.
const NOTES_MAX: usize = 600;

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillOrder {
    /// What to stop.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Whether to end what is in flight.
    pub cut: bool,
    /// Until when; absent: until somebody turns it off.
    pub until: Option<Timestamp>,
}

/// What the control plane remembers about kill switches.
#[derive(Default)]
pub(crate) struct KillDesk {
    /// Held from reading the stored switches until the data plane has them, so that no older state follows a newer one.
    order: Mutex<Told>,
    notes: Mutex<VecDeque<Note>>,
}

/// Switches whose coming end was told, by number and end.
type Told = Vec<(i64, Timestamp)>;

/// A change that still has to be written down.
struct Note {
    at: Timestamp,
    actor: Arc<str>,
    before: Option<Kill>,
    after: Option<Kill>,
}

impl State {
    /// Turns a kill switch on, or replaces the one on the same scope.
    ///
    /// # Errors
    /// When the settings refuse it: it is not on then.
    pub fn kill_on(&self, actor: &str, order: &KillOrder) -> Result<Kill, ControlError> {
        let mut told = self.kill_desk.order.lock();
        let now = self.now();
        let kills = self.governor.kills();
        let kill = Kill {
            scope: order.scope.clone(),
            reason: order.reason.as_str().into(),
            cut: order.cut,
            actor: actor.into(),
            since: now,
            until: order.until,
            source: KillSource::Api,
        };
        let others = |other: &Kill| other.source == KillSource::Api && other.scope != order.scope;
        let stored = kills.list(now).into_iter().filter(others);
        kills.replace(KillSource::Api, stored.chain([kill]).collect(), None);
        let made = self.settings.change(&Stamp::new(actor, now), |change| {
            change.turn_on_kill_switch(&order.scope, &order.reason, order.cut, order.until)
        });
        let refreshed = self.refresh(&mut told, now);
        let kill = of(made?);
        refreshed?;
        self.tell(KillChange::On, &kill, actor);
        Ok(kill)
    }
    /// Turns the stored kill switch of exactly `scope` off.
    ///
    /// # Errors
    /// When none is on there, or the settings cannot be written: it is on as before then.
    pub fn kill_off(&self, actor: &str, scope: &Scope) -> Result<KillSwitch, ControlError> {
        let mut told = self.kill_desk.order.lock();
        let now = self.now();
        let stamp = Stamp::new(actor, now);
        let off = self.settings.change(&stamp, |change| change.turn_off_kill_switch(scope))?;
        self.refresh(&mut told, now)?;
        self.tell(KillChange::Off, &of(off.clone()), actor);
        Ok(off)
    }
    /// Turns the kill switch of a file or signal on, changes it, or turns it off. Never waits for the disk.
    pub fn kill_locally(&self, source: KillSource, actor: &str, order: Option<&KillOrder>) {
        let now = self.now();
        let kills = self.governor.kills();
        let before = kills.list(now).into_iter().find(|kill| kill.source == source);
        let after = order.map(|order| Kill {
            scope: order.scope.clone(),
            reason: order.reason.as_str().into(),
            cut: order.cut,
            actor: actor.into(),
            since: before.as_ref().map_or(now, |kill| kill.since),
            until: order.until,
            source,
        });
        kills.replace(source, after.clone().into_iter().collect(), Some(now));
        if before == after {
            return;
        }
        match (&before, &after) {
            (_, Some(kill)) => self.tell(KillChange::On, kill, actor),
            (Some(kill), None) => self.tell(KillChange::Off, kill, actor),
            (None, None) => {}
        }
        let mut notes = self.kill_desk.notes.lock();
        if notes.len() < NOTES_MAX {
            notes.push_back(Note { at: now, actor: actor.into(), before, after });
        } else {
            tracing::error!(actor, "a change of the kill switch is not in the audit trail: too many wait");
        }
    }
    /// Confirms the stored switches, writes down what waits, tells of ends that come near, and lifts what has ended. To be
    /// called about once a second.
    ///
    /// # Errors
    /// When the settings cannot be read or written. Read too long ago, the state counts as unknown.
    pub fn tend_kills(&self) -> Result<(), ControlError> {
        let now = self.now();
        self.refresh(&mut self.kill_desk.order.lock(), now)?;
        self.write_notes()
    }
    /// Reads the stored switches and hands them to the data plane.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn publish_kills(&self) -> Result<(), ControlError> {
        self.refresh(&mut self.kill_desk.order.lock(), self.now())
    }

    fn refresh(&self, told: &mut Told, now: Timestamp) -> Result<(), ControlError> {
        let rows = self.settings.kill_switches_on()?;
        let (ended, on): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.until.is_some_and(|until| until <= now));
        self.governor.kills().replace(KillSource::Api, on.iter().cloned().map(of).collect(), Some(now));
        told.retain(|(id, _)| on.iter().any(|row| row.id == *id));
        for row in on {
            let Some(until) = row.until.filter(|until| *until <= now.plus_seconds(EXPIRING_S)) else {
                continue;
            };
            if !told.contains(&(row.id, until)) {
                told.push((row.id, until));
                self.tell(KillChange::Expiring, &of(row), "expiry");
            }
        }
        for row in ended {
            let stamp = Stamp::new("expiry", now);
            self.settings.change(&stamp, |change| change.turn_off_kill_switch(&row.scope).map(drop))?;
            self.tell(KillChange::Expired, &of(row), "expiry");
        }
        Ok(())
    }
    fn write_notes(&self) -> Result<(), ControlError> {
        loop {
            let Some(note) = self.kill_desk.notes.lock().pop_front() else { return Ok(()) };
            let one = note.after.as_ref().or(note.before.as_ref());
            let name = one.map_or_else(String::new, |kill| format!("{} ({})", kill.scope, note.actor));
            let row = |kill: &Option<Kill>| kill.as_ref().map(stored);
            let (before, after) = (row(&note.before), row(&note.after));
            let written = self.settings.change(&Stamp::new(&note.actor, note.at), |change| {
                change.note_kill_switch(&name, before.as_ref(), after.as_ref())
            });
            if let Err(error) = written {
                let error: SettingsError = error;
                self.kill_desk.notes.lock().push_front(note);
                return Err(error.into());
            }
        }
    }
    fn tell(&self, change: KillChange, kill: &Kill, actor: &str) {
        let event = KillEvent { change, kill: kill.clone(), actor: actor.into() };
        self.governor.ports().observer.kill(&event);
    }
}

/// The data plane's view of a stored switch.
fn of(row: KillSwitch) -> Kill {
    Kill {
        scope: row.scope,
        reason: row.reason.into(),
        cut: row.cut_streams,
        actor: row.actor.into(),
        since: row.since,
        until: row.until,
        source: KillSource::Api,
    }
}

/// A switch that is not stored, as the audit trail shows those that are.
fn stored(kill: &Kill) -> KillSwitch {
    KillSwitch {
        id: 0,
        scope: kill.scope.clone(),
        reason: kill.reason.to_string(),
        cut_streams: kill.cut,
        actor: kill.actor.to_string(),
        since: kill.since,
        until: kill.until,
        lifted_at: None,
        lifted_by: None,
    }
}
