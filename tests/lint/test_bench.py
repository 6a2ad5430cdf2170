"""The page of figures says what the stored results say. Run by tests/run lint."""
import glob
import json
import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/bench"))

import table  # noqa: E402

RESULTS = os.path.join(ROOT, "tests/bench/results")


class Page(unittest.TestCase):
    def setUp(self):
        with open(table.PAGE) as f:
            self.text = f.read()

    def test_the_table_is_what_the_results_say(self):
        self.assertEqual(self.text, table.page(self.text), "run tests/bench/table.py")

    def test_another_figure_in_the_results_is_another_page(self):
        with tempfile.TemporaryDirectory() as d:
            shutil.copytree(RESULTS, d, dirs_exist_ok=True)
            path = os.path.join(d, "footprint.json")
            with open(path) as f:
                bench = json.load(f)
            bench["figures"][0]["value"] += 1
            with open(path, "w") as f:
                json.dump(bench, f)
            self.assertNotEqual(self.text, table.page(self.text, d))

    def test_each_bench_has_a_result_and_each_result_its_bench(self):
        with open(os.path.join(ROOT, "tests/bench/run")) as f:
            names = next(x.split('"')[1] for x in f if x.startswith("all=")).split()
        stored = [b["bench"] for b in table.benches(RESULTS, table.HERE)]
        self.assertEqual(sorted(names), stored)

    def test_a_soak_that_missed_a_bound_says_so(self):
        with open(os.path.join(table.HERE, "faults.json")) as f:
            soak = json.load(f)
        self.assertTrue(all(x["held"] for x in table.faults(soak)["figures"]))
        soak["worst_sum_a"]["L2"]["a"] = 32.1
        with tempfile.TemporaryDirectory() as d:
            with open(os.path.join(d, "faults.json"), "w") as f:
                json.dump(soak, f)
            self.assertIn("| 32.1 A | at most 32, **missed** |", table.page(self.text, soak=d))

    def test_held_is_what_value_and_bound_say(self):
        for path in glob.glob(os.path.join(RESULTS, "*.json")):
            with open(path) as f:
                for x in json.load(f)["figures"]:
                    held = x["value"] <= x.get("most", x["value"]) and x["value"] >= x.get("least", x["value"])
                    self.assertEqual(held, x["held"], f"{path}: {x['name']}")


if __name__ == "__main__":
    unittest.main()
