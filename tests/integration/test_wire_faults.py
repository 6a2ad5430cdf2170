#!/usr/bin/env python3
"""What is on the wire when a charger is silent, does not stop or draws too much, when leases end and
where floors do not fit: as test_wire.py.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import parallel  # noqa: E402
from rig import Rig, result, state, wait  # noqa: E402
from twc import Unit  # noqa: E402
from wire import Wire, ask, kill, limits, opened  # noqa: E402


class TestFaults(Wire):
    def test_a_charger_that_never_answers_again(self):
        """10 s: its floor. Its amps are booked for silent_book_s, then its floor while we go on;
        after silent_stop_s nothing is said, and once more silent_book_s later nothing is booked."""
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")], {"safety": {"silent_book_s": 30, "silent_stop_s": 60}})
            for i in ("a1b2", "c3d4"):
                ask(c, i, 32)
            self.amps(s, "a1b2", 16)
            self.amps(s, "c3d4", 16)
            time.sleep(3)
            u = s.unit("a1b2")
            u.silent = True
            begin = time.monotonic()
            time.sleep(9)
            self.assertEqual([a for a in limits(s, "a1b2", begin) if a < 16], [])
            self.assertAlmostEqual(wait("the floor", lambda: next(
                (h for h in s.log.of("a1b2", begin) if h.limit and h.amps <= 6), None), 4).start - begin, 10.2, delta=1.5)
            time.sleep(15)
            self.assertLessEqual(max(limits(s, "c3d4", begin), default=0), 16)
            self.assertGreater(self.amps(s, "c3d4", 26, 12) - begin, 28)
            wait("our silence", lambda: time.monotonic() - s.log.of("a1b2")[-1].start > 3, 40)
            last = s.log.of("a1b2")[-1].start
            self.assertAlmostEqual(last - begin, 60, delta=2.5)
            self.rhythm(s, "a1b2", begin)
            self.assertLessEqual(max(limits(s, "c3d4", begin)), 26)
            self.assertGreater(self.amps(s, "c3d4", 32, 36) - last, 28)
            u.silent, back = False, time.monotonic()
            u.reboot()
            wait("it again", lambda: s.log.of("a1b2", back), 20)

    def test_a_unit_that_does_not_stop_is_left_in_silence(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            ask(c, "a1b2", 16)
            self.amps(s, "a1b2", 16)
            u = s.unit("a1b2")
            wait("it charges", lambda: u.draw > 10)
            wait("plugged", lambda: state(c, "twcbridge/charger/a1b2").get("plugged") is not False, 8)
            time.sleep(5)
            begin = time.monotonic()
            result(c, "twcbridge/charger/a1b2/charging_allowed/set", "OFF")
            self.amps(s, "a1b2", 0)
            wait("no current", lambda: u.draw == 0, 60)
            gaps = s.log.intervals("a1b2", begin)
            quiet = time.monotonic() - s.log.of("a1b2")[-1].start
            self.assertGreater(max([quiet, *gaps]), 20, "silence towards it, not 0 A, stopped it")
            self.assertEqual([h.amps for h in s.log.of("a1b2", begin) if h.limit and h.amps > 0], [])

    def test_protocol_1_is_stopped_by_0_a(self):
        with Rig() as r:
            s, c = r.quick([Unit("e5f6", protocol=1)])
            ask(c, "e5f6", 16)
            self.amps(s, "e5f6", 16)
            wait("it charges", lambda: s.unit("e5f6").draw > 10)
            begin = time.monotonic()
            result(c, "twcbridge/charger/e5f6/charging_allowed/set", "OFF")
            wait("no current", lambda: s.unit("e5f6").draw == 0, 8)
            time.sleep(2)
            self.rhythm(s, "e5f6", begin)
            self.assertEqual({h.amps for h in s.log.of("e5f6", begin + 0.6)}, {0.0})

    def test_the_default_does_not_stop_a_car_in_its_first_minute_but_a_person_does(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2", plugged=False), Unit("c3d4", plugged=False)], {
                "chargers": [{"id": i, "default_a": 0} for i in ("a1b2", "c3d4")]})
            for u in s.units:
                ask(c, u.ident, 10, 14)
                self.amps(s, u.ident, 10)
                u.plugged = True
            plugged = time.monotonic()
            wait("both seen", lambda: all(state(c, f"twcbridge/charger/{u.ident}").get("plugged") for u in s.units), 12)
            time.sleep(plugged + 20 - time.monotonic())
            result(c, "twcbridge/charger/c3d4/charging_allowed/set", "OFF")
            self.assertLess(self.amps(s, "c3d4", 0, 2) - plugged, 22)
            time.sleep(plugged + 55 - time.monotonic())
            told = limits(s, "a1b2", plugged)
            self.assertEqual([a for a in told if a < 6], [], "the request ended 40 s ago")
            self.assertIn(6.0, told)
            self.assertGreater(self.amps(s, "a1b2", 0, 20) - plugged, 59)

    def test_a_charger_that_draws_more_than_it_is_offered_makes_others_give_way(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")], {
                "circuits": [{"name": "garage", "limit_a": 24}], "safety": {"overdraw_s": 5, "overdraw_stop_s": 5}})
            ask(c, "a1b2", 10)
            ask(c, "c3d4", 14)
            self.amps(s, "c3d4", 14)
            wait("both charge", lambda: all(u.draw > 8 for u in s.units))
            time.sleep(1)
            begin = time.monotonic()
            s.unit("a1b2").more = 14.0
            c.wait(lambda m: "draws_too_much" in m.payload, 12, begin)
            self.amps(s, "c3d4", 6, 4)  # it cannot stop below
            others = min(h.start for h in s.log.of("c3d4", begin) if h.limit and h.amps < 14)
            self.assertGreater(others - begin, 4)
            wait("silence for it", lambda: time.monotonic() - s.log.of("a1b2")[-1].start > 8, 25)
            self.assertLess(s.log.of("a1b2")[-1].start - begin, 20)


    def test_a_draw_below_the_offer_is_not_chased(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2"), Unit("c3d4")])
            for u in s.units:
                ask(c, u.ident, 32)
            self.amps(s, "c3d4", 16)
            s.unit("a1b2").more = -8.0  # a derated car, or a full one
            time.sleep(12)
            self.assertEqual([u.limit for u in s.units], [16, 16])


class TestLeases(Wire):
    def test_ceilings_hold_and_the_highest_request_wins(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            top = "twcbridge/charger/a1b2/current_limit/set"
            ask(c, "a1b2", 20, owner="low")
            self.amps(s, "a1b2", 20)
            result(c, top, '{"value":9,"for":600,"owner":"high","priority":8}')
            self.amps(s, "a1b2", 9)
            ask(c, "a1b2", 30, owner="low")
            time.sleep(1.5)
            self.assertEqual(s.unit("a1b2").limit, 9, "a lower priority changes nothing")
            result(c, top, '{"value":25,"for":600,"owner":"newest","priority":8}')
            self.amps(s, "a1b2", 25)
            result(c, "twcbridge/site/current_limit/set", '{"value":18,"for":600,"owner":"grid"}')
            self.amps(s, "a1b2", 18)
            result(c, "twcbridge/circuit/garage/current_limit/set", '{"value":13,"for":600,"owner":"ems"}')
            self.amps(s, "a1b2", 13)
            result(c, "twcbridge/site/mode/set", "stop")
            self.amps(s, "a1b2", 0)
            result(c, "twcbridge/site/mode/set", "manual")
            self.assertEqual(set(limits(s, "a1b2")) - {6.0, 9.0, 13.0, 18.0, 20.0, 25.0, 0.0}, set())

    def test_a_plain_value_ends_when_the_car_leaves(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            result(c, "twcbridge/charger/a1b2/current_limit/set", "15")
            self.amps(s, "a1b2", 15)
            wait("plugged", lambda: state(c, "twcbridge/charger/a1b2").get("plugged") is True, 12)
            s.unit("a1b2").plugged = False
            c.wait(lambda m: m.topic.endswith("/event") and "lease_ended" in m.payload, 12)
            self.amps(s, "a1b2", 6, 3)

    def test_a_stored_value_survives_a_kill_and_ends_at_its_own_time(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2")])
            begin = time.monotonic()
            ask(c, "a1b2", 14, 12)
            self.amps(s, "a1b2", 14)
            time.sleep(1)
            kill(r)
            dead = time.monotonic()
            r.bridge(settings=r.file)
            opened(r, 2)
            time.sleep(begin + 11.5 - time.monotonic())
            self.assertEqual(set(limits(s, "a1b2", dead)) - {14.0}, set())
            self.assertAlmostEqual(self.amps(s, "a1b2", 6, 5) - begin, 12.3, delta=0.8)


class TestSharing(Wire):
    def test_protocol_1_takes_turns_where_the_floors_do_not_fit(self):
        with Rig() as r:
            s, c = r.quick([Unit("a1b2", protocol=1), Unit("e5f6", protocol=1)], {
                "circuits": [{"name": "garage", "limit_a": 8}], "safety": {"rotate_s": 60}})
            s.limit = 8
            for u in s.units:
                ask(c, u.ident, 8)
            first = wait("one charges", lambda: next((u for u in s.units if u.limit >= 6), None), 12)
            begin = time.monotonic()
            other = next(u for u in s.units if u is not first)
            time.sleep(50)
            self.assertEqual(max(limits(s, other.ident), default=0), 0)
            wait("the other's turn", lambda: other.limit >= 6 and first.limit == 0, 90)
            self.assertGreater(time.monotonic() - begin, 55)
            self.assertEqual(s.over, [])


if __name__ == "__main__":
    parallel.main(__file__, 8)
