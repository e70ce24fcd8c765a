//! What of a story goes to the exporter: a copy without prompts, answers, keys, users or headers, for none is in it.

use bursar_core::{ApiFormat, Attribute, RequestId, SpanId, Timestamp, Trace, Usage, Usd, Value};
use bursar_govern::story::{AttemptEnd, Status, Story};

/// One request.
pub(super) struct Told {
    pub(super) trace: Trace,
    pub(super) id: RequestId,
    pub(super) created_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) format: ApiFormat,
    pub(super) status: Status,
    pub(super) status_code: Option<u16>,
    pub(super) code: Option<&'static str>,
    pub(super) project: Option<String>,
    /// The name that a route has; absent where none was found.
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    pub(super) estimated: bool,
    pub(super) hold: Usd,
    pub(super) list_cost: Option<Usd>,
    pub(super) effective_cost: Usd,
    pub(super) usage: Usage,
    pub(super) vendor: Option<String>,
    pub(super) answered_model: Option<String>,
    pub(super) upstream_id: Option<String>,
    pub(super) added_us: Option<i64>,
    pub(super) first_byte_at: Option<Timestamp>,
    pub(super) attempts: Vec<Try>,
}

/// One attempt that was sent.
pub(super) struct Try {
    pub(super) span: SpanId,
    pub(super) provider: String,
    pub(super) served_model: String,
    pub(super) sent_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) status_code: Option<u16>,
    pub(super) end: Option<&'static str>,
    /// Whether the usage is this attempt's.
    pub(super) counts: bool,
    pub(super) failed: bool,
}

impl Told {
    pub(super) fn of(story: &Story) -> Self {
        let ended_at = story.finalized_at.unwrap_or(story.created_at);
        let attribute = |name: &Attribute| story.attributes.get(name).map(Value::to_string);
        let last = story.attempts.len();
        let tries = story.attempts.iter().enumerate().filter_map(|(number, told)| {
            let sent_at = told.sent_at?;
            let is_settled = matches!(told.end, Some(AttemptEnd::Settled | AttemptEnd::Estimated));
            let is_error = told.status_code.is_some_and(|status| status >= 400);
            Some(Try {
                span: story.trace.attempt(number),
                provider: told.provider.clone(),
                served_model: told.served_model.clone(),
                sent_at,
                ended_at: told.ended_at.unwrap_or(ended_at),
                status_code: told.status_code,
                end: told.end.as_ref().map(AttemptEnd::as_str),
                counts: is_settled && number + 1 == last,
                failed: is_error || !is_settled,
            })
        });
        Self {
            trace: story.trace,
            id: story.request_id,
            created_at: story.created_at,
            ended_at,
            format: story.api_format,
            status: story.status,
            status_code: story.status_code,
            code: story.refusal.as_ref().map(|refusal| refusal.code.as_str()),
            project: attribute(&Attribute::Project),
            model: attribute(&Attribute::Model),
            stream: story.stream,
            estimated: story.estimated,
            hold: story.hold().list,
            list_cost: story.cost.as_ref().map(|cost| cost.list),
            effective_cost: story.effective,
            usage: story.usage,
            vendor: story.price.as_ref().map(|price| price.row.provider().to_owned()),
            answered_model: story.model_answered.clone(),
            upstream_id: story.upstream_request_id.clone(),
            added_us: story.added_us(),
            first_byte_at: story.first_byte_at,
            attempts: tries.collect(),
        }
    }
    /// Tokens that the conventions call input: caches included.
    pub(super) fn input_tokens(&self) -> u64 {
        self.usage.prompt_tokens()
    }
}
