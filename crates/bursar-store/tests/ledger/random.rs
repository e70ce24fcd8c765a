//! Random lives of a ledger: any verb in any order, any fault, any ending; then the oracle of the fault tests.

use bursar_core::Charge;
use bursar_ledger::{Engine, Extend};
use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::journal::{Durability, Seq};
use proptest::prelude::*;

use crate::support::{World, at, audit, id, memory, options, usd};

#[derive(Debug, Clone)]
enum Step {
    Reserve { number: u128, user: u8, nanos: i64 },
    Settle { number: u128, nanos: i64 },
    Release(u128),
    Extend { number: u128, nanos: i64 },
    Forgive(u128),
    Commit,
    Tend,
    Checkpoint,
    Pass { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 1..40u128;
    prop_oneof![
        6 => (number(), 0..4u8, 0..200i64).prop_map(|(number, user, nanos)| Step::Reserve { number, user, nanos }),
        4 => (number(), 0..200i64).prop_map(|(number, nanos)| Step::Settle { number, nanos }),
        1 => number().prop_map(Step::Release),
        1 => (number(), 0..90i64).prop_map(|(number, nanos)| Step::Extend { number, nanos }),
        1 => number().prop_map(Step::Forgive),
        4 => Just(Step::Commit),
        1 => Just(Step::Tend),
        1 => Just(Step::Checkpoint),
        1 => (1..8_000i64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

#[derive(Debug, Clone)]
struct Life {
    steps: Vec<Step>,
    fault: Option<(u64, Fault)>,
    ending: Ending,
}

fn life() -> impl Strategy<Value = Life> {
    let fault = prop_oneof![
        Just(Fault::Broken),
        Just(Fault::Full),
        Just(Fault::Torn),
        Just(Fault::CutBefore),
        Just(Fault::CutAfter)
    ];
    let ending = prop_oneof![Just(Ending::Killed), Just(Ending::PowerCut)];
    let fault = prop::option::of((0..300u64, fault));
    (prop::collection::vec(step(), 0..60), fault, ending).prop_map(|(steps, fault, ending)| Life {
        steps,
        fault,
        ending,
    })
}

/// Does one step. Refusals, duplicates and a ledger that is down are all answers.
fn act(world: &mut World, step: &Step) {
    match step {
        Step::Reserve { number, user, nanos } => {
            let user = format!("user {user}");
            drop(world.step(|world| world.reserve(*number, &user, *nanos)));
        }
        Step::Settle { number, nanos } => drop(world.step(|world| world.settle(*number, *nanos))),
        Step::Release(number) => drop(world.step(|world| world.release(*number))),
        Step::Extend { number, nanos } => {
            let more = Charge { requests: 0, ..usd(*nanos) };
            let extend = Extend { id: id(*number), more, deadline: world.now.plus_seconds(600) };
            drop(world.step(|world| world.ledger.extend(world.now, extend)));
        }
        Step::Forgive(number) => {
            drop(world.step(|world| world.ledger.forgive(world.now, id(*number), audit())));
        }
        Step::Commit => drop(world.step(|world| world.ledger.commit())),
        Step::Tend => drop(world.step(|world| world.ledger.tend(world.now))),
        Step::Checkpoint => {
            world.ledger.drained(world.ledger.synced_seq());
            drop(world.step(|world| world.ledger.checkpoint()));
        }
        Step::Pass { seconds } => world.now = world.now.plus_seconds(*seconds),
    }
}

proptest! {
    /// Rules: S1-17, S1-21.
    #[test]
    fn acknowledged_money_is_never_forgotten_and_none_is_invented(
        seed in any::<u64>(),
        fast in any::<bool>(),
        lives in prop::collection::vec(life(), 1..5),
    ) {
        let mut options = options(if fast { Durability::Fast } else { Durability::Sync });
        let (mut disk, windows) = (SimulatedDisk::new(seed), memory());
        let (mut now, mut relied, mut before): (_, Seq, Option<World>) = (at(0), Seq::NONE, None);
        let calm = Life { steps: Vec::new(), fault: None, ending: Ending::Killed };
        for life in lives.into_iter().chain([calm]) {
            if let Some((number, fault)) = life.fault {
                let mut left = number;
                disk.set_hook(Box::new(move |_| {
                    left = left.wrapping_sub(1);
                    (left == u64::MAX).then_some(fault)
                }));
            }
            let opened = World::open(disk.clone(), windows.clone(), options.clone(), now);
            prop_assert!(opened.is_ok() || life.fault.is_some(), "{:?}", opened.err());
            let mut synced = None;
            if let Ok((mut world, recovery)) = opened {
                prop_assert!(recovery.last >= relied, "{} of {relied}", recovery.last);
                let expected = before.as_ref().and_then(|world| world.expected(recovery.last, now));
                if let Some(expected) = expected {
                    let found = world.ledger.look(Engine::state_hash).unwrap();
                    prop_assert_eq!(found, expected.state_hash());
                }
                if recovery.last == Seq::NONE {
                    drop(world.put_budgets());
                }
                for step in &life.steps {
                    act(&mut world, step);
                }
                if world.ledger.down().is_none() {
                    let verified = world.ledger.verify();
                    prop_assert!(verified.is_err() || verified.as_ref().unwrap().is_sound(), "{verified:#?}");
                }
                now = world.now;
                relied = world.acknowledged;
                synced = Some(world.ledger.synced_seq());
                before = Some(world);
            }
            let cut = life.ending == Ending::PowerCut
                || life.fault.is_some_and(|(_, fault)| matches!(fault, Fault::CutBefore | Fault::CutAfter));
            if cut {
                options.boot_id.push('+');
                relied = synced.or(before.as_ref().map(|world| world.ledger.synced_seq())).unwrap_or(relied);
            }
            disk = disk.restart(life.ending);
        }
    }
}
