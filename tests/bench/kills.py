#!/usr/bin/env python3
"""Random kills of the bridge under load, judged by the store, the cars and the bus log.

    kills.py [--kills N] [--seed N] [--json FILE] [--short]

After each kill the store is sound, no energy count is lower, every charger is still known by its number
and session; no car loses its charge, and no charger is ever told more than before: nobody who owns a
value speaks in this test, so nothing may rise.
"""
import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from cable import Bus  # noqa: E402
from mqtt import Client  # noqa: E402
from rig import Rig, result, wait  # noqa: E402
from shim import urgent  # noqa: E402

AMPS = {"1a2b": 7, "2a2b": 12, "2a2c": 9}


class Load(threading.Thread):
    """Commands, births and questions, as many as the bridge takes; none of them changes an offer."""

    def __init__(self, port, seed):
        super().__init__(daemon=True)
        self.port, self.rng, self.over, self.sent = port, random.Random(seed), threading.Event(), 0

    def once(self, c):
        i = self.rng.choice(list(AMPS))
        topic, payload = self.rng.choice((
            ("homeassistant/status", "online"), ("twcbridge/bridge/request/health", "PRESS"),
            (f"twcbridge/charger/{i}/hold_minutes/set", str(self.rng.randrange(0, 600))),
            (f"twcbridge/charger/{i}/boost_minutes/set", str(self.rng.randrange(10, 600))),
            (f"twcbridge/charger/{i}/current_limit/set", '{"value":"much"}'),
            (f"twcbridge/charger/{i}/max_current/set", "32")))
        c.publish(topic, payload, qos=0)
        self.sent += 1

    def run(self):
        c = Client(self.port)
        while not self.over.wait(0.01):
            self.once(c)
        c.close()


