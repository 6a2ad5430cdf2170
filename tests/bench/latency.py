#!/usr/bin/env python3
"""From the publish of a value to its limit frame on the wire. See bench.py for the options.

The bus is tests/support/twc.py, which shares no code with the daemon, at 9600-baud pace; times are
those of the frame's first and last byte there. Commands come 1.1 to 2.6 s apart. The baseline is
reference.py on the same kind of bus.
"""
import concurrent.futures
import multiprocessing
import random
import sys
import time

from bench import Bench, share
from reference import Reference
from rig import Rig, wait
from twc import Unit

IDS = ["a1b2", "c3d4", "e5f6"]
BASELINE = "one heartbeat a second, in turn"


def hit(s, ident, amps, begin, timeout=20):
    """The first limit frame with these amps to a charger that ended after begin."""
    return wait("the limit frame", lambda: next((h for h in s.log.of(ident, begin - 0.05) if h.limit and
                h.amps == amps and h.end > begin), None), timeout, 0.002)


def singles(s, ids, publish, samples, rng):
    """Seconds from publish to the first and to the last byte of the limit frame."""
    first, last, value = [], [], 10
    for _ in range(samples):
        time.sleep(rng.uniform(1.1, 2.6))
        ident, value = rng.choice(ids), 10 + (value - 9) % 20
        begin = time.monotonic()
        publish(ident, value)
        h = hit(s, ident, value, begin)
        first.append(h.start - begin)
        last.append(h.end - begin)
    return first, last


def decreases(s, ids, publish, samples, rng):
    """Seconds until the last of all chargers is told its lower value."""
    out = []
    for k in range(samples):
        for ident in ids:
            publish(ident, 24)
        time.sleep(rng.uniform(2.1, 4.0))
        low, begin = 8 + k % 6, time.monotonic()
        for ident in ids:
            publish(ident, low, qos=0)
        out.append(max(hit(s, i, low, begin).end for i in ids) - begin)
    return out


def ours(count, samples):
    rng, ids = random.Random(7), IDS[:count]
    with Rig() as r:
        s = r.slaves([Unit(i) for i in ids])
        r.bridge({"circuits": [{"name": "garage", "limit_a": 96}]})
        r.online(*ids)
        c = r.client()

        def publish(ident, amps, **kw):
            c.publish(f"twcbridge/charger/{ident}/current_limit/set", str(amps), **kw)

        first, last = singles(s, ids, publish, samples, rng)
        down = decreases(s, ids, publish, max(3, samples // 5), rng)
        return {"first": first, "last": last, "down": down, "bad": s.log.bad[:3],
                "spacing": min(s.log.spacing(i) for i in ids)}


def reference(count, samples):
    rng, ids = random.Random(7), IDS[:count]
    with Rig() as r:
        s = r.slaves([Unit(i) for i in ids])
        with Reference(r.path("bus"), r.port, ids):
            c = r.client()

            def publish(ident, amps, **kw):
                c.publish(f"reference/{ident}/set", str(amps), **kw)

            time.sleep(4)
            first, last = singles(s, ids, publish, samples, rng)
            down = decreases(s, ids, publish, max(3, samples // 4), rng)
            return {"first": first, "last": last, "down": down}


def main():
    b = Bench("latency", "Seconds from the publish of a value to its limit frame on the wire, both ends on one machine.",
              {"--samples": {"type": int, "default": 100}})
    n, m = (6, 2) if b.args.short else (b.args.samples, 12)
    # Processes, since each virtual bus is a thread that wakes every millisecond.
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        got = {k: pool.submit(ours, k, n) for k in (1, 3)}
        base = {k: pool.submit(reference, k, m) for k in (1, 3)}
        got = {k: f.result() for k, f in got.items()}
        base = {k: f.result() for k, f in base.items()}
    for k, words in ((1, "one charger"), (3, "three chargers")):
        for p, most in ((0.50, 0.10), (0.95, 0.45)):
            name = f"{words}, p{round(100 * p)}"
            b.figure(f"{name}, first byte", share(got[k]["first"], p), "s",
                     baseline=(BASELINE, share(base[k]["first"], p)))
            b.figure(f"{name}, last byte", share(got[k]["last"], p), "s", most=most,
                     baseline=(BASELINE, share(base[k]["last"], p)))
        if got[k]["bad"]:
            b.wrong(f"forbidden messages: {got[k]['bad']}")
        b.figure(f"{words}, least spacing", got[k]["spacing"], "s", least=0.4)
    b.figure("a decrease for all three, p50", share(got[3]["down"], 0.50), "s",
             baseline=(BASELINE, share(base[3]["down"], 0.50)))
    b.figure("a decrease for all three, p95", share(got[3]["down"], 0.95), "s", most=0.70,
             baseline=(BASELINE, share(base[3]["down"], 0.95)))
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
