//! Every direct dependency has its line in the decision about dependencies, and no line is left over.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_dependency_says_why() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/decisions/0001-dependencies.md")).unwrap();
    let named: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let mut used = BTreeSet::new();
    for folder in std::fs::read_dir(root.join("crates")).unwrap() {
        let manifest = std::fs::read_to_string(folder.unwrap().path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten();
            used.extend(names.map(|(name, _)| name.clone()).filter(|name| !name.starts_with("bursar")));
        }
    }
    let used: BTreeSet<&str> = used.iter().map(String::as_str).collect();
    let without: Vec<_> = used.difference(&named).collect();
    let gone: Vec<_> = named.difference(&used).collect();
    assert!(without.is_empty(), "no line in docs/decisions/0001-dependencies.md: {without:?}");
    assert!(gone.is_empty(), "a line too many in docs/decisions/0001-dependencies.md: {gone:?}");
}
