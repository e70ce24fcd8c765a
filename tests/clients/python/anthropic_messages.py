"""The official Anthropic SDK: messages."""

from anthropic import Anthropic
from harness import WEATHER, answer, call, serve


def parameters(job, **more):
    messages = [{"role": "user", "content": job["prompt"]}]
    return {"model": job["model"], "max_tokens": 1024, "messages": messages, **more}


def client(job):
    return Anthropic(base_url=job["base"], api_key=job["key"])


def plain(job):
    got = client(job).messages.create(**parameters(job))
    return answer(got.content[0].text, got.usage.input_tokens, got.usage.output_tokens)


def stream(job):
    with client(job).messages.stream(**parameters(job)) as opened:
        text = "".join(opened.text_stream)
        usage = opened.get_final_message().usage
    return answer(text, usage.input_tokens, usage.output_tokens)


def tools(job):
    tool = {"name": WEATHER["name"], "description": WEATHER["description"], "input_schema": WEATHER["parameters"]}
    got = client(job).messages.create(**parameters(job, tools=[tool]))
    return call(got.content[0].name, got.content[0].input)


def abort(job):
    with client(job).messages.stream(**parameters(job)) as opened:
        for seen, _ in enumerate(opened):
            if seen == 8:
                break
    return {"left": True}


serve(plain=plain, stream=stream, tools=tools, abort=abort)
