#!/usr/bin/env python3
"""The Node-RED flow that we ship, in a real headless Node-RED, down to the bytes on the bus.

Broker, Node-RED and bridge are real processes on loopback; the chargers are the independent ones
of tests/support. What the flow shows is read where the editor reads it: on Node-RED's own socket.
"""
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import Rig, free_port, wait  # noqa: E402
from twc import Unit  # noqa: E402
from web_socket import WebSocket  # noqa: E402

CACHE = os.environ.get("TWCBRIDGE_CACHE", os.path.expanduser("~/.cache/twcbridge"))
RED = os.path.join(CACHE, "node/node_modules/node-red/red.js")
FLOW = os.path.join(HERE, "../../addon/node-red/flows/set-amps.json")
CORE = {"tab", "group", "mqtt-broker", "comment", "inject", "status", "mqtt in", "mqtt out", "function", "debug"}


class Comms(WebSocket):
    """What the editor is told: the text under each node, and the debug messages."""

    def __init__(self, port):
        super().__init__("127.0.0.1", port, "/comms")
        self.statuses, self.debugs = [], []
        for topic in ("status/#", "debug"):
            self.write({"subscribe": topic})
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                for m in self.read(None):
                    if m.get("topic", "").startswith("status/"):
                        self.statuses.append((m["topic"][7:], m["data"]))
                    elif m.get("topic") == "debug":
                        self.debugs.append(json.loads(m["data"]["msg"]))
        except (OSError, ValueError):
            pass

    def shown(self, node):
        return next((d for i, d in reversed(self.statuses) if i == node), {})


class NodeRed:
    def __init__(self, rig, flow):
        self.rig, self.port, self.comms = rig, free_port(), None
        home = rig.path("node-red")
        os.makedirs(home)
        with open(home + "/settings.js", "w") as f:
            f.write("module.exports = " + json.dumps({
                "uiHost": "127.0.0.1", "uiPort": self.port, "flowFile": "flows.json", "credentialSecret": False,
                "mqttReconnectTime": 1000, "telemetry": {"enabled": False},
                "externalModules": {"autoInstall": False, "palette": {"allowInstall": False}},
                "editorTheme": {"tours": False}}) + ";\n")
        with open(home + "/flows.json", "w") as f:
            f.write("[]")
        env = {**os.environ, "TWC_MQTT_HOST": "127.0.0.1", "TWC_MQTT_PORT": str(rig.port)}
        self.proc = rig.run("node", RED, "-u", home, "-s", home + "/settings.js", log="node-red.log", env=env)
        wait("Node-RED", lambda: self.proc.poll() is not None or rig.find_text("node-red.log", "Started flows"), 30)
        self.deploy(flow)
        rig.closers.append(self.comms.sock.close)

    def deploy(self, flow):
        self.flow = flow
        if self.comms:
            self.comms.statuses.clear()
        self.http("POST", "/flows", flow, {"Node-RED-Deployment-Type": "full"})
        self.comms = self.comms or Comms(self.port)
        wait("a connection", lambda: self.comms.shown(self.node("set")).get("fill") == "green", 15)

    def http(self, method, path, body=None, head=None):
        req = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Accept": "application/json", **(head or {})}, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(req, timeout=10) as r:
            data = r.read()
        return json.loads(data) if data[:1] in (b"{", b"[") else data

    def node(self, name):
        return next(n["id"] for n in self.flow if n.get("name") == name)

    def press(self, name):
        self.http("POST", "/inject/" + self.node(name), {})

    def feed(self, payload):
        """As if another node were wired into the amps."""
        self.http("POST", "/inject/" + self.node("6 A"), {
            "__user_inject_props__": [{"p": "payload", "v": json.dumps(payload), "vt": "json"}]})

    def wait_shown(self, text, timeout=8):
        node = self.node("amps with a lease")
        return wait(f"'{text}' under the node", lambda: text in self.comms.shown(node).get("text", "") and
                    self.comms.shown(node), timeout)


class NodeRedRig(Rig):
    def find_text(self, name, text):
        with open(self.path(name), errors="replace") as f:
            return text in f.read()


