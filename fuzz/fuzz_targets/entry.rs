//! Entries as they stand in the journal: what can be read is written the same again, and an engine that replays any of
//! them either takes it or says why not. What it took keeps every invariant, its snapshot gives the same state again
//! through bytes, and it can go on from there as after a restart.

#![no_main]

use bursar_core::Timestamp;
use bursar_ledger::{Command, Engine, Entry, Outcome, WindowImage, check_invariants};
use libfuzzer_sys::fuzz_target;

/// Checks the engine, and that its snapshot rebuilds it.
fn hold(engine: &Engine) {
    check_invariants(engine).expect("a replay took what breaks an invariant");
    let mut snapshot: Vec<Entry> = Vec::new();
    engine.snapshot(&mut snapshot);
    let mut copy = Engine::new();
    for entry in &snapshot {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let (read, used) = Entry::decode(&bytes).expect("a piece of a snapshot cannot be read");
        assert_eq!((&read, used), (entry, bytes.len()));
        copy.replay(&read).expect("a snapshot cannot be replayed");
    }
    copy.restored().expect("a snapshot is not whole");
    assert_eq!(copy.state_hash(), engine.state_hash());
    check_invariants(&copy).expect("a snapshot breaks an invariant");
}

fuzz_target!(|data: &[u8]| {
    if let Ok(image) = WindowImage::decode(data) {
        let mut again = Vec::new();
        image.encode(&mut again);
        assert_eq!(WindowImage::decode(&again).expect("a written image is refused"), image);
    }
    let (mut engine, mut rest) = (Engine::new(), data);
    while let Ok((entry, used)) = Entry::decode(rest) {
        assert!(used > 0 && used <= rest.len());
        let mut again = Vec::new();
        entry.encode(&mut again);
        let (same, read) = Entry::decode(&again).expect("a written entry is refused");
        assert_eq!((same, read), (entry.clone(), again.len()));
        if engine.replay(&entry).is_err() {
            return;
        }
        rest = &rest[used..];
    }
    // A snapshot that ends before its last piece is no state.
    if engine.restored().is_err() {
        return;
    }
    hold(&engine);
    // As after a restart: everything in flight goes into suspense, and what is due there is settled.
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let mut journal: Vec<Entry> = Vec::new();
    for command in [Command::Recover, Command::Expire] {
        let outcome = engine.apply(now, command, &mut journal);
        assert!(matches!(outcome, Outcome::Expired(_) | Outcome::Rejected(_)), "{outcome:?}");
    }
    hold(&engine);
});
