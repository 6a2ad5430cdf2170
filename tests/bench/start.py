#!/usr/bin/env python3
"""From exec to the first heartbeat of a charger that the store knows. See bench.py for the options."""
import random
import signal
import subprocess
import sys
import time

from bench import PROGRAM, Bench, median
from rig import Rig, wait
from shim import urgent
from twc import Unit

IDS = ["a1b2", "c3d4", "e5f6"]


def heartbeats(s, since):
    """First heartbeat of each charger after a time, as its first byte; {} until all have one."""
    first = {i: next((h.start for h in s.log.of(i, since)), None) for i in IDS}
    return first if all(first.values()) else {}


def nothing():
    """Seconds from exec to the end of the same program that only tells its version."""
    begin = time.monotonic()
    subprocess.run([PROGRAM, "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begin


def main():
    b = Bench("start", "Seconds from exec to heartbeats of known chargers, after a kill -9, within 10 minutes.")
    first, last = [], []
    urgent()  # a start is 0.01 s of processor time: a busy machine alone can make it late
    with Rig() as r:
        s = r.slaves([Unit(i) for i in IDS])
        r.bridge({"circuits": [{"name": "garage", "limit_a": 96}]})
        r.online(*IDS)
        time.sleep(6)  # each is in the store by then
        for _ in range(3 if b.args.short else 45):
            r.end(r.proc, signal.SIGKILL)
            time.sleep(0.5)
            begin = time.monotonic()
            r.bridge(settings=r.file)
            at = wait("a heartbeat to each", lambda: heartbeats(s, begin), 10, 0.005)
            first.append(min(at.values()) - begin)
            last.append(max(at.values()) - begin)
            time.sleep(random.uniform(0.5, 3))  # killed at any moment of its second
        if s.log.bad:
            b.wrong(f"forbidden messages: {s.log.bad[:3]}")
    base = ("--version", median([nothing() for _ in range(9)]))
    b.figure("first heartbeat of a known charger, median", median(first), "s", most=0.6, each=first, baseline=base)
    b.figure("first heartbeat of a known charger, longest", max(first), "s", most=0.6, baseline=base)
    b.figure("each of three had one, median", median(last), "s", each=last, baseline=base)
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
