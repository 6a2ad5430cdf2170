"""Sources that change while the bridge runs, and the events of their problems."""
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
from rig import Rig, state, wait  # noqa: E402


def source(name, url, **more):
    return {"name": name, "adapter": "url_json", "url": url, "interval_s": 1, "timeout_s": 2, "max_age_s": 30, **more}


class Reload(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.fake = self.enterContext(http_fake.HttpFake())
        self.count = 0

    def extra(self, sources):
        return {"buses": [], "publish": {"interval_s": 1}, "sources": sources}

    def start(self, *sources):
        self.rig.bridge(self.extra(sources))
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#", "homeassistant/#")

    def reload(self, *sources):
        seen = self.rig.log().count("is in force")
        self.rig.settings(self.extra(sources))
        self.rig.proc.send_signal(signal.SIGHUP)
        self.until("the reload", lambda: self.rig.log().count("is in force") > seen)
        self.assertFalse(state(self.client, "twcbridge/bridge/health").get("restart_required"))

    def site(self):
        return state(self.client, "twcbridge/site")

    def source(self, ident):
        return state(self.client, f"twcbridge/source/{ident}")

    def events(self, kind):
        return [e for e in (json.loads(m.payload) for m in self.client.messages if m.topic == "twcbridge/bridge/event")
                if e["event_type"] == kind and "source" in e]

    def until(self, what, test, timeout=15):
        return wait(what, test, timeout)

    def moving(self, power):
        def answer(_):
            self.count += 1
            return {"power": power + self.count % 2}
        return answer

    def test_a_source_is_added_changed_moved_and_removed(self):
        for name, power in (("grid", 700), ("roof", 3000), ("barn", 500)):
            self.fake.answer("/" + name, self.moving(power))
        grid = source("Grid", self.fake.url + "/grid", grid_w="power")
        roof = source("Roof", self.fake.url + "/roof", pv_w="power")
        barn = source("Barn", self.fake.url + "/barn", pv_w="power")
        self.start(grid)
        self.until("the grid", lambda: self.site().get("grid_power") in (700, 701))
        self.assertNotIn("pv_power", self.site().get("inputs", {}))
        self.reload(grid, roof)
        self.until("the roof", lambda: self.site()["pv_power"] in (3000, 3001))
        config = "homeassistant/device/twcbridge_source_roof/config"
        self.until("its device", lambda: self.client.last(config))
        self.until("the row of the site", lambda: "pv_power" in
                   json.loads(self.client.last("homeassistant/device/twcbridge_site/config"))["components"])
        # In front: the others move, and their values are never unknown.
        begin = time.monotonic()
        self.reload(barn, grid, roof)
        self.until("the sum", lambda: (self.site()["pv_power"] or 0) in (3500, 3501, 3502))
        sites = [json.loads(m.payload) for m in self.client.messages if m.topic == "twcbridge/site" and m.time > begin]
        self.assertNotIn(None, [s["grid_power"] for s in sites])
        self.assertNotIn("starting", [json.loads(m.payload)["status"] for m in self.client.messages
                                      if m.topic == "twcbridge/source/grid" and m.time > begin])
        # Changed: it begins anew.
        self.reload(barn, grid, {**roof, "pv_w": "power * 2"})
        self.until("the new roof", lambda: (self.site()["pv_power"] or 0) in range(6500, 6505))
        # Removed: its device and its document go, its value too.
        self.reload(grid, barn)
        self.until("the device is gone", lambda: self.client.last(config) == "")
        self.until("the document is gone", lambda: self.client.last("twcbridge/source/roof") == "", 20)
        self.until("the value is gone", lambda: self.site()["pv_power"] in (500, 501))
        asked = len([r for r in self.fake.requests if r.path == "/roof"])
        time.sleep(1.5)
        self.assertEqual(len([r for r in self.fake.requests if r.path == "/roof"]), asked)
        # None at all, and one again.
        self.reload()
        self.until("nothing", lambda: self.site()["grid_power"] is None)
        self.reload(grid)
        self.until("the grid again", lambda: self.site()["grid_power"] in (700, 701))
        self.assertFalse(self.source("grid")["problem"])

    def test_a_bridge_without_sources_takes_the_first(self):
        self.fake.answer("/x", self.moving(5))
        self.start()
        self.until("the site", lambda: self.site().get("status"))
        self.reload(source("Grid", self.fake.url + "/x", grid_w="power"))
        self.until("a value", lambda: self.site()["grid_power"] in (5, 6))

    def test_a_source_over_a_broker_is_changed(self):
        self.start({"name": "Meter", "adapter": "mqtt", "grid_w_topic": "a"})
        out = self.rig.client()
        self.until("a value", lambda: out.publish("a", "5") is not None and self.site().get("grid_power") == 5)
        self.reload({"name": "Meter", "adapter": "mqtt", "grid_w_topic": "b"})
        self.until("another", lambda: out.publish("b", "6") is not None and self.site()["grid_power"] == 6)
        out.publish("a", "7")
        time.sleep(0.5)
        self.assertEqual(self.site()["grid_power"], 6)

    def test_a_problem_and_its_end_are_told_once(self):
        self.fake.answer("/x", self.moving(5))
        self.start(source("My \"meter\"", self.fake.url + "/x", grid_w="power", max_age_s=5),
                   source("Other", self.fake.url + "/none", soc="soc"))
        self.until("a value", lambda: self.site().get("grid_power") is not None)
        self.until("the other's problem", lambda: len(self.events("problem")) == 1)
        e = self.events("problem")[0]
        self.assertEqual(e["source"], "other")
        self.assertIn("Other: ", e["message"])
        self.assertIn("answers 404", e["message"])
        self.fake.answer("/x", 500)
        self.until("a problem", lambda: len(self.events("problem")) == 2)
        e = self.events("problem")[1]
        self.assertEqual(e["source"], "my_meter")
        self.assertIn("My \"meter\": ", e["message"])
        self.assertIn("answers 500", e["message"])
        self.assertEqual(self.events("recovered"), [])
        time.sleep(2)
        self.fake.answer("/x", self.moving(6))
        self.until("its end", lambda: self.events("recovered"), 25)
        self.assertEqual(self.events("recovered")[0]["source"], "my_meter")
        self.assertEqual(len(self.events("problem")), 2)


if __name__ == "__main__":
    unittest.main()
