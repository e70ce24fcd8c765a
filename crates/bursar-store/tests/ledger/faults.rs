//! Every fault at every disk operation of a scripted ledger, then recovery. The oracle: what was acknowledged is there,
//! nothing is invented, the state is exactly that of some moment at or after the last acknowledgement, and every counter
//! can be recomputed from the entries.

use bursar_core::Charge;
use bursar_ledger::{Extend, Outcome, State};
use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::journal::{Durability, Seq};
use bursar_store::ledger::TendError;

use crate::support::{World, at, audit, id, memory, options, usd};

/// Lives until the end of the script or the first failure.
fn live(world: &mut World) -> Result<(), TendError> {
    world.put_budgets()?;
    for round in 0..4u128 {
        let first = round * 10;
        world.now = world.now.plus_seconds(700);
        for number in first + 1..first + 7 {
            let reserved = world.step(|world| world.reserve(number, "ann", 10));
            assert!(reserved.is_ok() || world.ledger.down().is_some(), "{reserved:?}");
            world.step(|world| world.ledger.commit())?;
        }
        let _settled = world.step(|world| world.settle(first + 1, 12))?;
        let _released = world.step(|world| world.release(first + 2))?;
        let extended = world.step(|world| {
            let more = Charge { requests: 0, ..usd(5) };
            let deadline = world.now.plus_seconds(600);
            world.ledger.extend(world.now, Extend { id: id(first + 3), more, deadline })
        })?;
        assert_eq!(extended.outcome, Outcome::Extended);
        world.step(|world| world.ledger.commit())?;
        let tended = world.step(|world| world.ledger.tend(world.now.plus_seconds(601)))?;
        assert_eq!(tended.suspended.len(), 4);
        let _settled = world.step(|world| world.settle(first + 3, 10))?;
        let _forgiven = world.step(|world| world.ledger.forgive(world.now, id(first + 4), audit()))?;
        world.step(|world| world.ledger.commit())?;
        world.ledger.drained(world.ledger.synced_seq());
        world.step(|world| world.ledger.checkpoint())?;
    }
    world.step(|world| world.ledger.close())?;
    Ok(())
}

fn every_fault(durability: Durability, faults: &[Fault]) {
    for fault in faults {
        for ending in [Ending::Killed, Ending::PowerCut] {
            for number in 0.. {
                if !one_fault(durability, *fault, ending, number) {
                    assert!(number > 150, "the script has that many operations: {number}");
                    break;
                }
            }
        }
    }
}

/// Whether the fault was reached.
fn one_fault(durability: Durability, fault: Fault, ending: Ending, number: u64) -> bool {
    let disk = SimulatedDisk::new(number);
    let mut left = number;
    disk.set_hook(Box::new(move |_| {
        left = left.wrapping_sub(1);
        (left == u64::MAX).then_some(fault)
    }));
    let windows = memory();
    let story = format!("{fault:?} at operation {number}, then {ending:?}");
    let opened = World::open(disk.clone(), windows.clone(), options(durability), at(0));
    let world = opened.ok().map(|(mut world, _)| {
        let lived = live(&mut world);
        assert!(lived.is_ok() || disk.operations() > number, "{story}: {lived:?}");
        world
    });
    let reached = disk.operations() > number;
    let power_cut = ending == Ending::PowerCut || matches!(fault, Fault::CutBefore | Fault::CutAfter);
    let acknowledged = world
        .as_ref()
        .map_or(Seq::NONE, |world| if power_cut { world.ledger.synced_seq() } else { world.acknowledged });
    let mut next = options(durability);
    next.boot_id.push_str(if power_cut { "+" } else { "" });
    let now = world.as_ref().map_or(at(0), |world| world.now);
    let (again, recovery) = World::open(disk.restart(ending), windows, next, now)
        .unwrap_or_else(|error| panic!("{story}: {}", chain(&error)));
    assert!(recovery.last >= acknowledged, "{story}: {} of {acknowledged}", recovery.last);
    if let Some(world) = world {
        let expected = world.expected(recovery.last, now);
        let expected = expected.unwrap_or_else(|| panic!("{story}: no step ended at {}", recovery.last));
        let found = again.ledger.look(bursar_ledger::Engine::state_hash).unwrap();
        assert_eq!(found, expected.state_hash(), "{story}: another state at {}", recovery.last);
        let open = expected.open();
        assert!(recovery.suspended.iter().all(|id| open.iter().any(|one| one.reserved.id == *id)));
        assert!(open.iter().all(|one| one.state == State::Suspense));
    }
    let verified = again.ledger.verify().unwrap();
    assert!(verified.is_sound(), "{story}: {verified:#?}");
    again.ledger.close().unwrap();
    reached
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}

const HONEST: [Fault; 5] = [Fault::Broken, Fault::Full, Fault::Torn, Fault::CutBefore, Fault::CutAfter];

#[test]
fn sync_survives_every_fault_at_every_operation() {
    every_fault(Durability::Sync, &HONEST);
}

#[test]
fn fast_survives_every_fault_at_every_operation() {
    every_fault(Durability::Fast, &HONEST);
}
