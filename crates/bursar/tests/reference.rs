//! The reference in `docs/` says what the code does.

use std::path::Path;

#[test]
fn the_configuration_reference_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let wanted = bursar::config::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == wanted,
        "run `UPDATE_DOCS=1 cargo test -p bursar --test reference` and look at the difference"
    );
}

#[test]
fn the_reference_of_metrics_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let wanted = bursar_control::metrics::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == wanted,
        "run `UPDATE_DOCS=1 cargo test -p bursar --test reference` and look at the difference"
    );
}

#[test]
fn every_field_is_explained() {
    let text = bursar::config::reference();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(
            cells.len(),
            if cells[0].starts_with("`BURSAR_") || cells[0].contains("COLOR") || cells[0].contains("OPENAI") {
                2
            } else {
                4
            },
            "{line}"
        );
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}
