"""Prices in the running bridge: the entity, the lists by MQTT, what a restart and a failing source cost."""
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
import stream_fake  # noqa: E402
from rig import Rig, state, wait  # noqa: E402


def utc(s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))


class Prices(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.fake = self.enterContext(http_fake.HttpFake())
        self.hour = int(time.time()) // 3600 * 3600

    def hours(self, *prices, start=0):
        """Hours from the current one on, in EUR/MWh."""
        return {"data": [{"start_timestamp": (self.hour + (start + i) * 3600) * 1000, "unit": "Eur/MWh",
                          "end_timestamp": (self.hour + (start + i + 1) * 3600) * 1000, "marketprice": p}
                         for i, p in enumerate(prices)]}

    def source(self, name="Market", **more):
        return {"name": name, "adapter": "awattar", "url": self.fake.url, "timeout_s": 2, **more}

    def stop(self):
        """Nothing of this run stays on the broker."""
        self.rig.end(self.rig.proc)
        for topic in ("site", "site/tariff", "source/market"):
            self.client.publish("twcbridge/" + topic, b"", retain=True)

    def start(self, *sources, **site):
        self.settings = {"buses": [], "publish": {"interval_s": 1}, "site": site, "sources": sources}
        self.rig.bridge(self.settings)
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#", "homeassistant/#")

    def site(self):
        return state(self.client, "twcbridge/site")

    def market(self, ident="market"):
        return state(self.client, f"twcbridge/source/{ident}")

    def row(self):
        text = wait("discovery", lambda: self.client.last("homeassistant/device/twcbridge_site/config"))
        return json.loads(text)["components"]["price"]

    def tariff(self):
        text = self.client.last("twcbridge/site/tariff")
        return json.loads(text) if text else []

    def test_the_price_in_force_its_list_and_its_unit(self):
        self.fake.answer("/v1/marketdata", self.hours(80, 80, -20.5))
        self.start(self.source(charges=0.15, tax=19), currency="EUR")
        wait("a price", lambda: self.site().get("price") is not None)
        self.assertEqual(self.site()["price"], 0.2737)  # (0.08 + 0.15) * 1.19
        wait("the list", self.tariff)
        self.assertEqual([x["value"] for x in self.tariff()], [0.2737, 0.2737, 0.154105])
        self.assertEqual(self.tariff()[2], {"start": utc(self.hour + 7200), "end": utc(self.hour + 10800),
                                            "value": 0.154105})
        t = self.site()["tariff"]
        self.assertEqual((t["currency"], t["slots"], t["until"]), ("EUR", 3, utc(self.hour + 10800)))
        self.assertEqual(t["cheapest"]["value"], 0.154105)
        self.assertIn(t["now"]["value"], (0.2737, 0.154105))
        row = self.row()
        self.assertEqual((row["unit_of_measurement"], row["state_class"]), ("EUR/kWh", "measurement"))
        self.assertNotIn("device_class", row)
        m = wait("the source", lambda: self.market().get("status") == "ok" and self.market())
        self.assertEqual((m["problem"], m["error"], m["fields"]["price"]["slots"]), (False, None, 3))
        self.assertIsNone(self.site()["forecast"])
        self.assertIsNone(self.client.last("twcbridge/site/forecast"))

    def test_a_restart_keeps_the_list_and_does_not_ask_at_once(self):
        self.fake.answer("/v1/marketdata", self.hours(100, 100, 100, 50))
        self.start(self.source())
        wait("a price", lambda: self.site().get("price") is not None)
        asked = len(self.fake.requests)
        self.stop()
        self.fake.answer("/v1/marketdata", 500)
        self.start(self.source())
        wait("the price from the disk", lambda: self.site().get("price") == 0.1)
        wait("the source", lambda: self.market().get("status") == "ok")
        self.assertEqual(len(self.fake.requests), asked)
        self.stop()
        # Another tariff does not get the prices of the old one.
        self.start(self.source(charges=0.2))
        wait("the failure", lambda: self.market().get("status") == "failing")
        self.assertIsNone(self.site()["price"])

    def test_a_failing_source_keeps_its_prices_and_a_fallback_fills_the_rest(self):
        self.fake.answer("/v1/marketdata", 500)
        with http_fake.HttpFake() as other:
            other.answer("/v1/marketdata", self.hours(120, 130, 140))
            self.start(self.source(role="primary"), self.source("Other", url=other.url, role="fallback"))
            wait("the other's price", lambda: self.site().get("price") in (0.12, 0.13))
            m = wait("the failure", lambda: self.market().get("problem") and self.market())
            self.assertIn("answers 500", m["error"])
            self.assertTrue(self.site()["data_problem"])

    def test_prices_in_another_currency_are_none(self):
        self.fake.answer("/v1/marketdata", self.hours(100, 100))
        self.start(self.source(), currency="CHF")
        m = wait("the source", lambda: self.market().get("status") == "stale" and self.market())
        self.assertIn("site.currency", m["error"])
        self.assertIsNone(self.site()["price"])
        self.assertEqual(self.row()["unit_of_measurement"], "CHF/kWh")


    def test_prices_by_the_clock_want_nobody(self):
        self.start({"name": "Table", "adapter": "tariff", "price": 0.31, "export_price": 0.0794, "time_zone": "UTC0",
                    "zones": "00:00-24:00 0.27"})
        wait("a price", lambda: self.site().get("price") == 0.27)
        t = wait("the list", self.tariff)
        self.assertEqual((len(t), {x["value"] for x in t}), (4 * 96, {0.27}))
        day = int(time.time()) // 86400 * 86400
        self.assertIn(t[0]["start"], (utc(day), utc(day - 86400)))
        t = wait("export", lambda: json.loads(self.client.last("twcbridge/site/export_tariff") or "[]"))
        self.assertEqual(t[5]["value"], 0.0794)
        wait("export", lambda: (self.site()["tariff"].get("export") or {}).get("value") == 0.0794)
        m = wait("the source", lambda: self.market("table").get("status") == "ok" and self.market("table"))
        self.assertEqual((m["calls_today"], m["problem"]), (0, False))

    def test_a_source_that_is_removed_takes_its_price_and_list_along(self):
        self.fake.answer("/v1/marketdata", self.hours(100, 100))
        self.start(self.source())
        wait("the list", lambda: self.tariff() and self.site().get("price") == 0.1)
        self.rig.settings({**self.settings, "sources": []})
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("no list", lambda: self.client.last("twcbridge/site/tariff") in ("", b""))
        wait("no price", lambda: self.site()["price"] is None and self.site()["tariff"] is None)

    def roof(self, kw, hours=30):
        """Half hours of one power, from a while ago on."""
        return {"forecasts": [{"pv_estimate": kw, "period": "PT30M", "period_end": utc(self.hour + i * 1800)}
                              for i in range(1, 2 * hours + 1)]}

    def test_forecasts_of_two_roofs_are_added_and_never_measured(self):
        self.fake.answer("/rooftop_sites/a/forecasts", self.roof(1.5))
        self.fake.answer("/rooftop_sites/b/forecasts", 429)
        roofs = [{"name": "Roof " + x, "adapter": "forecast_solcast", "url": self.fake.url, "resource_id": x,
                  "token": "s0lcast-key"} for x in "ab"]
        self.start(*roofs)
        wait("the first roof", lambda: self.market("roof_a").get("status") == "ok")
        wait("the second is not known", lambda: self.market("roof_b").get("status") == "paused")
        self.assertIsNone(self.site()["forecast"]["now"])
        self.rig.end(self.rig.proc)
        self.fake.answer("/rooftop_sites/b/forecasts", self.roof(0.25, 20))
        asked = len(self.fake.requests)
        self.start(*roofs)
        f = wait("both", lambda: (self.site().get("forecast") or {}).get("now") and self.site()["forecast"])
        self.assertEqual(f["now"]["value"], 1750)
        self.assertAlmostEqual(f["next_24h_wh"], 1750 * (self.hour + 20 * 3600 - time.time()) / 3600, delta=20)
        t = wait("the list", lambda: json.loads(self.client.last("twcbridge/site/forecast") or "[]"))
        self.assertEqual({x["value"] for x in t}, {1750})
        self.assertEqual(len(self.fake.requests), asked + 1)  # the first roof is known from the disk: no call of ten
        self.assertIsNone(self.site()["pv_power"])
        self.assertIsNone(self.site()["price"])
        self.assertNotIn("s0lcast-key", self.rig.log())


    def test_a_pulse_gives_power_beside_the_prices_and_is_opened_anew(self):
        opened = []
        with stream_fake.StreamFake() as fake:
            def prices(p):
                query = json.loads(p.take(int(p.head["content-length"])))["query"]
                home = {"id": "0a-1b", "features": {"realTimeConsumptionEnabled": True},
                        "currentSubscription": {"priceInfo": {
                            "current": {"currency": "EUR"}, "today": [{"total": 0.25, "startsAt": utc(self.hour)},
                                                                      {"total": 0.5, "startsAt": utc(self.hour + 3600)}]}}}
                home = {k: v for k, v in home.items() if k in query}
                body = json.dumps({"data": {"viewer": {
                    "websocketSubscriptionUrl": fake.url.replace("http", "ws") + "/live", "homes": [home]}}}).encode()
                p.send(b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

            def live(p):
                opened.append(p.head["sec-websocket-protocol"])
                p.accept()
                init = json.loads(p.read()[1])
                if (init["type"], init["payload"]["token"]) != ("connection_init", "pulse-t0ken"):
                    return
                p.text('{"type":"connection_ack"}')
                if "0a-1b" not in json.loads(p.read()[1])["payload"]["query"]:
                    return
                for i in range(2 if len(opened) == 1 else 400):
                    p.text(json.dumps({"id": "1", "type": "next", "payload": {"data": {"liveMeasurement": {
                        "timestamp": utc(time.time()), "power": 0, "powerProduction": 840 + i % 2,
                        "currentL1": 3.5 if i % 2 else None}}}}))
                    time.sleep(0.05)

            fake.answers = {"/v1-beta/gql": prices, "/live": live}
            self.start({"name": "Home", "adapter": "tibber", "url": fake.url, "token": "pulse-t0ken", "live": True})
            wait("both", lambda: self.site().get("price") in (0.25, 0.5) and self.site()["grid_power"] in (-840, -841))
            self.assertEqual(self.site()["grid_current_l1"], -3.5)
            wait("opened anew", lambda: len(opened) > 1, 20)
            wait("well", lambda: self.market("home").get("status") == "ok" and not self.market("home")["problem"])
            self.assertEqual(set(opened), {"graphql-transport-ws"})
            self.assertNotIn("pulse-t0ken", self.rig.log())


if __name__ == "__main__":
    unittest.main()
