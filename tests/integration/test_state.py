#!/usr/bin/env python3
"""The folder of what outlives the process: where it lies, who holds it, what damage does.

Real processes, a real broker, virtual chargers inside the bridge. SPDX-License-Identifier: MIT
"""
import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from rig import PROGRAM, Rig, wait  # noqa: E402

VIRTUAL = {"buses": [{"port": "virtual:1", "circuit": "garage"}]}


def read(r, name):
    with open(r.path(name), "rb") as f:
        return f.read()


class TestState(unittest.TestCase):
    def start(self, r, *args, log="bridge.log"):
        """Runs the settings of r until the broker has it."""
        p = r.run(PROGRAM, "run", r.file, *args, log=log)
        wait("connected", lambda: b"mqtt: connected" in read(r, log), 10)
        return p

    def test_a_second_process_on_the_same_state_does_not_start(self):
        with Rig() as r:
            r.file = r.settings(VIRTUAL)
            state = ("--state", r.path("state"))
            first = self.start(r, *state)
            second = subprocess.run([PROGRAM, "run", r.file, *state], capture_output=True, text=True, timeout=10)
            self.assertEqual(second.returncode, 69)
            self.assertIn(f"another twcbridge runs with its state in {r.path('state')}", second.stderr + second.stdout)
            time.sleep(1)
            self.assertIsNone(first.poll())
            self.assertNotIn(b"lost", read(r, "bridge.log"))
            first.kill()
            first.wait()
            self.start(r, *state, log="again.log")

    def test_a_damaged_id_is_made_anew(self):
        with Rig() as r:
            r.file = r.settings(VIRTUAL)
            os.mkdir(r.path("state"))
            with open(r.path("state/instance"), "wb") as f:
                f.write(bytes(range(200, 240)))
            p = self.start(r, "--state", r.path("state"))
            self.assertIn(b"instance was damaged", read(r, "bridge.log"))
            made = read(r, "state/instance")
            self.assertRegex(made, rb"^[0-9a-f]{16}$")
            r.end(p)
            self.start(r, "--state", r.path("state"), log="again.log")
            self.assertEqual(read(r, "state/instance"), made)
            self.assertNotIn(b"damaged", read(r, "again.log"))

    def test_the_folders_above_the_store_are_made(self):
        with Rig() as r:
            r.file = r.settings(dict(VIRTUAL, store={"path": r.path("a/b/c")}))
            self.start(r)
            wait("the store", lambda: os.path.exists(r.path("a/b/c/twcbridge.db")))
            self.assertNotIn(b"nothing is remembered", read(r, "bridge.log"))

    def test_broken_settings_are_told_once(self):
        with Rig() as r:
            r.file = r.path("settings.json")
            with open(r.file, "w") as f:
                f.write('{"circuits":[{"name":"garage","limt_a":32}]}')
            r.run(PROGRAM, "run", r.file, "--state", r.path("state"), log="bridge.log")
            wait("safe mode", lambda: b"safe mode" in read(r, "bridge.log"))
            self.assertEqual(read(r, "bridge.log").count(b"did you mean limit_a?"), 1)

    def broken(self, r, text, *args, log):
        """Starts on a settings file of that text; what the log says once safe mode is told."""
        with open(r.file, "w") as f:
            f.write(text)
        p = r.run(PROGRAM, "run", r.file, *args, log=log)
        wait("safe mode", lambda: b"safe mode: running on" in read(r, log), 10)
        time.sleep(0.3)
        r.end(p)
        return read(r, log).decode()

    def test_the_good_copy_is_found_where_a_file_that_is_no_json_names_its_store(self):
        with Rig() as r:
            r.file = r.settings(dict(VIRTUAL, store={"history_days": 3, "path": r.path("a/b")}))
            p = self.start(r)
            wait("the store", lambda: os.path.exists(r.path("a/b/twcbridge.db")))
            r.end(p)
            good = read(r, "settings.json").decode()
            for n, text in enumerate((good[:-1] + ",}", "[" + good, good.replace('"circuits":', '"circuits"'),
                                      good.replace(",", ",,", 1))):
                log = self.broken(r, text, log=f"{n}.log")
                self.assertIn(f"names {r.path('a/b')} as its store", log)
                self.assertIn("running on the last good copy", log)

    def test_no_good_copy_is_told_with_the_place_and_the_way_to_give_another(self):
        with Rig() as r:
            r.file = r.path("settings.json")
            for n, text in enumerate(("{", '{"store":{"path":"/nowhere/at/all"', '{"store":"path", "path":"/etc"')):
                log = self.broken(r, text, "--state", r.path("state"), log=f"{n}.log")
                self.assertIn(f"no good copy was found in {r.path('state')}; if the state of the last good run lies "
                              "elsewhere, start with --state DIR", log)

    def test_a_form_of_the_log_that_does_not_exist_is_refused(self):
        p = subprocess.run([PROGRAM, "run", "/nonexistent", "--log", "xml"], capture_output=True, text=True, timeout=10)
        self.assertEqual(p.returncode, 64)
        self.assertIn("--log xml: allowed is human, json or journal", p.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
