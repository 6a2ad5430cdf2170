"""The store of a running bridge: sessions across a kill, a newer store, what people see of it."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from rig import PROGRAM, Rig, state, wait  # noqa: E402
from twc import Unit  # noqa: E402

QUICK = {"safety": {"cold_listen_ms": 1000}}
TOPIC = "twcbridge/charger/a1b2"


class Case(unittest.TestCase):
    def setUp(self):
        self.r = Rig()
        self.r.__enter__()
        self.addCleanup(self.r.__exit__, None, None, None)
        os.mkdir(self.r.path("state"))
        self.db = self.r.path("state/twcbridge.db")

    def ask(self, sql, db=None):
        with contextlib.closing(sqlite3.connect(f"file:{db or self.db}?mode=ro", uri=True)) as c:
            return c.execute(sql).fetchall()

    def charging(self, *units):
        """A bridge with these units, the first of them charging; the client that hears all."""
        self.bus = self.r.slaves(list(units) or [Unit("a1b2")])
        self.r.bridge(QUICK)
        c = self.r.online(self.bus.units[0].ident)
        c.wait(lambda m: m.topic == TOPIC and '"charging":true' in m.payload, 30)
        return c

    def kill(self):
        self.r.end(self.r.proc, signal.SIGKILL)


class Sessions(Case):
    def test_a_session_goes_on_after_a_kill_and_ends_once(self):
        self.charging()
        wait("a session in the store with some energy",
             lambda: self.ask("SELECT 1 FROM session WHERE energy_wh>0 AND charging_ms>0 AND vehicle<>''"), 30)
        self.kill()
        before = self.ask("SELECT number, start_utc_ms, energy_wh, charging_ms, max_power_w FROM session")
        self.assertEqual(len(before), 1, before)
        self.assertEqual(self.ask("SELECT end_utc_ms, why FROM session"), [(0, "")])
        self.assertEqual(self.ask("SELECT starts FROM charger"), [(1,)])
        self.assertEqual(self.ask("PRAGMA integrity_check"), [("ok",)])
        self.r.bridge(settings=self.r.file)
        c = self.r.online("a1b2")
        c.wait(lambda m: m.topic == TOPIC and '"charging":true' in m.payload, 30)
        self.bus.unit("a1b2").plugged = False
        ev = c.wait(lambda m: m.topic == TOPIC + "/event" and '"session_ended"' in m.payload, 90)
        self.assertIn('"why":"unplugged"', ev.payload)
        wait("the end in the store", lambda: self.ask("SELECT 1 FROM session WHERE end_utc_ms>0"), 10)
        rows = self.ask("SELECT number, start_utc_ms, energy_wh, charging_ms, max_power_w, vehicle, why FROM session")
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0][:2], before[0][:2])
        self.assertEqual(self.ask("SELECT starts FROM charger"), [(1,)], "the contactor closed once")
        for i in (2, 3, 4):
            self.assertGreaterEqual(rows[0][i], before[0][i])
        self.assertEqual(rows[0][5:], ("5YJ3E1EA8KF000001", "unplugged"))

    def test_a_car_that_left_while_the_bridge_was_away_is_told_apart(self):
        self.charging()
        wait("a session in the store", lambda: self.ask("SELECT 1 FROM session"), 10)
        self.kill()
        self.bus.unit("a1b2").plugged = False
        wait("no more draw", lambda: self.bus.unit("a1b2").draw == 0, 30)
        self.r.bridge(settings=self.r.file)
        wait("the end in the store",
             lambda: os.path.exists(self.db) and
             self.ask("SELECT 1 FROM session WHERE why='unplugged_while_away'"), 60)


class Backups(Case):
    def verb(self, *args):
        return subprocess.run([PROGRAM, *args, "--state", self.r.path("state")], capture_output=True, text=True,
                              check=False)

    def test_a_backup_by_mqtt_is_answered_when_it_is_there(self):
        c = self.charging()
        c.publish("twcbridge/bridge/request/backup", '{"transaction":"7"}')
        m = c.wait(lambda m: m.topic == "twcbridge/bridge/response/backup", 10)
        answer = json.loads(m.payload)
        self.assertEqual((answer["status"], answer["transaction"]), ("ok", "7"), answer)
        self.assertRegex(answer["value"], r"^twcbridge-\d{8}T\d{6}Z\.db$")
        copy = self.r.path("state/backups/" + answer["value"])
        self.assertEqual(self.ask("SELECT id FROM charger", copy), [("a1b2",)])

    def test_a_backup_while_it_runs_and_a_restore_while_it_does_not(self):
        self.charging()
        wait("a session in the store", lambda: self.ask("SELECT 1 FROM session"), 10)
        copy = self.r.path("copy.db")
        r = self.verb("backup", copy)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        number = self.ask("SELECT session_number FROM charger", copy)
        r = self.verb("restore", copy)
        self.assertEqual(r.returncode, 69, r)
        self.assertIn("another bridge, or a restore, uses this store", r.stderr)
        self.r.end(self.r.proc)
        os.unlink(self.db)
        r = self.verb("restore", copy)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        self.assertEqual(self.ask("SELECT session_number FROM charger"), number)
        self.r.bridge(settings=self.r.file)
        self.r.online("a1b2")

    def test_what_is_asked_wrongly_is_said(self):
        for args, code, has in ((("backup",), 64, "which file?"), (("restore",), 64, "which file?"),
                                (("backup", "x", "--stat"), 64, "did you mean --state?"),
                                (("restore", self.r.path("none.db")), 66, "there is no such file"),
                                (("backup", self.r.path("x.db")), 66, "there is no such file")):
            r = self.verb(*args)
            self.assertEqual(r.returncode, code, (args, r))
            self.assertIn(has, r.stderr)


class Why(Case):
    def why(self, *args):
        return subprocess.run([PROGRAM, "why", *args, "--state", self.r.path("state")], capture_output=True, text=True,
                              check=False, env={**os.environ, "TZ": "Europe/Berlin"})

    def test_a_running_bridge_says_what_is_in_force_and_what_was(self):
        c = self.charging()
        c.publish("twcbridge/charger/a1b2/current_limit/set",
                  '{"value":10,"for":60,"owner":"solar","reason":"clouds"}')
        c.wait(lambda m: m.topic == TOPIC and '"offered":10,' in m.payload, 10)
        wait("the decision is in the store", lambda: self.ask("SELECT 1 FROM decision WHERE after_ma=10000"), 5)
        r = self.why()
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        last = r.stdout.strip().splitlines()[-1]
        self.assertRegex(last, r"^  in force since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0[12]00: 10 A asked by solar, ")
        self.assertIn("-> 10 A: ", r.stdout)
        first = self.ask("SELECT min(utc_ms) FROM decision")[0][0]
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(first / 1000 + 1))
        r = self.why("--at", at, "--charger", "a1b2", "--last", "1")
        lines = r.stdout.strip().splitlines()
        self.assertEqual((len(lines), lines[0]), (3, "a1b2"), r)
        self.assertRegex(lines[2], r" until \d{4}-.*: \d+ A asked by nobody \(its default\), ")
        r = self.why("--at", "1999-01-01 06:00")
        self.assertEqual((r.returncode, r.stdout), (0, "no decision was made by then\n"), r)

    def test_what_is_asked_wrongly_is_said(self):
        for args, code, has in ((("--at", "noon"), 64, "--at: 'noon' is not a time"),
                                (("--at", "24:00"), 64, "is not a time"),
                                (("--last", "0"), 64, "--last: '0' is not a number from 1 to 1000"),
                                (("--att", "06:00"), 64, "did you mean --at?"),
                                ((), 66, "twcbridge.db: there is no such file")):
            r = self.why(*args)
            self.assertEqual((r.returncode, r.stdout), (code, ""), (args, r))
            self.assertIn(has, r.stderr)


class Newer(Case):
    def test_a_newer_store_is_left_alone_and_charging_goes_on(self):
        with contextlib.closing(sqlite3.connect(self.db)) as c:
            c.execute("CREATE TABLE later (x)")
            c.execute("PRAGMA user_version=99")
            c.commit()
        with open(self.db, "rb") as f:
            before = f.read()
        c = self.charging()
        self.assertIn("written by a newer version of the bridge (schema 99, this one knows ", self.r.log())
        self.assertTrue(state(c, "twcbridge/bridge/health")["problem"])
        time.sleep(2)
        self.r.end(self.r.proc)
        with open(self.db, "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(sorted(os.listdir(self.r.path("state"))), ["instance", "twcbridge.db", "twcbridge.lock"])


if __name__ == "__main__":
    unittest.main()
