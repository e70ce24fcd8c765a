"""Ollama's own client: chat. It sends no key, so the key is in the path."""

from harness import WEATHER, answer, call, serve
from ollama import Client


def chat(job, **more):
    client = Client(host=f"{job['base']}/k/{job['key']}" if job["key_in_path"] else job["base"])
    messages = [{"role": "user", "content": job["prompt"]}]
    return client.chat(model=job["model"], messages=messages, **more)


def plain(job):
    got = chat(job)
    return answer(got.message.content, got.prompt_eval_count, got.eval_count)


def stream(job):
    chunks = list(chat(job, stream=True))
    text = "".join(chunk.message.content or "" for chunk in chunks)
    return answer(text, chunks[-1].prompt_eval_count, chunks[-1].eval_count)


def tools(job):
    function = chat(job, tools=[{"type": "function", "function": WEATHER}]).message.tool_calls[0].function
    return call(function.name, function.arguments)


def abort(job):
    opened = chat(job, stream=True)
    for seen, _ in enumerate(opened):
        if seen == 5:
            break
    opened.close()
    return {"left": True}


serve(plain=plain, stream=stream, tools=tools, abort=abort)
