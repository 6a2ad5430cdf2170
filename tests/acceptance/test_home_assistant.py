#!/usr/bin/env python3
"""The bridge in a real Home Assistant: entities, services, restarts, the log, the energy dashboard.

Broker, Home Assistant, the bridge and virtual chargers are real processes on loopback. Three
protocol 2 chargers on one bus, one of protocol 1 on another, two circuits. The order of the tests
is part of the test: the last ones break things on purpose.
"""
import json
import os
import signal
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../support/ha"), HERE]
from expected import P2, ROWS  # noqa: E402
from homeassistant import HomeAssistant  # noqa: E402
from rig import Rig, free_port, state, wait  # noqa: E402

ROOT = os.environ.get("HA_ROOT", os.path.expanduser("~/.cache/twcbridge/ha-root"))
STOPPED_BROKER = ("The connection was lost", "Task exception was never retrieved")
BOUNDS = {"charger_max": 32, "circuit_max": 32, "site_max": 52, "floor": 6}


class TestHomeAssistant(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = r = Rig("ha", "secret")
        cls.addClassCleanup(r.__exit__)  # also when the set-up fails
        r.start_broker()
        cls.ha = ha = HomeAssistant(ROOT, free_port(), "acceptance")
        cls.addClassCleanup(lambda: ha.stop(kill=True))
        ha.start()
        ha.set_up(r.port, "ha", "secret")
        cls.ids = r.simulate("--chargers", "3", "--plugged", name="bus", control="control")
        sim = r.sim
        cls.old = r.simulate("--chargers", "1", "--protocol", "1", "--phases", "1", "--seed", "9", name="bus2",
                             control="control2")[0]
        r.sim2, r.sim = r.sim, sim
        r.bridge({"circuits": [{"name": "garage", "limit_a": 32}, {"name": "barn", "limit_a": 20}],
                  "buses": [{"port": r.path("bus"), "circuit": "garage"},
                            {"port": r.path("bus2"), "circuit": "barn", "name": "old"}],
                  "chargers": [{"id": cls.old, "bus": "old", "name": "Barn", "phases": "L2"}]})
        cls.mqtt = r.online(*cls.ids, cls.old)
        wait("all entities", lambda: len(ha.entities()) >= len(cls.expected()), 20)
        # Counters and states that come a moment later (VIN, voltages) are part of the picture.
        time.sleep(3)

    # -- helpers
    @classmethod
    def devices(cls):
        return ([("bridge", None), ("site", None), ("circuit", "garage"), ("circuit", "barn")] +
                [("charger", i) for i in cls.ids + [cls.old]])

    @classmethod
    def expected(cls):
        out = {}
        for kind, ident in cls.devices():
            for row in ROWS:
                key = row[1]
                one_phase = ident == cls.old and key in P2
                if row[0] == kind and not one_phase:
                    out[f"twcbridge_{kind}_{ident}_{key}" if ident else f"twcbridge_{kind}_{key}"] = (row, ident)
        for key in ("problem", "answers", "errors"):
            row = next(r for r in ROWS if r[1] == f"bus_1_{key}")
            out[f"twcbridge_bridge_bus_old_{key}"] = (
                row[:1] + (f"bus_old_{key}",) + row[2:3] + (row[3].replace("Bus 1", "Bus old"),) + row[4:], None)
        return out

    def entity(self, kind, ident, key):
        unique = f"twcbridge_{kind}_{ident}_{key}" if ident else f"twcbridge_{kind}_{key}"
        return self.ha.entities()[unique]["entity_id"]

    def charger(self, key, ident=None):
        return self.entity("charger", ident or self.ids[0], key)

    def told(self, ident=None):
        return self.rig.virtual(ident or self.ids[0])["told_a"]

    # -- what must be there
    def test_01_every_entity_is_there_and_none_more(self):
        have, want = self.ha.entities(), self.expected()
        self.assertEqual(sorted(want), sorted(have))

    def test_02_each_entity_has_its_platform_category_and_visibility(self):
        have = self.ha.entities()
        for unique, (row, _) in self.expected().items():
            e = have[unique]
            with self.subTest(unique):
                self.assertEqual(e["entity_id"].split(".")[0], row[2])
                self.assertEqual(e["entity_category"], row[7])
                self.assertEqual(e["disabled_by"], "integration" if row[8] else None)
                self.assertEqual(e["original_device_class"], row[4])
                if row[3]:
                    self.assertEqual(e["original_name"], row[3])

    def test_03_each_visible_entity_has_its_unit_class_and_range(self):
        have, states = self.ha.entities(), self.ha.states()
        for unique, (row, ident) in self.expected().items():
            if row[8]:
                continue
            a = states[have[unique]["entity_id"]]["attributes"]
            with self.subTest(unique):
                self.assertEqual(a.get("unit_of_measurement"), row[5])
                if isinstance(row[6], tuple):
                    low, high, step, mode = row[6]
                    bounds = dict(BOUNDS, charger_max=20 if ident == self.old else 32)
                    bounds["circuit_max"] = 20 if ident == "barn" else 32
                    self.assertEqual(a["min"], float(bounds.get(low, low)))
                    self.assertEqual(a["max"], float(bounds.get(high, high)))
                    self.assertEqual((a["step"], a["mode"]), (float(step), mode))
                else:
                    self.assertEqual(a.get("state_class"), row[6])

    def test_04_devices_hang_below_the_bridge(self):
        d = self.ha.devices()
        for kind, ident in self.devices()[1:]:
            name = f"twcbridge_{kind}" + (f"_{ident}" if ident else "")
            self.assertEqual(d[name]["via_device_id"], d["twcbridge_bridge"]["id"], name)
        name = f"twcbridge_charger_{self.ids[0]}"
        self.assertEqual((d[name]["manufacturer"], d[name]["hw_version"]), ("Tesla", "2"))
        wait("the firmware's version", lambda: self.ha.devices()[name]["sw_version"] == "4.5.3", 40)
        self.assertEqual(d[f"twcbridge_charger_{self.old}"]["name"], "Barn")

    def test_05_a_visible_entity_is_never_unavailable(self):
        have, states = self.ha.entities(), self.ha.states()
        away = [u for u, (row, _) in self.expected().items() if not row[8] and
                states[have[u]["entity_id"]]["state"] == "unavailable"]
        self.assertEqual(away, [])

    # -- services reach the bus, the state comes back
    def test_10_a_number_sets_the_amps(self):
        n = self.charger("current_limit")
        self.ha.call("number", "set_value", n, value=11)
        wait("11 A on the bus", lambda: self.told() == 11, 3)
        self.ha.wait_state(n, "11", 2)
        self.ha.wait_state(self.charger("offered"), lambda s: float(s) == 11, 3)
        self.ha.wait_state(self.charger("owner"), "mqtt", 2)

    def test_11_a_switch_forbids_and_allows(self):
        s = self.charger("charging_allowed")
        self.ha.call("switch", "turn_off", s)
        wait("0 A on the bus", lambda: self.told() == 0, 3)
        self.ha.wait_state(s, "off", 2)
        self.ha.wait_state(self.charger("limited_by"), "not_allowed", 2)
        self.ha.call("switch", "turn_on", s)
        wait("11 A again", lambda: self.told() == 11, 5)
        self.ha.wait_state(s, "on", 2)

    def test_12_a_select_stops_and_goes_on(self):
        s = self.charger("mode")
        self.ha.call("select", "select_option", s, option="stop")
        wait("0 A on the bus", lambda: self.told() == 0, 3)
        self.ha.wait_state(s, "stop", 2)
        self.ha.call("select", "select_option", s, option="manual")
        wait("11 A again", lambda: self.told() == 11, 5)

    def test_13_boost_and_release_are_buttons(self):
        self.ha.call("number", "set_value", self.charger("boost_current"), value=14)
        self.ha.call("button", "press", self.charger("boost"))
        wait("14 A on the bus", lambda: self.told() == 14, 5)
        self.ha.wait_state(self.charger("owner"), "boost", 2)
        self.ha.call("button", "press", self.charger("release"))
        wait("the default again", lambda: self.told() == 6, 3)
        self.ha.wait_state(self.charger("current_limit"), "unknown", 2)

    def test_14_a_site_limit_is_a_ceiling_for_all(self):
        n = self.entity("site", None, "current_limit")
        self.ha.call("number", "set_value", n, value=24)
        self.ha.wait_state(n, "24", 2)
        self.ha.call("button", "press", self.entity("site", None, "release"))
        self.ha.wait_state(n, "unknown", 2)

    def test_15_configuration_numbers_stay(self):
        n = self.charger("max_current")
        self.ha.call("number", "set_value", n, value=20)
        self.ha.wait_state(n, "20", 2)
        self.ha.call("number", "set_value", n, value=32)
        self.ha.wait_state(n, "32", 2)

    def test_16_events_reach_home_assistant(self):
        e = self.charger("event", self.ids[2])
        self.rig.control(f"unplug {self.ids[2]}")
        wait("the event", lambda: (self.ha.states()[e]["attributes"].get("event_type") in
                                   ("unplugged", "session_ended", "charging_stopped")), 8)
        self.ha.wait_state(self.charger("plugged", self.ids[2]), "off", 8)
        self.rig.control(f"plug {self.ids[2]}")
        self.ha.wait_state(self.charger("plugged", self.ids[2]), "on", 8)

    def test_20_no_complaint_in_the_log_so_far(self):
        self.assertEqual(self.ha.complaints(), [])

    def test_21_the_energy_dashboard_takes_energy(self):
        """Statistics come every full five minutes; until then only that is missing."""
        stat = self.charger("energy")
        self.ha.command("energy/save_prefs", device_consumption=[
            {"stat_consumption": stat, "stat_rate": self.charger("power")}])
        issues = self.ha.command("energy/validate")["device_consumption"][0]
        self.assertLessEqual({i["type"] for i in issues}, {"statistics_not_defined"})
        ids = {s["statistic_id"]: s for s in wait("statistics", lambda: self.ha.command("recorder/list_statistic_ids"))}
        self.assertTrue(ids[stat]["has_sum"])

    # -- liveness
    def test_30_a_vanished_charger_is_unavailable_and_comes_back(self):
        e = self.charger("status", self.old)
        os.kill(self.rig.sim2.pid, signal.SIGSTOP)
        begin = time.monotonic()
        try:
            self.ha.wait_state(e, "unavailable", 16)
            self.assertLess(time.monotonic() - begin, 15)
        finally:
            os.kill(self.rig.sim2.pid, signal.SIGCONT)
        begin = time.monotonic()
        self.ha.wait_state(e, lambda s: s not in (None, "unavailable"), 8)
        self.assertLess(time.monotonic() - begin, 5)

    def test_31_after_kill_9_of_the_bridge_states_are_right_within_5_s(self):
        self.ha.call("number", "set_value", self.charger("current_limit"), value=12)
        wait("12 A on the bus", lambda: self.told() == 12, 3)
        energy = float(self.ha.state(self.charger("energy")))
        os.kill(self.rig.proc.pid, signal.SIGKILL)
        self.rig.proc.wait()
        begin = time.monotonic()
        self.rig.bridge(settings=self.rig.file)
        self.ha.wait_state(self.charger("offered"), lambda s: s not in (None, "unavailable", "unknown"), 6)
        self.ha.wait_state(self.charger("current_limit"), "12", 5)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(self.told(), 12)
        self.assertGreaterEqual(float(self.ha.state(self.charger("energy"))), energy)

    def test_32_after_a_restart_of_home_assistant_states_are_right_within_10_s_of_its_birth(self):
        self.ha.stop()
        since = self.ha.log_end()
        watcher = self.rig.client()
        watcher.subscribe("homeassistant/status")
        self.ha.start(fresh=False)
        watcher.wait(lambda m: m.topic == "homeassistant/status" and m.payload == "online", 60)
        begin = time.monotonic()
        self.ha.wait_running()
        have = self.ha.entities()

        def right():
            states = self.ha.states()
            return all(states.get(have[u]["entity_id"], {}).get("state") not in (None, "unavailable")
                       for u, (row, _) in self.expected().items() if not row[8])
        wait("all states", right, 12)
        self.assertLess(time.monotonic() - begin, 10)
        self.ha.wait_state(self.charger("current_limit"), "12", 5)
        self.assertEqual(self.ha.complaints(since), [])

    def test_33_after_a_restart_of_the_broker_states_are_right_within_5_s(self):
        since = self.ha.log_end()
        self.rig.end(self.rig.broker)
        time.sleep(1)
        self.rig.start_broker()
        probe = self.rig.client()
        probe.subscribe("homeassistant/status")
        probe.wait(lambda m: m.payload == "online", 40)  # Home Assistant's own reconnection
        begin = time.monotonic()
        self.ha.wait_state(self.charger("status"), lambda s: s not in (None, "unavailable", "unknown"), 20)
        took = time.monotonic() - begin
        self.ha.wait_state(self.charger("current_limit"), "12", 5)
        self.assertLess(took, 5)
        self.assertEqual(self.ha.complaints(since, STOPPED_BROKER), [])

    def test_40_the_energy_dashboard_has_nothing_to_say_against_energy(self):
        """Once the first five minutes of statistics are compiled (a full five minutes and 10 s)."""
        def issues():
            return self.ha.command("energy/validate")["device_consumption"][0]
        wait("no issue", lambda: not issues(), 340, 2)
        self.assertEqual(self.ha.command("recorder/validate_statistics"), {})

    # -- the check itself
    def test_90_the_log_check_turns_red_when_one_key_is_dropped(self):
        since = self.ha.log_end()
        topic = f"twcbridge/charger/{self.ids[1]}"
        c = self.rig.client()
        c.subscribe(topic)
        doc = json.loads(c.wait(lambda m: m.topic == topic, 5).payload)
        del doc["limited_by"]
        c.publish(topic, json.dumps(doc), retain=True)
        wait("a complaint", lambda: self.ha.complaints(since), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
