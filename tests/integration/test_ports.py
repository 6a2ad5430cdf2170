#!/usr/bin/env python3
"""Gateways and devices that come and go: a real ser2net on a pty, virtual chargers behind it."""
import json
import os
import socket
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from gateway import Proxy, Ser2net, listens  # noqa: E402
from rig import PROGRAM, Rig, free_port, wait  # noqa: E402
from twc import Unit  # noqa: E402


def bus(port, ids=()):
    """Settings; a charger that stands in them is taken when it is heard once."""
    return {"buses": [{"port": port, "circuit": "garage"}], "chargers": [{"id": i} for i in ids],
            "safety": {"cold_listen_ms": 1000}}


def first_frame(rig, before, since, timeout=10):
    """Seconds from `since` to the first frame of the bridge at the virtual chargers."""
    def came():
        try:
            return rig.control("status")["frames_in"] > before
        except OSError:
            return False
    wait("a heartbeat", came, timeout, 0.005)
    return time.monotonic() - since


def events(client, kind):
    return [json.loads(m.payload) for m in list(client.messages)
            if m.topic == "twcbridge/bridge/event" and f'"{kind}"' in m.payload]


class TestSer2net(unittest.TestCase):
    def test_a_telnet_gateway_is_set_up_and_carries_every_amp(self):
        with Rig() as r:
            ids = r.simulate("--chargers", "2", "--plugged", "--id", "ffc0")  # FF and C0 in each message
            g = Ser2net(r, r.path("bus"))
            r.bridge(bus(f"rfc2217://127.0.0.1:{g.port}", ids))
            c = r.online(*ids)
            for amps in range(6, 27, 2):
                c.publish(f"twcbridge/charger/{ids[0]}/current_limit/set", str(amps))
                wait(f"{amps} A", lambda a=amps: r.virtual(ids[0])["told_a"] == a, 5)
            s = r.control("status")
            self.assertEqual((s["bad_frames"], s["dangerous"], s["collisions"]), (0, 0, 0), s)
            self.assertIn("is open", r.log())

    def test_ser2net_killed_and_restarted(self):
        for scheme, pauses in (("rfc2217", (0.3, 1.0, 2.2, 5.0)), ("tcp", (0.7, 1.9))):
            with self.subTest(scheme), Rig() as r:
                ids = r.simulate("--chargers", "2", "--plugged")
                g = Ser2net(r, r.path("bus"), raw=scheme == "tcp")
                r.bridge(bus(f"{scheme}://127.0.0.1:{g.port}", ids))
                c = r.online(*ids)
                took = []
                for pause in pauses:
                    g.kill()
                    wait("the loss", lambda n=len(took): len(events(c, "bus_lost")) == n + 1, 3)
                    time.sleep(pause)
                    before = r.control("status")["frames_in"]
                    took.append(first_frame(r, before, g.start()))
                print(f"ser2net back -> first heartbeat, {scheme}:", [f"{x:.3f} s" for x in took])
                self.assertLessEqual(max(took), 1.0)
                wait("the return", lambda: len(events(c, "bus_back")) == len(pauses), 3)
                self.assertEqual(r.control("status")["dangerous"], 0)

    def test_a_gateway_that_another_program_uses_is_told_in_its_own_words(self):
        with Rig() as r:
            r.simulate("--chargers", "1")
            g = Ser2net(r, r.path("bus"))
            with open(g.file) as f:
                text = f.read().replace("kickolduser: true", "kickolduser: false")
            g.kill()
            with open(g.file, "w") as f:
                f.write(text)
            g.start()
            with socket.create_connection(("127.0.0.1", g.port)) as other:
                other.recv(100)
                r.bridge(bus(f"rfc2217://127.0.0.1:{g.port}"))
                wait("the reason", lambda: "already in use" in r.log(), 5)
            wait("the bus", lambda: "is open" in r.log(), 3)

    def test_a_raw_port_is_not_taken_for_telnet(self):
        with Rig() as r:
            r.simulate("--chargers", "1")
            g = Ser2net(r, r.path("bus"), raw=True)
            r.bridge(bus(f"rfc2217://127.0.0.1:{g.port}"))
            wait("the reason", lambda: "does not speak telnet" in r.log(), 6)
            self.assertEqual(r.control("status")["dangerous"], 0)
            self.assertNotIn("is open", r.log())


