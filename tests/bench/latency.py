#!/usr/bin/env python3
"""Setpoint latency and heartbeat rhythm, on an independent bus at 9600-baud pace.

    latency.py [--samples N] [--json FILE]

From the publish of a value to the end of its limit frame on the wire, with one charger and three;
a decrease for all three; the least spacing; heartbeat intervals with noise and flipped bits.
"""
import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from rig import Rig, wait  # noqa: E402
from twc import Unit  # noqa: E402


def share(values, p):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * p))]


def setpoints(count, samples, rng):
    """Seconds from publish to wire for single values, and for a decrease of all chargers."""
    ids = ["a1b2", "c3d4", "e5f6"][:count]
    with Rig() as r:
        s = r.slaves([Unit(i) for i in ids])
        r.bridge({"circuits": [{"name": "garage", "limit_a": 96}]})
        r.online(*ids)
        c = r.client()
        single, all_down = [], []
        value = 10
        for _ in range(samples):
            time.sleep(rng.uniform(1.1, 3.0))
            ident, value = rng.choice(ids), 10 + (value - 9) % 20
            begin = time.monotonic()
            c.publish(f"twcbridge/charger/{ident}/current_limit/set", str(value))
            hit = wait("the limit frame", lambda: next((h for h in s.log.of(ident, begin - 0.05) if h.limit and
                       h.amps == value and h.end > begin), None), 5, 0.002)
            single.append(hit.end - begin)
        for k in range(max(3, samples // 4)):
            for ident in ids:
                c.publish(f"twcbridge/charger/{ident}/current_limit/set", "24")
            time.sleep(rng.uniform(2.1, 4.0))
            low = 8 + k % 6
            begin = time.monotonic()
            for ident in ids:
                c.publish(f"twcbridge/charger/{ident}/current_limit/set", str(low), qos=0)
            ends = [wait("a decrease", lambda i=i: next((h for h in s.log.of(i, begin - 0.05) if h.limit and
                         h.amps == low and h.end > begin), None), 5, 0.002).end for i in ids]
            all_down.append(max(ends) - begin)
        spacing = min(s.log.spacing(i) for i in ids)
        return single, all_down, spacing, s.log.bad


def rhythm(seconds):
    """Heartbeat intervals with three chargers, queries, noise and flipped bits."""
    ids = ["a1b2", "c3d4", "e5f6"]
    with Rig() as r:
        s = r.slaves([Unit(i) for i in ids], noise=50, flips=0.01)
        r.bridge({"circuits": [{"name": "garage", "limit_a": 96}]})
        r.online(*ids, timeout=60)
        begin = time.monotonic()
        time.sleep(seconds)
        gaps = [g for i in ids for g in s.log.intervals(i, begin)]
        queries = sum(1 for a, _, b in s.log.bodies if a > begin and b[1] != 0xE0)
        return gaps, queries, min(s.log.spacing(i) for i in ids), s.log.bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--samples", type=int, default=40)
    p.add_argument("--rhythm", type=int, default=60, help="seconds")
    p.add_argument("--json")
    a = p.parse_args()
    out, bad = {}, []
    rng = random.Random(7)

    def check(name, value, limit, least=False):
        ok = value >= limit if least else value <= limit
        out[name] = {"value": round(value, 3), "limit": limit, "ok": ok}
        print(f"{name}: {value:.3f} s ({'at least' if least else 'at most'} {limit} s) {'ok' if ok else 'FAILED'}",
              flush=True)
        if not ok:
            bad.append(name)

    for n in (1, 3):
        single, down, spacing, wrong = setpoints(n, a.samples, rng)
        check(f"setpoint_{n}_p50", share(single, 0.50), 0.10)
        check(f"setpoint_{n}_p95", share(single, 0.95), 0.45)
        if n == 3:
            check("decrease_3_p95", share(down, 0.95), 0.70)
        check(f"spacing_{n}_least", spacing, 0.400, least=True)
        if wrong:
            bad.append(f"forbidden messages: {wrong[:3]}")
    gaps, queries, spacing, wrong = rhythm(a.rhythm)
    check("heartbeat_p99", share(gaps, 0.99), 1.2)
    check("heartbeat_max", max(gaps), 2.0)
    check("heartbeat_spacing_least", spacing, 0.400, least=True)
    print(f"{len(gaps)} intervals, {queries} queries")
    if wrong:
        bad.append(f"forbidden messages: {wrong[:3]}")
    if a.json:
        with open(a.json, "w") as f:
            json.dump(out, f, indent=1)
            f.write("\n")
    for b in bad:
        print("FAILED:", b)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
