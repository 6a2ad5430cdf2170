"""What tests/lint/ems_expected.py sees: a copy of one case, one wrong claim at a time."""
import copy
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import ems_expected  # noqa: E402
from ems_expected import ems_cases  # noqa: E402

CASE = {"adapter": "sunbox", "serve": [{"get": "/now", "file": "sunbox/day.json"}], "expect": {
    "grid_w": {"value": -640, "file": "sunbox/day.json", "at": "grid[1].\"w out\"", "raw": "640.20", "how": "-a"},
    "pv_w": {"value": 1500, "file": "sunbox/day.json", "how": "a * 1000 + b",
             "at": [{"at": "pv.a", "raw": "1.2"}, {"at": "pv.b", "raw": "300"}]},
    "battery_w": {"why": "battery has no value"}, "soc_permille": None,
    "current_l1_ma": {"value": -2, "file": "sunbox/image.json", "at": "40083", "raw": "65534", "how": "s16(a)"},
    "current_l2_ma": {"value": -66036, "file": "sunbox/image.json", "at": "unit 1 fc 3 40083", "raw": "65534 65036", "how": "s32(a)"},
    "voltage_l1_mv": {"value": 230500, "file": "sunbox/page.xml", "at": "Page.V[1].@now", "raw": "230.5", "how": "a * 1000"},
    "voltage_l2_mv": {"value": 229000, "file": "sunbox/page.xml", "at": "Page.Text", "raw": "229", "how": "a * 1000"},
    "voltage_l3_mv": {"value": 1, "file": "sunbox/page.xml", "at": "byte 1", "raw": "Page", "how": "1"}}}
FILES = {"day.json": '{"grid": [0, {"w out": 640.20}], "pv": {"a": "1.2", "b": 300}, "battery": null}',
         "image.json": '{"blocks": [{"unit": 1, "function": 3, "start": 40080, "registers": [1, 2, 3, 65534, 65036]}]}',
         "page.xml": '<Page xmlns="urn:x"><V now="1"/><V now="230.5"/><Text> 229 </Text></Page>'}


class Expected(unittest.TestCase):
    def setUp(self):
        self.dir = self.enterContext(tempfile.TemporaryDirectory())
        self.own, self.shared = os.path.join(self.dir, "own"), os.path.join(self.dir, "shared")
        os.makedirs(os.path.join(self.own, "sunbox"))
        for name, text in FILES.items():
            self.write("own", name, text)
        before = ems_cases.OWN, ems_cases.SHARED
        ems_cases.OWN, ems_cases.SHARED = self.own, self.shared

        def back():
            ems_cases.OWN, ems_cases.SHARED = before
        self.addCleanup(back)

    def write(self, where, name, text):
        path = os.path.join(self.dir, where, "sunbox", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def said(self, case):
        self.write("own", "day.json.expected.json", json.dumps(case))
        return "\n".join(ems_expected.check())

    def test_a_case_that_is_right_is_silent(self):
        self.assertEqual(self.said(CASE), "")

    def test_each_wrong_claim_is_named(self):
        for words, path, v in (
                ("'640.20' stands at grid[1].\"w out\" of sunbox/day.json, not '640.2'", "expect grid_w raw", "640.2"),
                ("-a is -640, not -641", "expect grid_w value", -641),
                ("'grid[2]' is not there", "expect grid_w at", "grid[2]"),
                ("no place (at, raw)", "expect grid_w", {"value": 1}),
                ("neither value nor why", "expect battery_w", {}),
                ("does not say how", "expect pv_w how", None),
                ("holds more than arithmetic", "expect pv_w how", "a.b"),
                ("how 'c': name 'c' is not defined", "expect pv_w how", "c"),
                ("'65534 65036' stands at 40083", "expect current_l1_ma raw", "65534 1"),
                ("no block has register 39999", "expect current_l1_ma at", "39999"),
                ("'230.5' stands at Page.V[1].@now", "expect voltage_l1_mv raw", "230"),
                ("'Page' stands at byte 1", "expect voltage_l3_mv raw", "Rage"),
                ("grid is no field", "expect grid", {"why": "x"}),
                ("'at' is no member of a case", "at", 1),
                ("'wy' is no member of a value", "expect battery_w wy", "x"),
                ("wants adapter", "adapter", "")):
            with self.subTest(words=words):
                case = copy.deepcopy(CASE)
                *way, last = path.split()
                at = case
                for key in way:
                    at = at[key]
                if v is None:
                    del at[last]
                else:
                    at[last] = v
                self.assertIn(words, self.said(case))

    def test_every_payload_must_be_named(self):
        self.write("own", "more.json", "{}")
        self.assertIn("tests/data/ems/sunbox/more.json is named by no case", self.said(CASE))
        os.remove(os.path.join(self.own, "sunbox/more.json"))
        self.write("shared", "capture.json", "{}")
        self.assertIn("sunbox/capture.json is named by no case", self.said(CASE))
        case = copy.deepcopy(CASE)
        case["serve"].append({"get": "/other", "file": "sunbox/capture.json"})
        self.assertEqual(self.said(case), "")
        case["serve"].append({"get": "/other", "file": "sunbox/nowhere.json"})
        self.assertIn("sunbox/nowhere.json is not there", self.said(case))

    def test_captures_that_are_not_here_are_no_complaint(self):
        case = copy.deepcopy(CASE)
        case["expect"]["grid_w"]["file"] = "sunbox/capture.json"
        self.assertEqual(self.said(case), "")


if __name__ == "__main__":
    unittest.main()
