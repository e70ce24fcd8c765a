"""The cases: what each client is asked to do, and what must come of it at the client, at Bursar and at the provider."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from .gateway import Nothing
from .processes import wait_until
from .upstreams import CREDENTIAL, PRICES, Mock


class Failed(Exception):
    """A case did not come out as it must."""


class Skipped(Exception):
    """A case cannot be tried here; the reason is its text."""


def must(true, what):
    if not true:
        raise Failed(what)


class Bench:
    """One client in front of a tap, a gateway and a fake provider."""

    def __init__(self, client, process, tap, gateway, upstream):
        self.client = client
        self.process = process
        self.tap = tap
        self.gateway = gateway
        self.upstream = upstream
        self.through_bursar = not isinstance(gateway, Nothing)
        self.billed = isinstance(upstream, Mock)

    def run(self, case):
        if not self.billed and case in self.client.not_by_aimock:
            raise Skipped(self.client.not_by_aimock[case])
        getattr(self, "case_" + case)()

    def case_plain(self):
        self._answer("plain", counts=True)

    def case_stream(self):
        self._answer("stream", counts=self.client.stream_counts)

    def case_stream_usage(self):
        self._answer("stream_usage", counts=True)

    def case_tools(self):
        outcome = self._ask("tools", self.upstream.tool_prompt)
        must(outcome.get("tool") == "get_weather", f"no tool call: {outcome}")
        must(outcome["arguments"] == self.upstream.arguments, f"other arguments: {outcome}")

    def case_error(self):
        outcome = self._ask("plain", self.upstream.error_prompt, paid=False)
        self._raised(outcome, self.client.error)
        must(outcome["status"] in (None, 400), f"another status: {outcome}")

    def case_refusal(self):
        self._refused("plain")

    def case_refusal_stream(self):
        self._refused("stream")

    def case_cut(self):
        """A stream that Bursar ends in the middle is an error at its client, not a shorter answer."""
        if not self.through_bursar or not self.billed:
            raise Skipped("nothing cuts without a gateway, and a cut needs a stream that lasts")
        before = self._books()
        reached = self.upstream.received()
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(self._job, "stream", self.upstream.abort_prompt)
            wait_until("stream at the provider", lambda: self.upstream.received() > reached, 30)
            time.sleep(0.5)
            try:
                self.gateway.cli("kill", "on", "--scope", "project=clients", "--cut", "--reason", "drill")
                outcome = asked.result(60)
            finally:
                self.gateway.cli("kill", "off", "--scope", "project=clients")
        requests = self.tap.take()
        must(len(requests) == 1, f"a stream that was cut caused {len(requests)} requests")
        self._raised(outcome, self.client.cut)
        must("E-BUDGET-004" in outcome["message"], f"the end does not say why: {outcome}")
        spent, bill = (now - then for now, then in zip(self._books(), before))
        must(spent >= bill, f"settled {spent} for a bill of {bill}")

    def case_abort(self):
        before = self._books()
        outcome = self._job("abort", self.upstream.abort_prompt)
        must(outcome.get("left") is True, f"it did not leave: {outcome}")
        must(len(self.tap.take()) == 1, "more than one request for one stream")
        if not self.billed:
            return
        self.upstream.total()
        line = self.upstream.last_line()
        must(line["ending"] == "disconnected", f"the provider was not told that the client left: {line}")
        must(line["tokens"]["output"] < 400, f"the provider went on to the end: {line}")
        if self.through_bursar:
            after = self._books()
            spent, bill = after[0] - before[0], after[1] - before[1]
            must(spent >= bill, f"settled {spent} for a bill of {bill}")

    def _answer(self, do, counts):
        embeds = self.client.api_format == "openai_embeddings"
        usage = (self.upstream.usage[0], 0 if embeds else self.upstream.usage[1])
        outcome = self._ask(do, self.upstream.usage_prompt, usage)
        must("raised" not in outcome, f"raised {outcome}")
        must(embeds or outcome["text"] == self.upstream.text, f"another text: {outcome}")
        if counts:
            must((outcome["input"], outcome["output"]) == usage, f"usage {outcome}, not {usage}")

    def _refused(self, do):
        if not self.through_bursar:
            raise Skipped("nothing refuses without a gateway")
        reached = self.upstream.received()
        outcome = self._job(do, self.upstream.usage_prompt, self.gateway.broke_key)
        self._raised(outcome, self.client.refusal)
        must("E-BUDGET-002" in outcome["message"], f"the refusal does not say why: {outcome}")
        requests = self.tap.take()
        must(len(requests) == 1, f"a refusal caused {len(requests)} requests: {requests}")
        must(self.upstream.received() == reached, "a refused request reached the provider")

    def _raised(self, outcome, wanted):
        must("raised" in outcome, f"no error: {outcome}")
        must(wanted in outcome["classes"], f"raised {outcome['raised']}, not {wanted}: {outcome}")

    def _ask(self, do, prompt, usage=None, paid=True):
        """A job that reaches the provider once, leaves no trace of Bursar's key there, and is settled as billed."""
        before = self._books()
        reached = self.upstream.received()
        outcome = self._job(do, prompt)
        requests = self.tap.take()
        must(len(requests) == 1, f"{len(requests)} requests for one: {requests}; {outcome}")
        must(self.upstream.received() == reached + 1, "the provider was not reached exactly once")
        if self.through_bursar:
            self._credentials()
            after = self._books()
            spent, bill = after[0] - before[0], after[1] - before[1]
            if not self.billed and usage:
                bill = price(self.client.model, usage)
            must(spent == bill or not self.billed and not usage, f"settled {spent} for a bill of {bill}")
            must((spent > 0) == paid, f"settled {spent}")
        return outcome

    def _credentials(self):
        target, headers, body = self.upstream.last()
        sent = " ".join([target, body, *headers.values()])
        must(self.gateway.key not in sent, "Bursar's key travelled to the provider")
        must(not self.billed or CREDENTIAL in sent, "the provider's credential did not arrive")

    def _books(self):
        """What the ledger settled and what the provider bills, both ever, in USD."""
        if not self.through_bursar:
            return Decimal(0), Decimal(0)
        return self.gateway.settled()[0], self.upstream.total() if self.billed else Decimal(0)

    def _job(self, do, prompt, key=None):
        self.tap.take()
        job = {
            "do": do, "base": self.tap.url, "key": key or self.gateway.key, "model": self.client.model,
            "prompt": prompt, "key_in_path": self.through_bursar, **self.client.job,
        }
        return self.process.ask(job)


def price(model, tokens):
    """The cost of (input, output) tokens by the price table, for providers that keep no bill."""
    inward, outward = (Decimal(rate) for rate in PRICES[model])
    return (tokens[0] * inward + tokens[1] * outward) / 1_000_000
