//! How fast settings are changed and read whole.
//!
//! `cargo bench -p bursar-store --bench settings`. Ten thousand keys; a change waits for the disk.

#![expect(clippy::expect_used, reason = "a benchmark stops at a failure")]

use bursar_core::Timestamp;
use bursar_store::settings::{
    Key, KeyHash, KeyId, KeyKind, ManagedBy, Project, Settings, SettingsError, Stamp,
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const KEYS: u128 = 10_000;

fn settings(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let now = Timestamp::from_micros(1_772_323_200_000_000);
    let settings = Settings::open(&dir.path().join("settings.db"), now).expect("settings");
    let stamp = Stamp::new("bench", now);
    settings
        .change(&stamp, |change| -> Result<(), SettingsError> {
            change.create_project(&Project::new("alpha", ManagedBy::Api))?;
            for n in 1..=KEYS {
                let mut hash = [0; 32];
                hash[..16].copy_from_slice(&n.to_be_bytes());
                let id = KeyId::from_u128(n);
                change.create_key(&Key::new(id, "bk-", KeyHash(hash), "alpha", KeyKind::Member))?;
            }
            Ok(())
        })
        .expect("made");
    let mut group = c.benchmark_group("settings");
    group.sample_size(20);
    group.bench_function("change one key", |bencher| {
        bencher.iter(|| {
            let (key, _) = settings.key(KeyId::from_u128(7)).expect("read");
            let blocked = !key.blocked;
            settings.change(&stamp, |change| change.update_key(&Key { blocked, ..key })).expect("changed")
        });
    });
    group.bench_function("snapshot of 10,000 keys", |bencher| {
        bencher.iter(|| black_box(settings.snapshot().expect("read")));
    });
    group.finish();
}

criterion_group!(benches, settings);
criterion_main!(benches);
