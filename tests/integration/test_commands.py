#!/usr/bin/env python3
"""Answers of commands in detail: what holds, until when, and what a stop stops.

Real broker, virtual chargers, one bridge for all tests. SPDX-License-Identifier: MIT
"""
import contextlib
import datetime
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import Rig, free_port, state, wait  # noqa: E402


class TestAnswers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = r = Rig()
        r.start_broker()
        cls.a, cls.b = r.simulate("--chargers", "2", "--plugged")
        r.bridge()
        cls.mqtt = r.online(cls.a, cls.b)

    @classmethod
    def tearDownClass(cls):
        cls.rig.__exit__()

    def ask(self, topic, payload):
        begin = time.monotonic()
        time.sleep(0.06)  # below twenty a second
        self.mqtt.publish(f"twcbridge/{topic}/set", payload)
        return json.loads(self.mqtt.wait(lambda m: m.topic == f"twcbridge/{topic}/result", 5, begin).payload)

    def charger(self, key, payload):
        return self.ask(f"charger/{self.a}/{key}", payload)

    def state(self, ident=None):
        return state(self.mqtt, f"twcbridge/charger/{ident or self.a}")

    def told(self, ident=None):
        return self.rig.virtual(ident or self.a)["told_a"]

    def owners(self):
        return {c["owner"]: c for c in self.state()["ceilings"]}

    def test_nothing_that_looks_like_a_command_is_left_without_an_answer(self):
        for topic, code, words in (
                ("vehicle/x/charge", "unknown_device", "there is no kind 'vehicle'"),
                ("foo/bar", "unknown_device", "there is no kind 'foo'"),
                ("chargr/a1b2/mode", "unknown_device", "did you mean charger?"),
                ("foo/restart", "unknown_device", "there is no kind 'foo'"),
                ("charger/current_limit", "unknown_device", "a charger is set on charger/<id>/<key>/set"),
                ("site/garage/mode", "unknown_device", "a site is set on site/<key>/set"),
                ("circuit/site/current_limit", "unknown_device", "there is no circuit 'site'"),
                ("charger/site/mode", "unknown_device", "there is no charger 'site'"),
                ("bridge/log_level", "unknown_key", "bridge/request/log_level"),
                ("bridge/x/log_level", "unknown_key", "bridge/request/log_level")):
            with self.subTest(topic):
                got = self.ask(topic, "1")
                self.assertEqual((got["status"], got["code"]), ("refused", code))
                self.assertIn(words, got["message"])

    def request(self, key, payload):
        begin = time.monotonic()
        self.mqtt.publish(f"twcbridge/bridge/request/{key}", payload)
        return json.loads(self.mqtt.wait(lambda m: m.topic == f"twcbridge/bridge/response/{key}", 5, begin).payload)

    def level(self):
        return state(self.mqtt, "twcbridge/bridge/health").get("log_level")

    def test_log_level_with_for_goes_back_to_the_one_before(self):
        self.assertEqual(self.request("log_level", "warning")["value"], "warning")
        got = self.request("log_level", '{"value":"debug","for":3}')
        end = datetime.datetime.fromisoformat(got["until"].replace("Z", "+00:00")).timestamp()
        self.assertAlmostEqual(end - time.time(), 3, delta=1.5)
        self.request("log_level", '{"value":"notice","for":2}')  # what was before stays what was before
        wait("the level in between", lambda: self.level() == "notice", 4)
        wait("the level before", lambda: self.level() == "warning", 6)
        self.request("log_level", '{"value":"debug","for":2}')
        self.assertNotIn("until", self.request("log_level", "info"))  # without an end it stays
        time.sleep(3)
        self.assertEqual(self.level(), "info")

    def test_a_reload_keeps_a_log_level_that_the_file_did_not_change(self):
        self.request("log_level", "debug")
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("the reload", lambda: "is in force" in self.rig.log(), 5)
        self.assertEqual(self.request("log_level", '{"value":"nonsense"}')["value"], "debug")
        self.rig.settings({"log": {"level": "notice"}})
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("the level of the file", lambda: self.level() == "notice", 5)
        self.rig.settings()
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("the level of the file", lambda: self.level() == "info", 5)

    def test_a_charger_can_be_renamed_until_the_file_says_another_name(self):
        def name():
            doc = state(self.mqtt, f"homeassistant/device/twcbridge_charger_{self.a}/config")
            return doc.get("device", {}).get("name"), self.state().get("name")

        plain = (f"Wall Connector {self.a.upper()}",) * 2
        wait("the first name", lambda: name() == plain, 7)
        got = self.request("rename", json.dumps({"charger": self.a, "name": "Links \u00e4\" 'x'"}))
        self.assertEqual((got["status"], got["value"]), ("ok", "Links \u00e4\" 'x'"))
        wait("the name", lambda: name() == ("Links \u00e4\" 'x'",) * 2, 7)
        for payload, code, words in (
                ('{"charger":"9999","name":"x"}', "unknown_device", "there is no '9999'"),
                (json.dumps({"charger": self.a, "name": "a\nb"}), "bad_value", "name: wants a text"),
                (json.dumps({"charger": self.a, "name": "  "}), "bad_value", "nothing but blanks"),
                (json.dumps({"charger": self.a, "name": "x" * 64}), "bad_value", "is longer than 63 bytes"),
                (json.dumps({"charger": self.a, "name": 7}), "bad_value", "name: wants a text")):
            got = self.request("rename", payload)
            self.assertEqual((got["status"], got["code"]), ("refused", code), payload)
            self.assertIn(words, got["message"])
        self.rig.proc.kill()
        self.rig.proc.wait()
        self.rig.bridge()
        begin = time.monotonic()
        self.mqtt.wait(lambda m: m.topic == f"twcbridge/charger/{self.a}/availability" and m.payload == "online", 20, begin)
        self.mqtt.wait(lambda m: m.topic == f"twcbridge/charger/{self.a}", 10, begin)
        self.assertEqual(name(), ("Links \u00e4\" 'x'",) * 2)
        self.rig.settings({"chargers": [{"id": self.a, "name": "East"}]})
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("the name of the file", lambda: name() == ("East", "East"), 7)
        self.request("rename", json.dumps({"charger": self.a, "name": "West"}))
        wait("the new name", lambda: name() == ("West", "West"), 7)
        self.assertEqual(self.request("rename", json.dumps({"charger": self.a}))["value"], "East")
        self.rig.settings()
        self.rig.proc.send_signal(signal.SIGHUP)
        wait("the name without a file", lambda: name() == plain, 7)

    def test_an_answer_is_never_taken_for_a_command(self):
        begin = time.monotonic()
        self.mqtt.publish("twcbridge/bridge/request/set", "1")
        self.mqtt.wait(lambda m: m.topic == "twcbridge/bridge/response/set", 5, begin)
        time.sleep(0.5)
        self.assertEqual([m.topic for m in self.mqtt.messages if m.time > begin and "/response/" in m.topic],
                         ["twcbridge/bridge/response/set"], "two filters match it")

    def test_a_bridge_below_our_base_topic_is_answered_for_by_nobody_else(self):
        """Its commands; the other bridge is this test, and the last one of each is ours."""
        begin = time.monotonic()
        for topic in ("b/site/mode/set", "b/charger/a1b2/mode/set", "b/circuit/garage/current_limit/set",
                      "b/bridge/request/health", "b/c/site/mode/set"):
            self.mqtt.publish(f"twcbridge/{topic}", "1")
        self.ask("foo/bar", "1")
        got = [m.topic for m in self.mqtt.messages if m.time > begin and
               m.topic.endswith(("/result", "/response/health"))]
        self.assertEqual(got, ["twcbridge/foo/bar/result"])

    def test_a_minimum_that_was_raised_can_be_lowered(self):
        self.assertEqual(self.charger("min_current", "10")["value"], 10)
        refused = self.charger("min_current", "5")
        self.assertEqual((refused["code"], refused["min"], refused["value"]), ("out_of_range", 6, 10))
        low = self.charger("min_current", "6")
        self.assertEqual((low["status"], low["value"]), ("ok", 6))
        self.assertEqual(self.charger("max_current", "7")["status"], "ok")
        self.assertEqual(self.charger("max_current", "32")["status"], "ok")

    def test_mode_stop_of_the_site_stops_every_charger(self):
        self.assertEqual(self.ask("site/mode", "stop")["status"], "ok")
        wait("0 A for both", lambda: self.told() == 0 and self.told(self.b) == 0, 5)
        self.assertEqual(self.state()["limited_by"], "not_allowed")
        self.assertEqual(self.owners()["site:mode"]["value"], 0)
        # No limit and no release lifts it, whatever name its owner gives itself.
        self.ask("site/current_limit", '{"value":30,"owner":"mode"}')
        self.assertEqual(self.owners()["site:mode"]["value"], 0)
        self.ask("site/release", "PRESS")
        self.assertEqual(self.charger("boost", "PRESS")["offered"], 0)
        self.charger("release", "PRESS")
        self.assertEqual(self.ask("site/mode", "manual")["status"], "ok")
        wait("6 A for both", lambda: self.told() == 6 and self.told(self.b) == 6, 5)
        self.assertNotIn("site:mode", self.owners())

    def test_a_refusal_tells_what_holds(self):
        self.charger("current_limit", '{"value":12,"for":60}')
        self.charger("max_current", "30")
        self.charger("hold_minutes", "15")
        for key, payload, code, value in (
                ("current_limit", "99", "out_of_range", 12),
                ("current_limit", '{"value":', "bad_json", 12),
                ("current_limit", '{"value":9,"for":0}', "out_of_range", 12),
                ("current_limit", '{"value":9,"x":0}', "unknown_member", 12),
                ("current_limit", "9" * 300, "bad_value", 12),
                ("max_current", "99", "out_of_range", 30),
                ("max_current", "much", "bad_value", 30),
                ("hold_minutes", "1441", "out_of_range", 15),
                ("charging_allowed", "maybe", "bad_value", True),
                ("mode", "turbo", "bad_value", "manual")):
            with self.subTest(f"{key} {payload[:20]}"):
                a = self.charger(key, payload)
                self.assertEqual((a["code"], a["value"]), (code, value), a)
        a = self.ask("site/lease_grace", "9999")
        self.assertEqual((a["code"], a["value"]), ("out_of_range", 120))
        self.charger("max_current", "32")
        self.charger("hold_minutes", "0")
        self.charger("current_limit", "release")

    def test_what_is_kept_takes_no_end_and_minutes_are_whole(self):
        a = self.charger("max_current", '{"value":20,"for":5}')
        self.assertEqual((a["code"], a["value"]), ("bad_value", 32))
        self.assertIn("for: max_current is kept and has no end", a["message"])
        a = self.charger("hold_minutes", "0.5")
        self.assertEqual((a["code"], a["value"]), ("bad_value", 0))
        self.assertIn("'0.5' is not a whole number", a["message"])
        self.assertIn("for: ", self.charger("charging_allowed", '{"value":true,"for":5}')["message"])

    def test_off_and_stop_with_for_say_until_when_and_end_then(self):
        for key, value, before in (("charging_allowed", "OFF", True), ("mode", "stop", "manual")):
            with self.subTest(key):
                a = self.charger(key, json.dumps({"value": value, "for": 3}))
                self.assertEqual((a["status"], a["offered"]), ("ok", 0))
                self.assertIsNotNone(a["until"])
                wait("it is in the list", lambda k=key: k in self.owners(), 3)
                self.assertIsNotNone(self.owners()[key]["until"])
                wait("as before", lambda k=key, b=before: self.state()[k] == b and self.told() == 6, 8)
                self.assertNotIn(key, self.owners())

    def test_a_limit_of_the_site_is_answered_with_owner_and_end_and_shows_at_each_charger(self):
        a = self.ask("site/current_limit", '{"value":20,"for":60,"owner":"ems"}')
        self.assertEqual((a["status"], a["value"], a["owner"]), ("ok", 20, "ems"))
        self.assertIsNotNone(a["until"])
        self.assertEqual(wait("the list", lambda: self.owners().get("site:ems"), 3)["value"], 20)
        a = self.ask("site/current_limit", '{"value":null,"owner":"ems"}')
        self.assertEqual((a["value"], a["owner"], a["until"]), (None, None, None))