class Kills:
    def __init__(self, rig, seed):
        self.r, self.rng, self.bad, self.count = rig, random.Random(seed), [], 0
        one = Bus(rig, "one", "--protocol", "1", "--chargers", "1", "--max-a", "16", "--id", "1a2b")
        two = Bus(rig, "two", "--chargers", "2", "--id", "2a2b")
        self.buses = [one, two]
        self.file = rig.settings({
            "buses": [{"name": b.name, "port": rig.path(b.name), "circuit": "garage"} for b in self.buses],
            "chargers": [{"id": i} for i in AMPS]})
        self.starts, self.took = [], []
        self.energy, self.first = {}, None

    def cars(self):
        return {c["id"]: c for b in self.buses for c in b.say("status")["chargers"]}

    def settle(self):
        self.r.bridge(settings=self.file)
        c = self.r.online(*AMPS, timeout=60)
        for i, a in AMPS.items():
            result(c, f"twcbridge/charger/{i}/current_limit/set", json.dumps({"value": a, "for": 86400, "owner": "t"}))
        wait("all of them charge", lambda: all(x["drawn_a"] > AMPS[i] - 1.5 for i, x in self.cars().items()), 120, 1)
        time.sleep(6)  # the store has it too
        self.c, self.before = c, self.cars()
        for b in self.buses:
            b.sync()
        self.begin = time.monotonic()

    def store(self):
        """A copy of what the killed process left: sound, and nothing in it went backwards."""
        copy = self.r.path("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.r.path("state"), copy)
        with contextlib.closing(sqlite3.connect(os.path.join(copy, "twcbridge.db"))) as db:
            sound = db.execute("PRAGMA integrity_check").fetchone()[0]
            rows = db.execute("SELECT id,energy_wh,session_number,session_open FROM charger ORDER BY id").fetchall()
        with open(os.path.join(copy, "instance")) as f:
            known = (f.read(), [(i, n, o) for i, _, n, o in rows])
        self.first = self.first or known
        if sound != "ok" or known != self.first:
            self.bad.append(f"kill {self.count}: {sound}, {known}, first {self.first}")
        for i, wh, _, _ in rows:
            if wh < self.energy.get(i, 0):
                self.bad.append(f"kill {self.count}: {i} has {wh} Wh after {self.energy[i]}")
            self.energy[i] = wh

    def kill(self):
        time.sleep(self.rng.choice((self.rng.uniform(0, 0.3), self.rng.uniform(0.3, 1.5), self.rng.uniform(1.5, 5))))
        self.r.end(self.r.proc, signal.SIGKILL)
        self.r.procs.remove(self.r.proc)
        self.count += 1
        self.store()
        time.sleep(self.rng.uniform(0, 0.5))
        self.starts.append(time.monotonic())
        self.r.bridge(settings=self.file)
        for i, x in self.cars().items():
            b = self.before[i]
            if x["interruptions"] != b["interruptions"] or x["closings"] != b["closings"] or x["drawn_a"] < 4:
                self.bad.append(f"kill {self.count}: {i} stopped: {x}")

    def end(self):
        time.sleep(8)
        if self.r.proc.poll() is not None:
            self.bad.append("the bridge ended by itself")
        shown = {}
        for m in self.c.messages:  # what was told to the house
            if m.topic.startswith("twcbridge/charger/") and m.topic.count("/") == 2 and m.payload.startswith("{"):
                wh = json.loads(m.payload).get("energy")
                if wh is not None and wh < shown.get(m.topic, 0):
                    self.bad.append(f"{m.topic}: {wh} kWh after {shown[m.topic]}")
                shown[m.topic] = wh if wh is not None else shown.get(m.topic, 0)
        self.after = self.cars()
        self.r.end(self.r.proc)
        gaps = []
        for b in self.buses:
            b.say("exit")
            b.sim.wait(10)
            log = b.read()
            self.bad += [f"{b.name}: {x}" for x in log.bad[:3]]
            for i in log.ids:
                self.wire(log, b.zero, i, gaps)
        return gaps

    def wire(self, log, zero, ident, gaps):
        """Never more amps than before; the first message after each start."""
        since = (self.begin - zero) * 1000
        told = [t for t in log.told if t.to == ident]
        amps = [t.amps for t in told if t.limit and t.ms < since][-1]
        for t in told:
            if t.ms < since or not t.limit:
                continue
            if t.amps > amps:
                self.bad.append(f"{ident} was told {t.amps} A after {amps} A, {zero + t.ms / 1000 - self.begin:.1f} s on")
            amps = t.amps
        gaps += log.gaps(ident, since)
        times = [zero + t.ms / 1000 for t in told]
        for k, start in enumerate(self.starts):
            end = self.starts[k + 1] if k + 1 < len(self.starts) else start + 9
            first = next((t for t in times if start < t < end), None)
            if first:
                self.took.append(first - start)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kills", type=int, default=200)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--json", default=os.path.join(HERE, "kills.json"))
    p.add_argument("--short", action="store_true", help="five kills, stored nowhere: does the bench itself work?")
    a = p.parse_args()
    if a.short:
        a.kills, a.json = 5, os.devnull
    urgent()
    with Rig() as r:
        k = Kills(r, a.seed)
        k.settle()
        load = Load(r.port, a.seed)
        load.start()
        for _ in range(a.kills):
            k.kill()
        load.over.set()
        load.join()
        gaps = k.end()
        took = sorted(k.took)
        out = {"kills": k.count, "commands": load.sent, "seconds": round(time.monotonic() - k.begin),
               "energy_wh": k.energy, "told_a": {i: x["told_a"] for i, x in k.after.items()},
               "start_to_heartbeat_s": {"p50": round(took[len(took) // 2], 3), "max": round(took[-1], 3)} if took else None,
               "longest_gap_ms": max(gaps), "findings": k.bad[:20], "ok": not k.bad}
    with open(a.json, "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
    print(json.dumps(out))
    for b in k.bad[:20]:
        print("FAILED:", b)
    return 1 if k.bad else 0


if __name__ == "__main__":
    sys.exit(main())
