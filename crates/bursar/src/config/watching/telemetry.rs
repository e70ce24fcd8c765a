//! `[telemetry]`: where OpenTelemetry traces and metrics go, if anywhere. The usual `OTEL_…` variables stand in for what the
//! file does not say.

use super::super::field::{Field, Takes};
use super::super::section::{Reading, Section};
use super::super::surroundings::SecretRef;
use bursar_govern::seal::Secret;
use http::{HeaderName, HeaderValue, Uri};

/// The fields of `[telemetry]`.
pub(in super::super) const FIELDS: &[Field] = &[
    Field::new(
        "endpoint",
        Takes::Text("a URL, such as `\"http://127.0.0.1:4318\"`"),
        "`OTEL_EXPORTER_OTLP_ENDPOINT` where it is set, else nothing is sent",
        "An OTLP/HTTP endpoint; `/v1/traces` and `/v1/metrics` are appended.",
    ),
    Field::new(
        "authorization",
        Takes::Secret,
        "none, or what `OTEL_EXPORTER_OTLP_HEADERS` says",
        "The value of the header `authorization` there, such as `Bearer …`.",
    ),
    Field::new(
        "service_name",
        Takes::Text("a name"),
        "`OTEL_SERVICE_NAME` where it is set, else `\"bursar\"`",
        "What this server is called there.",
    ),
    Field::new(
        "sample_pct",
        Takes::Integer(0, 100),
        "100",
        "Percent of the traces that begin here which are sent. Of a trace that a client began, it decides.",
    ),
    Field::new("metrics", Takes::Boolean, "true", "Whether metrics are sent, too, once a minute."),
];

/// `[telemetry]`, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Telemetry {
    /// Where to, without a slash at its end; absent: nowhere.
    pub endpoint: Option<String>,
    /// The header `authorization`.
    pub authorization: Option<SecretRef>,
    /// Other headers, from the environment.
    pub headers: Vec<(String, Secret)>,
    /// What this server is called there.
    pub service_name: String,
    /// Percent of the traces that begin here which are sent.
    pub sample_pct: u32,
    /// Whether metrics are sent, too.
    pub metrics: bool,
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

pub(in super::super) fn read(section: Option<&Section<'_>>, reading: &mut Reading<'_>) -> Telemetry {
    let environment = reading.surroundings.environment;
    let is_off = environment.get("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"));
    let usual = environment.get(ENDPOINT).filter(|_| !is_off).map(str::to_owned);
    let service = environment.get("OTEL_SERVICE_NAME").unwrap_or("bursar").to_owned();
    let headers = environment.get(HEADERS).map(headers).unwrap_or_default();
    let written = section.and_then(|section| {
        let spot = section.text("endpoint", reading)?;
        if is_url(spot.text) {
            return Some(spot.text.to_owned());
        }
        let field = section.field("endpoint");
        let help = "write a URL such as `\"http://127.0.0.1:4318\"`";
        reading.wrong(spot.place, &field, format!("`{field}` is no URL: `{}`", spot.text), help);
        None
    });
    // A variable is another program's as well: one that makes no sense here turns nothing on.
    let endpoint = written.or_else(|| usual.filter(|url| is_url(url)));
    let number = section.and_then(|section| section.integer("sample_pct", reading));
    let named =
        section.and_then(|section| section.text("service_name", reading)).map(|spot| spot.text.to_owned());
    Telemetry {
        endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()),
        authorization: section.and_then(|section| section.secret("authorization", reading)),
        headers,
        service_name: named.unwrap_or(service),
        sample_pct: number.and_then(|n| u32::try_from(n).ok()).unwrap_or(100),
        metrics: section.is_none_or(|section| section.boolean("metrics", true, reading)),
    }
}

fn is_url(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

/// `name=value,name=value`, values percent-encoded, as the OpenTelemetry specification has it. What is no header is left
/// out.
fn headers(text: &str) -> Vec<(String, Secret)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let read = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let value = decoded(value.trim())?;
        HeaderValue::from_str(&value).ok()?;
        Some((name.as_str().to_owned(), Secret::new(&value)))
    };
    pairs.filter_map(read).collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_usual_variable_are_read() {
        let read = headers("authorization=Bearer%20abc,x-scope=team, =no,bad\u{7f}name=1,broken");
        let plain: Vec<(&str, &str)> = read.iter().map(|(name, value)| (&**name, value.expose())).collect();
        assert_eq!(plain, [("authorization", "Bearer abc"), ("x-scope", "team")]);
    }

    #[test]
    fn an_endpoint_is_a_url_without_a_query() {
        assert!(is_url("http://127.0.0.1:4318") && is_url("https://otlp.example/base"));
        for text in ["127.0.0.1:4318", "grpc://x:4317", "http://x/?key=1", ""] {
            assert!(!is_url(text), "{text}");
        }
    }
}