class OldBroker:
    """In front of a broker: answers MQTT 5 as one that speaks 3.1.1 alone does, passes that on."""

    def __init__(self, broker):
        self.broker, self.port = broker, free_port()
        self.door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.door.accept()
            except OSError:
                return
            first = s.recv(65536)
            if b"MQTT\x05" in first:
                s.sendall(b"\x20\x02\x00\x01")  # unacceptable protocol version
                s.close()
                continue
            up = socket.create_connection(("127.0.0.1", self.broker))
            up.sendall(first)
            for a, b in ((s, up), (up, s)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


class TestOldBroker(unittest.TestCase):
    def test_with_mqtt_3_1_1_a_plain_value_holds_an_hour_at_most(self):
        with Rig() as r:
            old = OldBroker(r.port)
            r.closers.append(old.door.close)
            r.bridge({"mqtt": {"url": f"mqtt://127.0.0.1:{old.port}"}, "lease": {"grace_s": 1},
                      "buses": [{"port": "virtual:1", "circuit": "garage"}]})
            c = r.online("v1")
            self.assertIn("by MQTT 3.1.1", r.log())
            topic = "twcbridge/charger/v1"
            for alive in (False, True):
                if alive:
                    c.publish("homeassistant/status", "online")
                    wait("alive", lambda: state(c, "twcbridge/bridge/health")["home_assistant"] == "alive", 3)
                begin = time.monotonic()
                c.publish(f"{topic}/current_limit/set", "9")
                m = c.wait(lambda m, b=begin: m.topic == f"{topic}/current_limit/result", 5, begin)
                until = json.loads(m.payload)["until"]
                self.assertIsNotNone(until, "alive" if alive else "not seen")
                end = datetime.datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp()
                self.assertAlmostEqual(end - time.time(), 3600, delta=3)
            # Its will counts there, too.
            c.publish("homeassistant/status", "offline")
            wait("the default", lambda: state(c, topic)["offered"] == 6, 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
