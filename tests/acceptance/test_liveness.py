#!/usr/bin/env python3
"""A plain value lives as long as Home Assistant does: killed, frozen, restarted, for real.

Bounds (docs/safety.md): killed, default_a is on the wire within lease.grace_s + 2 s; frozen, within
1.5 times its keep-alive more, and what the broker is late: mosquitto 2.0 looks every 6 s only.
Home Assistant's keep-alive is set to 15 s here, the least it takes.
"""
import json
import os
import signal
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../support/ha")]
from homeassistant import HomeAssistant  # noqa: E402
from rig import Rig, free_port, wait  # noqa: E402

ROOT = os.environ.get("HA_ROOT", os.path.expanduser("~/.cache/twcbridge/ha-root"))
GRACE_S, KEEP_ALIVE_S, BROKER_LATE_S, DEFAULT_A = 5, 15, 6, 7


class TestLiveness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = r = Rig("ha", "secret")
        cls.addClassCleanup(r.__exit__)
        r.start_broker()
        cls.ha = ha = HomeAssistant(ROOT, free_port(), "liveness")
        cls.addClassCleanup(lambda: ha.stop(kill=True))
        ha.start()
        ha.set_up(r.port, "ha", "secret")
        cls.ids = r.simulate("--chargers", "2", "--plugged")
        r.bridge({"lease": {"grace_s": GRACE_S}, "circuits": [{"name": "garage", "limit_a": 40}],
                  "chargers": [{"id": i, "default_a": DEFAULT_A} for i in cls.ids]})
        cls.mqtt = r.online(*cls.ids)
        cls.restart(cls.short_keep_alive)

    @classmethod
    def short_keep_alive(cls):
        path = cls.ha.dir + "/.storage/core.config_entries"
        with open(path) as f:
            doc = json.load(f)
        for e in doc["data"]["entries"]:
            if e["domain"] == "mqtt":
                e["data"]["keepalive"] = KEEP_ALIVE_S
        with open(path, "w") as f:
            json.dump(doc, f)

    @classmethod
    def restart(cls, between=lambda: None, kill=False):
        cls.ha.stop(kill)
        between()
        cls.ha.start(fresh=False)
        cls.ha.wait_running()
        cls.wait_alive("alive", 30)

    @classmethod
    def wait_alive(cls, want, timeout):
        """The bridge's own opinion, from its health document."""
        wait(f"Home Assistant is {want}", lambda: cls.opinion() == want, timeout, 0.5)

    @classmethod
    def opinion(cls):
        begin = time.monotonic()
        cls.mqtt.publish("twcbridge/bridge/request/health", "x")
        answer = cls.mqtt.wait(lambda m: m.topic == "twcbridge/bridge/response/health", 5, begin)
        return json.loads(answer.payload)["health"]["home_assistant"]

    def entity(self, ident, key="current_limit"):
        return self.ha.entities()[f"twcbridge_charger_{ident}_{key}"]["entity_id"]

    def told(self, ident):
        return self.rig.virtual(ident)["told_a"]

    def ask(self):
        """A plain value from Home Assistant for the first, one with `for` for the second."""
        self.ha.call("number", "set_value", self.entity(self.ids[0]), value=16)
        self.mqtt.publish(f"twcbridge/charger/{self.ids[1]}/current_limit/set",
                          json.dumps({"value": 12, "for": 600, "owner": "node-red"}))
        wait("16 and 12 A on the bus", lambda: [self.told(i) for i in self.ids] == [16, 12], 5)

    def falls_back(self, bound, begin):
        wait("the default on the bus", lambda: self.told(self.ids[0]) == DEFAULT_A, bound + 5)
        took = time.monotonic() - begin
        self.assertLessEqual(took, bound)
        self.assertGreater(took, GRACE_S - 1, "not before the grace is over")
        self.assertEqual(self.told(self.ids[1]), 12, "a value with `for` holds, whoever dies")

    def test_1_killed(self):
        self.ask()
        begin = time.monotonic()
        self.ha.stop(kill=True)
        self.falls_back(GRACE_S + 2, begin)

    def test_2_restarted_the_value_is_not_back_by_itself(self):
        self.restart()
        self.assertEqual(self.told(self.ids[0]), DEFAULT_A)

    def test_3_frozen_and_thawed(self):
        self.ask()
        begin = time.monotonic()
        os.kill(self.ha.proc.pid, signal.SIGSTOP)
        try:
            self.falls_back(1.5 * KEEP_ALIVE_S + BROKER_LATE_S + GRACE_S + 2, begin)
        finally:
            os.kill(self.ha.proc.pid, signal.SIGCONT)
        self.wait_alive("alive", 40)
        self.ask()

    def test_4_a_restart_of_the_broker_ends_the_value_or_not_but_never_changes_it(self):
        """Home Assistant is back by birth before the grace is over, or the default is on the wire."""
        self.ask()
        self.rig.end(self.rig.broker)
        self.rig.start_broker()
        type(self).mqtt = self.rig.client()
        self.mqtt.subscribe("twcbridge/#")
        end = time.monotonic() + GRACE_S + 10
        while time.monotonic() < end:
            self.assertIn(self.told(self.ids[0]), (16, DEFAULT_A))
            time.sleep(0.2)
        self.wait_alive("alive", 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
