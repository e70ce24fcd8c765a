#!/usr/bin/env python3
"""Durable admissions beside what one would use otherwise: the same five counters per request, in the same run.

- Bursar: `cargo bench -p bursar-store --bench durable -- admits`, 256 callers, `sync`.
- PostgreSQL: one statement and transaction per request that locks five rows in order, checks and raises all or none,
  `UPDATE ... RETURNING`, prepared, synchronous_commit on. A cluster of its own in a temporary folder; pgbench asks.
- Redis: one Lua script per request over five counters, appendonly, appendfsync always. A server of its own.

Installs nothing: what is absent is said and left out. Rounds go A B C C B A, because machines drift. All three count
one admission (the reserve); settling is no part of it, which favours the others: Bursar's callers also settle.

    benches/beside.py [--rounds 3] [--seconds 5] [--callers 256] [--folder DIR]
"""

import argparse
import os
import pathlib
import pwd
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TABLE = """
CREATE TABLE win(id int PRIMARY KEY, room bigint NOT NULL, used bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO win SELECT n, 4000000000000000000, 0 FROM generate_series(1, 200) n;
"""
# Platform, project, one of 40 users, one of 60 keys, one of 5 models; locked in the order of their ids.
REQUEST = """
\\set u random(11, 50)
\\set k random(101, 160)
\\set m random(171, 175)
WITH locked AS (SELECT used, room FROM win WHERE id IN (1, 2, :u, :k, :m) ORDER BY id FOR UPDATE),
  fits AS (SELECT bool_and(used + 20000 <= room) AS all_fit FROM locked)
UPDATE win SET used = used + 20000 FROM fits WHERE id IN (1, 2, :u, :k, :m) AND all_fit RETURNING id, used;
"""
SCRIPT = """
for i = 1, 5 do if (tonumber(redis.call('GET', KEYS[i]) or '0') + 20000) > 9000000000000000 then return 0 end end
for i = 1, 5 do redis.call('INCRBY', KEYS[i], 20000) end
return 1
"""


def missing(what, names):
    absent = [name for name in names if not find(name)]
    if absent:
        print(f"SKIPPED: {what}: {', '.join(absent)} not found", file=sys.stderr)
    return bool(absent)


def find(name):
    found = shutil.which(name)
    if not found:
        places = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        found = str(places[0]) if places else None
    return found


class Postgres:
    name = "PostgreSQL, one UPDATE transaction each"

    def __init__(self, folder, callers):
        self.data, self.callers = folder / "postgres", callers
        self.data.mkdir()
        self.port = "54987"
        # The server refuses to be root.
        self.user = None
        if os.getuid() == 0:
            self.user = pwd.getpwnam("postgres")
            for place in (folder, self.data):
                os.chown(place, self.user.pw_uid, self.user.pw_gid)
        self.run([find("initdb"), "-D", str(self.data), "-A", "trust", "-U", "bench"])
        options = f"-p {self.port} -k {self.data} -c listen_addresses='' -c max_connections={callers + 20} -c shared_buffers=256MB"
        self.run([find("pg_ctl"), "-D", str(self.data), "-w", "-l", str(self.data / "log"), "-o", options, "start"])
        where = ["-h", str(self.data), "-p", self.port, "-U", "bench", "postgres"]
        self.where = where
        subprocess.run([find("psql"), "-q", "-c", TABLE, *where], check=True, stdout=subprocess.DEVNULL)
        self.script = folder / "request.sql"
        self.script.write_text(REQUEST)

    def run(self, command):
        drop = {}
        if self.user:
            drop = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **drop)

    def measure(self, seconds):
        command = [find("pgbench"), "-n", "-M", "prepared", "-f", str(self.script), "-c", str(self.callers), "-j", "2", "-T", str(seconds)]
        logs = tempfile.mkdtemp()
        command += ["-l", "--log-prefix", f"{logs}/t", *self.where]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rate = float(re.search(r"tps = ([0-9.]+)", done.stdout)[1])
        times = sorted(
            int(line.split()[2]) for file in pathlib.Path(logs).iterdir() for line in file.read_text().splitlines()
        )
        shutil.rmtree(logs)
        return rate, times[len(times) * 99 // 100] / 1000 if times else 0.0

    def stop(self):
        self.run([find("pg_ctl"), "-D", str(self.data), "-m", "immediate", "stop"])


class Redis:
    name = "Redis, one Lua script each"

    def __init__(self, folder, callers):
        self.folder, self.callers, self.port = folder / "redis", callers, "63987"
        self.folder.mkdir()
        command = [find("redis-server"), "--port", self.port, "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            if self.ask("PING") == "PONG":
                break
            time.sleep(0.1)
        self.digest = self.ask("SCRIPT", "LOAD", SCRIPT)

    def ask(self, *words):
        command = [find("redis-cli"), "-p", self.port, *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def measure(self, seconds):
        keys = ["w:1", "w:2", "u:__rand_int__", "k:__rand_int__", "m:__rand_int__"]
        count, took, line = 2_000, 0.0, ""
        # redis-benchmark counts requests, not seconds: as many as fill them.
        while took < seconds * 0.6:
            count = min(int(count * max(2.0, seconds / max(took, 0.05))), 5_000_000)
            command = [find("redis-benchmark"), "-p", self.port, "-c", str(self.callers), "-n", str(count), "-r", "50"]
            began = time.monotonic()
            done = subprocess.run(
                [*command, "--csv", "EVALSHA", self.digest, "5", *keys], check=True, capture_output=True, text=True
            )
            took = time.monotonic() - began
            line = done.stdout.strip().splitlines()[-1]
        fields = [field.strip('"') for field in line.split('","')]
        return float(fields[1]), float(fields[6])

    def stop(self):
        self.ask("SHUTDOWN", "NOSAVE")
        self.server.wait(30)


class Bursar:
    name = "Bursar, sync"

    def __init__(self, folder, callers):
        del callers
        self.folder = folder

    def measure(self, seconds):
        del seconds
        command = ["cargo", "bench", "-q", "-p", "bursar-store", "--bench", "durable", "--", "round", str(self.folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        row = next(line for line in done.stdout.splitlines() if "sync: reserve, durable" in line)
        fields = [field.strip() for field in row.strip("|").split("|")]
        return float(fields[2]), float(fields[4]) / 1000

    def stop(self):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--callers", type=int, default=256)
    parser.add_argument("--folder", default=None)
    asked = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="beside-", dir=asked.folder))
    folder.chmod(0o755)
    sides, seen = [], {}
    try:
        sides.append(Bursar(folder, asked.callers))
        if not missing("PostgreSQL", ["initdb", "pg_ctl", "psql", "pgbench"]):
            sides.append(Postgres(folder, asked.callers))
        if not missing("Redis", ["redis-server", "redis-cli", "redis-benchmark"]):
            sides.append(Redis(folder, asked.callers))
        for _ in range(asked.rounds):
            for side in sides + sides[::-1]:
                rate, p99 = side.measure(asked.seconds)
                seen.setdefault(side.name, []).append((rate, p99))
                print(f"{side.name}: {rate:.0f} /s, p99 {p99:.1f} ms", flush=True)
    finally:
        for side in sides:
            side.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n| what ({asked.callers} callers, five counters each, durable) | per second, median (least to most) | p99 ms, median |")
    print("|---|---|---|")
    for name, values in seen.items():
        rates = [rate for rate, _ in values]
        p99 = statistics.median(p99 for _, p99 in values)
        print(f"| {name} | {statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) | {p99:.1f} |")


if __name__ == "__main__":
    main()
