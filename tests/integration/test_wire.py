#!/usr/bin/env python3
"""What is on the wire at each moment of docs/safety.md: the real bridge on a pty, read by a reader
that shares no code with it. Which test shows which rule: docs/internals/safety-tests.md.

Most tests wait for the real seconds of the rule; they run side by side, each in its own process.
"""
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import parallel  # noqa: E402
from rig import PROGRAM, Rig, result, state, wait  # noqa: E402
from twc import Unit  # noqa: E402
from wire import Wire, ask, kill, limits, opened  # noqa: E402

STRANGER = [0xFB, 0xE0, 0x12, 0x34, 0xA1, 0xB2, 0, 0, 0, 0, 0, 0, 0, 0, 0]


class TestStart(Wire):
    def test_a_cold_start_listens_12_s_and_takes_each_at_its_second_linkready(self):
        with Rig() as r:
            late = Unit("c3d4")
            late.silent = True
            s = r.slaves([Unit("a1b2"), late])
            r.bridge()
            begin = opened(r)
            s.announce()
            time.sleep(5)
            late.silent, late.linkready = False, 0.0
            wait("both", lambda: s.log.of("c3d4"), 20)
            first, second = s.log.of("a1b2")[0], s.log.of("c3d4")[0]
            self.assertGreaterEqual(s.log.bodies[0][0] - begin, 11.9, "not a byte before")
            self.assertLess(first.start - begin, 13)
            ready = [end for i, end in s.log.linkreadys if i == "c3d4"]
            self.assertEqual(len(ready), 2)
            self.assertGreater(second.start, ready[1])
            self.assertLess(second.start - ready[1], 1.5)
            self.assertEqual([(h.limit, h.amps) for h in (first, second)], [(True, 6), (True, 6)])

    def test_a_configured_id_is_taken_when_it_is_heard_once(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4")])
            r.bridge({"chargers": [{"id": "a1b2"}, {"id": "9999"}], "safety": {"cold_listen_ms": 3000}})
            begin = opened(r)
            s.announce()
            wait("both", lambda: s.log.of("c3d4"), 20)
            self.assertAlmostEqual(s.log.of("a1b2")[0].start - begin, 3.1, delta=0.4)
            self.assertGreater(s.log.of("c3d4")[0].start - begin, 9.9, "its second linkready")
            self.assertEqual(s.log.of("9999"), [], "never heard, never spoken to")

    def test_a_circuit_without_a_limit_feeds_one_charger(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4")])
            r.bridge({"circuits": [{"name": "garage"}], "chargers": [{"id": "a1b2"}, {"id": "c3d4"}],
                      "safety": {"cold_listen_ms": 1000}})
            opened(r)
            s.announce()
            wait("one", lambda: s.log.heartbeats, 5)
            time.sleep(8)
            told = {u.ident: set(limits(s, u.ident)) for u in s.units}
            self.assertEqual(sorted(map(len, told.values())), [0, 1], told)
            self.assertIn({6.0}, told.values())

    def test_a_warm_start_goes_on_first_and_never_raises_before_its_time(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("e5f6", protocol=1)], {"safety": {"warm_hold_s": 7}})
            ask(c, "a1b2", 12)
            ask(c, "e5f6", 0)
            self.amps(s, "a1b2", 12)
            self.amps(s, "e5f6", 0)
            time.sleep(1.5)
            kill(r)
            s.unit("a1b2").limit = 8  # somebody else lowered it meanwhile
            dead = time.monotonic()
            r.bridge(settings=r.file)
            begin = opened(r, 2)
            wait("heartbeats", lambda: s.log.of("a1b2", dead) and s.log.of("e5f6", dead), 3)
            self.assertGreater(s.first(dead)[0] - begin, 0.15, "250 ms of listening, seen a little late")
            first, zero = s.log.of("a1b2", dead)[0], s.log.of("e5f6", dead)[0]
            self.assertEqual(first.command, 0)
            self.assertEqual((zero.limit, zero.amps), (True, 0))
            time.sleep(5.5)
            self.assertLessEqual(max(limits(s, "a1b2", dead), default=0), 8, "what was read back")
            self.assertGreater(self.amps(s, "a1b2", 12, 8) - begin, 6.9)
            self.assertEqual(set(limits(s, "e5f6", dead)), {0.0})

    def test_after_a_warm_start_an_owner_who_speaks_may_raise(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")])
            for i in ("a1b2", "c3d4"):
                ask(c, i, 9, 5)
            self.amps(s, "c3d4", 9)
            ask(c, "c3d4", 15)
            time.sleep(0.05)
            kill(r)
            dead = time.monotonic()
            r.bridge(settings=r.file)
            opened(r, 2)
            time.sleep(7)
            self.assertLessEqual(max(limits(s, "c3d4", dead), default=0), 15)
            self.assertLessEqual(max(limits(s, "a1b2", dead), default=0), 9)
            ask(c, "a1b2", 16)
            self.amps(s, "a1b2", 16, 3)


class TestEnds(Wire):
    def test_a_request_that_ends_gives_the_default_in_the_same_rhythm(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")], {"chargers": [{"id": "a1b2", "default_a": 9}]})
            begin = time.monotonic()
            ask(c, "a1b2", 16, 3)
            self.amps(s, "a1b2", 16)
            self.assertAlmostEqual(self.amps(s, "a1b2", 9, 5) - begin, 3.2, delta=0.6)
            time.sleep(3)
            self.rhythm(s, "a1b2", begin)

    def test_without_the_broker_requests_run_out_and_ceilings_stay(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")], {
                "lease": {"grace_s": 3}, "chargers": [{"id": "a1b2", "default_a": 24}, {"id": "c3d4"}]})
            c.publish("homeassistant/status", "online")
            wait("alive", lambda: state(c, "twcbridge/bridge/health")["home_assistant"] == "alive")
            result(c, "twcbridge/circuit/garage/current_limit/set", '{"value":20,"for":600,"owner":"ems"}')
            result(c, "twcbridge/charger/a1b2/current_limit/set", "10")
            ask(c, "c3d4", 7)
            self.amps(s, "a1b2", 10)
            self.amps(s, "c3d4", 7)
            gone = time.monotonic()
            r.end(r.broker, signal.SIGKILL)
            back = self.amps(s, "a1b2", 13, 10)
            self.assertGreater(back - gone, 2.9)
            time.sleep(4)
            self.assertEqual(s.unit("c3d4").limit, 7, "a value with for holds to its end")
            for u in s.units:
                self.rhythm(s, u.ident, gone)
            self.assertLessEqual(max(limits(s, "a1b2", gone)), 13, "20 A for both")

    def test_sigterm_says_one_last_heartbeat_to_each(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4"), Unit("e5f6", protocol=1)])
            ask(c, "a1b2", 14)
            ask(c, "e5f6", 0)
            self.amps(s, "a1b2", 14)
            self.amps(s, "e5f6", 0)
            time.sleep(1)
            begin = time.monotonic()
            r.proc.send_signal(signal.SIGTERM)
            self.assertEqual(r.proc.wait(3), 0)
            self.assertLess(time.monotonic() - begin, 1.0)
            time.sleep(1.5)
            for ident, amps in (("a1b2", 6), ("c3d4", 6), ("e5f6", 0)):
                last = s.log.of(ident, begin)
                self.assertIn(len(last), (1, 2), "one, and one that was due at that moment")
                self.assertEqual(s.log.told(ident, last[-1].end), amps)
                self.assertTrue(last[-1].limit or amps == 6, "go on at 6 A says the same")

    def test_a_bus_that_is_back_is_a_warm_start(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            ask(c, "a1b2", 13)
            self.amps(s, "a1b2", 13)
            time.sleep(1.5)
            s.close()
            c.wait(lambda m: "bus_lost" in m.payload, 5)
            time.sleep(3)
            begin = time.monotonic()
            again = r.slaves(s.units)
            first = wait("a heartbeat", lambda: next(iter(again.log.heartbeats), None), 3, 0.01)
            self.assertLess(first.start - begin, 1.0)
            self.assertEqual(first.command, 0)
            time.sleep(3)
            self.assertEqual(set(limits(again, "a1b2")) - {13.0}, set())

    def test_the_amps_of_a_lost_bus_stay_booked_for_their_time(self):
        with Rig() as r:
            one, two = r.slaves([Unit("a1b2")]), r.slaves([Unit("c3d4")], name="two")
            r.bridge({"buses": [{"port": r.path("bus"), "circuit": "garage"},
                                {"port": r.path("two"), "circuit": "garage"}],
                      "chargers": [{"id": "a1b2"}, {"id": "c3d4"}],
                      "safety": {"cold_listen_ms": 1000, "silent_book_s": 30}})
            opened(r, 2)
            one.announce()
            two.announce()
            c = r.online("a1b2", "c3d4")
            for i in ("a1b2", "c3d4"):
                ask(c, i, 32)
            self.amps(two, "c3d4", 16)
            self.amps(one, "a1b2", 16)
            time.sleep(3)
            one.close()
            gone = time.monotonic()
            time.sleep(27)
            self.assertLessEqual(max(limits(two, "c3d4", gone), default=0), 16)
            self.assertGreater(self.amps(two, "c3d4", 32, 10) - gone, 28)


class TestOthers(Wire):
    def test_a_second_master_silences_us_at_once_until_it_is_gone(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")], {"safety": {"foreign_clear_s": 10}})
            ask(c, "a1b2", 10)
            self.amps(s, "a1b2", 10)
            s.say(STRANGER)
            time.sleep(1)
            s.say(STRANGER)
            c.wait(lambda m: "second_master" in m.payload, 3)
            begin = time.monotonic()
            time.sleep(6)
            s.say(STRANGER)
            last = time.monotonic()
            time.sleep(9)
            self.assertEqual([b for b in s.log.bodies if b[0] > begin and b[2][2:4] != bytes(STRANGER[2:4])], [])
            first = wait("a heartbeat", lambda: next(iter(s.log.of("a1b2", begin)), None), 5)
            self.assertAlmostEqual(first.start - last, 10.3, delta=0.5)

    def test_after_a_second_master_a_person_may_go_on(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            s.say(STRANGER)
            s.say(STRANGER)
            c.wait(lambda m: "second_master" in m.payload, 3)
            begin = time.monotonic()
            time.sleep(3)
            self.assertEqual(s.log.of("a1b2", begin), [])
            result(c, "twcbridge/bridge/request/resume", "PRESS")
            wait("a heartbeat", lambda: s.log.of("a1b2", begin), 2)

    def test_a_second_master_books_all_that_its_charger_could_take(self):
        with Rig() as r:
            one, two = r.slaves([Unit("a1b2", max_a=16)]), r.slaves([Unit("c3d4")], name="two")
            r.bridge({"buses": [{"port": r.path("bus"), "circuit": "garage"},
                                {"port": r.path("two"), "circuit": "garage"}],
                      "chargers": [{"id": "a1b2"}, {"id": "c3d4"}], "safety": {"cold_listen_ms": 1000}})
            opened(r, 2)
            one.announce()
            two.announce()
            c = r.online("a1b2", "c3d4")
            ask(c, "c3d4", 32)
            self.amps(two, "c3d4", 26)
            one.say(STRANGER)
            one.say(STRANGER)
            self.amps(two, "c3d4", 16, 3)

    def test_a_charger_that_reboots_gets_its_floor_until_it_is_read_back(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            ask(c, "a1b2", 16)
            self.amps(s, "a1b2", 16)
            time.sleep(2)
            u = s.unit("a1b2")
            u.silent = True
            time.sleep(1.2)
            u.reboot()
            begin = time.monotonic()
            u.silent = False
            self.amps(s, "a1b2", 6, 5)
            ready = next(end for i, end in s.log.linkreadys if i == "a1b2" and end > begin)
            first = s.log.of("a1b2", ready + 0.03)[0]
            self.assertEqual((first.limit, first.amps), (True, 6), "never go on, never its old amps")
            self.amps(s, "a1b2", 16, 8)
            self.assertEqual(s.log.go_on_without_proof("a1b2", ready), [])

    def not_taken(self, slaves, client, ident, words, others):
        """One that announces itself is told of in words and never spoken to; the others go on."""
        begin, stranger = time.monotonic(), Unit(ident)
        for _ in range(3):
            slaves.say(stranger.announce())
            time.sleep(2)
        client.wait(lambda m: m.topic == "twcbridge/bridge/event" and words in m.payload, 3)
        self.assertEqual(slaves.log.of(ident), [])
        for i in others:
            self.rhythm(slaves, i, begin)

    def test_a_fourth_charger_is_not_spoken_to_and_evicts_nobody(self):
        with Rig() as r:
            ids = ("a1b2", "c3d4", "e5f6")
            s, c = r.quick([Unit(i) for i in ids])
            self.not_taken(s, c, "7788", "fourth charger (7788)", ids)

    def test_a_charger_with_our_own_id_is_known_before_the_first_byte_or_told(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("4357")])
            ask(c, "4357", 10)
            self.amps(s, "4357", 10)
            time.sleep(3)
            self.assertEqual({body[2:4].hex() for _, _, body in s.log.bodies}, {"4358"})
            self.rhythm(s, "4357", 0)
            self.rhythm(s, "a1b2", 0)
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            self.not_taken(s, c, "4357", "has the id of the bridge", ["a1b2"])

    def test_units_that_do_not_stop_are_spoken_to_only_where_6_a_fit(self):
        with Rig() as r:
            s = r.slaves([Unit("a1b2"), Unit("c3d4")])
            circuit, low, high = {"name": "garage", "limit_a": 10}, {"id": "a1b2", "priority": 3}, {"id": "c3d4",
                                                                                              "priority": 7}
            r.bridge({"circuits": [circuit], "chargers": [low, high], "safety": {"cold_listen_ms": 1000}})
            opened(r)
            s.announce()
            c = r.online("c3d4")
            c.wait(lambda m: m.topic.endswith("/event") and "6 A do not fit" in m.payload, 5)
            time.sleep(6)
            self.assertEqual(s.log.of("a1b2"), [], "the lower priority hears nothing")
            self.assertGreater(len(s.log.of("c3d4")), 4)
            p = subprocess.run([PROGRAM, "check", r.file], capture_output=True, text=True, timeout=20)
            self.assertRegex(p.stdout + p.stderr, "(?i)warning.*6 A")


class TestRhythm(Wire):
    def test_hundreds_of_changes_never_break_the_rhythm(self):
        with Rig() as r:
            ids = ("a1b2", "c3d4", "e5f6")
            s, c = r.quick([Unit(i) for i in ids])
            time.sleep(2)
            begin, rng = time.monotonic(), random.Random(7)
            while time.monotonic() < begin + 15:
                ident = rng.choice(ids)
                c.publish(f"twcbridge/charger/{ident}/current_limit/set", str(rng.randint(6, 20)), qos=0)
                time.sleep(0.06)
            for i in ids:
                self.rhythm(s, i, begin)
                self.assertGreaterEqual(s.log.spacing(i), 0.38, "end to start, as read from a pty")
                self.assertEqual(s.log.go_on_without_proof(i, begin), [])
            self.assertEqual(s.log.bad, [])
            said = [b for b in s.log.bodies if b[0] >= begin]
            self.assertTrue(all(b[0] >= a[1] for a, b in zip(said, said[1:])), "one message in flight")
            queries = sum(b[2][1] != 0xE0 for b in said)
            self.assertLessEqual(queries, len(s.log.of("a1b2", begin)), "one query a round")
            self.assertTrue(all(b[2][2:4] != b"\x77\x77" for b in s.log.bodies), "our id is not 7777")

    def test_go_on_is_said_only_while_a_fresh_answer_shows_the_offer(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            ask(c, "a1b2", 12)
            self.amps(s, "a1b2", 12)
            time.sleep(3)
            u, settled = s.unit("a1b2"), time.monotonic() - 1.5
            self.assertTrue(all(h.command == 0 for h in s.log.of("a1b2", settled)))
            u.shows = 9.0
            other = time.monotonic()
            time.sleep(5)
            after = s.log.of("a1b2", other + 1.3)
            self.assertTrue(after and all(h.limit and h.amps == 12 for h in after), "another limit is shown")
            u.shows = None
            time.sleep(3)
            self.assertEqual(s.log.of("a1b2")[-1].command, 0)
            u.silent, quiet = True, time.monotonic()
            time.sleep(7)
            after = s.log.of("a1b2", quiet + 2.6)
            self.assertTrue(after and all(h.limit for h in after), "no answer for 2.5 s")
            self.assertEqual(s.log.go_on_without_proof("a1b2", settled), [])
            self.rhythm(s, "a1b2", settled)

    def test_zero_is_said_in_every_heartbeat(self):
        with Rig() as r:
            s, c = r.quick([Unit("e5f6", protocol=1), Unit("a1b2", plugged=False)])
            for u in s.units:
                ask(c, u.ident, 0)
                self.amps(s, u.ident, 0)
            begin = time.monotonic()
            time.sleep(6)
            for u, command in zip(s.units, (5, 9)):
                self.assertEqual({(h.command, h.amps) for h in s.log.of(u.ident, begin)}, {(command, 0.0)})
                self.rhythm(s, u.ident, begin)

    def test_noise_does_not_silence_us(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            s.noise, s.steady = 300.0, True
            time.sleep(1.5)
            begin = time.monotonic()
            time.sleep(10)
            self.rhythm(s, "a1b2", begin, 1.4, 1)
            asked = time.monotonic()
            ask(c, "a1b2", 17)
            told = wait("17 A", lambda: next((h for h in s.log.of("a1b2", asked) if h.amps == 17), None), 3, 0.01)
            self.assertLess(told.start - asked, 0.4 + 0.15 + 0.35, "the 400 ms, the idle wait, the way here")

    def test_our_own_echo_is_learned(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")])
            begin = time.monotonic()
            ask(c, "a1b2", 11)
            self.amps(s, "a1b2", 11)
            s.echo = True  # the adapter is swapped while it runs, and once more at a start
            time.sleep(4)
            kill(r)
            r.bridge(settings=r.file)
            opened(r, 2)
            time.sleep(4)
            c = r.client()
            c.subscribe("twcbridge/#")
            ask(c, "c3d4", 14)
            self.amps(s, "c3d4", 14)
            time.sleep(2)
            self.assertNotIn("second master", r.log())
            for u in s.units:
                self.assertEqual(s.log.go_on_without_proof(u.ident, time.monotonic() - 3), [])
            self.assertEqual(s.log.of("a1b2")[-1].command, 0, "its answers are heard beside the echo")
            self.assertGreater(len(s.log.of("a1b2", begin)), 8)


if __name__ == "__main__":
    parallel.main(__file__, 8)
