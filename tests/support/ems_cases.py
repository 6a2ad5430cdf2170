"""The cases of energy systems: what a payload must give, worked out by reading it.

tests/data/ems/PATH.expected.json says what PATH gives. PATH is a payload of our own beside it, or a capture that
belongs to others and is in no clone: those are read where ../shared/fixtures (or TWCBRIDGE_FIXTURES) is.

    {"adapter": "sunbox", "options": {...}, "now": "2026-11-24T12:00:00Z",
     "serve": [{"get": "/api/now", "file": "sunbox/day.json"}],
     "expect": {"grid_w": {"value": -640, "file": "sunbox/day.json", "at": "grid.export", "raw": "640", "how": "-a"},
                "pv_w": {"why": "solar has no value"}, "soc_permille": null}}

`serve`: what HTTP gives; `get` or `post`: the path, and those parameters that tell pages of one path apart,
and, behind #, a part of what is sent there that does; `file`,
`text` or `json`; `status`, `type`, `headers`. Other transports: `modbus`, `mqtt`, `line`, `ws`, each by its own
tests/support/ems_serve_NAME.py. `exit` and `stderr`: for an answer that is an error. `how` makes the value of what
stands `at` (a, b, c... in their order); tests/lint/ems_expected.py looks whether all of that is so.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = os.path.normpath(os.path.join(HERE, "../data/ems"))
SHARED = os.environ.get("TWCBRIDGE_FIXTURES") or os.path.normpath(os.path.join(HERE, "../../../shared/fixtures"))
END = ".expected.json"
FIELDS = ("grid_w", "pv_w", "battery_w", "soc_permille", "consumption_w", "current_l1_ma", "current_l2_ma",
          "current_l3_ma", "voltage_l1_mv", "voltage_l2_mv", "voltage_l3_mv", "price", "export_price", "forecast")


def find(name):
    """Where a payload is: our own, or a capture; None: it is not there."""
    for folder in (OWN, SHARED):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return None


def _names(v):
    if isinstance(v, dict):
        for k, x in v.items():
            if k == "file" and isinstance(x, str):
                yield x
            else:
                yield from _names(x)
    elif isinstance(v, list):
        for x in v:
            yield from _names(x)


def files(name, case):
    """The payloads that a case names, its main one first."""
    return list(dict.fromkeys([name, *_names({k: v for k, v in case.items() if k != "expect"}),
                               *_names(case.get("expect", {}))]))


def served(name, case):
    """The payloads that it needs to run."""
    return list(dict.fromkeys(_names({k: v for k, v in case.items() if k != "expect"}))) or [name]


def load():
    """(name, case) of each, by name."""
    out = []
    for folder, _, names in os.walk(OWN):
        for n in names:
            if n.endswith(END):
                path = os.path.join(folder, n)
                with open(path, encoding="utf-8") as f:
                    try:
                        case = json.load(f)
                    except ValueError as e:
                        raise ValueError(f"{path}: {e}") from e
                out.append((os.path.relpath(path, OWN)[:-len(END)], case))
    return sorted(out, key=lambda x: x[0])
