"""LangChain's OpenAI chat model."""

from harness import WEATHER, answer, call, serve
from langchain_openai import ChatOpenAI


def model(job, **more):
    return ChatOpenAI(model=job["model"], base_url=job["base"] + "/v1", api_key=job["key"], **more)


def plain(job):
    got = model(job).invoke(job["prompt"])
    return answer(got.content, got.usage_metadata["input_tokens"], got.usage_metadata["output_tokens"])


def stream(job):
    whole = None
    for chunk in model(job, stream_usage=True).stream(job["prompt"]):
        whole = chunk if whole is None else whole + chunk
    return answer(whole.content, whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"])


def tools(job):
    bound = model(job).bind_tools([{"type": "function", "function": WEATHER}])
    got = bound.invoke(job["prompt"]).tool_calls[0]
    return call(got["name"], got["args"])


def abort(job):
    opened = model(job).stream(job["prompt"])
    for seen, _ in enumerate(opened):
        if seen == 5:
            break
    opened.close()
    return {"left": True}


serve(plain=plain, stream=stream, tools=tools, abort=abort)
