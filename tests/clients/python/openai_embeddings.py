"""The official OpenAI SDK: embeddings, which it asks for in base64, and text completions."""

from harness import answer, serve
from openai import OpenAI


def plain(job):
    client = OpenAI(base_url=job["base"] + "/v1", api_key=job["key"])
    got = client.embeddings.create(model=job["model"], input=[job["prompt"], "second"], dimensions=4)
    assert [len(item.embedding) for item in got.data] == [4, 4], "two vectors of four numbers"
    return answer("", got.usage.prompt_tokens, 0)


serve(plain=plain)
