//! Random stories: batches, syncs, notes, prunings and ends of every kind, life after life.

use bursar_store::disk::SimulatedDisk;
use bursar_store::disk::simulated::{Ending, Fault};
use bursar_store::journal::Durability;
use proptest::prelude::*;

use crate::support::{Opened, Step, Story, open, options, run};

#[derive(Debug, Clone)]
struct Life {
    steps: Vec<Step>,
    fault: Option<(u64, Fault)>,
    ending: Ending,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(prop_oneof![8 => 0..300usize, 1 => 0..12_000usize], 1..6).prop_map(Step::Append),
        4 => Just(Step::Sync),
        1 => Just(Step::Note),
        1 => Just(Step::Spare),
    ]
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
    let fault = prop::option::of((0..90u64, fault));
    (prop::collection::vec(step(), 0..24), fault, ending).prop_map(|(steps, fault, ending)| Life {
        steps,
        fault,
        ending,
    })
}

proptest! {
    /// Rules: S1-17.
    #[test]
    fn acknowledged_entries_stay_and_none_is_invented(
        seed in any::<u64>(),
        fast in any::<bool>(),
        lives in prop::collection::vec(life(), 1..6),
    ) {
        let durability = if fast { Durability::Fast } else { Durability::Sync };
        let mut disk = SimulatedDisk::new(seed);
        let mut story = Story::default();
        let (mut boot, mut relied) = (0, 0);
        for (number, life) in lives.into_iter().enumerate() {
            let cut = life.fault.is_some_and(|(_, fault)| matches!(fault, Fault::CutBefore | Fault::CutAfter));
            if let Some((at, fault)) = life.fault {
                let mut left = at;
                disk.set_hook(Box::new(move |_| {
                    left = left.wrapping_sub(1);
                    (left == u64::MAX).then_some(fault)
                }));
            }
            if let Ok(Opened { mut journal, entries, .. }) = open(&disk, options(durability, &format!("boot {boot}"))) {
                // Every later life relied on all of the earlier ones that it saw.
                story.judge(entries, relied);
                let _ended = run(&mut journal, &mut story, number as u32, &life.steps);
            }
            disk = disk.restart(life.ending);
            let power_cut = cut || life.ending == Ending::PowerCut;
            boot += u32::from(power_cut);
            if power_cut {
                story.written = story.synced;
            }
            relied = if fast { story.written } else { story.synced };
        }
        let entries = open(&disk, options(durability, &format!("boot {boot}"))).unwrap().entries;
        story.judge(entries, relied);
    }
}
