"""The source `homeassistant` in the running bridge, against a fake of its API (tests/support/ha_fake.py)."""
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import ha_source  # noqa: E402
from ha_fake import HaFake  # noqa: E402
from rig import PROGRAM, wait  # noqa: E402
from shim import Shim  # noqa: E402


class Fake(HaFake):
    def rename(self, entity, new):
        s = self.states[entity]
        self.remove(entity)
        self.set(new, s["s"], **s["a"])


class Source(ha_source.Cases, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.ha = self.enterContext(Fake())

    def tries(self):
        return self.ha.logins

    def test_it_listens_asks_nothing_meanwhile_and_asks_while_it_cannot_listen(self):
        self.begin()
        self.assertEqual(self.ha.refused, [])
        self.assertIn({"id": 2, "type": "subscribe_entities",
                       "entity_ids": ["sensor.imp", "sensor.exp", "sensor.pv", "sensor.soc"]}, self.ha.said)
        time.sleep(0.5)
        asked = len(self.ha.asked)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.move()
            time.sleep(0.2)
        self.assertLessEqual(len(self.ha.asked) - asked, 4)  # one round at most: a value got half as old as it may
        # An address behind which only REST answers: a proxy that knows no WebSocket.
        session = self.ha._session

        async def no_socket(ws, _path=None):
            await ws.close()
        self.ha._session = no_socket
        self.ha.stop()
        self.ha.start()
        self.ha.set("sensor.pv", "777", unit_of_measurement="W")
        self.until("REST", lambda: self.site("pv_power") == 777)
        self.ha._session = session

    def test_pings_keep_what_does_not_change(self):
        self.begin(max_age_s=25)
        wait("a ping", lambda: any(m["type"] == "ping" for m in self.ha.said), 30)
        self.assertEqual(self.ha.refused, [])


class Probe(unittest.TestCase):
    def probe(self, *sets, env=None):
        r = subprocess.run([PROGRAM, "probe", "homeassistant", "--json", *[x for s in sets for x in ("--set", s)]],
                           capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})})
        return r, json.loads(r.stdout or "{}")

    def test_both_ways_give_the_same(self):
        with HaFake() as ha:
            ha.set("sensor.imp", "1.5", unit_of_measurement="kW")
            ha.set("sensor.exp", "250", unit_of_measurement="W")
            for poll in ("true", "false"):
                r, v = self.probe("url=" + ha.url, "token=" + ha.token, "grid_w=sensor.imp - sensor.exp",
                                  "pv_w=sensor.nope", "poll=" + poll)
                self.assertEqual(r.returncode, 0, r.stderr)
                self.assertEqual(v["grid_w"]["value"], 1250)
                self.assertIn("sensor.nope is not in Home Assistant", v["pv_w"]["why"])
            self.assertEqual(ha.refused, [])

    def test_a_wrong_token_is_refused_at_once(self):
        with HaFake() as ha:
            start = time.monotonic()
            r, v = self.probe("url=" + ha.url, "token=s3cret-token", "grid_w=sensor.a")
            self.assertEqual(r.returncode, 69, r.stderr)
            self.assertIn("long-lived access token", r.stderr)
            self.assertNotIn("s3cret", r.stderr + r.stdout)
            self.assertLess(time.monotonic() - start, 5)

    @unittest.skipIf(os.geteuid() != 0, "needs root, for a network of its own")
    def test_inside_of_an_app_home_assistant_is_behind_the_supervisor(self):
        r = subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside"], capture_output=True, text=True,
                           timeout=60)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        for v in map(json.loads, r.stdout.splitlines()):
            self.assertEqual((v["grid_w"]["value"], v.get("error")), (1250, None))

    def test_the_supervisor_wants_its_environment(self):
        r, _ = self.probe("url=supervisor", "grid_w=sensor.a", env={"SUPERVISOR_TOKEN": ""})
        self.assertEqual(r.returncode, 64)
        self.assertIn("SUPERVISOR_TOKEN is not in the environment", r.stderr)
        r, _ = self.probe("url=supervisor", "grid_w=sensor.a", "timeout_s=3", env={"SUPERVISOR_TOKEN": "s3cret-token"})
        self.assertIn(r.returncode, (74, 75))
        self.assertIn("supervisor", r.stderr)
        self.assertNotIn("s3cret", r.stderr + r.stdout)


def inside():
    """In a network of its own, where port 80 of the name supervisor is ours: listens, then asks."""
    with socket.socket() as s:  # ip link set lo up
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
    with tempfile.TemporaryDirectory() as folder:
        shim = Shim(folder).env()
        with HaFake(80, supervisor=True) as ha:
            ha.set("sensor.imp", "1.25", unit_of_measurement="kW")
            for poll in ("false", "true"):
                said, ha.rest = len(ha.said), poll == "true"
                r = subprocess.run([PROGRAM, "probe", "homeassistant", "--json", "--set", "url=supervisor", "--set",
                                    "grid_w=sensor.imp", "--set", "poll=" + poll], capture_output=True, text=True,
                                   timeout=30, env={**shim, "SHIM_NAME": "supervisor", "SUPERVISOR_TOKEN": ha.token})
                print(r.stdout.strip(), flush=True)
                if r.returncode or ha.refused or (len(ha.said) > said) != (poll == "false"):
                    sys.exit(f"{r.stderr} refused: {ha.refused}, said: {ha.said}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--inside"]:
        inside()
    else:
        unittest.main()
