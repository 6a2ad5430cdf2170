"""Each payload of an energy system gives the values that were worked out by reading it (tests/support/ems_cases.py).

Names as arguments run only the cases that begin so: test_ems_captures.py fronius/
"""
import concurrent.futures
import contextlib
import importlib
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import ems_cases  # noqa: E402
import ems_lists  # noqa: E402
from rig import PROGRAM  # noqa: E402

# What a case has -> who serves it.
TRANSPORTS = {"serve": "ems_serve_http", "modbus": "ems_serve_modbus", "mqtt": "ems_serve_mqtt",
              "line": "ems_serve_line", "ws": "ems_serve_ws"}
AT_ONCE = 4


def setting(v):
    return {True: "true", False: "false"}.get(v, str(v)) if isinstance(v, bool) else str(v)


def probe(case, find=ems_cases.find):
    """`twcbridge probe` against what the case serves."""
    with contextlib.ExitStack() as stack:
        options = {"timeout_s": 10, **case.get("options", {})}
        for key in [k for k in TRANSPORTS if k in case]:
            module = importlib.import_module(TRANSPORTS[key])
            options.update(stack.enter_context(module.Serve(case, find)).options)
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={setting(v)}")]
        now = ["--now", case["now"]] if "now" in case else []
        return subprocess.run([PROGRAM, "probe", case["adapter"], "--json", *now, *sets], capture_output=True,
                              text=True, timeout=120)


def value_of(said, field):
    for name, key in (("current", "current_ma"), ("voltage", "voltage_mv")):
        if field.startswith(name):
            return said[key][int(field[len(name) + 2]) - 1]
    return said[field]


def differences(case, r):
    """What a probe said that the case does not, one line each."""
    expect, bad = case.get("expect", {}), []
    known = any(w and ("value" in w or w.get("count", 0) > 0) for w in expect.values())
    code = case.get("exit", 0 if known else 74)
    if r.returncode != code:
        bad.append(f"exit code {r.returncode}, not {code}: {r.stderr.strip()}")
    if case.get("stderr", "") not in r.stderr:
        bad.append(f"stderr has no '{case['stderr']}': {r.stderr.strip()}")
    try:
        said = json.loads(r.stdout)
    except ValueError:
        return bad + ([f"no JSON: {r.stdout[:200]}"] if expect or code == 0 else [])
    for field, want in expect.items():
        if field in ems_lists.LISTS:
            bad += ems_lists.differences(field, want, said.get(field))
            continue
        got, want = value_of(said, field), want or {}
        if got["value"] != want.get("value"):
            bad.append(f"{field} is {got['value']}, not {want.get('value')} ({got.get('why')}; raw {got.get('raw')})")
        elif want.get("why", "") not in (got.get("why") or ""):
            bad.append(f"{field}: '{got.get('why')}' has no '{want['why']}'")
        if want.get("source_time", got.get("source_time")) != got.get("source_time"):
            bad.append(f"{field} was measured {got.get('source_time')}, not {want['source_time']}")
    return bad


class Captures(unittest.TestCase):
    """A test for each case whose payloads are here; made below."""


def add(cases):
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    for name, case in cases:
        run = pool.submit(probe, case)

        def test(self, case=case, run=run):
            bad = differences(case, run.result())
            self.assertFalse(bad, "\n" + "\n".join(bad))
        setattr(Captures, "test_" + name, test)


def main():
    starts = tuple(sys.argv[1:]) or ("",)
    cases = [(n, c) for n, c in ems_cases.load() if n.startswith(starts)]
    here = [(n, c) for n, c in cases if all(map(ems_cases.find, ems_cases.served(n, c)))]
    away = len(cases) - len(here)
    if away:
        print(f"{away} of {len(cases)} cases are skipped: their captures are not here ({ems_cases.SHARED})", flush=True)
    if away and os.path.isdir(ems_cases.SHARED):
        sys.exit("payloads that are nowhere: " + ", ".join(sorted(
            f for n, c in cases for f in ems_cases.served(n, c) if not ems_cases.find(f))))
    add(here)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
