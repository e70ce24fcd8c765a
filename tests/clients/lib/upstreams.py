"""The fake providers behind Bursar: the project's own, with a bill, and one that others wrote, with a journal."""

import json
import os
from decimal import Decimal

from .processes import Program, free_port, get_json, http, wait_until

CREDENTIAL = "upstream-credential-0123456789"
# USD per million tokens: input and output. The mock's script and Bursar's configuration both get these.
PRICES = {
    "gpt-4o-mini": ("0.15", "0.60"),
    "gpt-5": ("1.25", "10"),
    "text-embedding-3-small": ("0.02", "0.02"),
    "claude-sonnet-4-5": ("3", "15"),
    "gemini-2.5-flash": ("0.30", "2.50"),
    "llama3.2": ("0.05", "0.08"),
}


class Mock:
    """Bursar's own mock. Its bill judges the ledger to the nano-dollar."""

    name = "bursar mock"
    # What a prompt asks for, and what must come of it.
    usage_prompt = "usage please [[mock in=1234 out=57]]"
    tool_prompt = "call the tool [[mock in=321 out=21]]"
    error_prompt = "refuse me [[mock status=400]]"
    abort_prompt = "usage please [[mock in=50 out=400 chunk_ms=10]]"
    usage = (1234, 57)
    arguments = {"city": "Zürich"}

    def __init__(self, command, folder, guarded):
        """With `guarded` it takes no credential but its own."""
        port = free_port()
        script = os.path.join(folder, "mock.toml")
        with open(script, "w", encoding="utf-8") as file:
            file.write("refuse_other_models = true\n")
            if guarded:
                file.write(f'credentials = ["{CREDENTIAL}"]\n')
            for model, (inward, outward) in PRICES.items():
                file.write(f'[[models]]\nname = "{model}"\ninput = "{inward}"\noutput = "{outward}"\n')
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["--listen", f"127.0.0.1:{port}", "--script", script]
        self.program = Program("the mock", [*command, *arguments], os.path.join(folder, "mock.log"))
        wait_until("mock", lambda: self.program.check() and http(self.url + "/")[0] == 200, 20)
        self.text = self._expected_text()

    def stop(self):
        self.program.stop()

    def _expected_text(self):
        body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": self.usage_prompt}]})
        headers = {"authorization": f"Bearer {CREDENTIAL}", "content-type": "application/json"}
        status, text = http(self.url + "/v1/chat/completions", body, headers)
        assert status == 200, text
        return json.loads(text)["choices"][0]["message"]["content"]

    def received(self):
        """Requests that reached the provider, ever."""
        return get_json(self.url + "/__mock/bill")["received"]

    def last(self):
        """The request that reached the provider last: target, headers, body."""
        item = get_json(self.url + "/__mock/requests")["items"][-1]
        return item["target"], item["headers"], item["body"]

    def total(self):
        """The bill once nothing is in flight, in USD."""
        bill = wait_until("end of the requests in flight", self._idle_bill, 20)
        return Decimal(bill["total"])

    def _idle_bill(self):
        bill = get_json(self.url + "/__mock/bill")
        return bill if bill["in_flight"] == 0 else None

    def last_line(self):
        """The newest line of the bill."""
        return get_json(self.url + "/__mock/bill?lines")["lines"][-1]


class Aimock:
    """`@copilotkit/aimock`, a fake provider by others. Its journal judges what reached it; it has no bill."""

    name = "aimock"
    usage_prompt = "usage please"
    tool_prompt = "call the tool"
    error_prompt = "refuse me"
    abort_prompt = "a long story"
    usage = (1234, 57)
    arguments = {"city": "Zürich"}
    text = "Grüße aus 東京, all of them counted."

    def __init__(self, node_folder, folder):
        port = free_port()
        fixtures = os.path.join(folder, "fixtures.json")
        with open(fixtures, "w", encoding="utf-8") as file:
            json.dump(self._fixtures(), file)
        self.url = f"http://127.0.0.1:{port}"
        program = os.path.join(node_folder, "node_modules", ".bin", "llmock")
        command = [program, "-p", str(port), "-f", fixtures, "--log-level", "warn", "--latency", "5"]
        self.program = Program("aimock", command, os.path.join(folder, "aimock.log"), cwd=node_folder)
        wait_until("aimock", lambda: self.program.check() and self.received() == 0, 30)

    def _fixtures(self):
        inward, outward = self.usage
        counts = {
            "prompt_tokens": inward, "completion_tokens": outward, "total_tokens": inward + outward,
            "input_tokens": inward, "output_tokens": outward,
        }
        tool = {"name": "get_weather", "arguments": json.dumps(self.arguments, ensure_ascii=False)}
        refused = {"error": {"message": "refused by the fixture", "type": "invalid_request_error"}, "status": 400}
        answers = [
            (self.usage_prompt, {"content": self.text, "usage": counts}),
            (self.tool_prompt, {"toolCalls": [tool], "usage": {**counts, "completion_tokens": 21}}),
            (self.error_prompt, refused),
            (self.abort_prompt, {"content": "word " * 400, "usage": counts}),
        ]
        return {"fixtures": [{"match": {"userMessage": said}, "response": got} for said, got in answers]}

    def stop(self):
        self.program.stop()

    def _journal(self):
        journal = get_json(self.url + "/__aimock/journal")
        return journal if isinstance(journal, list) else journal["entries"]

    def received(self):
        """Requests that reached the provider, ever."""
        return len(self._journal())

    def last(self):
        """The request that reached the provider last: target, headers, body."""
        entry = self._journal()[-1]
        return entry.get("path", ""), entry.get("headers", {}), json.dumps(entry.get("body"))
