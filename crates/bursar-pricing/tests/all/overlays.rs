//! Layers of a price book: a later one wins, row by row, field by field.

use bursar_core::UsageClass;
use bursar_pricing::{DeploymentPrice, PriceBook, RowSpec, file};

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

/// A deployment's own price on a date, with its bill for a million tokens each.
fn deployed(book: &PriceBook, model: &str, date: &str, own: &RowSpec) -> String {
    let price = DeploymentPrice::new(book, "p", model, own).unwrap();
    let row = price.at(at(date)).unwrap();
    format!("{} {}", row.id(), amounts(&bill(row, "input 1000000, output 1000000")))
}

/// It wins field by field, on every date: what it does not state follows the book's rows over time.
/// Rules: S4-06, S4-08.
#[test]
fn a_deployments_own_price_wins_for_it_alone() {
    let book = overlaid("");
    let own = RowSpec::default().with(UsageClass::Input, per_million("0.5"));
    let on = |model, date| deployed(&book, model, date, &own);
    assert_eq!(on("m", "2026-01-15"), "p/m@2026-01-01+deployment input 0.5, output 2");
    assert_eq!(on("m", "2026-03-15"), "p/m@2026-03-01+deployment input 0.5, output 20");
    assert_eq!(on("m", "2025-01-01"), "p/m+deployment input 0.5, output 0.5", "the book has no row yet");
    assert_eq!(on("new", "2026-01-15"), "p/new+deployment input 0.5, output 0.5");
    assert_eq!(price(&book, "m", "2026-01-15"), "p/m@2026-01-01 input 1, output 2");
    assert!(file::parse("").unwrap().is_empty());
}

/// Rules: S4-07, S4-08.
#[test]
fn a_deployments_price_that_prices_nothing_alone_needs_a_row_below() {
    let book = overlaid("");
    let own = RowSpec::default().with(UsageClass::Output, per_million("3"));
    assert_eq!(deployed(&book, "m", "2026-01-15", &own), "p/m@2026-01-01+deployment input 1, output 3");
    let wrong = DeploymentPrice::new(&book, "p", "new", &own).unwrap_err().to_string();
    assert_eq!(
        wrong,
        "price row (p/new): `input` is missing: without it, and without a row in the price book, nothing is priced"
    );
    let price = DeploymentPrice::new(&book, "p", "m", &own).unwrap();
    assert!(price.at(at("2025-01-01")).is_none(), "no price, no call");
    let other = PriceBook::from_toml(&BASE.replace("\"10\"", "\"11\""), "other").unwrap();
    assert_eq!(
        price.over(&other).unwrap().at(at("2026-03-15")).unwrap().id().to_string(),
        "p/m@2026-03-01+deployment"
    );
}

/// A row that a pattern for everything found, as every local model's is: the pattern is the book's, not the deployment's.
/// Rules: S4-06.
#[test]
fn a_deployment_takes_no_names_from_the_family_that_it_was_found_by() {
    let own = RowSpec::default().with(UsageClass::Input, per_million("0.5"));
    let price = DeploymentPrice::new(PriceBook::builtin(), "ollama", "a-model-of-mine:7b", &own).unwrap();
    let row = price.at(at("2026-01-15")).unwrap();
    assert_eq!(amounts(&bill(row, "input 1000000, output 1000000")), "input 0.5, output 0.5");
    assert!(row.spec().patterns.is_empty() && row.spec().aliases.is_empty());
}
