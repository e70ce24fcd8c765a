//! Whatever stands in the files: no panic, and never an entry that was not written.

use bursar_store::disk::simulated::Ending;
use bursar_store::disk::{Disk, SimulatedDisk};
use bursar_store::journal::Durability;
use proptest::prelude::*;

use crate::support::{Story, open, options, run, script};

proptest! {
    #[test]
    fn bytes_in_any_wrong_place_are_refused_or_harmless(
        changes in prop::collection::vec((0..3usize, 0..66_000usize, prop::collection::vec(any::<u8>(), 1..600)), 1..4),
        moved in prop::option::of((0..3usize, 0..128usize, 0..3usize, 0..128usize)),
        cut in prop::option::of((0..3usize, 0..70_000usize)),
        boot in prop_oneof![Just("boot"), Just("next boot")],
    ) {
        let disk = SimulatedDisk::new(1);
        let mut story = Story::default();
        let mut journal = open(&disk, options(Durability::Sync, "boot")).unwrap().journal;
        run(&mut journal, &mut story, 0, &script()).unwrap();
        let names = disk.list().unwrap();
        let mut files: Vec<Vec<u8>> = names.iter().map(|name| disk.content(name).unwrap()).collect();
        let count = files.len();
        if let Some((from, block, to, place)) = moved {
            let source = files[from % count][block * 512..block * 512 + 512].to_vec();
            files[to % count][place * 512..place * 512 + 512].copy_from_slice(&source);
        }
        for (file, start, bytes) in changes {
            let file = &mut files[file % count];
            let start = start.min(file.len() - 1);
            let end = (start + bytes.len()).min(file.len());
            file[start..end].copy_from_slice(&bytes[..end - start]);
        }
        if let Some((file, length)) = cut {
            files[file % count].truncate(length);
        }
        let disk = disk.restart(Ending::Killed);
        for (name, bytes) in names.iter().zip(files) {
            disk.put(name, bytes);
        }
        if let Ok(opened) = open(&disk, options(Durability::Sync, boot)) {
            story.judge(opened.entries, 0);
        }
    }
}
