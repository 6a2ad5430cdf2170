"""The meter of a circuit in the running bridge: what else flows there is left free, within seconds."""
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
from rig import Rig, state, wait  # noqa: E402


class CircuitMeter(unittest.TestCase):
    """A fake house: what the charger draws, as the bridge shows it, and another load, on each phase."""

    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.fake = self.enterContext(http_fake.HttpFake())
        self.house, self.count = 5.0, 0
        self.fake.answer("/meter", self.answer)

    def answer(self, _):
        self.count += 1
        car = self.rig.virtual(self.ident)["drawn_a"]
        return {"a": [round(car + self.house + self.count % 2 * 0.01, 2)] * 3}

    def settings(self, meter=True, **circuit):
        return {
            "publish": {"interval_s": 1}, "circuits": [{"name": "garage", "limit_a": 25, **circuit}],
            "chargers": [{"id": self.ident, "phases": "L1L2L3"}], "safety": {"cold_listen_ms": 1000},
            "sources": [{"name": "Main", "adapter": "url_json", "url": self.fake.url + "/meter", "interval_s": 1,
                         "timeout_s": 2, "max_age_s": 6, "circuit": "garage",
                         "current_l1": "a[0]", "current_l2": "a[1]", "current_l3": "a[2]"}] if meter else []}

    def start(self, **settings):
        self.rig.start_broker()
        self.ident, = self.rig.simulate("--chargers", "1", "--plugged")
        self.rig.bridge(self.settings(**settings))
        self.client = self.rig.online(self.ident)

    def charger(self):
        return state(self.client, f"twcbridge/charger/{self.ident}")

    def circuit(self):
        return state(self.client, "twcbridge/circuit/garage")

    def offered(self, test, what, timeout=60):
        return wait(what, lambda: self.charger().get("offered") is not None and test(self.charger()["offered"]), timeout)

    def test_the_house_comes_first_and_a_dead_meter_lets_nothing_rise(self):
        self.start(stale_headroom_a=7)
        self.client.publish(f"twcbridge/charger/{self.ident}/current_limit/set", '{"value":25,"for":3600}')
        self.offered(lambda a: a in (19, 20), "what the house leaves")
        self.assertIn("beside what its meter shows", self.charger()["reason"])
        self.assertEqual(self.charger()["limited_by"], "circuit")

        wait("the meter shown", lambda: self.circuit().get("current_l1", 0) > 20)
        self.assertIsNone(state(self.client, "twcbridge/site").get("grid_current_l1"))
        self.house = 13.0
        begin = time.monotonic()
        self.offered(lambda a: a <= 12, "room for the house", 12)
        self.assertLess(time.monotonic() - begin, 12)
        self.fake.answer("/meter", 500)
        wait("no data", lambda: self.circuit().get("status") == "no_data", 20)
        self.offered(lambda a: a == 7, "what is set for a dead meter", 10)
        self.assertIsNone(self.circuit()["current_l1"])
        self.assertIn("meter tells nothing", self.charger()["reason"])
        self.fake.answer("/meter", self.answer)
        self.offered(lambda a: a in (11, 12), "what the meter leaves", 60)


    def test_after_a_restart_the_car_goes_on_until_the_meter_tells(self):
        self.start()
        self.client.publish(f"twcbridge/charger/{self.ident}/current_limit/set", '{"value":25,"for":3600}')
        self.offered(lambda a: a in (19, 20), "what the house leaves")
        wait("charging", lambda: self.rig.virtual(self.ident)["drawn_a"] > 17, 30)
        time.sleep(6)  # the store writes every 5 s
        self.rig.proc.kill()
        self.rig.proc.wait()
        told = self.rig.virtual(self.ident)["told_a"]
        late, asked = time.monotonic() + 2, []

        def answer(request):
            asked.append(request)
            return self.answer(request) if time.monotonic() > late else 500
        self.fake.answer("/meter", answer)
        self.rig.bridge(settings=self.rig.file)
        least = 99
        while time.monotonic() < late + 5:
            least = min(least, self.rig.virtual(self.ident)["told_a"])
            time.sleep(0.1)
        self.assertTrue(asked)
        self.assertGreaterEqual(least, told - 1)
        self.assertEqual(self.rig.virtual(self.ident)["interruptions"], 0)

    def components(self):
        text = self.client.last("homeassistant/device/twcbridge_circuit_garage/config")
        return set(json.loads(text)["components"]) if text else set()

    def test_a_meter_comes_and_goes_without_a_restart(self):
        self.start(meter=False)
        self.client.publish(f"twcbridge/charger/{self.ident}/current_limit/set", '{"value":25,"for":3600}')
        self.offered(lambda a: a == 25, "all of the circuit")
        self.rig.settings(self.settings())
        self.rig.proc.send_signal(signal.SIGHUP)
        self.offered(lambda a: a in (19, 20), "what the house leaves")
        wait("its entities", lambda: "current_l1" in self.components())
        self.rig.settings(self.settings(meter=False))
        self.rig.proc.send_signal(signal.SIGHUP)
        self.offered(lambda a: a == 25, "all of the circuit again")
        wait("no entities", lambda: "current_l1" not in self.components())
        self.assertIsNone(self.circuit()["current_l1"])


if __name__ == "__main__":
    unittest.main()
