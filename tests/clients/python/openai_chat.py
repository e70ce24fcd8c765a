"""The official OpenAI SDK: chat completions."""

from harness import WEATHER, answer, call, serve
from openai import OpenAI


def create(job, **more):
    client = OpenAI(base_url=job["base"] + "/v1", api_key=job["key"])
    messages = [{"role": "user", "content": job["prompt"]}]
    return client.chat.completions.create(model=job["model"], messages=messages, **more)


def plain(job):
    got = create(job)
    return answer(got.choices[0].message.content, got.usage.prompt_tokens, got.usage.completion_tokens)


def stream(job):
    chunks = list(create(job, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks), "a usage chunk that was not asked for"
    return answer("".join(chunk.choices[0].delta.content or "" for chunk in chunks))


def stream_usage(job):
    chunks = list(create(job, stream=True, stream_options={"include_usage": True}))
    usage = chunks[-1].usage
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return answer(text, usage.prompt_tokens, usage.completion_tokens)


def tools(job):
    got = create(job, tools=[{"type": "function", "function": WEATHER}])
    function = got.choices[0].message.tool_calls[0].function
    return call(function.name, function.arguments)


def abort(job):
    for seen, _ in enumerate(opened := create(job, stream=True)):
        if seen == 5:
            opened.close()
            break
    return {"left": True}


serve(plain=plain, stream=stream, stream_usage=stream_usage, tools=tools, abort=abort)
