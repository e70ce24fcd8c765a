"""Google's own SDK: Gemini generateContent."""

from google import genai
from google.genai import types
from harness import WEATHER, answer, call, serve


def client(job):
    return genai.Client(api_key=job["key"], vertexai=False, http_options=types.HttpOptions(base_url=job["base"]))


def counts(usage):
    return usage.prompt_token_count, usage.candidates_token_count


def plain(job):
    # The client must be held: collected as garbage it closes its connections.
    held = client(job)
    got = held.models.generate_content(model=job["model"], contents=job["prompt"])
    return answer(got.text, *counts(got.usage_metadata))


def stream(job):
    held = client(job)
    chunks = list(held.models.generate_content_stream(model=job["model"], contents=job["prompt"]))
    return answer("".join(chunk.text or "" for chunk in chunks), *counts(chunks[-1].usage_metadata))


def tools(job):
    declaration = {key: WEATHER[key] for key in ("name", "description", "parameters")}
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declaration])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    held = client(job)
    got = held.models.generate_content(model=job["model"], contents=job["prompt"], config=config)
    return call(got.function_calls[0].name, got.function_calls[0].args)


def abort(job):
    held = client(job)
    opened = held.models.generate_content_stream(model=job["model"], contents=job["prompt"])
    for seen, _ in enumerate(opened):
        if seen == 5:
            break
    opened.close()
    held.close()
    return {"left": True}


serve(plain=plain, stream=stream, tools=tools, abort=abort)
