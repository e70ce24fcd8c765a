"""Programs under test: started, watched, ended by their own process id."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def http(url, body=None, headers=None, method=None):
    """One HTTP exchange: status and body as text."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def get_json(url, **more):
    """A JSON document that must be there."""
    status, text = http(url, **more)
    if status != 200:
        raise RuntimeError(f"GET {url} gave {status}: {text[:300]}")
    return json.loads(text)


def wait_until(what, test, seconds):
    """Calls `test` until it is true; what it raises on the way is told only when time is up."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if value := test():
                return value
        except (OSError, RuntimeError, ValueError) as error:
            last = error
        time.sleep(0.02)
    raise RuntimeError(f"no {what} within {seconds} s ({last})")


class Program:
    """A running program with its log in a file."""

    def __init__(self, name, command, log, env=None, cwd=None):
        self.name = name
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})}, cwd=cwd
            )

    def check(self):
        """Raises where it has ended by itself."""
        if (code := self.process.poll()) is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise RuntimeError(f"{self.name} ended with {code}:\n{log.read()[-3000:]}")
        return True

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Client:
    """A client script that answers jobs, one line each."""

    def __init__(self, command, cwd, log):
        self.log = open(log, "ab")
        # Nothing of the surroundings may reach a client but what makes it run at all.
        keep = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "TMPDIR")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        self.process = subprocess.Popen(
            command, cwd=cwd, env={**env, "PYTHONDONTWRITEBYTECODE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )

    def ask(self, job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            # Some libraries talk on standard output.
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"the client ended with {self.process.wait()}; see {self.log.name}")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
