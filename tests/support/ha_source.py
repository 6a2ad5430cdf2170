"""What the source `homeassistant` must do with a Home Assistant: the same tests for the real one and for a fake.

A subclass gives self.ha: set(entity, state, **attributes), remove(entity), rename(entity, new), revoke(), stop(),
start(), url, token.
"""
import time

from rig import Rig, state, wait


class Cases:
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.n = 0

    def begin(self, **more):
        self.move()
        self.ha.set("sensor.soc", "55.5", unit_of_measurement="%")
        self.ha.set("sensor.pv", "2.5", unit_of_measurement="kW")
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": [
            {"name": "Home", "adapter": "homeassistant", "url": self.ha.url, "token": self.ha.token, "interval_s": 1,
             "timeout_s": 5, "max_age_s": 8, "grid_w": "sensor.imp - sensor.exp", "pv_w": "sensor.pv",
             "soc": "sensor.soc", **more}]})
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#")
        self.until("values", lambda: self.site("grid_power") is not None and self.site("battery_soc") == 55.5 and
                   self.site("pv_power") == 2500)

    def move(self):
        """The meter lives: import changes, export does not."""
        self.n += 1
        self.ha.set("sensor.imp", str(100 + self.n), unit_of_measurement="W")
        self.ha.set("sensor.exp", "0", unit_of_measurement="W")

    def site(self, key):
        return state(self.client, "twcbridge/site").get(key)

    def source(self):
        return state(self.client, "twcbridge/source/home")

    def why(self, field):
        return self.source().get("fields", {}).get(field, {}).get("why") or ""

    def until(self, what, test, timeout=20):
        def step():
            self.move()
            return test()
        try:
            return wait(what, step, timeout)
        except BaseException:
            print("\n", self.source(), "\n", state(self.client, "twcbridge/site"), "\n", self.rig.log()[-3000:])
            raise

    def test_a_change_is_there_at_once(self):
        self.begin()
        self.ha.set("sensor.pv", "3100", unit_of_measurement="W")
        start = time.monotonic()
        self.until("the change", lambda: self.site("pv_power") == 3100)
        self.assertLess(time.monotonic() - start, 4)

    def test_a_sensor_that_goes_unavailable_says_so_and_comes_back(self):
        self.begin()
        self.ha.set("sensor.pv", "unavailable")
        self.until("unknown", lambda: self.site("pv_power") is None and "sensor.pv is unavailable" in self.why("pv_w"))
        self.assertIsNotNone(self.site("grid_power"))
        self.ha.set("sensor.pv", "10", unit_of_measurement="W")
        self.until("back", lambda: self.site("pv_power") == 10)

    def test_an_entity_that_is_renamed_is_named(self):
        self.begin()
        self.ha.rename("sensor.pv", "sensor.roof")
        self.until("unknown", lambda: self.site("pv_power") is None and "renamed" in self.why("pv_w"))
        self.assertIn("sensor.pv was removed from Home Assistant", self.why("pv_w"))
        self.assertIsNotNone(self.site("grid_power"))

    def test_what_it_keeps_holds_and_a_meter_that_stands_still_does_not(self):
        self.begin()
        end = time.monotonic() + 40
        # The meter moves no more; neither does the battery, which is no fault.
        while time.monotonic() < end and self.site("grid_power") is not None:
            time.sleep(0.2)
        self.assertIsNone(self.site("grid_power"))
        time.sleep(8)
        self.assertEqual((self.site("battery_soc"), self.site("pv_power")), (55.5, 2500))

    def test_a_restart_is_survived(self):
        self.begin()
        self.ha.stop()
        wait("failing", lambda: self.source().get("status") in ("failing", "stale"), 20)
        self.ha.start()
        self.ha.set("sensor.soc", "60", unit_of_measurement="%")
        self.ha.set("sensor.pv", "1", unit_of_measurement="kW")
        self.until("values again", lambda: self.site("battery_soc") == 60 and self.site("pv_power") == 1000 and
                   self.site("grid_power") is not None and self.source().get("status") == "ok", 60)

    def test_a_token_that_is_revoked_is_told_and_not_tried_again_and_again(self):
        self.begin()
        before = self.tries()
        self.ha.revoke()
        wait("refused", lambda: "does not take the token" in (self.source().get("error") or ""), 20)
        time.sleep(10)
        self.assertLessEqual(self.tries() - before, 3)
        self.assertNotIn(self.ha.token, self.rig.log())
        wait("nothing known", lambda: self.site("grid_power") is None, 20)
