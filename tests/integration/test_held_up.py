#!/usr/bin/env python3
"""A disk that needs 400 ms for each fsync, a standard error that nobody reads, and a resolver that hangs
for 5 s, all at once: the heartbeats keep their rhythm. Two bridges run side by side, one of them
undisturbed; both are judged by the logs of the simulator.
"""
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from buslog import BusLog  # noqa: E402
from rig import PROGRAM, Rig, wait  # noqa: E402
from shim import Shim, urgent  # noqa: E402

SPAN_S, TRIES = 60, 3
F_SETPIPE_SZ = 1031


class House:
    """A broker, chargers and a bridge whose standard error is a pipe of one page."""

    def __init__(self, rig):
        self.r = rig
        self.ids = rig.simulate("--chargers", "2", "--plugged", "--id", "1a2b", "--log", rig.path("bus.jsonl"))
        self.shim = Shim(rig.dir)
        self.reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.pipe = self.reader.stdin
        fcntl.fcntl(self.pipe, F_SETPIPE_SZ, 4096)
        file = rig.settings({"mqtt": {"url": f"mqtt://localhost:{rig.port}"}, "log": {"level": "debug"}})
        rig.proc = subprocess.Popen([PROGRAM, "run", file, "--state", rig.path("state")], stderr=self.pipe,
                                    stdin=subprocess.DEVNULL, stdout=self.pipe, env=self.shim.env())
        rig.procs.append(rig.proc)
        rig.closers.append(self.close)
        self.client = rig.online(*self.ids)

    def close(self):
        self.reader.kill()
        self.reader.wait()
        self.pipe.close()

    def hold_up(self):
        self.reader.send_signal(signal.SIGSTOP)
        flags = fcntl.fcntl(self.pipe, fcntl.F_GETFL)
        fcntl.fcntl(self.pipe, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            while os.write(self.pipe.fileno(), b"\n"):
                pass
        except BlockingIOError:
            pass
        fcntl.fcntl(self.pipe, fcntl.F_SETFL, flags)  # the flags are the bridge's too
        self.shim.sync(0.4)
        self.shim.resolve(5)
        self.r.end(self.r.broker)  # it looks the name up again, and again

    def ask(self, n):
        """Something to decide, to write and to log: the other broker is away, the cars are not."""
        self.r.control(f"car 1 max_a={8 + n % 8}")
        self.r.control("unplug 2" if n % 10 == 5 else "plug 2")

    def since(self, ms):
        log = BusLog(self.r.path("bus.jsonl"))
        return [log.gaps(i, ms) for i in log.ids]


def now_ms(house):
    with open(house.r.path("bus.jsonl")) as f:
        return json.loads(f.readlines()[-1])["ms"]


def quantiles(gaps):
    s = sorted(g for each in gaps for g in each)
    return {"p50": s[len(s) // 2], "p99": s[min(len(s) - 1, len(s) * 99 // 100)], "max": s[-1]}


class HeldUp(unittest.TestCase):
    def setUp(self):
        urgent()

    def once(self):
        with Rig() as a, Rig() as b:
            clean, other = House(a), House(b)
            time.sleep(8)  # everything was asked of them once
            other.hold_up()
            time.sleep(2)
            begin = now_ms(clean), now_ms(other)
            for n in range(SPAN_S):
                clean.ask(n)
                other.ask(n)
                time.sleep(1)
            got = clean.since(begin[0]), other.since(begin[1])
            syncs, looks = other.shim.held()
            alive = other.r.proc.poll() is None
            self.assertTrue(alive)
            self.assertGreater(syncs, 5)
            self.assertGreaterEqual(looks, 3)
            # Afterwards: what was held back is done, and the log goes on.
            other.shim.sync(0)
            other.shim.resolve(0)
            other.reader.send_signal(signal.SIGCONT)
            b.start_broker()
            b.online(*other.ids)
            for x, y in zip(*got):
                self.assertGreater(len(y), len(x) * 0.95)
            return quantiles(got[0]), quantiles(got[1])

    def test_three_at_once_do_not_touch_the_rhythm(self):
        for n in range(TRIES):  # a busy machine may hold up one of the two
            a, b = self.once()
            print({"clean": a, "held up": b}, file=sys.stderr)
            off = {k: (a[k], b[k]) for k in a if b[k] > a[k] * 1.05}
            if not off:
                return
        self.fail(f"more than 5 % apart {TRIES} times: {off}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
