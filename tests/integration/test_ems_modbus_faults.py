"""Every energy system over Modbus against everything that can go wrong: a new row with a unit id joins by itself."""
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

from modbus_fake import ModbusFake  # noqa: E402
from rig import PROGRAM, free_port  # noqa: E402

# Whatever is asked is answered so: the exit codes that are right, and a word of the sentence.
FAULTS = {1: ({66}, "unit id"), 2: ({66}, "unit id"), 3: ({66}, "unit id"), 4: ({66, 74}, "unit id"), 6: ({66, 74}, ""),
          10: ({66}, "unit id"), 11: ({66, 75}, "unit id"), "silent": ({66, 75}, "unit id"), "cut": ({74}, "one client alone"),
          "busy": ({74}, "one client alone"), "other_id": ({74}, "belong to what was asked"), "garbage": ({74}, "port and rtu"),
          "drip": ({66, 75}, "unit id"), "short": ({74}, "belong to what was asked"), "hang_up": ({74}, "one client alone")}
WORDS = {"zeros": 0, "ones": 0xffff, "lowest": 0x8000, "highest": 0x7fff, "no number": 0x7fc0}


def adapters():
    r = subprocess.run([PROGRAM, "adapters", "--json"], capture_output=True, text=True, check=True)
    return {a["name"]: a["options"]["properties"] for a in json.loads(r.stdout) 
            if {"unit", "host"} <= set(a["options"]["properties"])}


class Everything(dict):
    """A space whose every register holds one word."""

    def __init__(self, word):
        super().__init__()
        self.word = word

    def get(self, *_):
        return self.word


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HERE, "../data/ems/options.json"), encoding="utf-8") as f:
            cls.options = json.load(f)
        cls.names = adapters()

    def probe(self, name, port, **more):
        options = {**self.options[name], "unit": 1, "timeout_s": 1, "host": "127.0.0.1", "port": port, **more}
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
        return subprocess.run([PROGRAM, "probe", name, "--json", *sets], capture_output=True, text=True, timeout=120)

    def fails(self, r, codes, words):
        self.assertIn(r.returncode, codes, r.stdout + r.stderr)
        self.assertIn(words, r.stderr)
        values = json.loads(r.stdout)
        for key in ("grid_w", "pv_w", "battery_w", "soc_permille", "consumption_w"):
            self.assertIsNone(values[key]["value"])
            self.assertTrue(values[key]["why"])

    def test_there_are_some(self):
        self.assertIn("modbus", self.names)

    def test_each_survives_every_fault_of_the_device(self):
        for name in self.names:
            for rtu in (False, True) if "rtu" in self.names[name] else (False,):
                for fault, (codes, words) in FAULTS.items():
                    if rtu and fault in ("other_id", "short", "garbage"):
                        continue  # of Modbus TCP; over RTU they are a wrong check sum, below
                    with self.subTest(name=name, rtu=rtu, fault=fault), ModbusFake({(1, 3): {}, (1, 4): {}}, rtu=rtu) as f:
                        f.everywhere = fault
                        self.fails(self.probe(name, f.port, **({"rtu": "true"} if rtu else {})), codes, words)
                        self.assertLess(len(f.requests), 60)
            for fault in ("check_sum", "other_unit", "garbage") if "rtu" in self.names[name] else ():
                with self.subTest(name=name, fault=fault), ModbusFake({(1, 3): {}, (1, 4): {}}, rtu=True) as f:
                    f.everywhere = fault
                    self.fails(self.probe(name, f.port, rtu="true"), {74}, "check")

    def test_each_survives_any_word(self):
        for name in self.names:
            for what, word in WORDS.items():
                with self.subTest(name=name, words=what), ModbusFake({(1, 3): Everything(word), (1, 4): Everything(word)}) as f:
                    r = self.probe(name, f.port)
                    self.assertIn(r.returncode, {0, 66, 74}, r.stdout + r.stderr)
                    json.loads(r.stdout)
                    self.assertLess(len(f.requests), 200)

    def test_each_survives_that_nobody_is_there(self):
        for name in self.names:
            with self.subTest(name=name):
                self.fails(self.probe(name, free_port()), {74}, "switch on Modbus in the device, and check port")
                self.fails(self.probe(name, 502, host="no-such-host.invalid"), {74, 75}, "check host")
                if "device" in self.names[name]:
                    self.fails(self.probe(name, 502, host="", device="/dev/no-such-device"), {74}, "check device")


if __name__ == "__main__":
    unittest.main()
