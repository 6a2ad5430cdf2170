#!/usr/bin/env python3
"""Heartbeat intervals on a bad line. See bench.py for the options.

Three chargers, 50 bytes of noise a second on the idle line, a flipped bit in 1 % of the frames, VIN
and energy queries; the same without faults as the baseline, at the same time.
"""
import concurrent.futures
import multiprocessing
import sys
import time

from bench import Bench, share
from rig import Rig
from twc import Unit

IDS = ["a1b2", "c3d4", "e5f6"]


def run(seconds, noise, flips):
    with Rig() as r:
        s = r.slaves([Unit(i) for i in IDS], noise=noise, flips=flips)
        r.bridge({"circuits": [{"name": "garage", "limit_a": 96}]})
        r.online(*IDS, timeout=60)
        begin = time.monotonic()
        time.sleep(seconds)
        asked = [b for a, _, b in s.log.bodies if a > begin and b[1] != 0xE0]
        return {"gaps": [g for i in IDS for g in s.log.intervals(i, begin)], "bad": s.log.bad[:3],
                "spacing": min(s.log.spacing(i) for i in IDS), "queries": len(asked) / seconds}


def main():
    b = Bench("cadence", "Three chargers, 50 bytes of noise a second, a flipped bit in 1 % of the frames, queries.")
    seconds = 20 if b.args.short else 120
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        bad, clean = pool.submit(run, seconds, 50, 0.01), pool.submit(run, seconds, 0, 0)
        bad, clean = bad.result(), clean.result()
    for name, p, most in (("p50", 0.50, None), ("p99", 0.99, 1.2), ("longest", 1.0, 2.0)):
        b.figure(f"heartbeat interval, {name}", share(bad["gaps"], p), "s", most=most,
                 baseline=("clean line", share(clean["gaps"], p)))
    b.figure("least spacing", bad["spacing"], "s", least=0.4, baseline=("clean line", clean["spacing"]))
    b.figure("queries", bad["queries"], "1/s", least=0.5, baseline=("clean line", clean["queries"]))
    b.figure("intervals measured", len(bad["gaps"]), "")
    for one in (bad, clean):
        if one["bad"]:
            b.wrong(f"forbidden messages: {one['bad']}")
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
