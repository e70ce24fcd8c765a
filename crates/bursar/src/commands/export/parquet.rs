//! Writes chunks of JSON lines as a Parquet file: each chunk is a row group, so one chunk is all that is in memory.

use crate::exit::Failure;
use anyhow::Context as _;
use bursar_control::export::{Column, Kind, records::COLUMNS};
use bursar_core::{Timestamp, decimal};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value};
use std::fs::File;
use std::sync::Arc;

/// Digits of a decimal that a 64-bit integer holds for sure.
const DECIMAL_DIGITS: u32 = 18;

/// A Parquet file in the making.
pub(super) struct Writer {
    file: SerializedFileWriter<File>,
}

/// A row as it came.
type Row = Map<String, Value>;

impl Writer {
    /// An empty file.
    pub(super) fn new(file: File) -> Result<Self, Failure> {
        let schema = parse_message_type(&schema()).context("the schema is none")?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("bursar ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()));
        Ok(Self { file: file.context("the file cannot be written")? })
    }
    /// Appends a row group.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows: Result<Vec<Row>, _> = lines.map(serde_json::from_slice).collect();
        let rows = rows.context("the server's answer is not understood")?;
        if rows.is_empty() {
            return Ok(());
        }
        let broken = "the file cannot be written";
        let mut group = self.file.next_row_group().context(broken)?;
        for column in &COLUMNS {
            let writer = group.next_column().context(broken)?.context("the schema has too few columns")?;
            put(writer, column, &rows)?;
        }
        group.close().context(broken)?;
        Ok(())
    }
    /// Writes the footer and waits until the file lasts.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let file = self.file.into_inner().context("the file cannot be finished")?;
        Ok(file.sync_all()?)
    }
}

/// The schema in Parquet's own notation. Everything may be absent.
fn schema() -> String {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Text => ("binary", " (UTF8)".to_owned()),
            Kind::Integer => ("int64", String::new()),
            Kind::Decimal(places) => ("int64", format!(" (DECIMAL({DECIMAL_DIGITS},{places}))")),
            Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))".to_owned()),
            Kind::Flag => ("boolean", String::new()),
        };
        format!("optional {physical} {}{logical};", column.name)
    };
    let fields: Vec<String> = COLUMNS.iter().map(field).collect();
    format!("message records {{ {} }}", fields.join(" "))
}

fn put(mut writer: SerializedColumnWriter<'_>, column: &Column, rows: &[Row]) -> Result<(), Failure> {
    let value = |row: &Row| row.get(column.name).filter(|value| !value.is_null()).cloned();
    let cells: Vec<Option<Value>> = rows.iter().map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let present = cells.into_iter().flatten();
    let wrong = || format!("the server's answer has something else than expected in `{}`", column.name);
    let written = match column.kind {
        Kind::Text => {
            let text = |value: Value| value.as_str().map(|text| ByteArray::from(text.as_bytes().to_vec()));
            let values: Option<Vec<_>> = present.map(text).collect();
            let values = values.with_context(wrong)?;
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)
        }
        Kind::Flag => {
            let values: Option<Vec<bool>> = present.map(|value| value.as_bool()).collect();
            writer.typed::<BoolType>().write_batch(&values.with_context(wrong)?, Some(&levels), None)
        }
        Kind::Integer | Kind::Decimal(_) | Kind::Time => {
            let values: Option<Vec<i64>> = present.map(|value| integer(column.kind, &value)).collect();
            writer.typed::<Int64Type>().write_batch(&values.with_context(wrong)?, Some(&levels), None)
        }
    };
    written.context("the file cannot be written")?;
    Ok(writer.close().context("the file cannot be written")?)
}

/// The number that stands for a value.
fn integer(kind: Kind, value: &Value) -> Option<i64> {
    match kind {
        Kind::Integer => value.as_i64(),
        Kind::Decimal(places) => i64::try_from(decimal::parse(value.as_str()?, places).ok()?).ok(),
        Kind::Time => Timestamp::parse(value.as_str()?).map(Timestamp::micros),
        Kind::Text | Kind::Flag => None,
    }
}
