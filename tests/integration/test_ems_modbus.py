"""Energy systems over Modbus against real servers (pymodbus): TCP, RTU over TCP, a serial line; and in the daemon: one
connection for the sources of a device, kept between rounds, that heals."""
import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

from modbus_fake import ModbusFake  # noqa: E402
from modbus_images import load  # noqa: E402
from rig import PROGRAM, Rig, free_port, state, wait  # noqa: E402

DATA = os.path.join(HERE, "../data/ems")
SERVER = os.path.join(HERE, "../support/modbus_server.py")
# Of these images: what their *.expected.json say.
SUNSPEC = {"file": "sunspec/own_base0_battery.json", "unit": 3, "grid_w": -310, "pv_w": 5560, "battery_w": -1350}
KOSTAL = {"file": "kostal/own_plenticore_evening.json", "grid_w": 42, "battery_w": 1335}
SOLAREDGE = {"file": "solaredge/own_battery.json", "grid_w": -1421, "pv_w": 4466, "battery_w": -1251}


def image(name):
    return os.path.join(DATA, name)


def probe(adapter, **options):
    sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
    return subprocess.run([PROGRAM, "probe", adapter, "--json", *sets], capture_output=True, text=True, timeout=60)


class Servers(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())

    def serve(self, kind, where, name):
        self.rig.run(sys.executable, SERVER, kind, str(where), image(name), log="server.log")

    def gives(self, want, adapter, **options):
        def once():
            r = probe(adapter, timeout_s=2, **options)
            return r if r.returncode == 0 else None
        r = wait("values of " + adapter, once, 20)
        values = json.loads(r.stdout)
        for field in ("grid_w", "pv_w", "battery_w"):
            if field in want:
                self.assertEqual(values[field]["value"], want[field], r.stdout)

    def test_tcp(self):
        for adapter, want, more in (("sunspec", SUNSPEC, {"unit": 3}), ("kostal", KOSTAL, {}), ("solaredge", SOLAREDGE, {})):
            with self.subTest(adapter=adapter):
                port = free_port()
                self.serve("tcp", port, want["file"])
                self.gives(want, adapter, host="127.0.0.1", port=port, **more)

    def test_a_unit_id_that_is_looked_for_over_tcp(self):
        port = free_port()
        self.serve("tcp", port, SUNSPEC["file"])
        self.gives(SUNSPEC, "sunspec", host="localhost", port=port)

    def test_rtu_over_tcp(self):
        port = free_port()
        self.serve("rtu", port, SUNSPEC["file"])
        self.gives(SUNSPEC, "sunspec", host="127.0.0.1", port=port, rtu="true", unit=3)

    def test_a_serial_line(self):
        one, two = self.rig.path("line"), self.rig.path("other-end")
        self.rig.run("socat", f"pty,raw,echo=0,link={one}", f"pty,raw,echo=0,link={two}", log="socat.log")
        wait("the line", lambda: os.path.exists(one) and os.path.exists(two))
        self.serve("serial", two, SUNSPEC["file"])
        self.gives(SUNSPEC, "sunspec", device=one, unit=3)
        r = probe("modbus", device=one, unit=9, pv_w="u16:0", timeout_s=1)
        self.assertEqual(r.returncode, 75, r.stderr)
        self.assertIn("check the unit id (unit), baud, format", r.stderr)


class Page(unittest.TestCase):
    def test_every_row_of_the_page_is_taken_as_settings(self):
        with open(os.path.join(HERE, "../../docs/modbus.md"), encoding="utf-8") as f:
            rows = [[c.strip() for c in line.strip().strip("|").split("|")] for line in f if line.startswith("| ")]
        fields = ("grid_w", "pv_w", "battery_w", "soc")
        rows = [r for r in rows if len(r) == 6 and r[0] != "device"]
        self.assertGreater(len(rows), 10)
        for row in rows:
            with self.subTest(device=row[0]):
                words = {f: c.strip("`") for f, c in zip(fields, row[2:]) if c}
                more = dict(re.findall(r"`(unit|delay_ms|timeout_s)` (\d+)", row[1]))
                r = probe("modbus", **{"host": "127.0.0.1", "port": free_port(), **more, **words})
                self.assertEqual(r.returncode, 74, r.stderr)  # nobody is there, and nothing is wrong with the settings


class Daemon(unittest.TestCase):
    def test_sources_of_one_device_share_a_connection_that_is_kept_and_heals(self):
        rig = self.enterContext(Rig())
        device = self.enterContext(ModbusFake(load([image(SOLAREDGE["file"])]), one_client=True))
        there = {"host": "127.0.0.1", "port": device.port, "interval_s": 1, "timeout_s": 2}
        rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": [
            {"name": "Inverter", "adapter": "solaredge", **there},
            {"name": "Raw", "adapter": "modbus", "voltage_l1": "u16:40237 * 0.01", **there}]})
        client = rig.client()
        client.subscribe("twcbridge/#")

        def values():
            s, raw = state(client, "twcbridge/site") or {}, state(client, "twcbridge/source/raw") or {}
            return s if s.get("grid_power") is not None and raw.get("status") == "ok" else None

        s = wait("both sources", values, 30)
        self.assertEqual((s["grid_power"], s["battery_power"], s["pv_power"]), (-1421, -1251, 4466))
        for cut in range(2):
            n = len(device.requests)
            wait("more rounds", lambda n=n: len(device.requests) > n + 12, 30)
            self.assertEqual(device.connections, 1 + cut)
            for name in ("inverter", "raw"):
                self.assertEqual(state(client, f"twcbridge/source/{name}")["status"], "ok")
            if not cut:
                device.hang_up()


if __name__ == "__main__":
    unittest.main()
