"""A P1 meter over a pty, over TCP and behind a real ser2net: read by the probe and by the running bridge."""
import datetime
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

from ems_serve_line import Pty, Sender, Tcp  # noqa: E402
from gateway import Proxy, Ser2net  # noqa: E402
from rig import PROGRAM, Rig, free_port, state, wait  # noqa: E402


def crc(data):
    """CRC-16 (0x8005 mirrored, from 0), bit by bit."""
    c = 0
    for bit in (b >> i & 1 for b in data for i in range(8)):
        c = (c >> 1) ^ (0xA001 if (c ^ bit) & 1 else 0)
    return c


def telegram(watts=700, when=None, summed=True):
    now = when or datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=1)))
    lines = ["/OWN5\\2METER", "", "1-3:0.2.8(50)" if summed else "0-0:96.1.1(00)",
             f"0-0:1.0.0({now:%y%m%d%H%M%S}W)", f"1-0:1.7.0({max(watts, 0) / 1000:06.3f}*kW)",
             f"1-0:2.7.0({max(-watts, 0) / 1000:06.3f}*kW)", "1-0:32.7.0(230.0*V)", "1-0:31.7.0(003*A)",
             f"1-0:21.7.0({max(watts, 0) / 1000:06.3f}*kW)", f"1-0:22.7.0({max(-watts, 0) / 1000:06.3f}*kW)"]
    data = ("\r\n".join(lines) + "\r\n!").encode()
    return data + (f"{crc(data):04X}" if summed else "").encode() + b"\r\n"


class Meter(Sender):
    """A telegram every 0.2 s; each with other watts, as those of a living meter."""

    def __init__(self, end, **more):
        self.watts, self.count = 700, 0
        super().__init__(end, self.say, 0.2, **more)

    def say(self):
        self.count += 1
        return telegram(self.watts + self.count % 2)


def probe(*, timeout=60, **options):
    sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
    r = subprocess.run([PROGRAM, "probe", "dsmr", "--json", *sets], capture_output=True, text=True, timeout=timeout)
    return r, json.loads(r.stdout or "{}")


class Probe(unittest.TestCase):
    def is_read(self, watts=(700, 701), **options):
        r, got = probe(**options)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn(got["grid_w"]["value"], watts)
        self.assertEqual(got["voltage_mv"][0]["value"], 230000)
        self.assertIn(got["current_ma"][0]["value"], (3043, 3048))  # 700 W / 230 V, not the whole 3 A
        self.assertLess(got["grid_w"]["age_ms"], 5000)

    def test_a_serial_line_in_pieces_of_any_size(self):
        for piece in (0, 1, 7, 64):
            with self.subTest(piece=piece), Meter(Pty(), piece=piece) as m:
                self.is_read(device=m.end.device)

    def test_a_gateway_that_passes_bytes_one_by_one_and_one_that_cuts_each_piece(self):
        for how in ({"single": True}, {"cut": 0.002}):
            with self.subTest(**how), Meter(Tcp()) as m:
                p = Proxy(m.end.port, **how)
                self.addCleanup(p.close)
                self.is_read(host="127.0.0.1", port=p.port)

    def test_two_telegrams_in_one_read(self):
        with Sender(Tcp(), lambda: telegram(10) + telegram(20)) as s:
            r, got = probe(**s.end.options)
            self.assertEqual((r.returncode, got["grid_w"]["value"]), (0, 20), r.stderr)

    def test_ser2net(self):
        rig = self.enterContext(Rig())
        with Meter(Pty()) as m:
            g = Ser2net(rig, m.end.device, meter=True)
            self.is_read(host="127.0.0.1", port=g.port)

    def test_what_never_is_a_telegram_says_what_to_change(self):
        rows = [(b"", 75, ("nothing comes (15 s)", "RTS")), (b"\xf8\xe0\x80ab" * 20, 74, ("wrong baud or format?",)),
                (b"login: ", 74, ("is it the right one?",))]
        for data, code, parts in rows:
            with self.subTest(data=data[:10]), Sender(Pty(), lambda data=data: data, 1) as s:
                r, got = probe(device=s.end.device, baud=115200)
                self.assertEqual(r.returncode, code, r.stderr)
                self.assertIsNone(got["grid_w"]["value"])
                for part in (*parts, s.end.device):
                    self.assertIn(part, r.stderr)

    def test_nobody_there(self):
        for options, part in (({"host": "127.0.0.1", "port": free_port()}, "refused"),
                              ({"device": "/dev/no-such-meter"}, "not there"),
                              ({"host": "no-such-host.invalid", "port": 1}, "not found")):
            r, _ = probe(**options)
            self.assertEqual(r.returncode, 74, r.stderr)
            self.assertIn(part, r.stderr)

    def test_a_clock_that_is_wrong_is_no_data_unless_the_settings_say_so(self):
        old = datetime.datetime(2001, 1, 1)
        with Sender(Tcp(), lambda: telegram(5, old)) as s:
            r, got = probe(**s.end.options)
            self.assertEqual(r.returncode, 74)
            self.assertIn("the device's clock was never set", got["grid_w"]["why"])
            r, got = probe(ignore_time="true", **s.end.options)
            self.assertEqual((r.returncode, got["grid_w"]["value"]), (0, 5))


