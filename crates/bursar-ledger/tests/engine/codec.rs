//! Entries as bytes: what was written is read, what is torn or foreign is refused, old bytes stay readable.

use crate::world::{World, attribute, attributes, audit, daily, id, nanos};
use bursar_ledger::{
    Adjust, AdjustmentId, Command, DecodeError, Entry, Extend, HoldPolicy, Missing, Mode, OnExpiry, Outcome,
    PeriodKind, Progress, ProvablyUnbilled, Raise, Settle, SuspenseCause, SuspensePolicy, Threshold,
    WindowId,
};
use jiff::civil::{Weekday, date};
use proptest::prelude::*;

/// A journal with every kind of entry in it.
fn journal() -> Vec<Entry> {
    let mut rich = daily(2, 1_000).matching(attribute("model"), &["gpt-*", "o3"]).per(attribute("tag.team"));
    rich.period.kind = PeriodKind::Week { start: Weekday::Sunday };
    rich.period.zone = bursar_ledger::Zone::parse("Asia/Taipei").unwrap();
    rich.thresholds = vec![Threshold::Percent(50), Threshold::Amount(7)];
    (rich.mode, rich.hold, rich.missing) = (Mode::Shadow, HoldPolicy::Streaming, Missing::Skip);
    (rich.suspense, rich.on_expiry) = (SuspensePolicy::EstimateAfter { seconds: 60 }, OnExpiry::Deactivate);
    rich.raise = Some(Raise { amount: 5, until: rich.since, reason: "because".into() });
    rich.fit = [bursar_ledger::Fit::Wait, bursar_ledger::Fit::Clamp].into_iter().collect();
    let mut cycle = daily(3, 5).per(attribute("run"));
    cycle.period.kind = PeriodKind::Days { days: 7, anchor: date(2026, 1, 1) };
    (cycle.mode, cycle.limit) = (Mode::Soft, None);
    let mut world = World::with(&[daily(1, 100), rich, cycle]);
    let request = attributes(&[("model", "gpt-4o"), ("tag.team", "söderzön"), ("run", "r1")]);
    for n in 1..=6 {
        world.reserve(n, &request, nanos(10));
    }
    let deadline = world.now.plus_seconds(900);
    let settle = |n| Settle { id: id(n), charge: nanos(15), estimated: true, record: [1, 2, 3].into() };
    let audit = audit();
    let commands = [
        Command::Extend(Extend { id: id(1), more: nanos(1), deadline }),
        Command::Progress(Progress {
            id: id(1),
            deadline: deadline.plus_seconds(9),
            estimate: Some(nanos(4)),
        }),
        Command::Settle(settle(1)),
        Command::Release {
            id: id(2),
            reason: ProvablyUnbilled::Rejected { status: 503 },
            record: [9].into(),
        },
        Command::Release { id: id(6), reason: ProvablyUnbilled::ConnectFailed, record: [].into() },
        Command::Suspend { id: id(3), cause: SuspenseCause::NoAnswer, record: [].into() },
        Command::Forgive { id: id(3), audit: audit.clone() },
        Command::Recover,
        Command::Adjust(Adjust {
            id: AdjustmentId(u128::MAX),
            reservation: Some(id(1)),
            parts: vec![(WindowId(1), -3)],
            audit,
        }),
        Command::Granted { window: WindowId(1), total: i64::MAX },
        Command::GiveBack { window: WindowId(1), amount: 5 },
        Command::RemoveBudget(bursar_ledger::BudgetId(2)),
    ];
    for command in commands {
        let outcome = world.apply(command.clone());
        assert!(!matches!(outcome, Outcome::Rejected(_) | Outcome::Unknown), "{command:?}: {outcome:?}");
    }
    world.settle(4, nanos(2));
    world.settle(5, nanos(2));
    world.reserve(7, &attributes(&[]), nanos(3));
    world.pass(1_000_000);
    let (images, _) = world.engine.cold(world.now, 0, 100);
    let windows = images.iter().map(|image| (image.id, image.changed)).collect();
    assert!(matches!(world.apply(Command::PageOut(windows)), Outcome::PagedOut(n) if n > 0));
    let image = Box::new(images[0].clone());
    assert_eq!(world.apply(Command::PageIn(image)), Outcome::PagedIn);
    let mut journal = world.journal;
    world.engine.snapshot(&mut journal);
    journal
}

fn bytes(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    bytes
}

fn read(mut bytes: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (entry, used) = Entry::decode(bytes)?;
        entries.push(entry);
        bytes = &bytes[used..];
    }
    Ok(entries)
}

#[test]
fn what_was_written_is_read() {
    let journal = journal();
    assert_eq!(read(&bytes(&journal)).unwrap(), journal);
}

#[test]
fn every_cut_is_noticed() {
    for entry in journal() {
        let whole = bytes(std::slice::from_ref(&entry));
        for len in 0..whole.len() {
            assert!(Entry::decode(&whole[..len]).is_err(), "{len} bytes of {entry:?}");
        }
    }
}

#[test]
fn entries_of_the_first_release_are_read() {
    let golden = include_bytes!("golden-1.bin");
    let current = bytes(&journal());
    if std::env::var_os("BURSAR_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/golden-1.bin"), &current).unwrap();
    }
    assert_eq!(read(golden).unwrap(), journal());
    assert_eq!(
        golden.as_slice(),
        current,
        "the format changed: raise the version of what changed, keep the golden file"
    );
}

#[test]
fn a_reserve_and_a_settle_are_small() {
    let mut world = World::with(&[1, 2, 3, 4, 5].map(|id| daily(id, i64::MAX / 4)));
    world.reserve(1, &attributes(&[]), nanos(30_000_000));
    world.settle(1, nanos(2_000_000));
    let sizes: Vec<usize> =
        world.journal.iter().rev().take(2).map(|entry| bytes(std::slice::from_ref(entry)).len()).collect();
    assert!(sizes.iter().all(|size| *size < 96), "{sizes:?}");
}

proptest! {
    #[test]
    fn noise_is_refused_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Entry::decode(&noise);
        let _ = bursar_ledger::WindowImage::decode(&noise);
    }

    #[test]
    fn a_flipped_bit_never_panics(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut whole = bytes(&journal());
        let at = at.index(whole.len());
        whole[at] ^= 1 << bit;
        if let Ok(entries) = read(&whole) {
            let mut engine = bursar_ledger::Engine::new();
            for entry in &entries {
                if engine.replay(entry).is_err() {
                    break;
                }
            }
        }
    }
}
