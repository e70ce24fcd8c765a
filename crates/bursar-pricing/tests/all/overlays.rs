//! Layers of a price book: a later one wins, row by row, field by field.

use bursar_core::UsageClass;
use bursar_pricing::{PriceBook, RowSpec, file};

use crate::common::{amounts, at, bill, per_million};

const BASE: &str = r#"
[[price]]
provider = "p"
model = "m"
aliases = ["m-2026"]
patterns = ["m-*-preview"]
effective_from = 2026-01-01
source = "base"
input = "1"
output = "2"
context = 1000
[[price]]
provider = "p"
model = "m"
effective_from = 2026-03-01
aliases = ["m-2026"]
source = "base"
input = "10"
output = "20"
context = 1000
"#;

fn overlaid(text: &str) -> PriceBook {
    PriceBook::from_toml(BASE, "built-in").unwrap().overlay_toml(text, "mine").unwrap()
}

fn price(book: &PriceBook, model: &str, date: &str) -> String {
    let row = book.find("p", model, at(date)).unwrap();
    format!("{} {}", row.id(), amounts(&bill(row, "input 1000000, output 1000000")))
}

/// Rules: S4-08.
#[test]
fn a_field_that_the_overlay_does_not_state_stays() {
    let book = overlaid("[[price]]\nprovider = \"p\"\nmodel = \"m\"\noutput = \"5\"\n");
    assert_eq!(price(&book, "m", "2026-01-15"), "p/m@2026-01-01+mine input 1, output 5");
    assert_eq!(price(&book, "m-2026", "2026-03-15"), "p/m@2026-03-01+mine input 10, output 5");
    let row = book.find("p", "m", at("2026-01-15")).unwrap();
    assert_eq!((row.facts().context, row.source(), &**row.origin()), (Some(1000), Some("base"), "mine"));
    assert!(book.find("p", "m", at("2025-01-01")).is_none(), "a fragment alone is no price");
}

#[test]
fn a_dated_overlay_splits_time() {
    let text = "[[price]]\nprovider = \"p\"\nmodel = \"m\"\neffective_from = 2026-02-01\n\
                effective_until = 2026-04-01\ninput = \"7\"\n";
    let book = overlaid(text);
    assert_eq!(price(&book, "m", "2026-01-31"), "p/m@2026-01-01 input 1, output 2");
    assert_eq!(price(&book, "m", "2026-02-01"), "p/m@2026-02-01+mine input 7, output 2");
    assert_eq!(price(&book, "m", "2026-03-01"), "p/m@2026-03-01+mine input 7, output 20");
    assert_eq!(price(&book, "m", "2026-04-01"), "p/m@2026-03-01 input 10, output 20");
    assert_eq!(book.history("p", "m").len(), 4);
}

#[test]
fn an_overlay_on_an_alias_or_a_member_of_a_family_leaves_the_others() {
    let book = overlaid("[[price]]\nprovider = \"p\"\nmodel = \"m-2026\"\ninput = \"9\"\n");
    assert_eq!(price(&book, "m-2026", "2026-01-15"), "p/m-2026@2026-01-01+mine input 9, output 2");
    assert_eq!(price(&book, "m", "2026-01-15"), "p/m@2026-01-01 input 1, output 2");
    let book = overlaid("[[price]]\nprovider = \"p\"\nmodel = \"m-5-preview\"\ninput = \"9\"\n");
    assert_eq!(price(&book, "m-5-preview", "2026-01-15"), "p/m-5-preview@2026-01-01+mine input 9, output 2");
    assert_eq!(price(&book, "m-6-preview", "2026-01-15"), "p/m@2026-01-01 input 1, output 2");
}

#[test]
fn a_new_model_stands_beside_the_old_ones() {
    let book = overlaid("[[price]]\nprovider = \"q\"\nmodel = \"m\"\ninput = \"4\"\n");
    assert_eq!(book.providers_of("m").iter().map(|name| &**name).collect::<Vec<_>>(), ["p", "q"]);
    assert_eq!(book.find("q", "m", at("2020-01-01")).unwrap().id().to_string(), "q/m+mine");
    assert_eq!(book.rows().len(), 3);
}

/// Rules: S4-06, S4-08.
#[test]
fn a_deployments_own_price_wins_for_it_alone() {
    let book = overlaid("");
    let own = RowSpec::default().with(UsageClass::Input, per_million("0.5"));
    let row = book.deployment_row("p", "m", at("2026-01-15"), &own).unwrap();
    assert_eq!(amounts(&bill(&row, "input 1000000, output 1000000")), "input 0.5, output 2");
    assert_eq!(row.id().to_string(), "p/m@2026-01-01+deployment");
    let alone = book.deployment_row("p", "new", at("2026-01-15"), &own).unwrap();
    assert_eq!(alone.id().to_string(), "p/new+deployment");
    assert!(file::parse("").unwrap().is_empty());
}
