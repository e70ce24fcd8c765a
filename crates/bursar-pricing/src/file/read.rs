//! Reads price files: every error names the row, the field and what would be right.

use bursar_core::{ApiFormat, Pattern};
use toml::{Table, Value};

use crate::class::RateClass;
use crate::file::check::check;
use crate::file::error::Invalid;
use crate::file::fields::{Fields, factor};
use crate::limits::{FILE_BYTES_MAX, ROWS_MAX};
use crate::spec::{Facts, FreeUses, Period, RowSpec, ServiceTierSpec, TierSpec};
use crate::vendor::CacheFactors;

/// Reads and checks every row of a price file.
///
/// # Errors
/// Everything that is wrong, one [`Invalid`] per row; never an empty list.
pub fn parse(text: &str) -> Result<Vec<RowSpec>, Vec<Invalid>> {
    let whole = |problem: String| vec![Invalid::new("(file)", "price", problem)];
    if text.len() > FILE_BYTES_MAX {
        return Err(whole(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let file = text.parse::<Table>().map_err(|error| whole(format!("cannot be read as TOML: {error}")))?;
    if let Some(other) = file.keys().find(|key| *key != "price") {
        return Err(whole(format!("is the only table of a price file: `{other}` is unknown")));
    }
    let rows = match file.get("price") {
        None => return Ok(Vec::new()),
        Some(Value::Array(rows)) if rows.len() <= ROWS_MAX => rows,
        Some(Value::Array(_)) => return Err(whole(format!("has more than {ROWS_MAX} rows"))),
        Some(_) => return Err(whole("must be a list of tables: write [[price]] above each row".to_owned())),
    };
    let (mut specs, mut wrong) = (Vec::with_capacity(rows.len()), Vec::new());
    for (number, row) in rows.iter().enumerate() {
        let read = match row {
            Value::Table(table) => row_from_table(table, &format!("{}", number + 1)),
            _ => Err(Invalid::new(&format!("{}", number + 1), "price", "must be a table")),
        };
        match read {
            Ok(spec) => specs.push(spec),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok(specs) } else { Err(wrong) }
}

/// Reads and checks one row; `place` says where it stands, such as its number.
///
/// # Errors
/// The first thing that is wrong.
pub fn row_from_table(table: &Table, place: &str) -> Result<RowSpec, Invalid> {
    let name = |field: &str| table.get(field).and_then(Value::as_str).unwrap_or("?");
    let row = format!("{place} ({}/{})", name("provider"), name("model"));
    let mut fields = Fields::new(table, &row, "");
    let mut needed = |field: &'static str| -> Result<String, Invalid> {
        let text = fields.text(field)?.map(str::to_owned);
        text.ok_or_else(|| fields.error(field, "is missing: every row names its provider and model"))
    };
    let mut spec = RowSpec { provider: needed("provider")?, model: needed("model")?, ..RowSpec::default() };
    spec.aliases = fields.texts("aliases")?;
    spec.patterns = fields.texts("patterns")?.iter().map(|text| Pattern::new(text)).collect();
    if let Some(currency) = fields.text("currency")?
        && currency != "USD"
    {
        return Err(
            fields.error("currency", format!("is \"{currency}\": Bursar books USD only; convert the rates"))
        );
    }
    spec.effective_from = fields.instant("effective_from")?;
    spec.effective_until = fields.instant("effective_until")?;
    spec.source = fields.text("source")?.map(str::to_owned);
    spec.note = fields.text("note")?.map(str::to_owned);
    spec.rates = fields.rates(Some(&mut spec.variants))?;
    spec.tiers = tiers(&mut fields)?;
    if let Some(by_name) = fields.table("service_tiers")? {
        for (name, value) in by_name {
            spec.service_tiers.insert(name.to_ascii_lowercase(), service_tier(&fields, name, value)?);
        }
    }
    spec.periods = periods(&mut fields)?;
    if let Some(by_region) = fields.table("regions")? {
        for (region, value) in by_region {
            let path = format!("regions.{region}");
            let text = value.as_str().ok_or_else(|| fields.error(&path, "must be a factor in quotes"))?;
            let factor = factor(text).map_err(|problem| fields.error(&path, problem))?;
            spec.regions.push((Pattern::new(region), factor));
        }
    }
    if let Some(by_class) = fields.table("free")? {
        for (word, value) in by_class {
            spec.free.extend([free(&fields, word, value)?]);
        }
    }
    if let Some(factors) = fields.table("cache_factors")? {
        let mut inner = Fields::new(factors, &row, "cache_factors");
        spec.cache_factors = Some(CacheFactors {
            read: inner.factor("read")?,
            write_5m: inner.factor("write_5m")?,
            write_1h: inner.factor("write_1h")?,
        });
        inner.finish()?;
    }
    spec.facts = facts(&mut fields)?;
    fields.finish()?;
    check(&spec).map_err(|error| Invalid { row: row.clone(), ..error })?;
    Ok(spec)
}

fn tiers(fields: &mut Fields<'_>) -> Result<Option<Vec<TierSpec>>, Invalid> {
    let Some(tables) = fields.tables("tiers")? else { return Ok(None) };
    let path = fields.path("tiers");
    let read = tables.into_iter().enumerate().map(|(index, table)| {
        let mut inner = Fields::new(table, fields.row, &format!("{path}[{index}]"));
        let tier = TierSpec { up_to: inner.count("up_to")?, rates: inner.rates(None)? };
        inner.finish().map(|()| tier)
    });
    read.collect::<Result<_, _>>().map(Some)
}

fn service_tier(fields: &Fields<'_>, name: &str, value: &Value) -> Result<ServiceTierSpec, Invalid> {
    let path = format!("service_tiers.{name}");
    let Value::Table(table) = value else {
        return Err(
            fields.error(&path, "must be a table of rates, such as { input = \"1.5\", output = \"7.5\" }")
        );
    };
    let mut inner = Fields::new(table, fields.row, &path);
    let rates = inner.rates(None)?;
    let tiers = tiers(&mut inner)?.unwrap_or_default();
    inner.finish().map(|()| ServiceTierSpec { rates, tiers })
}

fn periods(fields: &mut Fields<'_>) -> Result<Option<Vec<Period>>, Invalid> {
    let Some(tables) = fields.tables("periods")? else { return Ok(None) };
    let read = tables.into_iter().enumerate().map(|(index, table)| {
        let mut inner = Fields::new(table, fields.row, &format!("periods[{index}]"));
        let mut minute = |field: &'static str| -> Result<u16, Invalid> {
            let text = inner.text(field)?.unwrap_or_default();
            minute_of(text)
                .ok_or_else(|| inner.error(field, format!("is \"{text}\": must be a time such as \"16:30\"")))
        };
        let (from_minute, until_minute) = (minute("from")?, minute("until")?);
        let words = inner.texts("weekdays")?;
        let weekdays = weekdays(&words)
            .ok_or_else(|| inner.error("weekdays", "must be names from \"monday\" to \"sunday\""))?;
        let period = Period { weekdays, from_minute, until_minute, rates: inner.rates(None)? };
        inner.finish().map(|()| period)
    });
    read.collect::<Result<_, _>>().map(Some)
}

/// The days of the week, Monday first: bit 0 of [`Period::weekdays`].
pub(crate) const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn weekdays(words: &[String]) -> Option<u8> {
    if words.is_empty() {
        return Some(0b111_1111);
    }
    words.iter().try_fold(0, |days, word| {
        let place = WEEKDAYS.iter().position(|day| day == word)?;
        Some(days | (1u8 << place))
    })
}

fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    let total = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && total <= 1440).then_some(total)
}

