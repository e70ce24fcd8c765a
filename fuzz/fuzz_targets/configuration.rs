//! Configuration files: any text is read or refused with a report that can be shown, and the same way twice.

#![no_main]

use bursar::config::{Config, Environment, Surroundings, read_budgets_alone, read_server_alone};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    let environment = Environment::new([("A_KEY".to_owned(), "a secret of the environment".to_owned())]);
    let read_file = |_: &Path| Err("no such file".to_owned());
    let surroundings = Surroundings { environment: &environment, read_file: &read_file };
    let read = || Config::read(text, Path::new("bursar.toml"), &surroundings);
    let show = |report: &dyn std::fmt::Display| {
        let shown = report.to_string();
        assert!(!shown.contains("a secret of the environment"), "{shown}");
        shown
    };
    match (read(), read()) {
        (Ok(one), Ok(other)) => assert_eq!(show(&one.warnings), show(&other.warnings)),
        (Err(one), Err(other)) => {
            assert!(!show(&one).is_empty());
            assert_eq!(show(&one), show(&other));
        }
        (one, other) => panic!("read differently twice: {} and {}", one.is_ok(), other.is_ok()),
    }
    let _server = read_server_alone(text, Path::new("bursar.toml"), &surroundings);
    let _budgets = read_budgets_alone(text, Path::new("bursar.toml"), &surroundings);
});
