#!/usr/bin/env python3
"""Writes the table of docs/internals/benchmarks.md from tests/bench/results.

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


def tables(folder):
    out = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path) as f:
            bench = json.load(f)
        out += [f"### {bench['bench']}", "", bench["about"], "",
                "| figure | value (least to most of the runs) | bound | baseline | ratio |",
                "|---|---|---|---|---|", *[row(f) for f in bench["figures"]], ""]
    return "\n".join(out)


def page(text, folder=os.path.join(HERE, "results")):
    """The page with its tables made anew."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + tables(folder) + "\n" + END + rest.split(END)[1]


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
