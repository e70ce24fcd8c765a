"""The official OpenAI SDK: Responses."""

from harness import WEATHER, answer, call, serve
from openai import OpenAI


def create(job, **more):
    client = OpenAI(base_url=job["base"] + "/v1", api_key=job["key"])
    return client.responses.create(model=job["model"], input=job["prompt"], **more)


def plain(job):
    got = create(job)
    return answer(got.output_text, got.usage.input_tokens, got.usage.output_tokens)


def stream(job):
    text, usage = "", None
    for event in create(job, stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.completed":
            usage = event.response.usage
    return answer(text, usage.input_tokens, usage.output_tokens)


def tools(job):
    item = create(job, tools=[{"type": "function", "strict": False, **WEATHER}]).output[0]
    return call(item.name, item.arguments)


def abort(job):
    for seen, _ in enumerate(opened := create(job, stream=True)):
        if seen == 8:
            opened.close()
            break
    return {"left": True}


serve(plain=plain, stream=stream, tools=tools, abort=abort)
