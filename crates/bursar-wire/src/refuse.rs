//! A no in the client's own format: status, headers and body of a refusal, and the last event of a stream that is cut.

mod ending;
mod numbers;
mod shape;

use bursar_core::{ApiFormat, Code, Family, Refusal, RequestId};

pub use ending::{StreamEnd, end_stream};

/// Which statuses refusals of spent budgets carry (`refusal_status` of the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RefusalStatus {
    /// What the clients of each format take for final.
    #[default]
    Native,
    /// 402 in every format.
    Always402,
    /// 429 in every format.
    Always429,
}

/// An answer made by Bursar itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: Vec<u8>,
}

impl RefusalStatus {
    /// Reads the word of the configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "native" => Some(Self::Native),
            "402" => Some(Self::Always402),
            "429" => Some(Self::Always429),
            _ => None,
        }
    }
    /// The status of a refusal of `code` to a client of `format`.
    #[must_use]
    pub const fn of(self, format: ApiFormat, code: Code) -> u16 {
        if !code.is_spent_budget() {
            return code.status();
        }
        match self {
            Self::Always402 => 402,
            Self::Always429 => 429,
            Self::Native => match format {
                ApiFormat::AnthropicMessages => 400,
                ApiFormat::OpenAiChat
                | ApiFormat::OpenAiCompletions
                | ApiFormat::OpenAiResponses
                | ApiFormat::OpenAiEmbeddings
                | ApiFormat::GeminiGenerate
                | ApiFormat::GeminiEmbed => 429,
                ApiFormat::OllamaChat | ApiFormat::OllamaGenerate | ApiFormat::OllamaEmbed => 402,
            },
        }
    }
}

/// Says `refusal` to a client of `format`: the format's own error object, and all numbers under `bursar`.
#[must_use]
pub fn refuse(format: ApiFormat, refusal: &Refusal, status: RefusalStatus) -> Response {
    let status = status.of(format, refusal.code);
    let mut headers = headers(refusal.request_id);
    if let Some(seconds) = refusal.retry_after_s {
        headers.push(("retry-after", seconds.to_string()));
    }
    let body = serde_json::to_vec(&shape::body(format, refusal, status)).unwrap_or_default();
    Response { status, headers, body }
}

/// Says that there is nothing at a path, or no such model, in the family's own shape. Carries no code: nothing was
/// governed. `status` is 404, or 405 for another method.
#[must_use]
pub fn not_found(family: Family, status: u16, request_id: RequestId, message: &str) -> Response {
    let body = serde_json::to_vec(&shape::absent(family, status, message)).unwrap_or_default();
    Response { status, headers: headers(request_id), body }
}

fn headers(request_id: RequestId) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-should-retry", "false".to_owned()),
        ("x-bursar-request-id", request_id.to_string()),
    ]
}

#[cfg(test)]
mod tests;
