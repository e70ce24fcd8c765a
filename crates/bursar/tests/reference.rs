//! The reference in `docs/` says what the code does.

use std::path::Path;

#[test]
fn the_configuration_reference_is_that_of_the_code() {
    is_as_the_code_says("configuration", &bursar::config::reference());
}

#[test]
fn the_reference_of_metrics_is_that_of_the_code() {
    is_as_the_code_says("metrics", &bursar_control::metrics::reference());
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

/// Compares a page of the reference with what the code writes, after writing it where that is asked for.
#[track_caller]
fn is_as_the_code_says(page: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/reference/{page}.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == wanted,
        "run `UPDATE_DOCS=1 cargo test -p bursar --test reference` and look at the difference"
    );
}
