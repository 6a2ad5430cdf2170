#!/usr/bin/env python3
"""The soak and the kills of tests/bench, short and beside each other, and how soon control is back.
The long runs are started by hand: tests/bench/faults.py, tests/bench/kills.py --kills 200.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, "../bench")
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import PROGRAM, Rig, result, wait  # noqa: E402
from shim import urgent  # noqa: E402

SANITIZED = "asan" in subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=False).stdout
OUTAGE_S, BACK_S = 130, 5
FIRST_S = 1.2 if SANITIZED else 0.6  # sanitizers start slowly
RUNS = {"faults": ("faults.py", "--minutes", "4"), "kills": ("kills.py", "--kills", "10")}
PROCS, DIR = {}, tempfile.TemporaryDirectory()


def setUpModule():
    urgent()
    wanted = " ".join(a for a in sys.argv[1:] if not a.startswith("-"))
    for name, (program, *args) in RUNS.items():
        if wanted and name not in wanted and not wanted.endswith("Soak"):
            continue
        PROCS[name] = subprocess.Popen(
            [sys.executable, "-W", "ignore::ResourceWarning", os.path.join(BENCH, program), *args, "--json",
             os.path.join(DIR.name, name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def tearDownModule():
    for p in PROCS.values():
        if p.poll() is None:
            p.terminate()
        p.communicate()
    DIR.cleanup()


class Soak(unittest.TestCase):
    def bench(self, name):
        said, _ = PROCS[name].communicate(timeout=420)
        self.assertEqual(PROCS[name].returncode, 0, said[-4000:])
        with open(os.path.join(DIR.name, name)) as f:
            return json.load(f)

    def test_four_minutes_of_faults(self):
        out = self.bench("faults")
        self.assertEqual(out["unexplained"], 0)
        self.assertGreaterEqual(sum(out["faults"].values()), 10, out["faults"])
        self.assertTrue(out["gaps"])
        self.assertGreater(out["worst_sum_a"]["L1"]["a"], 20, "the circuit was in use")

    def test_ten_kills(self):
        out = self.bench("kills")
        self.assertEqual(out["kills"], 10)
        self.assertLessEqual(out["start_to_heartbeat_s"]["p50"], FIRST_S)

    def test_a_broker_that_was_gone_for_130_s_commands_again_within_5_s(self):
        with Rig() as r:
            ident = r.simulate("--chargers", "1", "--plugged")[0]
            r.bridge()
            r.online(ident)
            r.end(r.broker)
            time.sleep(OUTAGE_S)
            r.start_broker()
            back = time.monotonic()
            c, amps, topic = r.client(), 7, f"twcbridge/charger/{ident}/current_limit/set"
            c.subscribe("twcbridge/#")

            def commanded():
                """Nobody keeps a command for the bridge: it is given until it is heard."""
                c.publish(topic, json.dumps({"value": amps, "for": 60, "owner": "t"}), qos=0)
                return r.virtual(ident)["told_a"] == amps
            wait("the command on the wire", commanded, 20, 0.1)
            took = time.monotonic() - back
            print(f"broker back -> told on the wire: {took:.2f} s", file=sys.stderr)
            self.assertLessEqual(took, BACK_S)
            self.assertEqual(result(c, topic, "9")["status"], "ok")


if __name__ == "__main__":
    unittest.main(verbosity=2)
