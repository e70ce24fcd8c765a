"""The clients under test: what each is, how it is run, and which errors of its own it must raise."""

from dataclasses import dataclass, field

ALL = ("plain", "stream", "tools", "error", "refusal", "refusal_stream", "cut", "abort")


@dataclass(frozen=True)
class Client:
    """One client over one API format."""

    name: str
    script: str
    api_format: str
    model: str
    # The class that a 400 of the provider and a refusal of Bursar must surface as.
    error: str
    refusal: str
    cases: tuple = ALL
    # A virtual environment for Python, nothing for Node.
    venv: str | None = None
    job: dict = field(default_factory=dict)
    # Reports the usage of a stream.
    stream_counts: bool = True
    # Cases that `@copilotkit/aimock` cannot answer for this client, with the reason.
    not_by_aimock: dict = field(default_factory=dict)
    # What a stream that Bursar ends in the middle must surface as. The AI SDK throws a stream's error part as it came.
    cut: str = "APIError"


CHAT = ("plain", "stream", "stream_usage", "tools", "error", "refusal", "refusal_stream", "cut", "abort")
REACHING = ("plain", "stream", "tools", "error", "cut", "abort")
NO_V1_MODELS = {case: "aimock has no /v1/models/M:generateContent" for case in REACHING}
NO_COUNTS = {case: "aimock counts no tokens here" for case in ("plain", "stream", "tools", "abort")}

CLIENTS = [
    Client("openai (Python), chat", "openai_chat.py", "openai_chat", "gpt-4o-mini", "BadRequestError",
           "RateLimitError", CHAT, "sdks", stream_counts=False),
    Client("openai (Node), chat", "openai_chat.mjs", "openai_chat", "gpt-4o-mini", "BadRequestError",
           "RateLimitError", CHAT, stream_counts=False),
    Client("openai (Python), responses", "openai_responses.py", "openai_responses", "gpt-4o-mini",
           "BadRequestError", "RateLimitError", venv="sdks"),
    Client("openai (Node), responses", "openai_responses.mjs", "openai_responses", "gpt-4o-mini",
           "BadRequestError", "RateLimitError"),
    Client("openai (Python), embeddings", "openai_embeddings.py", "openai_embeddings", "text-embedding-3-small",
           "BadRequestError", "RateLimitError", ("plain", "error", "refusal"), "sdks",
           not_by_aimock={case: "aimock has one vector and no errors here" for case in ("plain", "error")}),
    Client("anthropic (Python)", "anthropic_messages.py", "anthropic_messages", "claude-sonnet-4-5",
           "BadRequestError", "BadRequestError", venv="sdks", cut="APIStatusError"),
    Client("anthropic (Node)", "anthropic_messages.mjs", "anthropic_messages", "claude-sonnet-4-5",
           "BadRequestError", "BadRequestError"),
    Client("google-genai (Python)", "google_genai.py", "gemini_generate", "gemini-2.5-flash", "ClientError",
           "ClientError", venv="sdks", not_by_aimock=NO_V1_MODELS, cut="ClientError"),
    Client("google-genai (Node)", "google_genai.mjs", "gemini_generate", "gemini-2.5-flash", "ApiError", "ApiError",
           cut="ApiError"),
    Client("ollama (Python)", "ollama_chat.py", "ollama_chat", "llama3.2", "ResponseError", "ResponseError",
           venv="sdks", not_by_aimock=NO_COUNTS, cut="ResponseError"),
    Client("langchain-openai (Python)", "langchain_openai_chat.py", "openai_chat", "gpt-4o-mini",
           "BadRequestError", "RateLimitError", venv="langchain"),
    Client("ai-sdk (Node), openai", "ai_sdk.mjs", "openai_responses", "gpt-4o-mini", "APICallError",
           "APICallError", job={"provider": "openai"}, cut="Object"),
    Client("ai-sdk (Node), anthropic", "ai_sdk.mjs", "anthropic_messages", "claude-sonnet-4-5", "APICallError",
           "APICallError", job={"provider": "anthropic"}, cut="Object"),
    Client("ai-sdk (Node), google", "ai_sdk.mjs", "gemini_generate", "gemini-2.5-flash", "APICallError",
           "APICallError", job={"provider": "gemini"}, cut="APICallError"),
    Client("litellm (Python), openai", "litellm_client.py", "openai_chat", "gpt-4o-mini", "BadRequestError",
           "RateLimitError", ALL[:-1], "litellm", {"provider": "openai"}, stream_counts=False,
           cut="MidStreamFallbackError"),
    Client("litellm (Python), anthropic", "litellm_client.py", "anthropic_messages", "claude-sonnet-4-5",
           "BadRequestError", "BadRequestError", ALL[:-1], "litellm", {"provider": "anthropic"}, stream_counts=False,
           cut="MidStreamFallbackError"),
]
