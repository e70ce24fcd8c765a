#!/usr/bin/env python3
"""Real clients through the real binary: `make test-clients`.

Environment: BURSAR_BIN, the binary (default target/debug/bursar); BURSAR_MOCK_BIN, a mock of its own (default: the
binary's `mock` command). Needs Python 3.11; Node 18 for Node's clients and 20.15 for aimock,
which are skipped without it.
"""

import argparse
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import installs  # noqa: E402
from lib.cases import Bench  # noqa: E402
from lib.clients import CLIENTS  # noqa: E402
from lib.gateway import Bursar, Nothing  # noqa: E402
from lib.processes import Client  # noqa: E402
from lib.report import Report  # noqa: E402
from lib.tap import Tap  # noqa: E402
from lib.upstreams import Aimock, Mock  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(installs.HERE))


def start_client(client, folder):
    """The process that runs a client's jobs; raises where it cannot be installed."""
    log = os.path.join(folder, "clients.log")
    if client.venv:
        script = os.path.join(installs.HERE, "python", client.script)
        return Client([installs.python(client.venv), script], folder, log)
    return Client(["node", client.script], installs.node(), log)


def run_client(client, gateway, upstream, folder, report):
    """All cases of one client."""
    if not client.venv and (reason := installs.node_missing(installs.NODE_OF_CLIENTS)):
        report.line(client.name, upstream.name, [report.skip(case, reason) for case in client.cases])
        return
    tap = Tap(gateway.port)
    try:
        process = start_client(client, folder)
    except RuntimeError as error:
        report.fail(f"{client.name}: {error}")
        return
    try:
        bench = Bench(client, process, tap, gateway, upstream)
        report.line(client.name, upstream.name, [report.case(client.name, case, bench.run) for case in client.cases])
    finally:
        process.close()
        tap.close()


def run_upstream(upstream, binary, folder, wanted, report):
    """All clients in front of one fake provider."""
    gateway = Bursar(binary, upstream, folder) if binary else Nothing(upstream)
    try:
        for client in CLIENTS:
            if wanted in client.name:
                run_client(client, gateway, upstream, folder, report)
    finally:
        gateway.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direct", action="store_true", help="no Bursar in between: the clients and the mock alone")
    parser.add_argument("--only", default="", help="only clients whose name has this in it")
    parser.add_argument("--upstream", choices=["mock", "aimock"], help="only this fake provider")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    binary = os.environ.get("BURSAR_BIN", os.path.join(ROOT, "target", "debug", "bursar"))
    mock = [os.environ["BURSAR_MOCK_BIN"]] if "BURSAR_MOCK_BIN" in os.environ else [binary, "mock"]
    folder = tempfile.mkdtemp(prefix="bursar-clients-")
    report = Report()
    makers = {
        "mock": lambda inside: Mock(mock, inside, guarded=not options.direct),
        "aimock": lambda inside: Aimock(installs.node(), inside),
    }
    for name, make in makers.items():
        if options.upstream not in (None, name):
            continue
        if name == "aimock" and (reason := installs.node_missing(installs.NODE_OF_AIMOCK)):
            report.skip("every client in front of aimock", reason)
            continue
        inside = os.path.join(folder, name)
        os.mkdir(inside)
        try:
            upstream = make(inside)
        except (RuntimeError, OSError) as error:
            report.fail(f"{name} did not start: {error}")
            continue
        try:
            run_upstream(upstream, None if options.direct else binary, inside, options.only, report)
        except (RuntimeError, OSError) as error:
            report.fail(f"in front of {name}: {error}")
        finally:
            upstream.stop()
    if options.keep or report.failed:
        print(f"logs and data are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
