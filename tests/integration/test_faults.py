#!/usr/bin/env python3
"""The bridge on a bus where everything goes wrong: the scripts of tests/data/faults, played by
`twcbridge simulate`, judged by its log. All of them run beside each other, each with its own broker.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from buslog import BusLog  # noqa: E402
from rig import PROGRAM, Rig, free_port, state, wait  # noqa: E402

SCRIPTS = os.path.join(HERE, "../data/faults")
ONE, TWO = "1a2b", "1a2c"
LIMIT = 32
SPACING_MS = 400 - 10  # two clocks: when the master wrote, when the simulator read


class Play:
    """One script from its start to its `exit`, and what was seen meanwhile."""

    def __init__(self, script, drive=None, tcp=False, online=(ONE, TWO)):
        with Rig() as r:
            port = f"127.0.0.1:{free_port()}" if tcp else r.path("bus")
            sim = r.run(PROGRAM, "simulate", "--chargers", "2", "--plugged", "--id", ONE,
                        "--tcp" if tcp else "--link", port, "--control", r.path("control"), "--script",
                        os.path.join(SCRIPTS, script + ".script"), "--log", r.path("bus.jsonl"), log="sim.log")
            wait("simulate", lambda: r.find("sim.log", "ready:"))
            r.bridge({"buses": [{"port": f"tcp://{port}" if tcp else port, "circuit": "garage"}]})
            client = r.client()
            client.subscribe("twcbridge/#")
            self.want(client, online)
            if drive:
                drive(r, client)
            self.code = sim.wait(240)
            self.alive = r.proc.poll() is None
            self.bridge_log = r.log()
            r.end(r.proc)
            self.tapes = os.listdir(r.path("state/bus")) if os.path.isdir(r.path("state/bus")) else []
            self.messages = [(m.topic, m.payload) for m in client.messages]
            self.log = BusLog(r.path("bus.jsonl"))

    @staticmethod
    def want(client, chargers):
        """All that there is, for each of them, as soon as it is known."""
        for i in chargers:
            topic = f"twcbridge/charger/{i}/availability"
            client.wait(lambda m, t=topic: m.topic == t and m.payload == "online", 40)
            client.publish(f"twcbridge/charger/{i}/current_limit/set", '{"value":32,"for":3600,"owner":"t"}')

    def values(self, topic, key):
        """The values that a document had, in their order, without repeats."""
        out = []
        for t, p in self.messages:
            if t == topic and p.startswith("{"):
                v = json.loads(p).get(key)
                if v is not None and (not out or out[-1] != v):
                    out.append(v)
        return out

    def faults(self, ident):
        return self.values(f"twcbridge/charger/{ident}", "fault")

    def events(self):
        return [json.loads(p) for t, p in self.messages if t.endswith("/event") and p.startswith("{")]


def not_allowed(r, client):
    wait("a draw", lambda: r.virtual(ONE)["drawn_a"] > 5, 40)
    client.publish(f"twcbridge/charger/{ONE}/charging_allowed/set", "OFF")


def mended(r, client):
    """The second unit is taken off the bus once it was told, and a person says so."""
    fault = f"twcbridge/charger/{ONE}"
    client.wait(lambda m: m.topic == fault and '"fault":"duplicate_id"' in m.payload, 60)
    wait("the bus to be a problem", lambda: state(client, "twcbridge/bridge/health")["buses"]["1"]["problem"], 10)
    begin = time.monotonic()
    time.sleep(6)  # both follow
    r.control("duplicate 1 off")
    client.publish("twcbridge/bridge/request/resume", "{}")
    client.wait(lambda m: m.topic == fault and '"fault":"ok"' in m.payload, 10, begin)


PLAYS = {  # name -> arguments; the long ones first
    "duplicate": {"drive": mended}, "second_master": {}, "will_not_stop": {"drive": not_allowed}, "noise": {},
    "reboot": {}, "collisions": {}, "over_draw": {}, "cars": {}, "echo": {},
    "echo_late": {"tcp": True}, "duplicate_first": {"online": (TWO,)},
}
FUTURES = {}
POOL = concurrent.futures.ThreadPoolExecutor(6)


def start(name, **kw):
    FUTURES[name] = POOL.submit(Play, name, **kw)


def setUpModule():
    wanted = [a.partition(".test_")[2] for a in sys.argv[1:] if not a.startswith("-")]
    for name, kw in PLAYS.items():
        if not wanted or any(w.startswith(name) for w in wanted) or "Faults" in sys.argv:
            start(name, **kw)


def tearDownModule():
    POOL.shutdown()


class Faults(unittest.TestCase):
    def play(self, name, sums=True):
        """The script's play, with what must hold whatever happens."""
        if name not in FUTURES:  # chosen in a way that setUpModule does not know, such as -k
            start(name, **PLAYS[name])
        p = FUTURES[name].result()
        self.assertEqual(p.code, 0, "the simulator ends at the script's exit")
        self.assertTrue(p.alive, p.bridge_log[-2000:])
        self.assertEqual(p.log.bad, [], "nothing off the allow-list, no broken frame")
        self.assertGreater(len(p.log.told), 20)
        for i in p.log.ids:
            gaps = p.log.gaps(i)
            self.assertTrue(not gaps or min(gaps) >= SPACING_MS, f"{i}: {sorted(gaps)[:3]} ms")
        if sums:
            told = max(p.log.sums(), key=lambda s: s[1])
            shown = max(p.log.sums(), key=lambda s: s[2])
            self.assertLessEqual(told[1], LIMIT, f"told at {told[0]} ms")
            self.assertLessEqual(shown[2], LIMIT, f"shown at {shown[0]} ms")
        return p

    def test_noise_flips_losses_and_late_answers_do_not_change_the_rhythm(self):
        p = self.play("noise")
        for f in ("noise", "flip", "lost_byte", "missing", "late"):
            self.assertGreater(p.log.faults.get(f, 0), 0, f)
        peace = p.log.at("fault off")
        for i in (ONE, TWO):
            self.assertLess(max(p.log.gaps(i, p.log.at("fault"))), 1500)
            self.assertEqual(p.faults(i)[-1], "ok")
            self.assertGreater(p.log.answers(i)[-1].draw, 10)
            self.assertEqual(p.log.answers(i, peace + 8000)[-1].limit, 16)
        self.assertNotIn("second_master", p.faults(ONE) + p.faults(TWO))

    def echoes(self, name):
        p = self.play(name)
        self.assertGreater(p.log.faults["echo"], 30)
        for i in (ONE, TWO):
            self.assertEqual(set(p.faults(i)), {"ok"})
            self.assertLess(max(p.log.gaps(i)), 1500)

    def test_echo_is_no_second_master(self):
        self.echoes("echo")

    def test_echo_late_of_a_gateway_is_no_second_master(self):
        self.echoes("echo_late")

    def test_collisions_in_one_frame_of_ten_are_borne(self):
        p = self.play("collisions")
        self.assertGreater(p.log.faults["collision"], 5)
        for i in (ONE, TWO):
            self.assertLess(max(p.log.gaps(i, p.log.at("fault"))), 1500)
            self.assertGreater(p.log.answers(i)[-1].draw, 10)

    def test_second_master_silences_us_at_once_and_for_two_minutes(self):
        p = self.play("second_master", sums=False)
        first, second, last = p.log.second[0], p.log.second[1], p.log.second[-1]
        before = {i: p.log.of(i, 0, first)[-1] for i in (ONE, TWO)}
        told = {i: [t.amps for t in p.log.of(i, 0, first) if t.limit][-1] for i in before}
        between = [t for t in p.log.told if first < t.ms < second and t.limit]
        for t in between:
            self.assertLessEqual(t.amps, told[t.to], "no raise after the first foreign frame")
        # A frame takes 19 ms; one of ours may be on its way while the second one arrives.
        quiet = [t.ms for t in p.log.told if second + 60 < t.ms < last + 119000]
        self.assertEqual(quiet, [], f"silent from {second} ms on")
        again = [t.ms for t in p.log.told if t.ms > last + 60]
        self.assertTrue(again, "resumes by itself")
        self.assertAlmostEqual(again[0], last + 120000, delta=1500)
        self.assertIn("second_master", p.faults(ONE))
        self.assertIn("second_master", p.faults(TWO))
        self.assertIn("second_master", [e["event_type"] for e in p.events()])

    def test_over_draw_is_a_fault_and_the_others_are_shed(self):
        p = self.play("over_draw")
        self.assertIn("draws_too_much", p.faults(ONE))
        begin = p.log.at("car 1 over_a")
        self.assertEqual([t.amps for t in p.log.of(TWO, 0, begin) if t.limit][-1], 16)
        over = next(s.ms for s in p.log.answers(ONE, begin) if s.draw > s.limit + 1)
        shed = next(t for t in p.log.of(TWO, over) if t.limit and t.amps < 16)
        self.assertLess(shed.ms - over, 12500)
        last = {i: p.log.answers(i)[-1] for i in (ONE, TWO)}
        self.assertLessEqual(sum(max(s.limit, s.draw) for s in last.values()), LIMIT)

    def test_duplicate_ids_are_a_fault(self):
        """Both hear us and are still: their answers tell. 0 A to both until a person says go on."""
        p = self.play("duplicate")
        begin, end = p.log.at("duplicate 1 on"), p.log.at("duplicate 1 off")
        self.assertEqual(p.faults(ONE)[-2:], ["duplicate_id", "ok"])
        # Three of four answers collide: ten in a row are no answer, until the others tell.
        self.assertLessEqual(set(p.faults(ONE)), {"ok", "no_answer", "duplicate_id"})
        self.assertEqual(set(p.faults(TWO)), {"ok"})
        told = [e["fault"] for e in p.events() if e["event_type"] == "fault"]
        self.assertEqual([f for f in told if f != "no_answer"], ["duplicate_id"])
        first = next(t for t in p.log.of(ONE, begin) if t.limit and t.amps == 0)
        self.assertLess(first.ms - begin, 60000)
        self.assertEqual({t.amps for t in p.log.of(ONE, first.ms, end) if t.limit}, {0})
        # Each of the two may stay at 6 A: that much is kept free as long as both are there.
        self.assertLessEqual([t.amps for t in p.log.of(TWO, 0, end) if t.limit][-1], LIMIT - 12)
        self.assertGreater(p.log.answers(ONE)[-1].limit, 6, "goes on")
        self.assertIn("1a2b: both are told 0 A", p.bridge_log)
        self.assertTrue([f for f in p.tapes if "duplicate_id" in f])

    def test_duplicate_first_of_all_is_told_no_amps(self):
        """Two units with one id never agree, so neither is adopted; the third one charges."""
        p = self.play("duplicate_first")
        self.assertEqual(len({s for _, i, s in p.log.linkready if i == ONE}), 2)
        self.assertEqual([t.amps for t in p.log.of(ONE) if t.limit], [])
        self.assertIn("1a2b: neither is adopted", p.bridge_log)
        told = [e for e in p.events() if e["event_type"] == "problem" and "neither is adopted" in e["message"]]
        self.assertEqual(len(told), 1)
        self.assertTrue(p.values("twcbridge/bridge/health", "problem")[-1])
        self.assertGreater(p.log.answers(TWO)[-1].draw, 10)

    def test_will_not_stop_is_still_drawing_and_stays_booked(self):
        p = self.play("will_not_stop")
        self.assertIn("still_drawing", p.faults(ONE))
        self.assertEqual([t.amps for t in p.log.of(ONE) if t.limit][-1], 0)
        self.assertGreater(p.log.answers(ONE)[-1].draw, 4)
        # Each stop by silence lasts until the unit ought to have opened; two of them at most.
        self.assertLessEqual(sum(g > 20000 for g in p.log.gaps(ONE)), 2)
        self.assertLessEqual(max(t.amps for t in p.log.of(TWO) if t.limit), LIMIT - 6)
        self.assertTrue([e for e in p.events() if e["event_type"] == "still_drawing"])

    def test_reboot_is_adopted_again_at_the_floor(self):
        p = self.play("reboot")
        begin = p.log.at("reboot")
        ready = next(ms for ms, i, _ in p.log.linkready if i == ONE and ms > begin)
        signs = [s for _, i, s in p.log.linkready if i == ONE]
        self.assertEqual(len(set(signs)), 2)
        first = next(t for t in p.log.of(ONE, ready) if t.limit)
        self.assertLess(first.ms - ready, 1500)
        answer = next(s for s in p.log.answers(ONE, first.ms))
        for t in p.log.of(ONE, ready, answer.ms):
            self.assertTrue(not t.limit or t.amps <= 6, f"{t.amps} A before it was read back")
        self.assertEqual([t.amps for t in p.log.of(ONE) if t.limit][-1], 16)
        self.assertEqual(p.faults(ONE)[-1], "ok")

    def test_cars_that_sleep_or_refuse_are_no_fault(self):
        p = self.play("cars")
        self.assertGreater(p.log.answers(ONE)[-1].draw, 5, "it woke up")
        self.assertEqual(p.log.answers(TWO)[-1].draw, 0)
        self.assertEqual(set(p.faults(ONE) + p.faults(TWO)), {"ok"})


