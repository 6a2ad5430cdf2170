"""Each fake of a real API (tests/support/ems_api) refuses what the real one refuses, and the probe meets its demands."""
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import ems_api  # noqa: E402
from rig import PROGRAM  # noqa: E402
from test_ems_captures import setting, value_of  # noqa: E402


def apis():
    for m in sorted(pkgutil.iter_modules(ems_api.__path__), key=lambda m: m.name):
        for i, api in enumerate(importlib.import_module("ems_api." + m.name).APIS):
            yield f"{m.name}_{api.title or i}".replace(" ", "_"), api


def probe(api, options):
    sets = [x for k, v in options.items() for x in ("--set", f"{k}={setting(v)}")]
    return subprocess.run([PROGRAM, "probe", api.adapter, "--json", *(["--now", api.now] if api.now else []), *sets],
                          capture_output=True, text=True, timeout=60)


class Refusals(unittest.TestCase):
    """A test for each demand of each page; made below."""


class Values(unittest.TestCase):
    """Two tests for each API; made below."""


def refuses(api, page, demand):
    def test(self):
        with ems_api.Fake(api) as fake:
            want = page.refusal(demand)
            self.assertEqual(fake.ask(page, demand), (want.status, want.body))
            self.assertEqual(fake.refused[-1][1], demand)
    return test


def takes(api, page):
    def test(self):
        with ems_api.Fake(api) as fake:
            status, body = fake.ask(page)
            self.assertFalse(fake.refused, body)
            self.assertEqual(status, page.gives(fake.state).status if page.gives else page.status)
    return test


def reads(api):
    def test(self):
        with ems_api.Fake(api) as fake:
            r = probe(api, fake.options())
            # The challenge of a digest login is no refusal where the answer to it was right.
            refused = [(p.path, d) for p, d in fake.refused
                       if not (d == "auth" and p.auth[0] == "digest" and p in fake.asked)]
            self.assertEqual(refused, [])
            self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
            asked = [p.path for p in fake.asked]
            self.assertEqual([p.path for p in api.pages if not p.optional and p.path not in asked], [])
            said = json.loads(r.stdout)
            self.assertEqual({f: value_of(said, f)["value"] for f in api.expect}, api.expect)
    return test


def tells(api, mistake):
    def test(self):
        with ems_api.Fake(api) as fake:
            r = probe(api, {**fake.options(), **mistake.options})
            self.assertEqual(r.returncode, mistake.exit, r.stdout + r.stderr)
            self.assertIn(mistake.stderr, r.stderr)
            for k in {"token", "password"} & set(mistake.options):
                told = len(mistake.options[k]) >= 4 and mistake.options[k] in r.stdout + r.stderr
                self.assertFalse(told, "a secret is told")
    return test


for name_, api_ in apis():
    setattr(Values, f"test_{name_}_is_read", reads(api_))
    for i_, mistake_ in enumerate(api_.mistakes):
        setattr(Values, f"test_{name_}_tells_mistake_{i_}", tells(api_, mistake_))
    for n_, page_ in enumerate(api_.pages):
        at_ = f"test_{name_}_{n_}_{page_.path.split('?')[0].strip('/').replace('/', '_')}"
        setattr(Refusals, at_ + "_takes_what_is_whole", takes(api_, page_))
        for demand_ in page_.demands():
            setattr(Refusals, f"{at_}_without_{demand_}", refuses(api_, page_, demand_))


if __name__ == "__main__":
    unittest.main()
