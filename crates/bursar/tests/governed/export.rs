//! Stories of exports: what leaves Bursar is what its records say, to the nano-dollar, in formats that others define.

use crate::house::{House, chat, priced};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

fn export(house: &House, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| {
        Command::new(env!("CARGO_BIN_EXE_bursar"))
            .arg("export")
            .args(arguments)
            .args(["--url", &house.base])
            .env_clear()
            .env("BURSAR_ADMIN_TOKEN", house.token())
            .current_dir(house.data_dir())
            .output()
            .expect("bursar runs")
    })
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Rows of a CSV file by the names of its head: written for this test, and only as clever as RFC 4180.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let (mut lines, mut line, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut text = csv.chars().peekable();
    while let Some(next) = text.next() {
        match next {
            '"' if quoted && text.peek() == Some(&'"') => cell.extend(text.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            other => cell.push(other),
        }
    }
    assert!(cell.is_empty() && line.is_empty() && !quoted, "the file ends with a whole line");
    let mut lines = lines.into_iter();
    let head: Vec<String> = lines.next().expect("a head");
    lines
        .map(|line| {
            assert_eq!(line.len(), head.len(), "{line:?}");
            head.iter().cloned().zip(line).collect()
        })
        .collect()
}

/// Three answered requests, one of them by a session with an evil name, one refused, one that broke off.
async fn busy() -> (House, Vec<Value>) {
    let house = House::with(priced(), DAILY).await;
    for out in [5, 50] {
        assert_eq!(house.chat(&chat(out, false)).await.status, 200);
    }
    let mut headers = house.headers();
    headers.push(("x-bursar-session", "=1+1".to_owned()));
    headers.push(("x-bursar-tags", "team=x,feature=a b".to_owned()));
    assert_eq!(house.send(&headers, chat(7, false).to_string()).await.expect("an answer").status, 200);
    assert_eq!(house.chat(&json!({"model": "nobody", "messages": []})).await.status, 422);
    assert_eq!(house.chat(&crate::house::asking("out=5 fault=drop", false)).await.status, 502);
    house.latest(5).await;
    let listed = house.admin("GET", "/requests?limit=100", &Value::Null).await;
    (house, listed["items"].as_array().cloned().expect("records"))
}

/// CSV, JSON lines and Parquet say the same of every request, refusals included.
/// Rules: S1-18, S4-01, S4-19, S4-72.
#[tokio::test(flavor = "multi_thread")]
async fn every_format_has_every_request_once() {
    let (house, records) = busy().await;
    let csv = text(&export(&house, &["--format", "csv"]));
    let by_csv = rows(&csv);
    let jsonl = text(&export(&house, &["--format", "jsonl"]));
    let by_json: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((by_csv.len(), by_json.len()), (5, 5));
    for ((row, object), record) in by_csv.iter().zip(&by_json).zip(&records) {
        for name in ["id", "status", "list_cost", "effective_cost", "created_at"] {
            assert_eq!(row[name], record[name].as_str().unwrap(), "{name}");
            assert_eq!(object[name], record[name], "{name}");
        }
        let price = if record["price"].is_null() { &Value::Null } else { &record["price"]["id"] };
        assert_eq!(&object["price_row"], price);
    }
    let evil = by_csv.iter().find(|row| !row["session"].is_empty()).expect("the session");
    assert_eq!(evil["session"], "'=1+1", "no spreadsheet computes it");
    assert_eq!(evil["tags"], r#"{"feature":"a b","team":"x"}"#);

    let one = text(&export(&house, &["--format", "jsonl", "--status", "denied"]));
    assert_eq!(one.lines().count(), 1);

    let refused = export(&house, &["--format", "parquet"]);
    assert_eq!(refused.status.code(), Some(64), "Parquet is no text");
    let file = house.data_dir().join("out.parquet");
    let path = file.to_str().expect("UTF-8");
    text(&export(&house, &["--format", "parquet", "--output", path]));
    assert_eq!(parquet(&file), by_json);
    let again = export(&house, &["--format", "csv", "--output", path]);
    assert_eq!(again.status.code(), Some(1), "an existing file is not overwritten");
}

/// A Parquet file read by the reference reader, as the JSON objects it was made of.
fn parquet(path: &Path) -> Vec<Value> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let file = SerializedFileReader::new(std::fs::File::open(path).expect("a file")).expect("Parquet");
    let rows = file.get_row_iter(None).expect("rows");
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => json!(flag),
        Field::Long(number) => json!(number),
        Field::Str(text) => json!(text),
        Field::TimestampMicros(micros) => json!(bursar_core::Timestamp::from_micros(*micros).to_string()),
        Field::Decimal(decimal) => {
            let bytes: [u8; 8] = decimal.data().try_into().expect("eight bytes");
            let places = u32::try_from(decimal.scale()).expect("a scale");
            json!(bursar_core::decimal::format(i64::from_be_bytes(bytes).into(), places))
        }
        other => panic!("an unexpected field {other:?}"),
    };
    rows.map(|row| {
        let row = row.expect("a row");
        Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect())
    })
    .collect()
}

/// What FOCUS 1.2 says of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Decimal,
    Time,
    Json,
}
use Type::{Decimal, Json, Text, Time};

