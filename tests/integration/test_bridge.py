#!/usr/bin/env python3
"""The bridge as a whole, over MQTT and a pty: real broker, independent slaves or the simulator."""
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import PROGRAM, Rig, free_port, result, state, wait  # noqa: E402
from twc import Unit  # noqa: E402

DATA = os.path.join(HERE, "../data")


class TestCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = Rig()
        cls.rig.start_broker()
        cls.ids = cls.rig.simulate("--chargers", "2", "--plugged")
        cls.rig.bridge()
        cls.mqtt = cls.rig.online(*cls.ids)
        cls.id = cls.ids[0]
        cls.topic = f"twcbridge/charger/{cls.id}/current_limit/set"

    @classmethod
    def tearDownClass(cls):
        cls.rig.__exit__()

    def told(self, ident=None):
        return self.rig.virtual(ident or self.id)["told_a"]

    def test_hostile_payloads_are_answered_and_change_nothing(self):
        before = result(self.mqtt, self.topic, '{"value":9,"for":600}')
        self.assertEqual(before["status"], "ok")
        wait("9 A", lambda: self.told() == 9, 3)
        with open(os.path.join(DATA, "commands/hostile.jsonl")) as f:
            rows = [json.loads(line) for line in f]
        self.assertGreaterEqual(len(rows), 30)
        for row in rows:
            with self.subTest(row["name"]):
                topic = "twcbridge/" + row["topic"].replace("{id}", self.id)
                payload = bytes.fromhex(row["payload_hex"]) if "payload_hex" in row else row["payload"].replace("{id}", self.id)
                time.sleep(0.06)  # below twenty a second
                a = result(self.mqtt, topic, payload)
                self.assertEqual(a["status"], "refused")
                self.assertEqual(a["code"], row["code"], a)
                self.assertIn(row["text"], a["message"])
        self.assertIsNone(self.rig.proc.poll())
        self.assertEqual(self.told(), 9)
        self.assertEqual(state(self.mqtt, f"twcbridge/charger/{self.id}")["current_limit"], 9)

    def test_retained_and_empty_messages_are_no_commands(self):
        result(self.mqtt, self.topic, "8")
        self.mqtt.publish(self.topic, "", retain=True)
        time.sleep(0.3)
        self.assertEqual(state(self.mqtt, f"twcbridge/charger/{self.id}")["current_limit"], 8)

    def test_an_answer_comes_on_the_response_topic_with_its_correlation(self):
        self.mqtt.subscribe("my/answers")
        self.mqtt.publish(self.topic, '{"value":8,"transaction":"t7"}', response="my/answers", correlation=b"\x01\x02")
        m = self.mqtt.wait(lambda m: m.topic == "my/answers", 3)
        self.assertEqual(m.correlation, b"\x01\x02")
        self.assertEqual(json.loads(m.payload)["transaction"], "t7")

    def test_a_value_with_for_ends_and_says_so(self):
        begin = time.monotonic()
        a = result(self.mqtt, self.topic.replace(self.id, self.ids[1]), '{"value":11,"for":2,"owner":"short"}')
        self.assertEqual((a["status"], a["owner"]), ("ok", "short"))
        ended = self.mqtt.wait(lambda m: m.topic == f"twcbridge/charger/{self.ids[1]}/event" and "lease_ended" in m.payload,
                               5, begin)
        self.assertEqual(json.loads(ended.payload)["why"], "expired")
        self.assertAlmostEqual(ended.time - begin, 2, delta=0.5)
        wait("the default", lambda: self.told(self.ids[1]) == 6, 3)

    def test_below_the_floor_counts_as_nothing(self):
        a = result(self.mqtt, self.topic, "4")
        self.assertEqual((a["status"], a["note"], a["offered"]), ("ok", "below_minimum", 0))
        result(self.mqtt, self.topic, "release")

    def test_a_flood_is_answered_and_its_last_value_counts(self):
        time.sleep(1.1)
        begin = time.monotonic()
        for i in range(60):
            self.mqtt.publish(self.topic, str(6 + i // 10) if i < 59 else "13", qos=0)
        answers = []

        def all_there():
            answers[:] = [json.loads(m.payload) for m in list(self.mqtt.messages) if m.time >= begin and
                          m.topic == self.topic[:-4] + "/result"]
            return len(answers) >= 60
        wait("sixty answers", all_there, 5)
        self.assertEqual(len(answers), 60)
        self.assertEqual(sum(a.get("code") == "too_many" for a in answers), 39)
        self.assertEqual(answers[-1]["value"], 13)
        wait("13 A", lambda: self.told() == 13, 3)

    def test_health_is_told_on_request(self):
        a = result(self.mqtt, "twcbridge/bridge/request/health", "PRESS")
        self.assertEqual(a["health"]["chargers_online"], 2)


class TestLife(unittest.TestCase):
    def test_energy_never_falls_and_is_right_also_across_kill_9(self):
        with Rig() as r:
            ids = r.simulate("--chargers", "1", "--plugged")
            r.bridge({"publish": {"interval_s": 1}})
            c = r.online(*ids)
            c.publish(f"twcbridge/charger/{ids[0]}/current_limit/set", '{"value":32,"for":900,"owner":"t"}')
            wait("charging", lambda: r.virtual(ids[0])["drawn_a"] > 30, 20)
            for _ in range(2):
                time.sleep(12)
                r.proc.kill()
                r.proc.wait()
                r.bridge(settings=r.file)
            time.sleep(14)
            topic = f"twcbridge/charger/{ids[0]}"
            values = [json.loads(m.payload)["energy"] for m in c.messages if m.topic == topic]
            self.assertEqual(values, sorted(values))
            begin = time.monotonic()
            r.control(f"car {ids[0]} max_a=0")
            wait("no draw", lambda: r.virtual(ids[0])["drawn_a"] == 0, 20)
            wait("the last document", lambda: not state(c, topic)["charging"], 15)
            time.sleep(7)
            true, ours = r.virtual(ids[0])["energy_kwh"], state(c, topic)["energy"]
            self.assertGreater(true, 0.1)
            self.assertLess(abs(ours - true) / true, 0.01, f"{ours} of {true} kWh after {begin}")

    @staticmethod
    def unsent(r):
        with contextlib.closing(sqlite3.connect(r.path("state/twcbridge.db"))) as db:
            return db.execute("SELECT count(*) FROM event WHERE published=0").fetchone()[0]

    def test_events_of_an_outage_arrive_late_also_after_kill_9(self):
        with Rig() as r:
            ident = r.simulate("--chargers", "1", "--plugged")[0]
            r.bridge()
            c = r.online(ident)
            c.wait(lambda m: m.topic.endswith("/event") and '"session_started"' in m.payload, 20)
            r.end(r.broker)
            r.control(f"unplug {ident}")
            wait("the event on disk", lambda: self.unsent(r) > 0, 20)
            r.proc.kill()
            r.proc.wait()
            r.start_broker()
            c = r.client()
            c.subscribe("twcbridge/+/event", "twcbridge/charger/+/event")
            r.bridge(settings=r.file)
            got = c.wait(lambda m: '"event_type":"unplugged"' in m.payload, 15)
            self.assertEqual(got.topic, f"twcbridge/charger/{ident}/event")
            self.assertTrue(json.loads(got.payload)["late"])
            wait("no event unsent", lambda: self.unsent(r) == 0)
            r.end(r.proc)
            r.bridge(settings=r.file)
            r.online(ident)
            time.sleep(1)
            self.assertEqual(1, sum('"event_type":"unplugged"' in m.payload for m in c.messages), "sent once only")

    def test_a_port_that_goes_away_comes_back(self):
        with Rig() as r:
            ids = r.simulate("--chargers", "1", "--plugged")
            r.bridge()
            c = r.online(*ids)
            sim = r.sim
            r.end(sim)
            c.wait(lambda m: m.topic == "twcbridge/bridge/event" and "bus_lost" in m.payload, 5)
            time.sleep(2)
            r.simulate("--chargers", "1", "--plugged")
            begin = time.monotonic()
            wait("a heartbeat", lambda: r.control("status")["frames_in"] > 0, 3, 0.02)
            self.assertLess(time.monotonic() - begin, 1.0)
            c.wait(lambda m: m.topic.endswith("/availability") and m.payload == "online", 5, begin)
            self.assertIsNone(r.proc.poll())

    def test_tcp_and_several_buses_in_one_process(self):
        with Rig() as r:
            port = free_port()
            log = "tcp.log"
            r.run(PROGRAM, "simulate", "--chargers", "2", "--seed", "3", "--tcp", f"127.0.0.1:{port}", log=log)
            line = wait("simulate", lambda: os.path.exists(r.path(log)) and r.find(log, "ready:"))
            tcp = line.split("(")[1].split(")")[0].split()
            pty = r.simulate("--chargers", "1", "--protocol", "1")
            r.bridge({"buses": [{"port": r.path("bus"), "circuit": "garage"},
                                {"port": f"tcp://127.0.0.1:{port}", "circuit": "garage"},
                                {"port": "virtual:2", "circuit": "garage"}]})
            r.online(*tcp, *pty, "v1", "v2")

    def test_sighup_applies_new_limits_at_once(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2")])
            r.bridge()
            c = r.online("a1b2")
            c.publish("twcbridge/charger/a1b2/current_limit/set", "20")
            wait("20 A", lambda: s.unit("a1b2").limit == 20, 5)
            r.settings({"circuits": [{"name": "garage", "limit_a": 16}]})
            r.proc.send_signal(signal.SIGHUP)
            wait("held down to 16 A", lambda: s.unit("a1b2").limit == 16, 2)
            a = result(c, "twcbridge/charger/a1b2/current_limit/set", "17")
            self.assertEqual((a["code"], a["max"]), ("out_of_range", 16))
            with open(r.file, "w") as f:
                f.write("{broken")
            r.proc.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(s.unit("a1b2").limit, 16)
            self.assertIsNone(r.proc.poll())

    def test_a_changed_file_counts_again_over_what_was_set_at_run_time(self):
        with Rig() as r:
            r.slaves([Unit("a1b2")])
            r.bridge({"chargers": [{"id": "a1b2", "min_a": 7}]})
            c = r.online("a1b2")
            site, left = "twcbridge/site", "twcbridge/charger/a1b2"
            result(c, site + "/lease_grace/set", "30")
            result(c, left + "/min_current/set", "9")
            result(c, left + "/max_current/set", "10")
            wait("the values", lambda: (state(c, left)["min_current"], state(c, left)["max_current"],
                                        state(c, site)["lease_grace"]) == (9, 10, 30), 3)
            r.settings({"chargers": [{"id": "a1b2", "min_a": 8}], "lease": {"grace_s": 45}})
            r.proc.send_signal(signal.SIGHUP)
            wait("the file's values", lambda: (state(c, left)["min_current"], state(c, site)["lease_grace"]) == (8, 45), 3)
            self.assertEqual(state(c, left)["max_current"], 10)  # the file says the same of it as before

    def test_what_lapsed_stays_so_after_a_restart(self):
        with Rig() as r:
            r.slaves([Unit("a1b2")])
            r.bridge({"lease": {"grace_s": 1}})
            c = r.online("a1b2")
            t = "twcbridge/circuit/garage/current_limit/set"
            site = "twcbridge/site/current_limit/set"
            result(c, t, '{"value":20,"owner":"ems"}')
            result(c, site, '{"value":22,"owner":"ems"}')
            a = result(c, t, '{"value":"unavailable","owner":"ems"}')
            self.assertEqual(a["code"], "no_data")
            wait("6 A", lambda: state(c, "twcbridge/circuit/garage")["current_limit"] == 6, 4)
            result(c, "twcbridge/site/fallback_current/set", "16")
            result(c, site, '{"value":"unavailable","owner":"ems"}')
            r.end(r.proc)  # within the grace of the second one
            begin = time.monotonic()
            r.bridge(settings=r.file)
            wait("the bridge", lambda: c.wait(lambda m: m.topic == "twcbridge/circuit/garage" and m.time > begin, 5), 6)
            wait("16 A for the site", lambda: state(c, "twcbridge/site")["current_limit"] == 16, 5)
            self.assertEqual(state(c, "twcbridge/circuit/garage")["current_limit"], 6)

    def test_safe_mode_runs_on_the_last_good_copy_and_takes_the_repair(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2")])
            r.bridge()
            r.online("a1b2")
            good = open(r.file).read()
            r.end(r.proc)
            with open(r.file, "w") as f:
                f.write(good.replace("limit_a", "limt_a"))
            begin = time.monotonic()
            r.bridge(settings=r.file)
            wait("heartbeats on the good copy", lambda: s.log.of("a1b2", begin), 5)
            self.assertIn("did you mean limit_a?", r.log())
            with open(r.file, "w") as f:
                f.write(good.replace('"limit_a": 32', '"limit_a": 10'))
            wait("the repair is taken", lambda: "at most 10 A" in r.log(), 8)
            self.assertIsNone(r.proc.poll())

    def test_orphans_of_ours_are_swept_and_strangers_stay(self):
        with Rig() as r:
            c = r.client()
            mine = {"device": {"identifiers": ["twcbridge_charger_dead"], "name": "Gone"},
                    "origin": {"name": "twcbridge"},
                    "availability": [{"topic": "twcbridge/bridge/state", "value_template": "{{ value_json.state }}"},
                                     {"topic": "twcbridge/charger/dead/availability"}],
                    "availability_mode": "all", "components": {}}
            c.publish("homeassistant/device/twcbridge_charger_dead/config", json.dumps(mine), retain=True)
            other = dict(mine, device={"identifiers": ["other_dead"], "name": "Other"}, origin={"name": "other"})
            c.publish("homeassistant/device/other_dead/config", json.dumps(other), retain=True)
            for topic in ("charger/dead", "charger/dead/availability", "charger/a1b2x"):
                c.publish(f"twcbridge/{topic}", "{}", retain=True)
            r.slaves([Unit("a1b2")])
            r.bridge()
            r.online("a1b2")
            look = r.client()
            look.subscribe("homeassistant/device/+/config")
            time.sleep(0.5)
            topics = {m.topic for m in look.messages if m.retain and m.payload}
            self.assertNotIn("homeassistant/device/twcbridge_charger_dead/config", topics)
            self.assertIn("homeassistant/device/other_dead/config", topics)
            look.subscribe("twcbridge/charger/#")
            time.sleep(0.5)
            kept = {m.topic for m in look.messages if m.retain and m.payload}
            self.assertNotIn("twcbridge/charger/dead", kept)
            self.assertNotIn("twcbridge/charger/dead/availability", kept)
            self.assertIn("twcbridge/charger/a1b2x", kept)

    def test_a_component_that_is_gone_is_removed_in_two_steps(self):
        with Rig() as r:
            c = r.client()
            topic = "homeassistant/device/twcbridge_site/config"
            old = {"device": {"identifiers": ["twcbridge_site"], "name": "Site"}, "origin": {"name": "twcbridge"},
                   "components": {"old_row": {"platform": "sensor", "unique_id": "twcbridge_site_old_row",
                                              "state_topic": "twcbridge/site"}}}
            c.publish(topic, json.dumps(old), retain=True)
            c.subscribe(topic)
            r.slaves([Unit("a1b2")])
            r.bridge()
            grave = c.wait(lambda m: m.topic == topic and '"old_row":{"platform":"sensor"}' in m.payload, 10)
            clean = c.wait(lambda m: m.topic == topic and "old_row" not in m.payload, 10, grave.time)
            self.assertGreater(clean.time - grave.time, 1.0)

    def test_a_second_bridge_under_the_same_topic_publishes_nothing(self):
        with Rig() as r:
            r.slaves([Unit("a1b2")])
            r.bridge()
            c = r.online("a1b2")
            before = c.last("twcbridge/bridge/info")
            self.assertIn("sources", json.loads(before)["schema"]["properties"])
            second = r.settings({"buses": []}, "second.json")
            r.run(PROGRAM, "run", second, "--state", r.path("state2"), log="second.log")
            wait("the alarm", lambda: os.path.exists(r.path("second.log")) and
                 "another bridge" in open(r.path("second.log")).read(), 5)
            self.assertEqual(c.last("twcbridge/bridge/info"), before)

    def test_a_bridge_with_many_sources_is_known_by_a_second_one_as_well(self):
        many = [{"name": f"Source {i}", "adapter": "url_json", "url": f"http://127.0.0.1:9/{i}/" + "x" * 400,
                 "pv_w": " + ".join(3 * ["p" * 60]), "soc": " + ".join(3 * ["s" * 60]), "interval_s": 3600} for i in range(64)]
        with Rig() as r:
            r.bridge({"buses": [], "sources": many})
            c = r.client()
            c.subscribe("twcbridge/#")
            info = wait("the info", lambda: c.last("twcbridge/bridge/info"), 15)
            self.assertLess(len(info), 64 * 1024)
            self.assertIsNone(json.loads(info)["schema"])  # no room for it
            r.run(PROGRAM, "run", r.settings({"buses": []}, "second.json"), "--state", r.path("state2"), log="second.log")
            wait("the alarm", lambda: os.path.exists(r.path("second.log")) and
                 "another bridge" in open(r.path("second.log")).read(), 15)

    def test_a_charger_that_is_gone_can_be_removed(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4")])
            r.bridge()
            c = r.online("a1b2", "c3d4")
            begin = time.monotonic()
            s.unit("c3d4").silent = True
            c.wait(lambda m: m.topic == "twcbridge/charger/c3d4/availability" and m.payload == "offline", 15, begin)
            self.assertEqual(result(c, "twcbridge/bridge/request/remove", "c3d4")["status"], "ok")
            topic = "homeassistant/device/twcbridge_charger_c3d4/config"
            c.wait(lambda m: m.topic == topic and m.payload == "", 5)
            # Nothing retained stays behind, and it is blanked after the entities are gone.
            for last in ("", "/availability"):
                c.wait(lambda m, t="twcbridge/charger/c3d4" + last: m.topic == t and m.payload == "", 8, begin)
            time.sleep(1.5)
            look = r.client()
            look.subscribe("twcbridge/charger/c3d4", "twcbridge/charger/+/availability")
            time.sleep(0.3)
            self.assertEqual([m.topic for m in look.messages], ["twcbridge/charger/a1b2/availability"])

    def test_the_watchdog_is_fed_every_second_whatever_the_bus_does(self):
        with Rig() as r, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
            n.bind(r.path("notify"))
            n.settimeout(3)
            s = r.slaves([Unit("a1b2")])
            r.file = r.settings()
            r.run(PROGRAM, "run", r.file, "--state", r.path("state"), log="bridge.log",
                  env=dict(os.environ, NOTIFY_SOCKET=r.path("notify")))
            times, ready = [], False
            while len(times) < 20:
                text = n.recv(256).decode()
                ready = ready or "READY=1" in text
                if "WATCHDOG=1" in text:
                    times.append(time.monotonic())
            self.assertTrue(ready)
            self.assertLess(max(b - a for a, b in zip(times, times[1:])), 2.5)
            self.assertGreater(len(s.log.of("a1b2")), 3)

    def test_home_assistant_is_alive_by_birth_and_lost_by_its_will(self):
        with Rig() as r:
            r.slaves([Unit("a1b2")])
            r.bridge({"lease": {"grace_s": 2}})
            c = r.online("a1b2")
            self.assertEqual(state(c, "twcbridge/bridge/health")["home_assistant"], "not_seen")
            c.publish("homeassistant/status", "online")
            wait("alive", lambda: state(c, "twcbridge/bridge/health")["home_assistant"] == "alive", 3)
            a = result(c, "twcbridge/charger/a1b2/current_limit/set", "16")
            self.assertIsNone(a["until"])
            c.publish("homeassistant/status", "offline")
            wait("lost", lambda: state(c, "twcbridge/bridge/health")["home_assistant"] == "lost", 3)
            wait("the default after the grace", lambda: state(c, "twcbridge/charger/a1b2")["offered"] == 6, 6)


class TestCommandLine(unittest.TestCase):
    def run_it(self, *args):
        return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=20)

    def test_help_names_every_verb_and_unknown_ones_get_a_hint(self):
        h = self.run_it("--help")
        for verb in ("run", "check", "schema", "simulate"):
            self.assertIn(verb, h.stdout)
        bad = self.run_it("chekc", "x")
        self.assertEqual(bad.returncode, 64)
        self.assertIn("did you mean check?", bad.stderr)
        self.assertRegex(self.run_it("--version").stdout, r"^twcbridge \d+\.\d+\.\d+\n$")

    def test_check_of_a_missing_file_is_66(self):
        self.assertEqual(self.run_it("check", "/nonexistent/x.json").returncode, 66)

    def test_schema_is_json(self):
        self.assertIn("circuits", json.loads(self.run_it("schema").stdout)["properties"])

    def test_simulate_on_port_0_names_the_port_that_it_took(self):
        p = subprocess.Popen([PROGRAM, "simulate", "--chargers", "1", "--tcp", "127.0.0.1:0"], stdout=subprocess.PIPE,
                             text=True)
        try:
            where = p.stdout.readline().strip().rsplit(" ", 1)[1]
            self.assertRegex(where, r"^127\.0\.0\.1:[1-9][0-9]*$")
            with socket.create_connection(("127.0.0.1", int(where.rsplit(":", 1)[1])), 5) as s:
                s.settimeout(12)
                self.assertEqual(s.recv(2), b"\xc0\xfd")  # it announces itself
        finally:
            p.terminate()
            p.wait(5)
            p.stdout.close()

    def test_simulate_refuses_what_it_cannot_do(self):
        for args in (["--chargers", "0", "--link", "/tmp/x"], ["--chargers", "1"], ["--chargers", "1", "--bogus"],
                     ["--chargers", "1", "--protocol", "3", "--link", "/tmp/x"]):
            with self.subTest(args):
                p = self.run_it("simulate", *args)
                self.assertEqual(p.returncode, 64)
                self.assertNotEqual(p.stderr, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
