"""A disk that is full or read-only does not touch charging, is shown, and is used again after.

A tmpfs of one megabyte holds the state folder; only root may mount one. The rhythm of the heartbeats
is read off the bus, by a reader that shares no code with the daemon.
"""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from rig import Rig, state, wait  # noqa: E402
from twc import Unit  # noqa: E402

QUICK = {"safety": {"cold_listen_ms": 1000}}
SPAN_S = 30
HEALTH, EVENTS = "twcbridge/bridge/health", "twcbridge/bridge/event"


def quantiles(intervals):
    s = sorted(intervals)
    return {"p50": s[len(s) // 2], "p90": s[len(s) * 9 // 10], "max": s[-1]}


class Full(threading.Thread):
    """Takes every free byte of a folder, also those that come back, until it is stopped."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.over = path, threading.Event()

    def run(self):
        with open(self.path, "ab", buffering=0) as f:
            while not self.over.wait(0.02):
                try:
                    while f.write(bytes(4096)):
                        pass
                except OSError:
                    pass
        os.unlink(self.path)

    def end(self):
        self.over.set()
        self.join()


class Disk(unittest.TestCase):
    def setUp(self):
        self.r = Rig()
        self.r.__enter__()
        self.addCleanup(self.r.__exit__, None, None, None)
        self.dir = self.r.path("state")
        os.mkdir(self.dir)
        m = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", self.dir], capture_output=True,
                           text=True, check=False)
        if m.returncode != 0:
            if os.environ.get("CI"):
                self.fail(f"no tmpfs can be mounted here: {m.stderr}")
            self.skipTest(f"no tmpfs can be mounted here: {m.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.dir], check=False)
        self.bus = self.r.slaves([Unit("a1b2"), Unit("c3d4", protocol=1, max_a=16)])

    def measure(self):
        """The intervals of both units' heartbeats over the next SPAN_S."""
        since = time.monotonic()
        time.sleep(SPAN_S)
        return [i for u in self.bus.units for i in self.bus.log.of(u.ident, since) and
                self.bus.log.intervals(u.ident, since)]

    def same_rhythm(self, clean, tries=3):
        """Within 5 % of the clean run. A fault is there each time, a busy machine is not."""
        for i in range(tries):
            other = self.measure()
            a, b = quantiles(clean), quantiles(other)
            print({"clean": a, "other": b}, file=sys.stderr)
            worse = {k: b[k] / a[k] - 1 for k in a if b[k] / a[k] - 1 >= 0.05}
            if not worse and len(other) > len(clean) * 0.95:
                return
        self.fail(f"{tries} times: {worse}, {len(clean)} and {len(other)} intervals")

    def event(self, client, kind, timeout):
        m = client.wait(lambda m: m.topic == EVENTS and f'"{kind}"' in m.payload, timeout)
        return json.loads(m.payload)

    def energy(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/twcbridge.db?mode=ro", uri=True)) as c:
            return c.execute("SELECT energy_wh FROM charger WHERE id='a1b2'").fetchone()[0]

    def test_a_full_disk(self):
        self.r.bridge(QUICK)
        c = self.r.online("a1b2", "c3d4")
        time.sleep(8)
        clean = self.measure()
        full = Full(self.dir + "/filler")
        full.start()
        self.addCleanup(full.end)
        ev = self.event(c, "problem", 30)
        self.assertIn("cannot be written", ev["message"])
        self.same_rhythm(clean)
        wait("the problem is shown", lambda: state(c, HEALTH)["problem"], 5)
        before = state(c, "twcbridge/charger/a1b2")["energy"]
        full.over.set()
        full.join()
        self.event(c, "recovered", 65)
        wait("health is fine again", lambda: not state(c, HEALTH)["problem"], 10)
        wait("what was counted meanwhile is on the disk", lambda: self.energy() >= int(before * 1000), 10)
        self.assertEqual(self.bus.log.bad, [])

    def test_a_read_only_disk(self):
        self.r.bridge(QUICK)
        c = self.r.online("a1b2", "c3d4")
        time.sleep(8)
        c.publish("twcbridge/site/current_limit/set", "20")
        c.wait(lambda m: m.topic == "twcbridge/site/current_limit/result" and '"ok"' in m.payload, 5)
        clean = self.measure()
        energy = self.energy()
        self.assertEqual(self.r.end(self.r.proc), 0)
        self.assertFalse(os.path.exists(self.dir + "/twcbridge.db-wal"), "the store was not closed")
        subprocess.run(["mount", "-o", "remount,ro", self.dir], check=True)
        self.r.bridge(settings=self.r.file)
        c = self.r.online("a1b2", "c3d4")
        ev = self.event(c, "problem", 10)
        self.assertIn("twcbridge.db", ev["message"])
        time.sleep(8)
        self.same_rhythm(clean)
        self.assertTrue(state(c, HEALTH)["problem"])
        # A limit that somebody set holds, although nothing can be written, and so does the energy.
        self.assertEqual(state(c, "twcbridge/site")["current_limit"], 20)
        self.assertGreaterEqual(state(c, "twcbridge/charger/a1b2")["energy"] * 1000, energy)
        subprocess.run(["mount", "-o", "remount,rw", self.dir], check=True)
        self.event(c, "recovered", 65)
        wait("energy goes on in the store", lambda: self.energy() > energy, 20)


if __name__ == "__main__":
    unittest.main()
