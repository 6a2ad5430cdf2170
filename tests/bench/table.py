#!/usr/bin/env python3
"""Writes the table of docs/internals/benchmarks.md from tests/bench/results, and from what the soak
and the kills left: tests/bench/faults.json and kills.json.

    table.py [--check]    --check: says whether the page is what it would write
"""
import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../docs/internals/benchmarks.md")
BEGIN, END = "<!-- figures: written by tests/bench/table.py -->\n", "<!-- end of the figures -->\n"


def number(x):
    return f"{x:,}".replace(",", " ") if isinstance(x, int) and x >= 10000 else str(x)


def bound(f):
    for key in ("most", "least"):
        if key in f:
            return f"at {key} {number(f[key])}" + ("" if f["held"] else ", **missed**")
    return ""


def row(f):
    base = f.get("baseline")
    each = f" ({number(min(f['each']))} to {number(max(f['each']))})" if len(f.get("each", [])) > 1 else ""
    return "| {} | {} | {} | {} | {} |".format(
        f["name"], f"{number(f['value'])} {f['unit']}".strip() + each, bound(f),
        f"{number(base['value'])} ({base['name']})" if base else "",
        base["ratio"] if base and base["ratio"] is not None else "")


def figure(name, value, unit="", most=None):
    return {"name": name, "value": value, "unit": unit, "held": most is None or value <= most,
            **({} if most is None else {"most": most})}


def faults(d):
    """The bench of a soak's result."""
    figures = [
        figure("length", d["seconds"], "s"),
        figure("faults made", sum(d["faults"].values())),
        figure("highest sum of max(offer, draw) on a phase", max(p["a"] for p in d["worst_sum_a"].values()), "A", 32),
        figure("longest draw above an offer just lowered", d["longest_draw_above_offer_s"], "s", 10),
        figure("heartbeat intervals over 1.2 s", len(d["gaps"])),
        figure("of these without a cause in the store", d["unexplained"], most=0),
        figure("longest time until the cause was stored", d["stored_after_s_max"], "s", 2),
        figure("events not heard by MQTT, or never sent", d["mqtt"]["not_heard"] + d["mqtt"]["unsent"], most=0),
    ]
    if d["rss"]["judged"]:
        figures.append(figure("growth of RSS after minute 10", d["rss"]["slope_kib_h"], "KiB/h", 64))
    return {"bench": "faults", "figures": figures,
            "about": "Three chargers on two buses, and everything goes wrong (docs/internals/soak.md)."}


def kills(d):
    """The bench of a result of kills.py."""
    first = d["start_to_heartbeat_s"]
    return {"bench": "kills", "about": "Kills at random moments under load, each judged by the store, the cars and the bus.",
            "figures": [figure("kills", d["kills"]),
                        figure("commands meanwhile", d["commands"]),
                        figure("kills with a finding", 0 if d["ok"] else len(d.get("findings", [0])), most=0),
                        figure("start to the first heartbeat of a charger, p50", first["p50"], "s"),
                        figure("start to the first heartbeat of a charger, longest", first["max"], "s"),
                        figure("longest heartbeat interval", d["longest_gap_ms"], "ms")]}


def benches(folder, soak):
    """What is stored, by name."""
    got = []
    for path in glob.glob(os.path.join(folder, "*.json")):
        with open(path) as f:
            got.append(json.load(f))
    for make in (faults, kills):
        path = os.path.join(soak, make.__name__ + ".json")
        if os.path.exists(path):
            with open(path) as f:
                got.append(make(json.load(f)))
    return sorted(got, key=lambda b: b["bench"])


def tables(folder, soak):
    out = []
    for bench in benches(folder, soak):
        out += [f"### {bench['bench']}", "", bench["about"], "",
                "| figure | value (least to most of the runs) | bound | baseline | ratio |",
                "|---|---|---|---|---|", *[row(f) for f in bench["figures"]], ""]
    return "\n".join(out)


def page(text, folder=os.path.join(HERE, "results"), soak=HERE):
    """The page with its tables made anew."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + tables(folder, soak) + "\n" + END + rest.split(END)[1]


def main():
    with open(PAGE) as f:
        text = f.read()
    want = page(text)
    if "--check" in sys.argv[1:]:
        if text != want:
            print("docs/internals/benchmarks.md is not what tests/bench/results says: run tests/bench/table.py")
        return int(text != want)
    with open(PAGE, "w") as f:
        f.write(want)
    return 0


if __name__ == "__main__":
    sys.exit(main())