/// The columns of FOCUS 1.2 that the export has, by the specification: name, data type, may be null. The mandatory ones first.
const FOCUS: [(&str, Type, bool); 41] = [
    ("BilledCost", Decimal, false),
    ("BillingAccountId", Text, false),
    ("BillingAccountName", Text, true),
    ("BillingCurrency", Text, false),
    ("BillingPeriodEnd", Time, false),
    ("BillingPeriodStart", Time, false),
    ("ChargeCategory", Text, false),
    ("ChargeClass", Text, true),
    ("ChargeDescription", Text, true),
    ("ChargePeriodEnd", Time, false),
    ("ChargePeriodStart", Time, false),
    ("ContractedCost", Decimal, false),
    ("EffectiveCost", Decimal, false),
    ("InvoiceIssuerName", Text, false),
    ("ListCost", Decimal, false),
    ("PricingQuantity", Decimal, true),
    ("PricingUnit", Text, true),
    ("ProviderName", Text, false),
    ("PublisherName", Text, false),
    ("ServiceCategory", Text, false),
    ("ServiceName", Text, false),
    // Recommended and conditional ones.
    ("ChargeFrequency", Text, false),
    ("ConsumedQuantity", Decimal, true),
    ("ConsumedUnit", Text, true),
    ("ContractedUnitPrice", Decimal, true),
    ("ListUnitPrice", Decimal, true),
    ("PricingCategory", Text, true),
    ("RegionId", Text, true),
    ("RegionName", Text, true),
    ("ResourceId", Text, true),
    ("ResourceName", Text, true),
    ("ResourceType", Text, true),
    ("ServiceSubcategory", Text, false),
    ("SkuId", Text, true),
    ("SkuMeter", Text, true),
    ("SkuPriceDetails", Json, true),
    ("SkuPriceId", Text, true),
    ("SubAccountId", Text, true),
    ("SubAccountName", Text, true),
    ("SubAccountType", Text, true),
    ("Tags", Json, true),
];

/// Columns, types and allowed values are those of the specification, and the rows of a request add up to its record.
/// Rules: C1-14, S4-17, S4-18.
#[tokio::test(flavor = "multi_thread")]
async fn a_focus_export_is_what_the_specification_says_and_ties_to_the_records() {
    let (house, records) = busy().await;
    let csv = text(&export(&house, &["--format", "focus"]));
    let head: Vec<&str> = csv.lines().next().expect("a head").split(',').collect();
    for name in &head {
        assert!(
            FOCUS.iter().any(|(known, ..)| known == name) || name.starts_with("x_"),
            "{name} is not of FOCUS"
        );
    }
    let rows = rows(&csv);
    assert!(rows.len() > 3, "{csv}");
    let scaled = |text: &str| bursar_core::decimal::parse(text, 18).expect("a decimal");
    let mut sums: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for row in &rows {
        for (name, kind, nullable) in &FOCUS {
            let value = &row[*name];
            if value.is_empty() {
                assert!(nullable, "{name} is null: {row:?}");
                continue;
            }
            match kind {
                Text => assert!(!value.trim().is_empty()),
                Decimal => drop(scaled(value)),
                Time => {
                    assert!(value.len() == 20 && value.ends_with('Z'), "{name}: {value}");
                    assert!(bursar_core::Timestamp::parse(value).is_some());
                }
                Json => {
                    drop(serde_json::from_str::<serde_json::Map<String, Value>>(value).expect("an object"));
                }
            }
        }
        assert_eq!((row["ChargeCategory"].as_str(), row["BillingCurrency"].as_str()), ("Usage", "USD"));
        assert_eq!(row["ServiceCategory"], "AI and Machine Learning");
        assert!(row["ChargePeriodStart"] < row["ChargePeriodEnd"]);
        assert!(
            row["BillingPeriodStart"] <= row["ChargePeriodStart"]
                && row["ChargePeriodStart"] < row["BillingPeriodEnd"]
        );
        if row["ChargeClass"].is_empty() {
            let quantity = row["PricingQuantity"].parse::<i128>().expect("a count");
            assert_eq!(scaled(&row["ListUnitPrice"]) * quantity, scaled(&row["ListCost"]), "{row:?}");
            assert_eq!(scaled(&row["ContractedUnitPrice"]) * quantity, scaled(&row["ContractedCost"]));
        } else {
            assert_eq!(row["ChargeClass"], "Correction");
        }
        let sum = sums.entry(&row["x_RequestId"]).or_default();
        sum.0 += scaled(&row["ListCost"]);
        sum.1 += scaled(&row["EffectiveCost"]);
    }
    let nano = 1_000_000_000;
    for record in &records {
        let (list, effective) = sums.remove(record["id"].as_str().unwrap()).unwrap_or_default();
        for (sum, name) in [(list, "list_cost"), (effective, "effective_cost")] {
            let booked = scaled(record[name].as_str().unwrap());
            assert!((0..nano).contains(&(booked - sum)), "{name}: {sum} of {record}");
        }
    }
    assert!(sums.is_empty(), "rows of nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_format_and_a_foreign_cursor_are_named() {
    let house = House::with(priced(), DAILY).await;
    let no = house.admin("GET", "/export/excel", &Value::Null).await;
    assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("format")));
    let no = house.admin("GET", "/export/csv?cursor=zz", &Value::Null).await;
    assert_eq!((&no["status"], &no["field"]), (&json!(422), &json!("cursor")));
}
