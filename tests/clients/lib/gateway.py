"""The real binary between client and fake provider, configured from nothing; or nothing in between."""

import json
import os
import subprocess
from decimal import Decimal

from .processes import Program, free_port, http, wait_until
from .upstreams import CREDENTIAL, PRICES

FAMILIES = {"openai": "/v1", "anthropic": "", "gemini": "", "ollama": ""}
PROVIDER_OF = {
    "gpt-4o-mini": "openai",
    "gpt-5": "openai",
    "text-embedding-3-small": "openai",
    "claude-sonnet-4-5": "anthropic",
    "gemini-2.5-flash": "gemini",
    "llama3.2": "ollama",
}
BUDGET = "clients total"


class Bursar:
    """A server with a project that has money, one that has none, one whose budget holds estimates, and a key for each."""

    def __init__(self, binary, upstream, folder):
        self.binary = binary
        self.port = free_port()
        self.config = os.path.join(folder, "bursar.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self._configuration(upstream.url, os.path.join(folder, "data")))
        env = {"CLIENT_TESTS_CREDENTIAL": CREDENTIAL}
        command = [binary, "serve", "--config", self.config]
        self.program = Program("bursar", command, os.path.join(folder, "bursar.log"), env)
        url = f"http://127.0.0.1:{self.port}/readyz"
        wait_until("ready server", lambda: self.program.check() and http(url)[0] == 200, 30)
        self.key = self.cli("key", "create", "--project", "clients")["key"]
        self.broke_key = self.cli("key", "create", "--project", "broke")["key"]
        self.estimating_key = self.cli("key", "create", "--project", "estimating")["key"]

    def _configuration(self, upstream, data):
        lines = [f'[server]\nlisten = "127.0.0.1:{self.port}"\ndata_dir = "{data}"']
        for family, suffix in FAMILIES.items():
            lines.append(f'[providers.{family}]\nfamily = "{family}"\nbase_url = "{upstream}{suffix}"')
            lines.append('credential = { env = "CLIENT_TESTS_CREDENTIAL" }')
        for model, (inward, outward) in PRICES.items():
            facts = "context = 128000, max_output = 8192"
            price = f'{{ input = "{inward}", output = "{outward}", {facts} }}'
            lines.append(f'[models."{model}"]')
            lines.append(f'deployments = [{{ provider = "{PROVIDER_OF[model]}", price = {price} }}]')
        lines.append("[projects.clients]\n[projects.broke]\n[projects.estimating]")
        lines.append('[[budgets]]\nname = "estimating total"\nlimit = "1000 USD"\nperiod = "total"\nhold = "estimate"')
        lines.append('match = { project = "estimating" }')
        for name, project, limit in ((BUDGET, "clients", "1000 USD"), ("broke total", "broke", "0 USD")):
            lines.append(f'[[budgets]]\nname = "{name}"\nlimit = "{limit}"\nperiod = "total"')
            lines.append(f'match = {{ project = "{project}" }}')
        return "\n".join(lines) + "\n"

    def cli(self, *words):
        """One command of the CLI; what it says as JSON."""
        command = [self.binary, *words, "--json", "--config", self.config]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def settled(self):
        """What the ledger has settled for the project with money, once nothing of it is held."""
        return wait_until("end of what is held", self._settled_and_quiet, 20)

    def _settled_and_quiet(self):
        windows = self.cli("budget", "show", BUDGET)["windows"]
        if any(Decimal(window["held"]) or Decimal(window["suspense"]) for window in windows):
            return None
        # A pair, since nothing settled is no failure.
        return (sum((Decimal(window["settled"]) for window in windows), Decimal(0)),)

    def stop(self):
        self.program.stop()


class Nothing:
    """No gateway: the clients talk to the fake provider itself. Shows that a failure is not Bursar's."""

    def __init__(self, upstream):
        self.port = int(upstream.url.rsplit(":", 1)[1])
        self.key = CREDENTIAL

    def stop(self):
        pass
