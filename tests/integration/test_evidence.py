"""Recordings of a bus: what is written when, how much of it stays, and what `twcbridge bus` says of it.

The virtual chargers keep their own log of what the master sent; a recording must say the same.
"""
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from rig import PROGRAM, Rig, wait  # noqa: E402
from twc import Unit, wrap  # noqa: E402

QUICK = {"safety": {"cold_listen_ms": 1000, "overdraw_s": 5}}
REQUEST = "twcbridge/bridge/request/diagnostics"
RESPONSE = "twcbridge/bridge/response/diagnostics"


class Greedy(Unit):
    """Draws three amps more than it may, once greedy."""

    greedy = False

    def move(self, now):
        super().move(now)
        if self.greedy:
            self.draw = self.limit + 3


def bus(*args):
    return subprocess.run([PROGRAM, "bus", *args], capture_output=True, text=True, check=False)


class Watched(unittest.TestCase):
    settings = QUICK

    def setUp(self):
        self.r = Rig()
        self.r.__enter__()
        self.addCleanup(self.r.__exit__, None, None, None)
        self.dir = self.r.path("state/bus")
        os.makedirs(self.dir)
        self.bus = self.r.slaves([Greedy("a1b2"), Unit("c3d4", protocol=1, max_a=16)])
        self.r.bridge(self.settings)
        self.c = self.r.online("a1b2", "c3d4")

    def files(self, part=""):
        return sorted(f for f in os.listdir(self.dir) if part in f)


