"""The promises of docs/safety.md, shown on the real daemon: a pty with chargers that share no code
with it, a real broker. Each test is named after its promise; run.py prints the rows."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests/support"), os.path.join(ROOT, "tests/lint")]
import parallel  # noqa: E402
import rules  # noqa: E402
from rig import PROGRAM, Rig, result, state, wait  # noqa: E402
from twc import Unit  # noqa: E402


def topic(ident):
    return f"twcbridge/charger/{ident}/current_limit/set"


def lowered(slaves, ident, amps, since, timeout=5):
    """Seconds from a moment to the start of the first message that says at most these amps."""
    return wait(f"{amps} A", lambda: next((h for h in slaves.log.of(ident, since) if h.limit and h.amps <= amps), None),
                timeout, 0.01).start - since


class TestPromises(unittest.TestCase):
    def test_promise_01_three_cars_from_a_cold_start_never_exceed_the_circuit(self):
        with Rig() as r:
            units = [Unit("a1b2"), Unit("c3d4", ramp_a_s=0.8, lag_s=2.0), Unit("e5f6", protocol=1)]
            s = r.slaves(units)
            s.limit = 32
            r.bridge()
            c = r.online(*[u.ident for u in units])
            for u in units:
                c.publish(f"twcbridge/charger/{u.ident}/current_limit/set", "32")
            wait("32 A in use", lambda: sum(u.limit for u in units) == 32, 30)
            time.sleep(3)
            # One leaves: its amps go to the others only when it draws less.
            c.publish("twcbridge/charger/a1b2/current_limit/set", "6")
            wait("26 A for the others", lambda: units[1].limit + units[2].limit == 26, 30)
            c.publish("twcbridge/charger/a1b2/current_limit/set", "32")
            wait("shared again", lambda: min(u.limit for u in units) >= 10, 40)
            time.sleep(2)
            # While a slow car follows down, its draw may stay above its offer, but nothing rises.
            self.assertEqual([o for o in s.over if o[2] > 32.01], [])
            self.assertLessEqual(s.peak, 32.01)
            self.assertEqual(s.log.bad, [])

    def test_promise_02_neither_a_locked_disk_nor_a_flood_delays_a_decrease(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")])
            other = r.client()
            result(c, topic("a1b2"), '{"value":20,"for":600,"owner":"t"}')
            wait("20 A", lambda: s.unit("a1b2").limit == 20)
            with contextlib.closing(sqlite3.connect(r.path("state/twcbridge.db"), isolation_level=None)) as db:
                db.execute("BEGIN EXCLUSIVE")
                for i in range(300):
                    other.publish(topic("c3d4"), str(6 + i % 5), qos=0)
                begin = time.monotonic()
                c.publish(topic("a1b2"), '{"value":7,"for":600,"owner":"t"}', qos=0)
                self.assertLess(lowered(s, "a1b2", 7, begin), 0.8)
                begin = time.monotonic()
                c.publish("twcbridge/circuit/garage/current_limit/set", '{"value":6,"for":600,"owner":"ems"}', qos=0)
                lowered(s, "a1b2", 6, begin)
                self.assertLess(time.monotonic() - begin, 1.0)
                db.execute("ROLLBACK")

    def test_promise_02_the_limit_on_commands_does_not_hold_a_decrease(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            for order, amps in (("6", 6), ("OFF", 0)):
                with self.subTest(order):
                    c.publish("twcbridge/charger/a1b2/charging_allowed/set", "ON")
                    c.publish(topic("a1b2"), "20")
                    wait("20 A", lambda: s.unit("a1b2").limit == 20)
                    time.sleep(1.1)
                    key = "current_limit" if order != "OFF" else "charging_allowed"
                    for _ in range(40):
                        c.publish(f"twcbridge/charger/a1b2/{key}/set", "20" if order != "OFF" else "ON", qos=0)
                    begin = time.monotonic()
                    c.publish(f"twcbridge/charger/a1b2/{key}/set", order, qos=0)
                    self.assertLess(lowered(s, "a1b2", amps, begin), 0.6)

    def test_promise_03_one_message_of_a_stranger_holds_a_raise_and_no_decrease(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            result(c, topic("a1b2"), "10")
            wait("10 A", lambda: s.unit("a1b2").limit == 10)
            heard = time.monotonic()
            s.say([0xFB, 0xE0, 0x12, 0x34, 0xA1, 0xB2, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            time.sleep(0.5)
            result(c, topic("a1b2"), "16")
            time.sleep(2.5)
            self.assertEqual([h.amps for h in s.log.of("a1b2", heard) if h.limit and h.amps > 10], [])
            begin = time.monotonic()
            result(c, topic("a1b2"), "8")
            self.assertLess(lowered(s, "a1b2", 8, begin), 0.8)
            result(c, topic("a1b2"), "16")
            up = wait("16 A", lambda: next((h for h in s.log.of("a1b2", heard) if h.amps == 16), None), 8)
            self.assertGreater(up.start - heard, 4.9)

    def test_promise_04_no_data_is_no_zero_and_ends_that_owners_value(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")], {"lease": {"grace_s": 2}})
            result(c, topic("a1b2"), '{"value":14,"for":600,"owner":"solar"}')
            wait("14 A", lambda: s.unit("a1b2").limit == 14)
            begin = time.monotonic()
            for word in ("unknown", "unavailable", "nan", "NaN"):
                a = result(c, topic("a1b2"), json.dumps({"value": word, "for": 600, "owner": "solar"}))
                self.assertEqual((a["status"], a["code"]), ("refused", "no_data"), word)
            self.assertEqual(s.unit("a1b2").limit, 14)
            self.assertGreater(lowered(s, "a1b2", 6, begin), 1.5)
            amps = {h.amps for h in s.log.of("a1b2", begin) if h.limit}
            self.assertEqual(amps - {14.0}, {6.0}, "the default, never 0")
            a = result(c, topic("a1b2"), '{"value":0,"for":600,"owner":"solar"}')
            self.assertEqual((a["status"], a["offered"]), ("ok", 0))

    def test_promise_05_without_home_assistant_and_broker_the_fallback_comes_in_time(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")], {"lease": {"grace_s": 3}})
            c.publish("homeassistant/status", "online")
            wait("alive", lambda: state(c, "twcbridge/bridge/health")["home_assistant"] == "alive")
            result(c, topic("a1b2"), "16")
            wait("16 A", lambda: s.unit("a1b2").limit == 16)
            begin = time.monotonic()
            r.end(r.broker, signal.SIGKILL)
            took = lowered(s, "a1b2", 6, begin, 8)
            self.assertGreater(took, 2.9)
            self.assertLess(took, 4.5)
            self.assertEqual([h.amps for h in s.log.of("a1b2", begin) if h.amps > 16], [])

    def test_promise_06_a_ceiling_never_lapses_upward(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")])
            t = "twcbridge/circuit/garage/current_limit/set"
            result(c, topic("a1b2"), '{"value":15,"for":600,"owner":"t"}')
            wait("15 A", lambda: s.unit("a1b2").limit == 15)
            begin = time.monotonic()
            result(c, t, '{"value":20,"for":1,"owner":"ems"}')
            time.sleep(2.5)  # it becomes at most fallback_current: 6 A for the whole circuit
            self.assertEqual(state(c, "twcbridge/circuit/garage")["current_limit"], 6)
            self.assertLess(lowered(s, "a1b2", 6, begin), 2)
            result(c, t, '{"value":"release","owner":"ems"}')
            wait("no limit", lambda: state(c, "twcbridge/circuit/garage")["current_limit"] is None, 2)

    def test_promise_06_a_value_ends_at_its_time_whoever_lives(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            begin = time.monotonic()
            a = result(c, topic("a1b2"), '{"value":11,"for":3,"owner":"short","reason":"a cloud"}')
            self.assertEqual((a["status"], a["owner"]), ("ok", "short"))
            wait("11 A", lambda: s.unit("a1b2").limit == 11, 2)
            ended = c.wait(lambda m: m.topic == "twcbridge/charger/a1b2/event" and "lease_ended" in m.payload, 5, begin)
            self.assertEqual(json.loads(ended.payload)["why"], "expired")
            self.assertAlmostEqual(ended.time - begin, 3, delta=0.5)
            self.assertAlmostEqual(lowered(s, "a1b2", 6, ended.time - 1) - 1, 0.2, delta=0.5)

    def test_promise_07_a_stopped_process_says_nothing_stale_when_it_goes_on(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            result(c, topic("a1b2"), '{"value":16,"for":4,"owner":"t"}')
            wait("16 A", lambda: s.unit("a1b2").limit == 16)
            time.sleep(1.2)
            self.assertEqual(s.log.of("a1b2")[-1].command, 0)
            r.proc.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            stopped = time.monotonic()
            time.sleep(5)
            self.assertEqual(s.log.of("a1b2", stopped), [])
            r.proc.send_signal(signal.SIGCONT)
            first = wait("a heartbeat", lambda: next(iter(s.log.of("a1b2", stopped)), None), 3, 0.01)
            self.assertTrue(first.limit, "not go on: a control step came before the first byte")
            self.assertEqual(first.amps, 6)

    def test_promise_08_sigterm_leaves_the_default_and_exits_at_once(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4")])
            r.bridge()
            c = r.online("a1b2", "c3d4")
            for i in ("a1b2", "c3d4"):
                c.publish(f"twcbridge/charger/{i}/current_limit/set", "14")
            wait("14 A", lambda: all(u.limit == 14 for u in s.units), 5)
            begin = time.monotonic()
            r.proc.send_signal(signal.SIGTERM)
            self.assertEqual(r.proc.wait(3), 0)
            self.assertLess(time.monotonic() - begin, 1.0)
            time.sleep(0.2)
            for u in s.units:
                last = s.log.of(u.ident)[-1]
                self.assertTrue(last.limit)
                self.assertEqual(last.amps, 6)
            self.assertEqual(json.loads(c.wait(lambda m: m.topic == "twcbridge/bridge/state" and "offline" in m.payload,
                                               2).payload)["state"], "offline")

    def test_promise_08_after_kill_9_the_rhythm_goes_on_and_nothing_rises_or_stops(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4", protocol=1)])
            r.bridge()
            c = r.online("a1b2", "c3d4")
            c.publish("twcbridge/charger/a1b2/current_limit/set", '{"value":12,"for":600,"owner":"t"}')
            wait("12 A", lambda: s.unit("a1b2").limit == 12, 5)
            time.sleep(1)
            r.proc.kill()
            r.proc.wait()
            begin = time.monotonic()
            r.bridge(settings=r.file)
            first = wait("a heartbeat", lambda: next((h for h in s.log.heartbeats if h.start > begin), None), 3, 0.005)
            limit = 1.2 if "build-test" in PROGRAM else 0.6  # sanitizers start slowly
            self.assertLess(first.start - begin, limit)
            self.assertEqual(first.command, 0)
            time.sleep(3)
            told = {h.amps for h in s.log.of("a1b2", begin) if h.limit}
            self.assertLessEqual(told, {12.0})
            self.assertEqual((s.unit("a1b2").limit, s.unit("c3d4").limit), (12, 6))

    def test_promise_09_who_won_who_lost_and_why_is_said_in_words(self):
        with Rig() as r:
            _, c = r.quick([Unit("a1b2")])
            result(c, topic("a1b2"), '{"value":20,"for":60,"owner":"night","priority":3,"reason":"cheap hours"}')
            a = result(c, topic("a1b2"), '{"value":9,"for":60,"owner":"solar","priority":5,"reason":"clouds"}')
            self.assertEqual((a["offered"], a["owner"], a["limited_by"]), (9, "solar", "request"))
            doc = wait("both", lambda: len((d := state(c, "twcbridge/charger/a1b2"))["requests"]) == 2 and d, 3)
            self.assertEqual({q["owner"]: q["value"] for q in doc["requests"]}, {"night": 20, "solar": 9})
            self.assertIn("solar", doc["reason"])
            a = result(c, "twcbridge/circuit/garage/current_limit/set", '{"value":7,"for":60,"owner":"ems"}')
            doc = wait("the ceiling", lambda: (d := state(c, "twcbridge/charger/a1b2"))["offered"] == 7 and d)
            self.assertTrue(any(q["value"] == 7 and "garage" in q["owner"] for q in doc["ceilings"]), doc["ceilings"])
            self.assertRegex(doc["reason"], "(?i)garage|ems")
            r.end(r.proc)
            with contextlib.closing(sqlite3.connect(r.path("state/twcbridge.db"))) as db:
                text = str(db.execute("SELECT * FROM decision ORDER BY 1").fetchall())
            self.assertIn("night", text)
            self.assertIn("solar", text)

    def test_promise_10_the_bus_path_links_no_encoder_of_a_slave(self):
        built = os.path.dirname(os.path.abspath(PROGRAM))
        slave = rules.defined(os.path.join(built, "bridge/core/libtwc_slave.a"))
        self.assertIn("message_slave_pack", slave)
        bus = [os.path.join(built, a) for a in ("bridge/core/libcore.a", "adapters/libadapters.a")]
        self.assertEqual(rules.absent(bus, slave), [])

    def test_promise_10_nobody_can_send_bytes_of_his_own(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            for t in ("charger/a1b2/raw/set", "bridge/request/raw", "bridge/request/send"):
                a = result(c, f"twcbridge/{t}", "FC1D77770000000000000000000000")
                self.assertEqual((a["status"], a["code"]), ("refused", "unknown_key"))
            time.sleep(2)
            self.assertEqual(s.log.bad, [])
            self.assertGreater(len(s.log.bodies), 5)

    def test_promise_11_the_first_screens_say_that_it_is_no_protective_device(self):
        for page, lines in (("README.md", 24), ("docs/safety.md", 12), ("docs/README.md", 8)):
            with self.subTest(page):
                screen = " ".join(rules.read(ROOT, page).split("\n")[:lines]).replace(">", " ")
                screen = re.sub(r"\s+", " ", screen)
                self.assertRegex(screen, r"(?i)\bnot a protective device\b")
        screen = " ".join(" ".join(rules.read(ROOT, "docs/safety.md").split("\n")[:12]).replace(">", " ").split())
        for silent in ("ground fault", "welded contacts", "temperature", "State 02"):
            self.assertIn(silent, screen)


if __name__ == "__main__":
    parallel.main(__file__)