class TestNodeRed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = r = NodeRedRig()
        cls.addClassCleanup(r.__exit__)
        r.start_broker()
        cls.units = [Unit("a1b2"), Unit("c3d4", vin="5YJ3E1EA8KF000002")]
        cls.bus = r.slaves(cls.units)
        r.bridge({"circuits": [{"name": "garage", "limit_a": 32}], "chargers": [{"id": "c3d4"}]})
        with open(FLOW) as f:
            flow = json.load(f)
        cls.red = NodeRed(r, cls.edited(flow, "c3d4"))
        cls.mqtt = r.online("a1b2", "c3d4")

    @staticmethod
    def edited(flow, charger, protocol="5"):
        """What a user edits after the import."""
        flow = json.loads(json.dumps(flow))
        tab = next(n for n in flow if n["type"] == "tab")
        next(e for e in tab["env"] if e["name"] == "TWC_CHARGER")["value"] = charger
        next(n for n in flow if n["type"] == "mqtt-broker")["protocolVersion"] = protocol
        return flow

    def on_bus(self, amps, since, ident="c3d4"):
        return any(h.limit and h.amps == amps for h in self.bus.log.of(ident, since))

    def wait_on_bus(self, amps, since, timeout=6):
        wait(f"{amps} A in a limit frame", lambda: self.on_bus(amps, since), timeout)

    def commands(self, since=0.0):
        return [json.loads(m.payload) for m in list(self.mqtt.messages)
                if m.topic == "twcbridge/charger/c3d4/current_limit/set" and m.time >= since]

    def test_01_the_file_is_importable_and_asks_for_core_nodes_alone(self):
        flow = json.load(open(FLOW))
        self.assertIsInstance(flow, list)
        self.assertLessEqual({n["type"] for n in flow}, CORE)
        ids = [n["id"] for n in flow]
        self.assertEqual(len(ids), len(set(ids)))
        for i in ids:
            self.assertRegex(i, r"^[0-9a-f]{16}$")
        self.assertEqual([n["type"] for n in flow].count("tab"), 1)
        self.assertTrue(next(n for n in flow if n["type"] == "tab")["info"].startswith("# "))
        self.assertFalse(any("credentials" in n for n in flow))
        broker = next(n for n in flow if n["type"] == "mqtt-broker")
        self.assertEqual((broker["broker"], broker["port"], broker["protocolVersion"]),
                         ("${TWC_MQTT_HOST}", "${TWC_MQTT_PORT}", "5"))

    def test_02_every_node_is_known_to_node_red(self):
        for module in self.red.http("GET", "/nodes"):
            self.assertNotIn("err", {k for k, v in module.items() if v}, module)
        self.assertFalse(self.rig.find_text("node-red.log", "missing types"))

    def test_10_amps_go_out_in_a_limit_frame_and_the_answer_is_shown(self):
        begin = time.monotonic()
        self.red.press("16 A")
        self.wait_on_bus(16, begin)
        status = self.red.wait_shown("16 A: 16 A offered")
        self.assertEqual(status["fill"], "green")
        debug = wait("the answer", lambda: self.red.comms.debugs and self.red.comms.debugs[-1])
        self.assertEqual((debug["status"], debug["value"], debug["owner"]), ("ok", 16, "node-red"))
        self.assertRegex(debug["transaction"], r"^[0-9a-f]{16}$")
        command = self.commands(begin)[-1]
        self.assertEqual((command["for"], command["owner"], command["transaction"]),
                         (150, "node-red", debug["transaction"]))
        self.assertFalse(any(h.amps == 16 for h in self.bus.log.of("a1b2")), "the other charger was told")

    def test_11_a_refused_command_says_why_and_what_held_before_holds_on(self):
        begin, count = time.monotonic(), len(self.red.comms.debugs)
        self.red.press("99 A (is refused)")
        status = self.red.wait_shown("99 A refused")
        self.assertEqual(status["fill"], "red")
        self.assertIn("99 is above 32 A", status["text"])
        debug = wait("the answer", lambda: self.red.comms.debugs[count:])[-1]
        self.assertEqual((debug["status"], debug["code"]), ("refused", "out_of_range"))
        time.sleep(1.5)
        self.assertTrue(all(h.amps == 16 for h in self.bus.log.of("c3d4", begin + 0.5) if h.limit))
        # The next tick renews 16 A, not what was refused.
        begin = time.monotonic()
        self.red.press("renew")
        self.red.wait_shown("16 A: 16 A offered")
        self.assertEqual([(c["value"], c["for"]) for c in self.commands(begin)], [(16, 150)])

    def test_12_a_busy_source_of_the_same_amps_is_one_command(self):
        begin = time.monotonic()
        for _ in range(5):
            self.red.feed(14)
            time.sleep(0.1)
        self.wait_on_bus(14, begin)
        self.red.wait_shown("14 A: 14 A offered")
        for _ in range(5):
            self.red.feed(14)
        time.sleep(0.5)
        self.assertLessEqual(len(self.commands(begin)), 3)

    def test_13_what_is_no_number_is_no_data_and_never_zero(self):
        begin = time.monotonic()
        for payload in ("", "unknown", None, True, {"amps": 3}):
            with self.subTest(payload):
                count, answers = len(self.commands(begin)), len(self.red.comms.debugs)
                self.red.feed(payload)
                wait("the answer", lambda: len(self.red.comms.debugs) > answers, 4)
                self.assertEqual(self.red.comms.debugs[-1]["code"], "no_data")
                self.assertEqual([c["value"] for c in self.commands(begin)[count:]], ["unavailable"])
                self.red.wait_shown("no data refused")
        count = len(self.commands(begin))
        self.red.press("renew")
        time.sleep(0.5)
        self.assertEqual(len(self.commands(begin)), count, "no data was renewed")
        self.assertFalse(any(h.limit and h.amps != 14 for h in self.bus.log.of("c3d4", begin + 0.5)))

    def test_20_after_a_loss_of_the_broker_the_flow_sends_again_and_the_amps_are_right(self):
        begin = time.monotonic()
        self.red.press("16 A")
        self.wait_on_bus(16, begin)
        self.red.wait_shown("16 A: 16 A offered")
        lost = time.monotonic()
        self.rig.end(self.rig.broker, signal.SIGKILL)
        self.red.wait_shown("the broker is away")
        self.red.feed(12)  # asked while nobody hears it
        time.sleep(2)
        self.assertFalse([h for h in self.bus.log.of("c3d4", lost) if h.limit and h.amps != 16])
        self.rig.start_broker()
        back = time.monotonic()
        TestNodeRed.mqtt = self.rig.client()
        self.mqtt.subscribe("twcbridge/#")
        self.wait_on_bus(12, back, 20)
        self.red.wait_shown("12 A: 12 A offered", 15)
        self.assertLess(max(self.bus.log.intervals("c3d4", lost)), 2.0)

    def test_30_release_lets_go(self):
        begin = time.monotonic()
        self.red.press("release")
        self.wait_on_bus(6, begin)
        self.red.wait_shown("release: 6 A offered")
        command = self.commands(begin)[-1]
        self.assertIsNone(command["value"])
        self.red.press("renew")
        time.sleep(0.5)
        self.assertEqual(len(self.commands(begin)), 1, "a released value was renewed")

    def test_40_a_wrong_id_is_said(self):
        self.red.deploy(self.edited(self.red.flow, "zzzz"))
        self.red.press("16 A")
        self.assertEqual(self.red.wait_shown("16 A refused")["fill"], "red")

    def test_41_mqtt_3_1_1_works_too(self):
        self.red.deploy(self.edited(self.red.flow, "a1b2", "4"))
        begin = time.monotonic()
        self.red.press("16 A")
        wait("16 A in a limit frame", lambda: self.on_bus(16, begin, "a1b2"), 8)
        self.red.wait_shown("16 A: 16 A offered")

    def test_90_nothing_but_the_allow_list_was_on_the_bus(self):
        self.assertEqual(self.bus.log.bad, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
