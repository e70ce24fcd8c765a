#!/usr/bin/env python3
"""Coding agents' command-line tools through the real binary: `make test-agents`.

Claude Code, Codex and Gemini CLI, pinned, in an empty environment with a home of their own. Environment: BURSAR_BIN and
BURSAR_MOCK_BIN as for run.py. Needs Node 20 and about 750 MB for the tools.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import installs  # noqa: E402
from lib.cases import Skipped, must  # noqa: E402
from lib.gateway import Bursar, Nothing  # noqa: E402
from lib.report import Report  # noqa: E402
from lib.tap import Tap  # noqa: E402
from lib.upstreams import Mock  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(installs.HERE))
CASES = ("answer", "tools", "error", "refusal", "abort")
SECONDS = 120
# Codex asks for the provider's own web search unless told not to, and sets no cap on its uses.
CODEX = """model = "gpt-5"
model_provider = "gateway"
{search}
[model_providers.gateway]
name = "gateway"
base_url = "{base}/v1"
env_key = "BURSAR_KEY"
wire_api = "responses"
"""


class Agent:
    """One tool: how it is set up and called, and what it says of the usage it saw."""

    def __init__(self, name, binary, cases=CASES):
        self.name = name
        self.binary = binary
        self.cases = cases
        # Whether the tool is left to ask for what it asks for by default.
        self.as_it_comes = False

    def claude(self, base, key, home, prompt):
        env = {
            "ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": key, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        return ["claude", "-p", prompt, "--model", "claude-sonnet-4-5", "--output-format", "json"], env

    def codex(self, base, key, home, prompt):
        search = "" if self.as_it_comes else 'web_search = "disabled"'
        write(os.path.join(home, ".codex", "config.toml"), CODEX.format(base=base, search=search))
        command = ["codex", "exec", "--skip-git-repo-check", "--sandbox", "read-only", "--json", prompt]
        return command, {"BURSAR_KEY": key}

    def gemini(self, base, key, home, prompt):
        settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        write(os.path.join(home, ".gemini", "settings.json"), json.dumps(settings))
        command = ["gemini", "-m", "gemini-2.5-flash", "-p", prompt, "--output-format", "json", "--skip-trust"]
        return command, {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": base}

    def start(self, base, key, home, prompt):
        (command, env) = getattr(self, self.binary)(base, key, home, prompt)
        place = os.path.join(home, "work")
        os.makedirs(place, exist_ok=True)
        modules = os.path.join(installs.node("agents"), "node_modules")
        # Install scripts are not run; without its own, Claude Code is started by its wrapper.
        wrapper = ["node", os.path.join(modules, "@anthropic-ai", "claude-code", "cli-wrapper.cjs")]
        command[:1] = wrapper if self.binary == "claude" else [os.path.join(modules, ".bin", command[0])]
        return subprocess.Popen(
            command, cwd=place, env={"PATH": os.environ["PATH"], "HOME": home, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )


AGENTS = [
    Agent("Claude Code", "claude"),
    Agent("Codex", "codex", (*CASES, "hosted_tool")),
    Agent("Gemini CLI", "gemini"),
]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Bench:
    """One agent in front of a tap, a gateway and the mock."""

    def __init__(self, agent, tap, gateway, upstream, home):
        self.agent = agent
        self.tap = tap
        self.gateway = gateway
        self.upstream = upstream
        self.home = home
        self.through_bursar = not isinstance(gateway, Nothing)

    def run(self, case):
        before = self._books()
        getattr(self, "case_" + case)()
        if self.through_bursar:
            after = self._books()
            spent, bill = after[0] - before[0], after[1] - before[1]
            exact = spent == bill
            # What another project spends is not on these books.
            must(spent >= bill if case == "abort" else exact or case == "hosted_tool", f"settled {spent} for a bill of {bill}")

    def case_answer(self):
        said, code = self._say(self.upstream.usage_prompt)
        must(code == 0, f"ended with {code}: {said[-500:]}")
        must("Grüße from 東京" in said.replace("\\u00fc", "ü"), f"no answer: {said[-500:]}")
        # Each prints the usage that it saw.
        must("1234" in said and "57" in said, f"another usage: {said[-800:]}")
        must(len(self._posts()) == 1, "more than one request")

    def case_tools(self):
        said, code = self._say("call the tool [[mock in=321 out=21]]")
        must(code == 0, f"ended with {code}: {said[-500:]}")
        must(len(self._posts()) >= 2, "the tool's result was not sent back")

    def case_error(self):
        said, _ = self._say(self.upstream.error_prompt)
        must("the script has this request fail" in said, f"the provider's message is lost: {said[-500:]}")
        must(len(self._posts()) == 1, "an error of the provider caused another request")

    def case_refusal(self):
        if not self.through_bursar:
            raise Skipped("nothing refuses without a gateway")
        reached = self.upstream.received()
        said, code = self._say(self.upstream.usage_prompt, self.gateway.broke_key)
        must(code != 0 or "E-BUDGET-002" in said, f"no refusal: {said[-500:]}")
        must("E-BUDGET-002" in said or "usage limit" in said, f"it does not say why: {said[-500:]}")
        posts = self._posts()
        must(len(posts) == 1, f"a refusal caused {len(posts)} requests")
        must(self.upstream.received() == reached, "a refused request reached the provider")

    def case_abort(self):
        reached = self.upstream.received()
        process = self._start(self.upstream.abort_prompt, self.gateway.key)
        deadline = time.monotonic() + SECONDS
        while self.upstream.received() == reached and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.upstream.total()
        line = self.upstream.last_line()
        must(line["ending"] == "disconnected", f"the provider was not told: {line}")

    def case_hosted_tool(self):
        """What may be used without a cap has no bound: a budget that promises never to be overspent refuses it."""
        if not self.through_bursar:
            raise Skipped("nothing refuses without a gateway")
        reached = self.upstream.received()
        self.agent.as_it_comes = True
        try:
            said, code = self._say(self.upstream.usage_prompt)
            posts = self._posts()
            refused = self.upstream.received() == reached
            held_as_usual, passed = self._say(self.upstream.usage_prompt, self.gateway.estimating_key)
        finally:
            self.agent.as_it_comes = False
        must(passed == 0, f"a budget that holds an estimate refuses it: {held_as_usual[-500:]}")
        must(code != 0 and "E-BUDGET-018" in said and "hosted tool" in said, f"no refusal: {said[-500:]}")
        must(len(posts) == 1, f"a refusal caused {len(posts)} requests")
        must(refused, "a refused request reached the provider")

    def _start(self, prompt, key):
        self.tap.take()
        return self.agent.start(self.tap.url, key, self.home, prompt)

    def _say(self, prompt, key=None):
        process = self._start(prompt, key or self.gateway.key)
        try:
            said, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
        return said, process.returncode

    def _posts(self):
        """Requests that could cost something: agents also look whether the server is there."""
        return [target for target in self.tap.take() if target != "/"]

    def _books(self):
        if not self.through_bursar:
            return 0, 0
        return self.gateway.settled()[0], self.upstream.total()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direct", action="store_true", help="no Bursar in between: the agents and the mock alone")
    parser.add_argument("--only", default="", help="only agents whose name has this in it")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    report = Report()
    if reason := installs.node_missing(installs.NODE_OF_AIMOCK):
        for agent in AGENTS:
            report.line(agent.name, "", [report.skip(case, reason) for case in agent.cases])
        return report.end()
    binary = os.environ.get("BURSAR_BIN", os.path.join(ROOT, "target", "debug", "bursar"))
    mock = [os.environ["BURSAR_MOCK_BIN"]] if "BURSAR_MOCK_BIN" in os.environ else [binary, "mock"]
    folder = tempfile.mkdtemp(prefix="bursar-agents-")
    upstream = Mock(mock, folder, guarded=not options.direct)
    try:
        gateway = Nothing(upstream) if options.direct else Bursar(binary, upstream, folder)
        try:
            for agent in AGENTS:
                if options.only in agent.name:
                    tap = Tap(gateway.port)
                    bench = Bench(agent, tap, gateway, upstream, os.path.join(folder, agent.binary))
                    words = [report.case(agent.name, case, bench.run) for case in agent.cases]
                    report.line(agent.name, upstream.name, words)
                    tap.close()
        finally:
            gateway.stop()
    finally:
        upstream.stop()
    if options.keep or report.failed:
        print(f"logs and data are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
