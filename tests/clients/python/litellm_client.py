"""LiteLLM as a client, over the OpenAI and the Anthropic format."""

import litellm
from harness import WEATHER, answer, call, serve

litellm.suppress_debug_info = True


def completion(job, **more):
    # Its Anthropic route takes the base without `/v1` and adds the path itself.
    base = job["base"] + "/v1" if job["provider"] == "openai" else job["base"]
    messages = [{"role": "user", "content": job["prompt"]}]
    model = f"{job['provider']}/{job['model']}"
    return litellm.completion(model=model, messages=messages, api_base=base, api_key=job["key"], **more)


def plain(job):
    got = completion(job)
    return answer(got.choices[0].message.content, got.usage.prompt_tokens, got.usage.completion_tokens)


def stream(job):
    chunks = list(completion(job, stream=True))
    return answer("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))


def tools(job):
    function = completion(job, tools=[{"type": "function", "function": WEATHER}]).choices[0].message.tool_calls[0]
    return call(function.function.name, function.function.arguments)


serve(plain=plain, stream=stream, tools=tools)