class TestSlowNetwork(unittest.TestCase):
    """Behind a network that is slow or cuts: nobody is lost, the rhythm stays."""

    def keep(self, seconds, wide=1.2, raw=False, **net):
        with Rig() as r:
            units = [Unit("a1b2"), Unit("c3d4", protocol=1), Unit("e5f6")]
            ids = [u.ident for u in units]
            s = r.slaves(units)
            g = Ser2net(r, r.path("bus"), raw=raw)
            p = Proxy(g.port, **net)
            r.closers.append(p.close)
            r.bridge(bus(f"{'tcp' if raw else 'rfc2217'}://127.0.0.1:{p.port}", ids))
            c = r.online(*ids, timeout=60)
            c.publish("twcbridge/charger/a1b2/current_limit/set", "12")
            wait("12 A", lambda: s.unit("a1b2").limit == 12, 10)
            begin = time.monotonic()
            time.sleep(seconds)
            gaps = sorted(x for i in ids for x in s.log.intervals(i, begin))
            print(f"{net}: {len(gaps)} intervals, p50 {gaps[len(gaps) // 2]:.3f} s, max {gaps[-1]:.3f} s")
            self.assertGreater(len(gaps), 2.4 * seconds)
            self.assertLess(gaps[-1], wide)
            self.assertGreaterEqual(min(s.log.spacing(i) for i in ids), 0.38)
            gone = [m.topic for m in list(c.messages) if m.payload == "offline" and "/charger/" in m.topic and
                    m.time > begin]
            self.assertEqual(gone, [])
            self.assertNotIn("does not answer", r.log())
            self.assertEqual(s.log.bad, [])
            self.assertEqual(p.calls, 1)
            return p

    def test_a_gateway_300_ms_away_keeps_its_chargers(self):
        self.keep(15, delay=0.15)

    def test_a_raw_gateway_300_ms_away_keeps_its_chargers(self):
        self.keep(10, raw=True, delay=0.15)

    def test_every_byte_alone(self):
        self.keep(8, single=True)

    def test_frames_cut_at_every_byte(self):
        p = self.keep(20, wide=1.6, cut=0.12)
        for size in (16, 18):  # heartbeats as they pass, of both protocols
            self.assertGreaterEqual(sum(n >= size for _, n in p.cuts), 15)


class TestCallingGateway(unittest.TestCase):
    def test_ser2net_calls_and_a_second_caller_is_refused(self):
        with Rig() as r:
            port = free_port()
            ids = r.simulate("--chargers", "2", "--plugged")
            r.bridge(bus(f"tcp-listen://:{port}", ids))
            wait("nobody yet", lambda: "no gateway has called yet" in r.log(), 6)
            g = Ser2net(r, r.path("bus"), calls=port)
            c = r.online(*ids, timeout=40)
            with socket.create_connection(("127.0.0.1", port)) as other:
                other.settimeout(2)
                self.assertEqual(other.recv(10), b"")
            wait("the log", lambda: "refused a second caller, 127.0.0.1" in r.log(), 2)
            c.publish(f"twcbridge/charger/{ids[0]}/current_limit/set", "13")
            wait("13 A", lambda: r.virtual(ids[0])["told_a"] == 13, 5)
            g.kill()
            wait("the loss", lambda: events(c, "bus_lost"), 3)
            self.assertTrue(listens(port))  # it goes on listening
            before = r.control("status")["frames_in"]
            g.start()
            first_frame(r, before, time.monotonic(), 30)  # ser2net calls when a charger speaks
            wait("the return", lambda: events(c, "bus_back"), 3)
            s = r.control("status")
            self.assertEqual((s["dangerous"], s["bad_frames"]), (0, 0))

    def test_a_caller_is_served_within_a_second_of_its_call(self):
        with Rig() as r:
            port, far = free_port(), free_port()
            r.run(PROGRAM, "simulate", "--chargers", "1", "--plugged", "--tcp", f"127.0.0.1:{far}", "--control",
                  r.path("control"), log="sim.log")
            wait("simulate", lambda: os.path.exists(r.path("sim.log")) and r.find("sim.log", "ready:"))
            ident = r.control("status")["chargers"][0]["id"]
            r.bridge(bus(f"tcp-listen://127.0.0.1:{port}", [ident]))
            wait("the port", lambda: listens(port))
            took = []
            for i in range(3):
                near = socket.create_connection(("127.0.0.1", port))
                since, before = time.monotonic(), r.control("status")["frames_in"]
                link = socket.create_connection(("127.0.0.1", far))
                p = Proxy(far)
                worker = threading.Thread(target=p._pass, args=(near, link), daemon=True)
                worker.start()
                if i == 0:
                    r.online(ident)
                else:
                    took.append(first_frame(r, before, since))
                p.stop.set()
                worker.join()
                near.close()
                link.close()
                p.close()
                time.sleep(1.0)
            print("call -> first heartbeat:", [f"{x:.3f} s" for x in took])
            self.assertLessEqual(max(took), 1.0)


class TestDevice(unittest.TestCase):
    def test_a_port_lost_for_5_s_comes_back_under_another_name(self):
        with Rig() as r:
            ids = r.simulate("--chargers", "2", "--plugged")
            r.bridge(bus(r.path("bus"), ids))
            c = r.online(*ids)
            names, took, held = [os.readlink(r.path("bus"))], [], []
            for pause in (1.0, 5.0, 5.3):
                held.append(os.open(names[-1], os.O_RDWR | os.O_NOCTTY))  # its number stays taken
                r.end(r.sim)
                wait("the loss", lambda n=len(took): len(events(c, "bus_lost")) == n + 1, 3)
                time.sleep(pause)
                r.simulate("--chargers", "2", "--plugged")
                back = time.monotonic()
                names.append(os.readlink(r.path("bus")))
                took.append(first_frame(r, 0, back))
            for fd in held:
                os.close(fd)
            print("device back -> first heartbeat:", [f"{x:.3f} s" for x in took])
            self.assertEqual(len(set(names)), 4, names)
            self.assertLessEqual(max(took), 1.0)
            wait("the return", lambda: len(events(c, "bus_back")) == 3, 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
