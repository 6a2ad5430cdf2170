"""`twcbridge probe` and `twcbridge adapters`, and sources in the settings: exit codes, JSON, sentences."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
from rig import PROGRAM, free_port  # noqa: E402

FIELDS = {"grid_w", "pv_w", "battery_w", "soc_permille", "consumption_w", "current_ma", "voltage_mv", "price", "forecast"}


def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60)


class Probe(unittest.TestCase):
    def setUp(self):
        self.fake = self.enterContext(http_fake.HttpFake())

    def probe(self, path, *more, **options):
        pairs = {"url": self.fake.url + path, "grid_w": "power", **options}
        sets = [x for k, v in pairs.items() for x in ("--set", f"{k}={v}")]
        return run("probe", "url_json", *sets, *more)

    def values(self, path, *more, **options):
        r = self.probe(path, "--json", *more, **options)
        return r.returncode, json.loads(r.stdout)

    def test_the_normal_form_has_every_member(self):
        self.fake.answer("/x", {"g": {"power": "-812.5 W"}, "pv": [{"p": 900}, {"p": 450.25}], "soc": 41.5,
                                "i": [1.5, "300 mA", None], "v": 229.96, "t": 1780000000})
        code, v = self.values("/x", "--now", "2026-05-28T20:26:45Z", grid_w="g.power", pv_w="pv[*].p", soc="soc",
                              current_l1="i[0]", current_l2="-i[1]", current_l3="i[2]", voltage_l1="v", time="t")
        self.assertEqual((code, set(v)), (0, FIELDS))
        self.assertEqual(v["grid_w"], {"value": -813, "source_time": "2026-05-28T20:26:40Z", "age_ms": 5000,
                                       "raw": "-812.5 W"})
        self.assertEqual((v["pv_w"]["value"], v["soc_permille"]["value"]), (1350, 415))
        self.assertEqual([x["value"] for x in v["current_ma"]], [1500, -300, None])
        self.assertEqual(v["current_ma"][2]["why"], "i[2] has no value")
        self.assertEqual([x["value"] for x in v["voltage_mv"]], [229960, None, None])
        self.assertIsNone(v["battery_w"]["value"])
        self.assertIn("why", v["battery_w"])

    def test_now_decides_about_ages(self):
        self.fake.answer("/x", {"power": 7, "t": "2026-01-01T00:00:00+00:00"})
        code, v = self.values("/x", time="t")
        self.assertEqual((code, v["grid_w"]["value"]), (74, None))
        self.assertIn("older than max_age_s", v["grid_w"]["why"])
        for now in ("2026-01-01T00:00:30Z", "1767225630"):
            self.assertEqual(self.values("/x", "--now", now, time="t")[1]["grid_w"]["value"], 7)
        self.assertIsNone(self.values("/x", "--now", "2026-01-01T00:00:31Z", time="t")[1]["grid_w"]["value"])
        self.assertEqual(self.values("/x", time="t", ignore_time="true")[1]["grid_w"]["value"], 7)
        code, v = self.values("/x", "--now", "2025-12-31T23:54:00Z", time="t")
        self.assertIn("more than five minutes ahead", v["grid_w"]["why"])

    def test_the_exit_code_is_that_of_the_class(self):
        rows = {"/status/404": (66, "check url"), "/status/401": (69, "set auth"), "/status/403": (69, "set auth"),
                "/busy": (75, "asked too often"), "/status/500": (74, "a fault of its own"),
                "/html": (74, "a web page"), "/cut": (74, "cut off"), "/huge": (74, "larger than 1048576 bytes"),
                "/redirect": (66, "another address"), "/null": (74, "nothing of it can be used")}
        for path, (code, words) in rows.items():
            with self.subTest(path=path):
                r = self.probe(path)
                self.assertEqual(r.returncode, code, r.stderr)
                self.assertIn(words, r.stderr)
        start = time.monotonic()
        self.assertEqual(self.probe("/slow", timeout_s=1).returncode, 75)
        self.assertLess(time.monotonic() - start, 3)
        r = run("probe", "url_json", "--set", f"url=http://127.0.0.1:{free_port()}/", "--set", "grid_w=p")
        self.assertEqual((r.returncode, "Connection refused" in r.stderr), (74, True))

    def test_an_answer_is_json_xml_or_text(self):
        for body, expr, options in ((b'{"a":{"b":-5}}', "a.b", {}), (b"<a><b>-5 W</b></a>", "a.b", {}), (b" -5.0\n", "$", {}),
                                    (b"<?xml version='1.0'?><a b='-5'/>", 'a."@b"', {"format": "xml"}),
                                    (b"-0.005 kW", "$", {"format": "text"})):
            with self.subTest(body=body):
                self.fake.answer("/any", body)
                code, v = self.values("/any", grid_w=expr, **options)
                self.assertEqual((code, v["grid_w"]["value"]), (0, -5))
        bomb = b"<!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;'>]><a>&c;</a>"
        self.fake.answer("/any", bomb)
        r = self.probe("/any", grid_w="a", format="xml")
        self.assertEqual((r.returncode, "declares entities" in r.stderr), (74, True))

    def test_logins_and_no_secret_in_what_is_printed(self):
        secret = {"username": http_fake.USER, "password": http_fake.PASSWORD}
        token = {"token": http_fake.TOKEN}
        for path, options in (("/basic", {"auth": "basic", **secret}), ("/digest", {"auth": "digest", **secret}),
                              ("/digest256", {"auth": "digest", **secret}), ("/bearer", {"auth": "bearer", **token}),
                              ("/header", {"auth": "header", "auth_name": "X-Key", **token}),
                              ("/query?a=1", {"auth": "query", "auth_name": "key", **token})):
            with self.subTest(path=path):
                self.assertEqual(self.probe(path, **options).returncode, 0)
                for k in ("password", "token"):
                    if k in options:
                        options[k] = "wr0ng-secret"
                for json_too in ((), ("--json",)):
                    r = self.probe(path, *json_too, **options)
                    self.assertEqual(r.returncode, 69)
                    self.assertNotIn("wr0ng-secret", r.stdout + r.stderr)
        self.fake.answer("/cookie", lambda r: {"power": 7} if r.headers.get("Cookie") == "session=abc" else 403)
        cookie = {"header_name": "Cookie", "header_value": "session=abc"}
        self.assertEqual(self.probe("/cookie", **cookie).returncode, 0)
        r = self.probe("/cookie", **{**cookie, "header_value": "session=wr0ng-secret"})
        self.assertEqual((r.returncode, "wr0ng-secret" in r.stdout + r.stderr), (69, False))
        self.fake.answer("/echo", lambda r: b"you said " + r.headers["Authorization"].encode() + b"!" * 60)
        r = self.probe("/echo", auth="bearer", token="wr0ng-secret")
        self.assertIn("you said Bearer ***", r.stderr)
        self.fake.answer("/echo", lambda r: {"power": r.headers["Authorization"]})
        r = self.probe("/echo", "--json", auth="bearer", token="wr0ng-secret")
        self.assertIn('"raw":"Bearer ***"', r.stdout)

    def test_certificates(self):
        with tempfile.TemporaryDirectory() as d:
            cert, key, fingerprint = http_fake.certificate(d)
            with http_fake.HttpFake(cert=cert, key=key) as tls:
                self.fake.url = tls.url
                r = self.probe("/ok")
                self.assertEqual((r.returncode, "self-signed" in r.stderr), (69, True))
                self.assertEqual(self.probe("/ok", fingerprint=fingerprint).returncode, 0)
                self.assertEqual(self.probe("/ok", ca_file=cert).returncode, 0)
                self.assertEqual(self.probe("/ok", insecure="true").returncode, 0)
                other = ("00" if fingerprint[:2] != "00" else "11") + fingerprint[2:]
                r = self.probe("/ok", fingerprint=other)
                self.assertEqual(r.returncode, 69)
                self.assertIn(fingerprint.replace(":", "").lower(), r.stderr)
            # one that is signed for another host: not by its signer, but by its fingerprint
            cert, key, fingerprint = http_fake.certificate(d, "elsewhere", "10.1.2.3")
            with http_fake.HttpFake(cert=cert, key=key) as tls:
                self.fake.url = tls.url
                self.assertEqual(self.probe("/ok", ca_file=cert).returncode, 69)
                self.assertEqual(self.probe("/ok", fingerprint=fingerprint).returncode, 0)

    def test_wrong_options_are_named(self):
        for args, words in ((["probe"], "which adapter?"), (["probe", "nothing"], "there is no adapter 'nothing'"),
                            (["probe", "url_jsn", "--set", "url=http://x/"], "did you mean url_json?"),
                            (["probe", "url_json"], "url_json.url: is missing"),
                            (["probe", "url_json", "--set", "url"], "wants KEY=VALUE"),
                            (["probe", "url_json", "--now", "noon"], "--now wants a time"),
                            (["probe", "url_json", "--jsn"], "did you mean --json?"),
                            (["probe", "url_json", "--set", "url=http://x/", "--set", "gird_w=a"], "did you mean grid_w?"),
                            (["probe", "url_json", "--set", "url=http://x/", "--set", "grid_w=a", "--set", "timeout_s=0"],
                             "url_json.timeout_s: 0 is below 1"),
                            (["probe", "url_json", "--set", "url=http://x/", "--set", "grid_w=a", "--set", "post=yes"],
                             "url_json.post: wants true or false"),
                            (["adapters", "--jsn"], "did you mean --json?")):
            with self.subTest(args=args):
                r = run(*args)
                self.assertEqual(r.returncode, 64)
                self.assertIn(words, r.stderr)

    def test_adapters_prints_the_pages_of_the_docs(self):
        r = subprocess.run([PROGRAM, "adapters", "--docs"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0)
        self.assertIn("| [`url_json`](systems/url_json.md) | what the settings name | local | HTTP |", r.stdout)
        r = subprocess.run([PROGRAM, "adapters", "--docs", "url_json"], capture_output=True, text=True)
        self.assertIn("| `url` | text | not set | **Required.**", r.stdout)
        for args, code, words in ((["--docs", "url_jsn"], 66, "did you mean url_json?"), (["--doc"], 64, "--doc"),
                                  (["--docs", "url_json", "x"], 64, "x"), (["--json", "x"], 64, "x")):
            r = subprocess.run([PROGRAM, "adapters", *args], capture_output=True, text=True)
            self.assertEqual(r.returncode, code, args)
            self.assertIn(words, r.stderr)

    def test_adapters_lists_all_with_their_options(self):
        names = [a["name"] for a in json.loads(run("adapters", "--json").stdout)]
        self.assertIn("url_json", names)
        for a in json.loads(run("adapters", "--json").stdout):
            self.assertIn(f"\n{a['name']}: {a['title']}\n", "\n" + run("adapters").stdout)
            self.assertTrue(a["name"] == "tariff" or {"url", "host", "device"} & set(a["options"]["properties"]), a["name"])
            self.assertEqual(a["options"]["properties"]["adapter"]["enum"], [a["name"]])


class Settings(unittest.TestCase):
    def check(self, *sources):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"circuits": [{"name": "garage", "limit_a": 32}], "sources": sources}, f)
            f.flush()
            r = run("check", f.name)
            return r.returncode, r.stderr.replace(f.name + ": ", "")

    def test_a_source_that_is_right_is_taken(self):
        code, said = self.check({"name": "Meter", "adapter": "url_json", "url": "http://meter/", "grid_w": "power"})
        self.assertEqual(code, 0, said)
        self.assertNotIn("sources", said)

    def test_what_is_wrong_is_named_with_its_place(self):
        ok = {"name": "Meter", "adapter": "url_json", "url": "http://meter/", "grid_w": "power"}
        for sources, words in (
                ([{**ok, "url": "meter"}], "sources[0].url: is not http://HOST"),
                ([ok, {**ok, "name": "B", "adapter": "url_jsn"}], "sources[1].adapter: there is no adapter 'url_jsn'; did you mean"),
                ([{k: v for k, v in ok.items() if k != "adapter"}], "sources[0].adapter: is missing"),
                ([ok, ok], "sources[1].name: 'Meter' has the same topic name (meter) as sources[0]"),
                ([{**ok, "role": "primary"}, {**ok, "name": "B", "role": "primary"}],
                 "sources[1].role: sources[0] is primary for grid_w as well"),
                ([{**ok, "role": "prim"}], "sources[0].role: 'prim' is not one of primary, sum, fallback"),
                ([{**ok, "interval_s": 0}], "sources[0].interval_s: 0 is below 1"),
                ([{**ok, "grid_w": "a +"}], "sources[0].grid_w: path"),
                ([{**ok, "name": "!"}], "sources[0].name: '!' has no letter"),
                ([7], "sources[0]: wants an object")):
            with self.subTest(words=words):
                code, said = self.check(*sources)
                self.assertEqual(code, 64)
                self.assertIn(words, said)
        self.assertIn("warning: sources[0].max_age_s: 10 is not above interval_s",
                      self.check({**ok, "interval_s": 10, "max_age_s": 10})[1])


if __name__ == "__main__":
    unittest.main()
