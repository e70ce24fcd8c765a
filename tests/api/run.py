#!/usr/bin/env python3
"""Asks a running Bursar everything its OpenAPI document allows, and much that it does not: `make test-api`.

Schemathesis reads the document from the server, makes up requests, and judges each answer by it: no 5xx, only the
statuses, content types and bodies that are written there, no other methods, nothing without the token.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "clients"))

from lib.processes import Program, free_port, http, wait_until  # noqa: E402

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,missing_required_header,ignored_auth"
)
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
data_dir = "{folder}/data"
[providers.fake]
family = "openai"
base_url = "http://127.0.0.1:9/v1"
credential = {{ env = "API_TESTS_CREDENTIAL" }}
[models."small"]
deployments = [{{ provider = "fake", price = {{ input = "1", output = "2", context = 200000, max_output = 4096 }} }}]
[projects.alpha]
[[budgets]]
name = "all"
limit = "100 USD"
period = "day"
[[budgets]]
name = "each user"
limit = "10 USD"
period = "month"
per = ["user"]
"""


def installed(target):
    """Schemathesis in a virtual environment of its own, made where it is not there or another one is asked for."""
    folder = os.path.join(target, "venv")
    requirements = os.path.join(HERE, "requirements.txt")
    stamp, program = os.path.join(folder, "installed"), os.path.join(folder, "bin", "schemathesis")
    with open(requirements, "rb") as file:
        wanted = hashlib.sha256(file.read()).hexdigest()
    try:
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return program
    except OSError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", requirements], check=True)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return program


def serving(binary, folder):
    """A server with something of everything in it: the program, where it listens, and its token."""
    port = free_port()
    config = os.path.join(folder, "bursar.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(port=port, folder=folder))
    command = [binary, "serve", "--config", config]
    program = Program("bursar", command, os.path.join(folder, "bursar.log"), {"API_TESTS_CREDENTIAL": "sk-none"})
    base = f"http://127.0.0.1:{port}"
    wait_until("ready server", lambda: program.check() and http(f"{base}/readyz")[0] == 200, 60)
    with open(os.path.join(folder, "data", "admin-token"), encoding="utf-8") as file:
        return program, base, file.read().strip()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default=os.path.join(ROOT, "target", "debug", "bursar"))
    options.add_argument("--examples", type=int, default=25, help="requests made up for each operation")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", action="store_true", help="keep the server's folder")
    options.add_argument("rest", nargs="*", help="more for schemathesis, behind `--`")
    asked = options.parse_args()
    target = os.path.join(ROOT, "target", "api-tests")
    folder = os.path.join(target, "run")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    judge = installed(target)
    program, base, token = serving(asked.binary, folder)
    try:
        command = [
            judge, "run", f"{base}/admin/openapi.json", "--url", base, "--checks", CHECKS, "--header", f"Authorization: Bearer {token}",
            "--max-examples", str(asked.examples), "--seed", str(asked.seed), "--suppress-health-check", "all",
            "--request-timeout", "30", "--continue-on-failure", *asked.rest,
        ]
        done = subprocess.run(command, cwd=folder, check=False)
        # Whatever it was asked, it must still be there.
        program.check()
        alive = http(f"{base}/livez")[0] == 200
    finally:
        program.stop()
    if not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)
    if not alive:
        print("the server no longer answers", file=sys.stderr)
    return done.returncode if alive else 1


if __name__ == "__main__":
    sys.exit(main())
