"""A build whose self-test fails sends no byte, says so, and goes on telling it."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from rig import PROGRAM, Rig, state  # noqa: E402
from twc import Slaves, Unit, wrap  # noqa: E402


class Raw(Slaves):
    """Announces its unit and counts every byte that comes back, message or not."""

    taken = 0

    def _run(self):
        due = 0
        while not self.stop.wait(0.01):
            if time.monotonic() > due:
                due = time.monotonic() + 1
                self._write(wrap(self.units[0].announce()) + b"\xFC")
            try:
                self.taken += len(os.read(self.master, 512))
            except (BlockingIOError, OSError):
                pass


class SelfTest(unittest.TestCase):
    def run_it(self, program):
        r = Rig()
        r.__enter__()
        self.addCleanup(r.__exit__, None, None, None)
        bus = Raw(r.path("bus"), [Unit("a1b2")])
        self.addCleanup(bus.close)
        c = r.client()
        c.subscribe("twcbridge/#")
        file = r.settings({"safety": {"cold_listen_ms": 1000}, "chargers": [{"id": "a1b2"}]})
        proc = r.run(program, "run", file, "--state", r.path("state"), log="bridge.log")
        time.sleep(8)
        self.assertIsNone(proc.poll(), r.log())
        return r, c, bus

    def test_a_build_that_fails_sends_nothing(self):
        r, c, bus = self.run_it(os.path.join(os.path.dirname(PROGRAM), "twcbridge_self_test_fails"))
        self.assertEqual(bus.taken, 0)
        self.assertIn("the self-test failed: this build is broken, no byte is sent to a bus", r.log())
        self.assertTrue(state(c, "twcbridge/bridge/health")["problem"])

    def test_the_same_with_a_good_build_sends(self):
        _, _, bus = self.run_it(PROGRAM)
        self.assertGreater(bus.taken, 0)


if __name__ == "__main__":
    unittest.main()