class Recordings(Watched):
    def ask(self):
        self.c.publish(REQUEST, '{"transaction":"9"}')
        m = self.c.wait(lambda m: m.topic == RESPONSE, 10)
        return json.loads(m.payload)

    def test_a_recording_on_request_says_what_was_on_the_wire(self):
        for i in range(25):
            with open(f"{self.dir}/bus-20200101T0000{i:02}Z-1-asked.txt", "w"):
                pass
        with open(f"{self.dir}/bus-notes.txt", "w"):
            pass
        wait("the car charges", lambda: self.bus.unit("a1b2").draw > 3, 20)
        wait("some messages", lambda: len(self.bus.log.bodies) > 20, 20)
        answer = self.ask()
        self.assertEqual((answer["status"], answer["transaction"]), ("ok", "9"), answer)
        self.assertRegex(answer["value"], r"^bus-\d{8}T\d{6}Z$")
        name = answer["value"] + "-1-asked.txt"
        self.assertIn(name, self.files())
        self.assertEqual(len(self.files("asked")), 20)
        self.assertIn("bus-notes.txt", self.files(), "only what the bridge named itself may go")
        sent = [b.hex() for _, _, b in list(self.bus.log.bodies)]
        r = bus(os.path.join(self.dir, name), "--json")
        self.assertEqual((r.returncode, r.stderr), (0, ""), r.stderr)
        said = [json.loads(x) for x in r.stdout.splitlines()]
        wire = [s["hex"][:-2] for s in said if s["direction"] == "sent"]  # without the checksum
        self.assertGreater(len(wire), 10)
        self.assertEqual(wire, sent[:len(wire)])
        heard = [s for s in said if s["direction"] == "heard" and s.get("from") == "a1b2"]
        self.assertTrue(any(s["kind"] == "slave heartbeat" and s["draw"] > 3 for s in heard), heard[-3:])
        ages = [time.time() - time.mktime(time.strptime(s["time"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone
                for s in said]
        self.assertTrue(all(-2 < a < 60 for a in ages), ages[:3])
        words = bus(os.path.join(self.dir, name)).stdout
        self.assertRegex(words, r"> 4357 to a1b2: master heartbeat, limit \d+ A\n")
        self.assertRegex(words, r"< a1b2 to 4357: slave heartbeat, \w+ \(0\d\), limit \d+ A, draws [\d.]+ A\n")
        self.assertRegex(words.splitlines()[-1], r"^\d+ messages, 0 broken$")

    def test_a_second_master_is_on_record(self):
        frame = wrap(bytes([0xFC, 0xE1, 0x11, 0x11, 0x55]) + bytes(8))
        for _ in range(2):
            self.bus._write(frame)
            time.sleep(0.6)
        wait("a recording", lambda: self.files("-second_master.txt"), 10)
        name = os.path.join(self.dir, self.files("-second_master.txt")[0])
        wait("all of it", lambda: "1111: " in bus(name).stdout, 5)
        self.assertIn("# because: second_master", bus(name).stdout)

    def test_a_charger_that_draws_too_much_is_on_record_once(self):
        wait("the car charges", lambda: self.bus.unit("a1b2").draw > 3, 20)
        self.bus.unit("a1b2").greedy = True
        wait("a recording", lambda: self.files("-draws_too_much.txt"), 30)
        self.bus.unit("a1b2").greedy = False
        frame = wrap(bytes([0xFC, 0xE1, 0x11, 0x11, 0x55]) + bytes(8))
        for _ in range(2):  # the recording of a minute ago holds most of what this one would
            self.bus._write(frame)
            time.sleep(0.6)
        self.c.wait(lambda m: m.topic.endswith("/event") and '"second_master"' in m.payload, 10)
        time.sleep(1)
        self.assertEqual(len(self.files()), 1, self.files())


class Exceeded(Watched):
    """The fault of the charger itself comes after a minute only: the circuit's own event is alone."""

    settings = {"safety": {"cold_listen_ms": 1000, "overdraw_s": 60}}

    def test_a_circuit_over_its_limit_is_told_and_on_record(self):
        self.c.publish("twcbridge/charger/a1b2/current_limit/set", '{"value":32,"for":120,"owner":"t"}')
        wait("the car takes all", lambda: self.bus.unit("a1b2").draw > 14, 60)
        self.bus.unit("a1b2").limit = 33  # a unit that has gone wild
        self.bus.unit("a1b2").greedy = True
        m = self.c.wait(lambda m: m.topic == "twcbridge/bridge/event" and '"limit_exceeded"' in m.payload, 40)
        ev = json.loads(m.payload)
        self.assertEqual((ev["circuit"], ev["limit"]), ("garage", 32), ev)
        self.assertGreater(ev["current"], 32)
        wait("a recording", lambda: self.files("-limit_exceeded.txt"), 10)
        self.assertEqual(len(self.files()), 1, self.files())
        self.assertFalse([m.topic for m in self.c.messages
                          if m.topic.endswith("/event") and '"draws_too_much"' in m.payload])


class Verb(unittest.TestCase):
    def write(self, text):
        path = os.path.join(self.dir, "x.txt")
        with open(path, "w") as f:
            f.write(text)
        return path

    def setUp(self):
        self.r = Rig()
        self.dir = self.r.dir
        self.addCleanup(self.r.__exit__, None, None, None)

    def test_what_is_no_message_is_shown_as_it_is(self):
        good = wrap(bytes.fromhex("fbe04357a1b2090640" + "00" * 6)).hex()
        bad = good[:-4] + "99" + "c0"
        r = bus(self.write(f"# twcbridge bus 1 test\n1000 > {good}\n1500 > {bad}\n2000 < c0ff11c0\n"
                           f"2500 < {good[:20]}\n2600 < {good[20:]}\n"))
        self.assertEqual(r.returncode, 0, r)
        lines = r.stdout.splitlines()
        self.assertEqual(lines[1], "1.000  > 4357 to a1b2: master heartbeat, limit 16 A")
        self.assertRegex(lines[2], r"^1\.500  > broken \(bad_sum\): fbe04357a1b2.*99$")
        self.assertEqual(lines[3], "2.000  < broken (noise): ff11")
        self.assertEqual(lines[4], "2.600  < 4357 to a1b2: master heartbeat, limit 16 A")
        self.assertEqual(lines[-1], "2 messages, 2 broken")

    def test_a_file_that_is_none_is_refused_with_its_line(self):
        for text, has in (("", "is empty"), ("hello\n", "is no recording of a bus"),
                          ("# twcbridge bus 1 t\n12 > c0\nx\n", "line 3: is not"),
                          ("# twcbridge bus 1 t\n12 = c0\n", "line 2: is not"),
                          ("# twcbridge bus 1 t\n12 > c\n", "line 2: is not"),
                          ("# twcbridge bus 1 t\n-1 > c0\n", "line 2: is not"),
                          ("# twcbridge bus 1 t\n1 > " + "c0" * 2000 + "\n", "line 2: is not")):
            r = bus(self.write(text))
            self.assertEqual(r.returncode, 64, (text, r))
            self.assertIn(has, r.stderr)
        self.assertEqual(bus(self.r.path("none")).returncode, 66)
        self.assertEqual(bus().returncode, 64)
        self.assertIn("did you mean --json?", bus("--jsn").stderr)


if __name__ == "__main__":
    unittest.main()
