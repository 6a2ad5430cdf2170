"""What a user gets wrong has a sentence that says what to change: tests/data/ems/advice.tsv."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

from test_ems_captures import probe  # noqa: E402

MISTAKES = {"wrong token", "wrong unit id", "feed swapped", "meter in the load path", "sign likely inverted"}


def rows():
    with open(os.path.join(HERE, "../data/ems/advice.tsv"), encoding="utf-8") as f:
        lines = [x.rstrip("\n").split("\t") for x in f if not x.startswith("#")]
    return [(name, {"adapter": adapter, **json.loads(setup)}, words) for name, adapter, setup, words in lines[1:]]


class Advice(unittest.TestCase):
    def test_each_mistake_gets_its_sentence(self):
        for name, case, words in rows():
            with self.subTest(name=name, adapter=case["adapter"]):
                r = probe(case)
                whys = [x.get("why") or "" for x in self.fields(json.loads(r.stdout))]
                self.assertIn(words, "\n".join([r.stderr, *whys]))
                self.assertNotIn("not-this-one", r.stdout + r.stderr)

    @staticmethod
    def fields(said):
        for v in said.values():
            yield from v if isinstance(v, list) else [v]

    def test_the_mistakes_are_those_of_the_table(self):
        self.assertEqual({name for name, _, _ in rows()} | {"wrong unit id"}, MISTAKES)

    def test_what_is_right_gets_no_advice(self):
        right = {"adapter": "url_json", "options": {"url": "/v", "grid_w": "g", "pv_w": "p", "consumption_w": "h"},
                 "serve": [{"get": "/v", "json": {"g": -1800, "p": 3000, "h": 1200}}]}
        r = probe(right)
        self.assertEqual((r.returncode, r.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
