"""What a source's login gave is on the disk before the next request goes out, and is nobody else's business."""
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import http_fake  # noqa: E402
from rig import PROGRAM, Rig, wait  # noqa: E402

FIRST = "refresh-0-of-the-settings"


class Api:
    """Enphase's API, as far as this test needs it: each refresh token is good for one login."""

    def __init__(self, fake):
        self.good, self.logins, self.reads, self.refused = FIRST, 0, 0, 0
        self.access, self.before_answer = None, lambda: None
        fake.answer("/oauth/token", self.login)
        fake.answer("/api/v4/systems/77/latest_telemetry", self.read)

    def login(self, request):
        if request.body.decode() != f"grant_type=refresh_token&refresh_token={self.good}":
            self.refused += 1
            return 401
        self.logins += 1
        self.good, self.access = f"refresh-{self.logins}-t0p-secret", f"access-{self.logins}-t0p-secret"
        return {"access_token": self.access, "refresh_token": self.good}

    def read(self, request):
        if request.headers.get("Authorization") != "Bearer " + str(self.access):
            return 401
        self.reads += 1
        self.before_answer()
        return {"devices": {"meters": [{"name": "production", "power": 1000 + self.reads, "last_report_at": int(time.time())}]}}


class Keep(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())
        self.fake = self.enterContext(http_fake.HttpFake())
        self.api = Api(self.fake)
        self.file = self.rig.path("state/sessions/roof")

    def start(self, *names):
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": [
            {"name": n, "adapter": "enphase", "url": self.fake.url, "interval_s": 1, "timeout_s": 30, "system_id": "77",
             "client_id": "app", "client_secret": "app-secret", "api_key": "app-key", "refresh_token": FIRST} for n in names]})

    def kept(self):
        try:
            with open(self.file, encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def test_a_kill_between_the_token_and_the_next_request_loses_no_login(self):
        asked, at_request = threading.Event(), []

        def hold():
            at_request.append(self.kept())
            asked.set()
            self.fake.stop.wait(5)
        self.api.before_answer = hold
        self.start("Roof")
        self.assertTrue(asked.wait(20), self.rig.log())
        self.rig.proc.kill()
        self.rig.proc.wait()
        self.assertEqual(at_request, [self.api.good])  # on the disk before the request
        self.api.before_answer = lambda: None
        self.start("Roof")
        wait("a reading", lambda: self.api.reads > 1, 20)
        self.assertEqual((self.api.logins, self.api.refused), (2, 0))
        self.assertEqual(self.kept(), self.api.good)

    def test_the_token_is_for_the_bridge_alone_and_goes_with_its_source(self):
        self.start("Roof")
        client = self.rig.client()
        client.subscribe("#")
        wait("readings", lambda: self.api.reads > 2, 20)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.file)).st_mode), 0o700)
        backup = self.rig.path("backup.db")
        subprocess.run([PROGRAM, "backup", backup, "--state", self.rig.path("state")], check=True, capture_output=True)
        with open(backup, "rb") as f:
            said = f.read()
        said += self.rig.log().encode() + repr(client.messages).encode()
        self.assertNotIn(b"t0p-secret", said)
        self.rig.end(self.rig.proc)
        self.start("Shed")  # another source: that of the roof is gone
        wait("another file", lambda: os.path.exists(self.rig.path("state/sessions/shed")) or self.api.refused, 20)
        self.assertIsNone(self.kept())

    def test_a_source_that_gets_another_name_takes_its_login_along(self):
        self.start("Roof")
        wait("readings", lambda: self.api.reads > 1, 20)
        with open(self.rig.file, encoding="utf-8") as f:
            settings = json.load(f)
        settings["sources"][0]["name"] = "Attic"
        with open(self.rig.file, "w", encoding="utf-8") as f:
            json.dump(settings, f)
        self.rig.proc.send_signal(signal.SIGHUP)
        attic = self.rig.path("state/sessions/attic")
        wait("the other file", lambda: os.path.exists(attic) and not os.path.exists(self.file), 20)
        seen = self.api.reads
        wait("more readings", lambda: self.api.reads > seen + 1, 20)
        with open(attic, encoding="utf-8") as f:
            self.assertEqual(f.read(), self.api.good)
        self.assertEqual(self.api.refused, 0)

    def test_a_probe_keeps_its_login_where_it_is_told_to(self):
        sets = {"url": self.fake.url, "system_id": "77", "client_id": "app", "client_secret": "app-secret",
                "api_key": "app-key", "refresh_token": FIRST}
        args = [PROGRAM, "probe", "enphase", "--json", *(x for k, v in sets.items() for x in ("--set", f"{k}={v}"))]
        os.makedirs(self.rig.path("state"), exist_ok=True)
        for n in (1, 2):
            r = subprocess.run([*args, "--keep", self.file], capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(json.loads(r.stdout)["pv_w"]["value"], 1000 + n)
            self.assertEqual(self.kept(), self.api.good)
            self.assertNotIn("t0p-secret", r.stdout + r.stderr)
        self.assertEqual(self.api.refused, 0)
        r = subprocess.run(args, capture_output=True, text=True, timeout=60)
        self.assertEqual(r.returncode, 69)  # that of the settings is used up
        self.api.good = FIRST
        r = subprocess.run(args, capture_output=True, text=True, timeout=60)
        self.assertIn("--keep FILE keeps it", r.stderr)
        r = subprocess.run([*args, "--keep"], capture_output=True, text=True, timeout=60)
        self.assertEqual((r.returncode, "--keep wants a file" in r.stderr), (64, True))

    def test_a_disk_that_takes_nothing_is_told_and_the_values_go_on(self):
        os.makedirs(self.rig.path("state"))
        with open(self.rig.path("state/sessions"), "w", encoding="utf-8"):
            pass  # a file where the folder should be
        self.start("Roof")
        wait("readings", lambda: self.api.reads > 2, 20)
        self.assertIn("is not kept over a restart", self.rig.log())
        self.assertNotIn("t0p-secret", self.rig.log())


if __name__ == "__main__":
    unittest.main()