class CommandLine(unittest.TestCase):
    def run_it(self, script, *args):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "x.script")
            if script is not None:
                with open(path, "w") as f:
                    f.write(script)
            r = subprocess.run([PROGRAM, "simulate", "--chargers", "2", "--link", os.path.join(d, "bus"),
                                "--script", path, *[a.replace("DIR", d) for a in args]],
                               capture_output=True, text=True, timeout=30)
            log = os.path.join(d, "log")
            return r, open(log).read() if os.path.exists(log) else ""

    def test_a_wrong_script_is_refused_with_line_word_and_range(self):
        for text, words in (("# x\n1 fault flips=1001\n", ":2: fault: flips=1001: allowed is 0 to 1000"),
                            ("soon exit", ":1: 'soon': allowed is a time"),
                            ("1 plug 9999", ":1: there is no charger '9999'"),
                            ("1 fly", ":1: there is no command 'fly': plug unplug")):
            r, _ = self.run_it(text)
            self.assertEqual(r.returncode, 64, text)
            self.assertIn(words, r.stderr)
            self.assertEqual(r.stdout, "")
        self.assertEqual(self.run_it(None)[0].returncode, 66)
        r, _ = self.run_it("0 exit", "--log", "DIR/none/log")
        self.assertEqual(r.returncode, 74)
        self.assertIn("--log", r.stderr)

    def test_a_script_ends_the_program_and_its_seed_decides(self):
        logs = []
        for seed in ([], [], ["--seed", "5"]):
            r, log = self.run_it("seed 4\n0 fault noise=100\n0..0.4/0.1 plug 1\n0.5 exit\n", "--log", "DIR/log", *seed)
            self.assertEqual(r.returncode, 0, r.stderr)
            logs.append([json.loads(line) for line in log.splitlines()])
        self.assertEqual([g[0]["seed"] for g in logs], [4, 4, 5])
        self.assertEqual(logs[0][0]["chargers"], logs[1][0]["chargers"])
        self.assertNotEqual(logs[0][0]["chargers"], logs[2][0]["chargers"])
        lines = [e["line"] for e in logs[0] if e["event"] == "control"]
        self.assertEqual(lines, ["script", "fault noise=100"] + 5 * ["plug 1"] + ["exit"])
        noise = [[e["bytes"] for e in g if e["event"] == "fault"][:5] for g in logs]
        self.assertEqual(noise[0], noise[1])
        self.assertNotEqual(noise[0], noise[2])


if __name__ == "__main__":
    unittest.main()
