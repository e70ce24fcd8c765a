"""Runs the cases of one client: one JSON job a line on standard input, one JSON outcome a line on standard output."""

import json
import sys
import traceback

WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def answer(text, input_tokens=None, output_tokens=None):
    """What a client made of an answer."""
    return {"text": text, "input": input_tokens, "output": output_tokens}


def call(name, arguments):
    """What a client made of a tool call."""
    return {"tool": name, "arguments": json.loads(arguments) if isinstance(arguments, str) else dict(arguments)}


def failure(error):
    """An error as the client raised it: the names of its class and of its bases, and the status it tells."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return {
        "raised": type(error).__name__,
        "classes": [base.__name__ for base in type(error).__mro__],
        "status": status if isinstance(status, int) else None,
        "message": str(error)[:2000],
    }


def serve(**cases):
    """Answers jobs until standard input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        try:
            outcome = cases[job["do"]](job)
        except Exception as error:  # noqa: BLE001: whatever the client raises is the outcome
            traceback.print_exc()
            outcome = failure(error)
        print(json.dumps(outcome), flush=True)
