"""What the benches share: figures with bounds, the stored JSON, readings of /proc.

    b = Bench("latency", "From the publish of a value to its limit frame.")
    b.figure("one charger, p50", 0.06, "s", most=0.10)
    sys.exit(b.finish())

A bench prints each figure as it comes. With --json FILE it stores them; the exit code says whether
every bound was held. TWCBRIDGE names the release build, TWCBRIDGE_BENCH the folder of bench_* tools.
"""
import argparse
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

PROGRAM = os.environ.get("TWCBRIDGE", os.path.join(HERE, "../../build-bench/twcbridge"))
TOOLS = os.environ.get("TWCBRIDGE_BENCH", os.path.join(os.path.dirname(PROGRAM), "tests/bench"))


def tool(name):
    path = os.path.join(TOOLS, name)
    if not os.path.exists(path):
        raise SystemExit(f"{path} is not there: build the target {name}, or start tests/bench/run")
    return path


def share(values, p):
    """The value below which the share p of them lies."""
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * p))]


def median(values):
    return statistics.median(values)


def neat(x):
    """Four figures are more than any of these measurements has."""
    return int(x) if isinstance(x, int) or abs(x) >= 1000 else float(f"{x:.4g}")


class Bench:
    def __init__(self, name, about, options=None):
        p = argparse.ArgumentParser(description=about)
        p.add_argument("--json", help="store the figures here")
        p.add_argument("--short", action="store_true", help="few samples: does the bench itself work?")
        for flag, kw in (options or {}).items():
            p.add_argument(flag, **kw)
        self.args = p.parse_args()
        self.name, self.about, self.figures, self.missed = name, about, [], []

    def figure(self, name, value, unit, most=None, least=None, each=None, baseline=None):
        """each: the values of the single runs; baseline: (what it is, its value in this run)."""
        f = {"name": name, "value": neat(value), "unit": unit}
        for key, bound in (("most", most), ("least", least)):
            if bound is not None:
                f[key] = bound
        if each:
            f["each"] = [neat(x) for x in each]
        if baseline:
            f["baseline"] = {"name": baseline[0], "value": neat(baseline[1]),
                             "ratio": neat(value / baseline[1]) if baseline[1] else None}
        f["held"] = (most is None or f["value"] <= most) and (least is None or f["value"] >= least)
        self.figures.append(f)
        bound = "" if most is None and least is None else \
            f" (at {'most' if most is not None else 'least'} {most if most is not None else least})"
        print(f"{name}: {f['value']} {unit}{bound}{'' if f['held'] else ' MISSED'}"
              f"{'' if not baseline else ' against ' + str(f['baseline']['value'])}", flush=True)
        if not f["held"]:
            self.missed.append(name)
        return value

    def wrong(self, what):
        """Something that no bench may show at all."""
        self.missed.append(what)

    def finish(self):
        if self.args.json:
            with open(self.args.json, "w") as f:
                json.dump({"bench": self.name, "about": self.about, "figures": self.figures}, f, indent=1)
                f.write("\n")
        for m in self.missed:
            print("MISSED:", m)
        return 1 if self.missed else 0


# -- processes

def memory(pid):
    """RSS and private dirty memory of a process, in kB."""
    got = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            key, _, rest = line.partition(":")
            if key in ("Rss", "Private_Dirty"):
                got[key] = int(rest.split()[0])
    return got["Rss"], got["Private_Dirty"]


def cpu_s(pid):
    """Seconds of processor time of all threads that a process has now."""
    total = 0
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def wakes(pid):
    """How often the threads of a process went to sleep and were woken so far."""
    total = 0
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/status") as f:
            total += next(int(x.split()[1]) for x in f if x.startswith("voluntary_ctxt_switches"))
    return total


class Load:
    """Processor time of processes from now on."""

    def __init__(self, *pids):
        self.pids = pids
        self.begin = time.monotonic(), [(cpu_s(p), wakes(p)) for p in pids]

    def stop(self):
        """For each process: per cent of a core, and wakes a second."""
        took = time.monotonic() - self.begin[0]
        return [(100 * (cpu_s(p) - c) / took, (wakes(p) - w) / took)
                for p, (c, w) in zip(self.pids, self.begin[1])]
