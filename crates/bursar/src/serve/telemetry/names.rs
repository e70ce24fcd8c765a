//! The names of OpenTelemetry's GenAI conventions, in one place: they are still in development and will change again.
//! Read 2026-11 from <https://opentelemetry.io/docs/specs/semconv/gen-ai/>; what has no name there begins with `bursar.`.

use bursar_core::ApiFormat;

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
/// With what was read from and written to caches, as the conventions count.
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(super) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const HTTP_STATUS: &str = "http.response.status_code";
pub(super) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(super) const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";

pub(super) const REQUEST_ID: &str = "bursar.request_id";
pub(super) const BURSAR_PROVIDER: &str = "bursar.provider";
pub(super) const API_FORMAT: &str = "bursar.api_format";
pub(super) const STATUS: &str = "bursar.status";
pub(super) const CODE: &str = "bursar.code";
pub(super) const PROJECT: &str = "bursar.project";
pub(super) const ATTEMPTS: &str = "bursar.attempts";
pub(super) const END: &str = "bursar.end";
pub(super) const STREAM: &str = "bursar.stream";
pub(super) const ESTIMATED: &str = "bursar.estimated";
pub(super) const COST: &str = "bursar.cost_usd";
pub(super) const EFFECTIVE_COST: &str = "bursar.effective_cost_usd";
pub(super) const HOLD: &str = "bursar.hold_usd";
pub(super) const ADDED: &str = "bursar.added_us";
pub(super) const FIRST_BYTE: &str = "bursar.first_byte_ms";

/// The upper ends of the steps that the conventions advise for tokens.
pub(super) const TOKEN_STEPS: [u64; 14] =
    [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
/// The same for durations, in microseconds.
pub(super) const DURATION_STEPS_US: [u64; 14] = [
    10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000, 10_240_000,
    20_480_000, 40_960_000, 81_920_000,
];

/// What kind of work a format asks for.
pub(super) const fn operation(format: ApiFormat) -> &'static str {
    match format {
        ApiFormat::OpenAiChat
        | ApiFormat::OpenAiResponses
        | ApiFormat::AnthropicMessages
        | ApiFormat::OllamaChat => "chat",
        ApiFormat::OpenAiCompletions | ApiFormat::OllamaGenerate => "text_completion",
        ApiFormat::GeminiGenerate => "generate_content",
        ApiFormat::OpenAiEmbeddings | ApiFormat::GeminiEmbed | ApiFormat::OllamaEmbed => "embeddings",
    }
}

/// The conventions' word for a vendor whose prices apply; its own where they have none.
pub(super) fn vendor(prices: &str) -> &str {
    match prices {
        "gemini" | "google" => "gcp.gemini",
        "vertex" | "vertex_ai" => "gcp.vertex_ai",
        "azure_openai" | "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        own => own,
    }
}
