#!/usr/bin/env python3
"""Discovery documents and values against the rules inside the installed Home Assistant package.

A running bridge gives the documents: chargers of both protocols, two circuits, site, bridge. The
values are those that the schema of the state documents allows: every word, both ends, null. The
judge (ha_schema.py) is Home Assistant's own code, run in its own virtual environment.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support")]
from http_fake import HttpFake  # noqa: E402
from rig import Rig, wait  # noqa: E402
from twc import Unit  # noqa: E402

ROOT = os.environ.get("HA_ROOT", os.path.expanduser("~/.cache/twcbridge/ha-root"))
DATA = os.path.join(HERE, "../data/discovery")
SCHEMA = os.path.join(HERE, "../../schemas/state.schema.json")
NUMBERS = (0, 1, 0.001, -0.001, 49.99, 230, 2147483.647, -2147483.648)
COUNTS = (0, 1, 255, 2147483647)
TEXTS = ("x", "10 A: \"garage\" leaves 10 A on L1", "Gärage ⚡ 车库", "{{ value_json }}", "back\\slash",
         "nan", "{\"a\":1}", "x" * 255, "ä" * 255)
TIMES = ("2026-11-24T04:31:10Z", "2026-11-24T23:59:59Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z")
# Seeded bad documents (tests/data/discovery/bad) that Home Assistant itself drops as a whole ...
WHOLE = """device_configuration_url device_extra_key device_identifiers_empty device_missing
    device_without_identifiers list_at_the_root nan not_json origin_extra_key origin_missing origin_without_name
    platform_missing platform_unknown root_availability_twice root_availability_without_topic root_extra_key
    root_qos_three root_without_components unique_id_missing""".split()
# ... and those in which it drops or blames one entity. The other ones break rules of our own.
ENTITY = """binary_sensor_category_config command_topic_wildcard component_availability_beside_root
    component_availability_without_topic component_qos_three date_with_unit default_entity_id_of_another_platform
    device_class_of_another_platform device_class_unknown entity_category_unknown enum_with_unit
    event_without_event_types expiry_as_text icon_without_prefix last_reset_without_total
    number_device_class_timestamp number_min_above_max number_step_too_small number_without_command_topic
    options_empty options_with_state_class options_with_unit options_without_enum select_without_options
    sensor_category_config sensor_without_state_topic state_class_not_of_class state_class_unknown template_bracket
    template_empty template_not_closed timestamp_with_unit unit_micro_sign unit_not_of_class
    uptime_with_unit""".split()


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def judge(documents, states):
    code = read(os.path.join(HERE, "ha_schema.py"))
    p = subprocess.run(["chroot", ROOT, "/opt/ha/bin/python", "-c", code],
                       input=json.dumps({"documents": documents, "states": states}),
                       capture_output=True, text=True, timeout=120,
                       env={"PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8", "HOME": "/root"})
    if p.returncode != 0:
        raise RuntimeError(p.stderr[-3000:])
    return json.loads(p.stdout)


def kind_of(topic):
    return topic.split("/")[1]


def path_of(component):
    """{{ value_json.buses['1'].problem }} -> ["buses", "1", "problem"]"""
    inner = re.fullmatch(r"\{\{ value_json((?:\.\w+|\['\w+'\])+) \}\}", component["value_template"])
    return re.findall(r"\w+", inner.group(1))


def leaf(document, path):
    for step in path:
        document = document[step]
    return document


def replaced(document, path, value):
    copy = json.loads(json.dumps(document))
    leaf(copy, path[:-1])[path[-1]] = value
    return copy


def wanted(component, value):
    """What the entity must show for this value of its key."""
    if component["platform"] in ("binary_sensor", "switch") and value is not None:
        return str(value) == component.get("state_on", component["payload_on"])
    if value is not None and component.get("device_class") in ("timestamp", "uptime"):
        return {"time": value}
    return value


def values(component, rule):
    """Every kind of value that the key of this component can have, by the schema of the state."""
    platform = component["platform"]
    if platform == "number":
        low, high = component["min"], component["max"]
        return [None, low, high, (low + high) // 2]
    if platform in ("binary_sensor", "switch"):
        return [None, True, False]
    if "enum" in rule:
        return rule["enum"] + ([] if None in rule["enum"] else [None])
    if rule.get("format") == "date-time":
        return [None, *TIMES]
    if "number" in rule.get("type", []):
        return [None, *NUMBERS, *COUNTS]
    if "string" in rule.get("type", []):
        return [None, *TEXTS]
    return [None, *COUNTS, 99.9]  # inside the table of buses


class TestHaSchema(unittest.TestCase):
    maxDiff = 6000

    @classmethod
    def setUpClass(cls):
        cls.rig = r = Rig()
        cls.addClassCleanup(r.__exit__)
        fake = HttpFake().__enter__()
        cls.addClassCleanup(fake.__exit__)
        fake.answer("/all", {"g": -1500, "p": 4000, "b": -700, "s": 41.5, "i": [1.5, -2, 0.25]})
        r.start_broker()
        r.slaves([Unit("a1b2"), Unit("c3d4", plugged=False)])
        r.slaves([Unit("e5f6", protocol=1, max_a=32, phases=1)], name="bus2")
        cls.settings = {
            "circuits": [{"name": "garage", "limit_a": 32}, {"name": "barn", "limit_a": 20}],
            "buses": [{"port": r.path("bus"), "circuit": "garage"},
                      {"port": r.path("bus2"), "circuit": "barn", "name": "old"}],
            "sources": [{"name": "Meter", "adapter": "url_json", "url": fake.url + "/all", "grid_w": "g", "pv_w": "p",
                         "battery_w": "b", "soc": "s", "current_l1": "i[0]", "current_l2": "i[1]", "current_l3": "i[2]"}],
            "chargers": [{"id": "e5f6", "bus": "old", "name": "Barn \"old\" ü", "phases": "L2"}]}
        r.bridge(cls.settings)
        cls.mqtt = r.online("a1b2", "c3d4", "e5f6")
        time.sleep(3)
        cls.documents, cls.live = cls.collect("")
        cls.lower()
        cls.crafted = cls.craft()
        cls.files = {"file " + n[:-5]: read(os.path.join(DATA, n)) for n in sorted(os.listdir(DATA))
                     if n.endswith(".json") and not n.startswith("state_")}
        cls.bad = {"bad " + n[:-5]: read(os.path.join(DATA, "bad", n))
                   for n in sorted(os.listdir(os.path.join(DATA, "bad")))}
        cls.answer = judge({**cls.documents, **cls.files, **cls.bad}, cls.live + cls.crafted)

    @classmethod
    def collect(cls, suffix):
        """The documents that stand now, and every message so far that their entities read."""
        documents, states = {}, []
        for m in list(cls.mqtt.messages):
            if m.topic.startswith("homeassistant/device/") and m.payload:
                documents[m.topic.split("/")[2] + suffix] = m.payload
        for name, text in documents.items():
            document = json.loads(text)
            last = {m.topic: m.payload for m in list(cls.mqtt.messages) if not suffix or m.time > cls.lowered}
            for key, c in document["components"].items():
                for m in list(cls.mqtt.messages):
                    if m.topic != c.get("state_topic") or (suffix and m.payload != last.get(m.topic)):
                        continue
                    if c["platform"] == "event":
                        states.append([name, key, m.payload, json.loads(m.payload)["event_type"]])
                    else:
                        states.append([name, key, m.payload, wanted(c, leaf(json.loads(m.payload), path_of(c)))])
                for a in document["availability"]:
                    for m in list(cls.mqtt.messages):
                        if m.topic == a["topic"] and key in ("status", "problem"):
                            states.append([name, key, m.payload, {"availability": a["topic"]}])
        return documents, states

    @classmethod
    def lower(cls):
        """Amps in force, then settings that allow less: state and range must still fit. Then the will."""
        for topic in ("charger/a1b2", "site", "circuit/garage"):
            cls.mqtt.publish(f"twcbridge/{topic}/current_limit/set", "30")
        for key, value in (("max_current", "31"), ("boost_current", "29"), ("min_current", "20")):
            cls.mqtt.publish(f"twcbridge/charger/a1b2/{key}/set", value)
        state = "twcbridge/charger/a1b2"
        wait("30 A in the document", lambda: json.loads(cls.mqtt.last(state))["current_limit"] == 30)
        time.sleep(1)
        cls.lowered = time.monotonic()
        less = json.loads(json.dumps(cls.settings))
        less["circuits"][0]["limit_a"] = 16
        cls.rig.settings(less)
        cls.rig.proc.send_signal(signal.SIGHUP)
        topic = "homeassistant/device/twcbridge_charger_a1b2/config"
        wait("a document with the new range", lambda: json.loads(cls.mqtt.last(topic))[
            "components"]["current_limit"]["max"] == 16, 10)
        time.sleep(2)
        documents, states = cls.collect(" after lower limits")
        cls.documents.update(documents)
        cls.live += states
        cls.rig.proc.send_signal(signal.SIGKILL)  # the broker now publishes the will
        will = cls.mqtt.wait(lambda m: m.topic == "twcbridge/bridge/state" and "offline" in m.payload).payload
        cls.live.append(["twcbridge_bridge", "connection", will, False])
        for name in documents:
            key = "problem" if name.startswith("twcbridge_bridge") else "status"
            cls.live.append([name, key, will, {"availability": "twcbridge/bridge/state"}])

    @classmethod
    def craft(cls):
        rules = json.loads(read(SCHEMA))["$defs"]
        out = []
        for name, text in cls.documents.items():
            for key, c in json.loads(text)["components"].items():
                if " after" in name or "state_topic" not in c:
                    continue
                base = json.loads(cls.mqtt.last(c["state_topic"]) or "{}")
                if c["platform"] == "event":
                    out += [[name, key, json.dumps({**base, "event_type": t}), t] for t in c["event_types"]]
                    continue
                if key == "connection":
                    continue
                path = path_of(c)
                rule = rules[kind_of(c["state_topic"])]["properties"][path[0]]
                nothing = {k: None for k in base if k != path[0]}
                for value in values(c, rule):
                    out.append([name, key, json.dumps(replaced(base, path, value)), wanted(c, value)])
                    if len(path) == 1:  # also among nothing but nulls
                        out.append([name, key, json.dumps({**nothing, path[0]: value}), wanted(c, value)])
        return out

    def refused(self, some):
        mine = {(s[0], s[1], s[2]) for s in some}
        return [f"{d} {k}: {said}" for d, k, p, said in self.answer["refused"] if (d, k, p) in mine]

    def wrong(self, names):
        out = []
        for n in names:
            d = self.answer["documents"][n]
            out += [f"{n}: {d['error']}"] if d["error"] else []
            out += [f"{n}: {k}: {e}" for k, e in d["components"].items() if e]
        return out

    def test_01_the_running_bridge_announced_all_kinds(self):
        kinds = [n for n in self.documents if " after" not in n]
        self.assertEqual(sorted(kinds), ["twcbridge_bridge", "twcbridge_charger_a1b2", "twcbridge_charger_c3d4",
                                         "twcbridge_charger_e5f6", "twcbridge_circuit_barn",
                                         "twcbridge_circuit_garage", "twcbridge_site",
                                         "twcbridge_source_meter"])
        p2, p1 = (json.loads(self.documents[f"twcbridge_charger_{i}"])["components"] for i in ("a1b2", "e5f6"))
        self.assertLess(set(p1), set(p2))

    def test_02_every_document_of_the_running_bridge_passes(self):
        self.assertEqual(self.wrong(self.documents), [])

    def test_03_every_stored_document_passes(self):
        self.assertGreaterEqual(len(self.files), 7)
        self.assertEqual(self.wrong(self.files), [])

    def test_04_bad_documents_that_home_assistant_drops_are_dropped_by_its_schema(self):
        self.assertEqual(sorted(n for n in WHOLE + ENTITY if "bad " + n not in self.bad), [])
        for name in WHOLE:
            with self.subTest(name):
                self.assertIsNotNone(self.answer["documents"]["bad " + name]["error"])

    def test_05_bad_documents_that_cost_one_entity_cost_it(self):
        for name in ENTITY:
            with self.subTest(name):
                d = self.answer["documents"]["bad " + name]
                self.assertIsNone(d["error"])
                self.assertTrue([e for e in d["components"].values() if e])

    def test_10_every_message_of_the_running_bridge_is_accepted(self):
        self.assertGreater(len(self.live), 300)
        self.assertEqual(self.refused(self.live), [])

    def test_11_every_value_that_a_document_can_carry_is_accepted(self):
        self.assertGreater(len(self.crafted), 1500)
        self.assertEqual(self.refused(self.crafted), [])

    def test_12_no_entity_was_left_out(self):
        seen = {(s[0], s[1]) for s in self.crafted + self.live}
        missing = [f"{n} {k}" for n, text in self.documents.items() if " after" not in n
                   for k, c in json.loads(text)["components"].items() if "state_topic" in c and (n, k) not in seen]
        self.assertEqual(missing, [])

    def test_20_the_judge_says_no(self):
        name = "twcbridge_charger_a1b2"
        base = json.loads(self.mqtt.last("twcbridge/charger/a1b2"))
        event = json.dumps({"event_type": "burned"})
        cases = [["status", {**base, "status": "burned"}, "burned"], ["power", {**base, "power": "much"}, "much"],
                 ["power", {k: v for k, v in base.items() if k != "power"}, None],
                 ["owner", {k: v for k, v in base.items() if k != "owner"}, None],
                 ["plugged", {**base, "plugged": "yes"}, True],
                 ["charging_allowed", {**base, "charging_allowed": 7}, True],
                 ["current_limit", {**base, "current_limit": 33}, 33], ["mode", {**base, "mode": "fast"}, "fast"],
                 ["lease_end", {**base, "lease_end": "soon"}, {"time": TIMES[0]}],
                 ["reason", {**base, "reason": "x" * 256}, "x" * 256]]
        states = [[name, k, json.dumps(d), w] for k, d, w in cases] + [[name, "event", event, "burned"]]
        answer = judge({name: self.documents[name]}, states)
        self.assertEqual(sorted(r[1] for r in answer["refused"]), sorted(s[1] for s in states))


if __name__ == "__main__":
    unittest.main(verbosity=2)
