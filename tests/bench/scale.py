#!/usr/bin/env python3
"""60 chargers that charge on 20 buses in one process. See bench.py for the options."""
import sys
import time

from bench import PROGRAM, Bench, Load, median, memory, share
from buslog import BusLog
from rig import Rig, state, wait

EACH = 3


def settings(r, buses, ids):
    return {"circuits": [{"name": f"c{b}", "limit_a": 96} for b in range(buses)],
            "buses": [{"port": r.path(f"bus{b}"), "circuit": f"c{b}"} for b in range(buses)],
            "chargers": [{"id": i} for i in ids],
            "safety": {"cold_listen_ms": 1000}}


def simulate(r, b):
    """Three virtual chargers of bus b; returns their ids."""
    first = 0x1000 + 16 * b
    r.run(PROGRAM, "simulate", "--chargers", str(EACH), "--plugged", "--id", f"{first:04x}", "--link",
          r.path(f"bus{b}"), "--log", r.path(f"bus{b}.jsonl"), "--seed", str(b + 1), log=f"sim{b}.log")
    wait("simulate", lambda: r.find(f"sim{b}.log", "ready:"))
    return [f"{first + k:04x}" for k in range(EACH)]


def charging(client, ids):
    return all((state(client, f"twcbridge/charger/{i}").get("current") or 0) > 14 for i in ids)


def rhythm(r, buses, since_s):
    """Heartbeat intervals of all chargers in ms, by the clocks of the virtual buses."""
    gaps, bad = [], []
    for b in range(buses):
        log = BusLog(r.path(f"bus{b}.jsonl"))
        bad += log.bad
        for i in log.ids:
            told = [t.ms for t in log.of(i)]
            gaps += [y - x for x, y in zip(told, told[1:]) if y > told[-1] - 1000 * since_s]
    return gaps, bad


def one(b, buses, seconds):
    """One run: per cent, wakes, per cent of a fifth of the chargers, RSS, dirty, gaps."""
    with Rig() as r:
        ids = [i for n in range(buses) for i in simulate(r, n)]
        r.bridge(settings(r, buses, ids))
        client = r.online(*ids, timeout=60)
        for i in ids:
            client.publish(f"twcbridge/charger/{i}/current_limit/set", "16")
        wait("cars that charge", lambda: charging(client, ids), 60)
        time.sleep(8)
        load = Load(r.proc.pid)
        time.sleep(seconds)
        (percent, wakes), = load.stop()
        rss, dirty = memory(r.proc.pid)
        gaps, bad = rhythm(r, buses, seconds)
        if bad:
            b.wrong(f"forbidden messages: {bad[:3]}")
        return percent, wakes, rss, dirty, gaps


def main():
    b = Bench("scale", "60 chargers that charge on 20 buses in one process, release build, median of the runs.")
    buses, runs, seconds = (4, 1, 5) if b.args.short else (20, 3, 20)
    small = one(b, 1, seconds)
    got = [one(b, buses, seconds) for _ in range(runs)]
    n = buses * EACH

    def figure(name, values, unit, base, most=None):
        b.figure(name, median(values), unit, most=most, each=values, baseline=("one bus of three", base))

    figure("processor", [g[0] for g in got], "% of a core", small[0], 2.0)
    figure("processor for each charger", [g[0] / n for g in got], "% of a core", small[0] / EACH)
    figure("wakes", [g[1] for g in got], "1/s", small[1])
    figure("RSS", [g[2] for g in got], "kB", small[2])
    figure("private dirty", [g[3] for g in got], "kB", small[3])
    figure("heartbeat interval, p99", [share(g[4], 0.99) for g in got], "ms", share(small[4], 0.99), 1200)
    figure("heartbeat interval, longest", [max(g[4]) for g in got], "ms", max(small[4]), 2000)
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
