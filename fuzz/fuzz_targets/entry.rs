//! Entries as they stand in the journal: what can be read is written the same again, and an engine that replays any of
//! them either takes it or says why not. Where its invariants hold, its snapshot gives the same state again.

#![no_main]

use bursar_ledger::{Engine, Entry, WindowImage, check_invariants};
use libfuzzer_sys::fuzz_target;

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
    // A forged journal may lead to a state that no engine decides; verification finds it by its invariants.
    if check_invariants(&engine).is_err() {
        return;
    }
    let mut snapshot: Vec<Entry> = Vec::new();
    engine.snapshot(&mut snapshot);
    let mut copy = Engine::new();
    for entry in &snapshot {
        copy.replay(entry).expect("a snapshot cannot be replayed");
    }
    assert_eq!(copy.state_hash(), engine.state_hash());
});