fn free(fields: &Fields<'_>, word: &str, value: &Value) -> Result<(RateClass, FreeUses), Invalid> {
    let path = format!("free.{word}");
    let class = RateClass::parse(word).ok_or_else(|| fields.error(&path, "is not a class with a fee"))?;
    let per_day = value.get("per_day").and_then(Value::as_integer);
    let per_month = value.get("per_month").and_then(Value::as_integer);
    let (count, daily) = match (per_day, per_month) {
        (Some(count), None) => (count, true),
        (None, Some(count)) => (count, false),
        _ => return Err(fields.error(&path, "must be { per_day = 1500 } or { per_month = 5000 }")),
    };
    let count = u64::try_from(count).map_err(|_| fields.error(&path, "must not be negative"))?;
    Ok((class, FreeUses { count, daily }))
}

fn facts(fields: &mut Fields<'_>) -> Result<Facts, Invalid> {
    let formats = match fields.value("formats") {
        None => None,
        Some(_) => {
            let words = fields.texts("formats")?;
            let read = words.iter().map(|word| ApiFormat::parse(word)).collect::<Option<Vec<_>>>();
            let all = ApiFormat::ALL.map(ApiFormat::as_str).join(", ");
            Some(read.ok_or_else(|| fields.error("formats", format!("must be names of API formats: {all}")))?)
        }
    };
    Ok(Facts {
        context: fields.count("context")?,
        max_output: fields.count("max_output")?,
        tools: fields.flag("tools")?,
        vision: fields.flag("vision")?,
        structured_output: fields.flag("structured_output")?,
        audio: fields.flag("audio")?,
        // `reasoning` is a rate, so the fact that a model reasons has a verb.
        reasoning: fields.flag("reasons")?,
        formats,
        deprecated: fields.instant("deprecated")?,
        writes_cache: fields.flag("writes_cache")?,
        always_searches: fields.flag("always_searches")?,
        researches: fields.flag("researches")?,
        grounding_per_prompt: fields.flag("grounding_per_prompt")?,
    })
}
