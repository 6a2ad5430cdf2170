"""Energy sources in the running bridge: values, ages and states by MQTT, while the sources misbehave."""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
from rig import PROGRAM, Rig, free_port, state, wait  # noqa: E402
from shim import Shim  # noqa: E402

SECRET = "s3cret-of-the-meter"


def source(name, url, **more):
    return {"name": name, "adapter": "url_json", "url": url, "interval_s": 1, "timeout_s": 2, **more}


class Energy(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.fake = self.enterContext(http_fake.HttpFake())
        self.client = None
        self.count = 0

    def start(self, *sources):
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": sources})
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#", "homeassistant/#")

    def site(self):
        return state(self.client, "twcbridge/site")

    def source(self, ident="meter"):
        return state(self.client, f"twcbridge/source/{ident}")

    def until(self, what, test, timeout=15):
        return wait(what, test, timeout)

    def moving(self, **values):
        """An answer that changes each time, as that of a living meter does."""
        def answer(_):
            self.count += 1
            return {k: v + self.count % 2 for k, v in values.items()}
        return answer

    def components(self, topic):
        text = self.client.last(topic)
        return set(json.loads(text)["components"]) if text else set()

    def test_values_ages_and_sources_are_shown(self):
        self.fake.answer("/all", self.moving(grid=-1500, pv=4000, l1=-2.0))
        self.fake.answer("/roof", self.moving(pv=1000))
        self.start(source("Meter", self.fake.url + "/all", grid_w="grid", pv_w="pv", current_l1="l1"),
                   source("Roof", self.fake.url + "/roof", pv_w="pv"))
        self.until("values", lambda: self.site().get("house_power") is not None)
        s = self.site()
        self.assertIn(s["grid_power"], (-1500, -1499))
        self.assertIn(s["pv_power"], (5000, 5001, 5002))
        self.assertAlmostEqual(s["house_power"], 3500, delta=4)
        self.assertAlmostEqual(s["surplus_power"], 1500, delta=1)
        self.assertIn(s["grid_current_l1"], (-2, -1))
        self.assertIsNone(s["battery_power"])
        self.assertEqual(s["data_problem"], False)
        self.assertEqual(s["inputs"]["pv_power"]["source"], "meter, roof")
        self.assertEqual(s["inputs"]["house_power"]["source"], "derived")
        self.assertEqual(s["inputs"]["grid_power"]["ttl_s"], 30)
        self.assertLessEqual(s["inputs"]["grid_power"]["age_s"], 2)
        self.assertNotIn("battery_power", s["inputs"])
        m = self.until("the meter", lambda: self.source().get("status") == "ok" and self.source())
        self.assertEqual((m["adapter"], m["problem"], m["error"], m["name"]), ("url_json", False, None, "Meter"))
        self.assertEqual(set(m["fields"]), {"grid_w", "pv_w", "current_l1_ma"})
        self.assertIn(m["fields"]["grid_w"]["raw"], ("-1500", "-1499"))
        self.assertIsNone(m["battery_soc"])
        # What no source can give is not announced.
        for device in ("site", "source_roof"):
            self.until("its entities", lambda d=device: self.components(f"homeassistant/device/twcbridge_{d}/config"))
        self.assertEqual({"grid_power", "pv_power", "house_power", "surplus_power", "grid_current_l1", "data_problem",
                          "data_updated"}, self.components("homeassistant/device/twcbridge_site/config") & {
            "grid_power", "pv_power", "battery_power", "battery_soc", "house_power", "surplus_power", "price",
            "grid_current_l1", "grid_current_l2", "data_problem", "data_updated", "solar_offset", "battery_first_soc"})
        self.assertEqual({"problem", "status", "error", "data_updated", "latency", "pv_power"},
                         self.components("homeassistant/device/twcbridge_source_roof/config"))

    def test_a_system_shows_what_it_has_and_keeps_that_over_a_restart(self):
        """A Fronius without battery and meter: no such entities, no problem; kept by a kill."""
        flow = {"Body": {"Data": {"Inverters": {"1": {"DT": 1, "P": 2000}},
                                  "Site": {"P_PV": 2000, "P_Grid": None, "P_Load": None, "P_Akku": None}}},
                "Head": {"Status": {"Code": 0}}}
        self.fake.answer("/solar_api/v1/GetPowerFlowRealtimeData.fcgi", flow)
        self.start({"name": "Roof", "adapter": "fronius", "url": self.fake.url, "interval_s": 1})
        self.until("values", lambda: self.site().get("pv_power") == 2000)
        roof = "homeassistant/device/twcbridge_source_roof/config"
        self.until("its entity", lambda: "pv_power" in self.components(roof))
        self.assertFalse(self.components(roof) & {"battery_power", "battery_soc", "grid_power"})
        self.assertEqual((self.source("roof")["status"], self.source("roof")["problem"]), ("ok", False))
        self.fake.answer("/solar_api/v1/GetPowerFlowRealtimeData.fcgi", 500)
        time.sleep(1.5)  # the store writes within a second
        self.rig.proc.kill()
        self.rig.proc.wait()
        self.client = self.rig.client()
        self.rig.bridge(settings=self.rig.file)
        self.client.subscribe("twcbridge/#", "homeassistant/#")
        self.until("the source again", lambda: self.source("roof").get("status") == "failing")
        self.until("its entities", lambda: "pv_power" in self.components(roof))

    def test_a_bridge_without_sources_shows_nothing_of_them(self):
        self.start()
        self.until("the site", lambda: "status" in self.site() and
                   self.client.last("homeassistant/device/twcbridge_site/config"))
        self.assertFalse(self.components("homeassistant/device/twcbridge_site/config") & {"grid_power", "data_problem"})
        self.assertIsNone(self.site()["data_problem"])
        with open(f"/proc/{self.rig.proc.pid}/maps") as f:
            self.assertNotIn("libcurl", f.read())

    def test_a_source_that_dies_is_failing_then_a_problem_then_well_again(self):
        self.fake.answer("/x", self.moving(power=700))
        self.start(source("Meter", self.fake.url + "/x", grid_w="power", max_age_s=5))
        self.until("a value", lambda: self.site().get("grid_power") is not None)
        self.fake.answer("/x", 500)
        self.until("failing", lambda: self.source().get("status") == "failing")
        self.assertIn("answers 500", self.source()["error"])
        self.until("the problem", lambda: self.source().get("problem") is True, 8)
        self.until("nothing known", lambda: self.site().get("grid_power") is None and self.site()["data_problem"], 3)
        self.assertIn("the source gives no more values", self.site()["inputs"]["grid_power"]["why"])
        self.until("told by the bridge", lambda: state(self.client, "twcbridge/bridge/health").get("problem") is True, 3)
        self.fake.answer("/x", self.moving(power=800))
        self.until("well again", lambda: self.source().get("status") == "ok" and not self.source()["problem"], 25)
        self.assertIsNone(self.source()["error"])
        log = self.rig.log()
        self.assertEqual((log.count("answers 500"), log.count("Meter answers again")), (1, 1))

    def test_a_meter_that_repeats_itself_is_dead(self):
        self.fake.answer("/x", {"power": 700, "pv": 0})
        self.start(source("Meter", self.fake.url + "/x", grid_w="power", pv_w="pv", max_age_s=5))
        self.until("a value", lambda: self.site().get("grid_power") == 700)
        self.until("dead", lambda: self.site().get("grid_power") is None, 9)
        self.assertEqual(self.source()["status"], "stale")
        self.assertIn("nothing of this source changes", self.source()["error"])
        self.assertEqual(self.source()["pv_power"], 0)  # the night is no fault

    def test_one_bad_source_costs_the_others_nothing_and_no_secret_gets_out(self):
        self.fake.answer("/good", self.moving(power=5))
        paths = ["/status/401", "/status/404", "/busy", "/html", "/cut", "/huge", "/garbage", "/redirect", "/nan", "/list",
                 "/slow", "/drip", "/null"]
        bad = [source(f"Bad {i}", f"{self.fake.url}{p}?key={SECRET}", pv_w="power", role="fallback", auth="bearer",
                      token=SECRET + "2") for i, p in enumerate(paths)]
        bad.append(source("Nobody", f"http://127.0.0.1:{free_port()}/?key={SECRET}", pv_w="p", role="fallback"))
        bad.append(source("No name", f"http://no-such-host.invalid/?key={SECRET}", pv_w="p", role="fallback"))
        self.start(source("Good", self.fake.url + "/good", grid_w="power"), *bad)
        self.until("all tried", lambda: all(self.source(f"bad_{i}").get("status") not in (None, "starting")
                                            for i in range(len(paths))), 20)
        self.until("unreachable", lambda: self.source("nobody").get("status") == "failing" and
                   self.source("no_name").get("status") == "failing")
        want = {"/status/401": "auth_failed", "/busy": "paused", "/null": "stale"}
        for i, p in enumerate(paths):
            s = self.source(f"bad_{i}")
            self.assertEqual((p, s["status"], s["problem"]), (p, want.get(p, "failing"), True))
            self.assertTrue(s["error"], p)
        good = [r.time for r in self.fake.requests if r.path == "/good"]
        self.until("more", lambda: sum(r.path == "/good" for r in self.fake.requests) > len(good) + 2)
        self.assertIsNotNone(self.site()["grid_power"])
        self.assertIsNone(self.site()["pv_power"])
        said = self.rig.log() + "".join(m.topic + m.payload for m in self.client.messages)
        self.assertNotIn(SECRET, said)

    def test_who_is_refused_or_asked_to_wait_waits(self):
        self.start(source("Refused", self.fake.url + "/status/401", grid_w="p", auth="bearer", token="x" * 8),
                   source("Busy", self.fake.url + "/busy", pv_w="p"),
                   source("Broken", self.fake.url + "/status/500", soc="p"))
        time.sleep(9)
        times = {}
        for r in self.fake.requests:
            times.setdefault(r.path, []).append(r.time)
        self.assertEqual(len(times["/status/401"]), 1)
        self.assertIn(len(times["/busy"]), (1, 2))
        if len(times["/busy"]) == 2:
            self.assertGreaterEqual(times["/busy"][1] - times["/busy"][0], 7)
        gaps = [b - a for a, b in zip(times["/status/500"], times["/status/500"][1:])]
        self.assertEqual(len(gaps), 3, gaps)  # 1, 2, 4 s and a tenth at most
        for gap, least in zip(gaps, (1, 2, 4)):
            self.assertTrue(least - 0.05 <= gap <= least * 1.1 + 0.5, gaps)

    def test_values_that_do_not_add_up_are_implausible(self):
        self.fake.answer("/x", self.moving(grid=2000, pv=3000, house=900))
        self.start(source("Meter", self.fake.url + "/x", grid_w="grid", pv_w="pv", consumption_w="house"))
        begin = time.monotonic()
        self.until("implausible", lambda: self.source().get("status") == "implausible")
        self.assertLess(time.monotonic() - begin, 6)
        self.assertIn("is a sign inverted", self.source()["error"])

    def test_a_name_server_that_hangs_holds_nothing_up(self):
        shim = Shim(self.rig.dir)
        self.fake.answer("/x", self.moving(power=700))
        file = self.rig.settings({"buses": [], "sources": [
            source("Meter", self.fake.url + "/x", grid_w="power"),
            source("N", "http://meter.example/", pv_w="p", timeout_s=1)]})
        p = self.rig.run(PROGRAM, "run", file, "--state", self.rig.path("state"), log="bridge.log", env=shim.env())
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#")
        self.until("the first values", lambda: self.source("n").get("status"))
        shim.resolve(20)  # from now on each look-up
        self.until("the time-out", lambda: "did not answer within 1.0 s" in (self.source("n").get("error") or ""), 30)
        self.assertEqual(self.source("n")["status"], "failing")
        seen = len(self.fake.requests)
        self.until("more", lambda: len(self.fake.requests) >= seen + 5)
        times = [r.time for r in self.fake.requests]
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 1.4)
        self.until("a look-up that hangs", lambda: shim.held()[1] > 0, 30)
        begin = time.monotonic()
        p.terminate()
        self.assertEqual(p.wait(5), 0)
        self.assertLess(time.monotonic() - begin, 1.2)

    def test_a_sigterm_while_sources_are_slow_ends_within_a_second(self):
        self.start(*[source(f"S{i}", self.fake.url + p, pv_w="p", role="fallback") for i, p in enumerate(
            ["/slow", "/drip", "/slow", "/ok"])], source("N", "http://no-such-host.invalid/", pv_w="p", role="fallback"))
        self.until("asked", lambda: len(self.fake.requests) >= 4)
        begin = time.monotonic()
        self.rig.proc.terminate()
        self.assertEqual(self.rig.proc.wait(5), 0)
        self.assertLess(time.monotonic() - begin, 1.2)


if __name__ == "__main__":
    unittest.main()