class Bridge(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())

    def start(self, **options):
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1},
                         "sources": [{"name": "P1", "adapter": "dsmr", "max_age_s": 5, **options}]})
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#")

    def grid(self):
        return state(self.client, "twcbridge/site").get("grid_power")

    def source(self):
        return state(self.client, "twcbridge/source/p1")

    def test_values_come_go_and_come_back_with_the_gateway(self):
        with Meter(Pty()) as m:
            m.watts = -1200
            g = Ser2net(self.rig, m.end.device, meter=True)
            self.start(host="127.0.0.1", port=g.port)
            wait("the values", lambda: self.grid() in (-1200, -1199), 15)
            wait("ok", lambda: self.source().get("status") == "ok")
            self.assertAlmostEqual(state(self.client, "twcbridge/site")["grid_current_l1"], -5.2, delta=0.1)
            g.kill()
            wait("failing", lambda: self.source().get("status") == "failing", 5)
            self.assertIn("lost", self.source()["error"])
            wait("unknown", lambda: self.grid() is None, 8)
            g.start()
            wait("the values again", lambda: self.grid() in (-1200, -1199), 15)
            wait("well", lambda: self.source().get("status") == "ok" and not self.source()["problem"], 5)

    def test_an_adapter_is_unplugged_and_plugged_in_elsewhere(self):
        path = self.rig.path("p1")
        m = Meter(Pty()).__enter__()
        os.symlink(m.end.device, path)
        self.start(device=path)
        wait("the values", lambda: self.grid() in (700, 701), 15)
        os.unlink(path)
        m.close()
        wait("gone", lambda: "gone" in (self.source().get("error") or ""), 5)
        with Meter(Pty()) as m:
            m.watts = 90
            os.symlink(m.end.device, path)
            wait("the values again", lambda: self.grid() in (90, 91), 15)

    def test_damaged_telegrams_among_good_ones_are_no_fault(self):
        count = iter(range(10 ** 6))

        def make():
            n = next(count)
            data = telegram(500 + n % 2)
            return data.replace(b"1-0:1.7.0(00", b"1-0:1.7.0(99") if n % 3 == 2 else data
        with Sender(Tcp(), make, 0.2) as s:
            self.start(**s.end.options)
            wait("the values", lambda: self.grid() in (500, 501), 15)
            for _ in range(20):
                wait("one more", lambda n=next(count): next(count) > n, 5)
                self.assertIn(self.grid(), (500, 501))
        self.assertNotIn("checksum", self.rig.log())


if __name__ == "__main__":
    unittest.main()
