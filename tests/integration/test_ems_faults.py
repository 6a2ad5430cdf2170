"""Every energy system against everything that can go wrong: a new row of the registry joins by itself.

Its line in tests/data/ems/options.json says what it goes over: a `url` mqtt://... is a broker, `host` or `device` a wire
(Modbus, a line); anything else is HTTP, where the address is the test's own.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import http_fake  # noqa: E402
from ems_serve_line import Pty, Sender, Tcp  # noqa: E402
from mqtt import Client  # noqa: E402
from rig import PROGRAM, Rig, free_port, wait  # noqa: E402

SECRET = "s3cret-0f-this-test"
# Whatever is asked is answered so: the exit codes that are right. An answer that is JSON, and not what was
# expected, may still hold a default.
FAULTS = {"/status/401": {69}, "/status/403": {69}, "/status/404": {66}, "/busy": {75}, "/status/500": {74}, "/cut": {74},
          "/huge": {74}, "/headers": {74}, "/garbage": {74}, "/redirect": {66}, "/html": {74}, "/list": {74}, "/slow": {75},
          "/drip": {75}, "/nan": {74}, "/empty": {74}, "/null": {0, 74}, "/types": {0, 74}, "/numbers": {0, 74},
          "/past": {0, 74}, "/future": {0, 74}, "/image": {0, 74}, "/mebibyte": {0, 74}, "/too_large": {74},
          "/resting": {74}, "/status/400": {66}, "/status/302": {66}, "/status/503": {74}}
AT_ONCE = 6
# What a device that should talk Modbus may do with who connects: send this, and then keep quiet or hang up.
WIRE = {"silent": (b"", False), "hangs up": (b"", True), "garbage": (bytes(range(256)) * 16, False),
        "garbage and gone": (b"\xff\x00/\r\n!" * 99, True), "a web page": (b"HTTP/1.1 400 Bad Request\r\n\r\n<html>", True),
        "half a frame": (b"\x00\x01\x00\x00\x00\x7f\x01\x03\xfa", True), "a mebibyte": (b"\x00" * 2**20, False)}


class Wire:
    """A TCP server that sends something to whoever connects."""

    def __init__(self, data, gone):
        self.data, self.gone, self.held = data, gone, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def one(self, c):
        with contextlib.suppress(OSError):
            c.sendall(self.data)
        if self.gone:
            c.close()
        else:
            self.held.append(c)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for c in self.held:
            c.close()
LINES = {"/empty": b"", "/types": b'{"power":{"a":[]},"list":"x","soc":[true],"time":{}}',
         "/numbers": b'{"power":1e400,"list":[{"power":-9e99}],"soc":99999999999999999999,"time":1e300}',
         "/past": b'{"power":5,"list":[{"power":7}],"soc":50,"time":946684800}',
         "/future": b'{"power":5,"list":[{"power":7}],"soc":50,"time":32503680000}'}


def adapters():
    r = subprocess.run([PROGRAM, "adapters", "--json"], capture_output=True, text=True, check=True)
    return json.loads(r.stdout)


def options_of(adapter):
    return adapter["options"]["properties"]


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HERE, "../data/ems/options.json"), encoding="utf-8") as f:
            cls.options = json.load(f)
        cls.has = {a["name"]: set(a["options"]["properties"]) for a in adapters()}
        cls.all = list(cls.has)
        # Each joins the tests of what its options go over: a url, if any, is the test's own but for brokers.
        cls.mqtt = [n for n in cls.all if str(cls.options.get(n, {}).get("url", "")).startswith("mqtt")]
        cls.line = [a["name"] for a in adapters() if "baud" in options_of(a) and "rtu" not in options_of(a)]
        cls.modbus = [n for n in cls.all if "rtu" in cls.has[n]]
        cls.names = [n for n in cls.all if "url" in cls.has[n] and n in cls.options and
                     not {"url", "host", "device"} & set(cls.options[n])]

    def probe(self, name, url, **more):
        options = {"timeout_s": 1, **self.options[name], "url": url, **{k: v for k, v in more.items() if k in self.has[name]}}
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
        r = subprocess.run([PROGRAM, "probe", name, "--json", *sets], capture_output=True, text=True, timeout=60)
        self.assertNotIn(SECRET, r.stdout + r.stderr)
        return r

    def fails(self, r, codes):
        self.assertIn(r.returncode, codes, r.stdout + r.stderr)
        values = json.loads(r.stdout)
        if r.returncode != 0:
            self.assertTrue(r.stderr.strip())
            for key in ("grid_w", "pv_w", "battery_w", "soc_permille", "consumption_w"):
                self.assertIsNone(values[key]["value"])
                self.assertTrue(values[key]["why"])

    def test_each_has_options_for_the_tests(self):
        self.assertEqual(sorted(self.all), sorted(self.options))

    def at_once(self, jobs, run):
        """run(*job) gives codes and a finished probe; several at once, judged in order."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for job, (codes, r) in zip(jobs, pool.map(lambda j: run(*j), jobs)):
                with self.subTest(job=job):
                    self.fails(r, codes)

    def test_each_survives_every_fault_of_the_server(self):
        def run(name, fault):
            with http_fake.HttpFake() as fake:
                for path, body in LINES.items():
                    fake.answer(path, body)
                fake.everywhere = fault
                return FAULTS[fault], self.probe(name, f"{fake.url}/x?key={SECRET}", auth="bearer", token=SECRET)

        self.at_once([(n, f) for n in self.names for f in FAULTS], run)

    def test_each_over_modbus_survives_what_comes_there(self):
        def run(name, fault):
            with Wire(*WIRE[fault]) as wire:
                # Who looks for a unit that answers may say that none does.
                return {66, 74, 75}, self.on_modbus(name, host="127.0.0.1", port=wire.port)

        self.assertTrue(self.modbus)
        self.at_once([(n, f) for n in self.modbus for f in WIRE], run)

    def test_each_over_modbus_survives_that_nobody_is_there(self):
        def run(name, options):
            return {74, 75}, self.on_modbus(name, **json.loads(options))

        self.at_once([(n, json.dumps(o)) for n in self.modbus for o in (
            {"host": "127.0.0.1", "port": free_port()}, {"host": "no-such-host.invalid"}, {"device": "/dev/there-is-none"})], run)

    def on_modbus(self, name, **where):
        options = {"timeout_s": 1, **{k: v for k, v in self.options[name].items() if k not in ("host", "port", "device")}, **where}
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
        return subprocess.run([PROGRAM, "probe", name, "--json", *sets], capture_output=True, text=True, timeout=60)

    def test_each_survives_that_nobody_is_there(self):
        for name in self.names:
            with self.subTest(name=name):
                self.fails(self.probe(name, f"http://127.0.0.1:{free_port()}/x?key={SECRET}"), {74})
                self.fails(self.probe(name, f"http://no-such-host.invalid/?key={SECRET}"), {74, 75})

    def test_each_refuses_a_certificate_that_nobody_signed(self):
        with tempfile.TemporaryDirectory() as d:
            cert, key, _ = http_fake.certificate(d)
            with http_fake.HttpFake(cert=cert, key=key) as fake:
                for name in self.names:
                    with self.subTest(name=name):
                        self.fails(self.probe(name, fake.url + "/ok"), {69})

    def test_each_that_is_sent_messages_survives_any(self):
        rig = self.enterContext(Rig())
        port = free_port()
        with open(rig.path("verbose.conf"), "w") as f:
            f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type subscribe\n")
        rig.run("mosquitto", "-c", rig.path("verbose.conf"), log="verbose.log")
        client = wait("the broker", lambda: self.client(port))
        self.addCleanup(client.close)
        bodies = [*LINES.values(), b"{", b"[1,2]", b"null", b"\xff\x00\x80", b"<html>", b"NaN", b"x" * 60000]
        for name in self.mqtt:
            with self.subTest(name=name):
                with open(rig.path("verbose.log")) as f:
                    f.seek(0, os.SEEK_END)
                    topics, p = set(), self.start(name, f"mqtt://127.0.0.1:{port}", password=SECRET, username="x")
                    while p.poll() is None:
                        topics |= set(re.findall(r"twcbridge-ems-\w+ \d (\S+)", f.read()))
                        for topic in topics:
                            for body in bodies:
                                client.publish(topic.replace("+", "x"), body)
                        time.sleep(0.05)
                self.ended(p, {0, 74, 75})
                self.assertTrue(topics)

    @staticmethod
    def client(port):
        try:
            return Client(port)
        except OSError:
            return None

    def test_each_survives_that_there_is_no_broker(self):
        for name in self.mqtt:
            for url in (f"mqtt://127.0.0.1:{free_port()}", "mqtt://no-such-host.invalid"):
                with self.subTest(name=name, url=url):
                    self.ended(self.start(name, url, username="x", password=SECRET), {74, 75})

    def start(self, name, url, **more):
        options = {**self.options[name], "timeout_s": 1, "url": url, **more}
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
        return subprocess.Popen([PROGRAM, "probe", name, "--json", *sets], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def ended(self, p, codes):
        out, errors = p.communicate(timeout=60)
        self.assertNotIn(SECRET, out + errors)
        self.fails(subprocess.CompletedProcess(p.args, p.returncode, out, errors), codes)

    def on_a_line(self, name, end, **more):
        options = {**{k: v for k, v in self.options[name].items() if k not in ("host", "device")}, "timeout_s": 1,
                   **end, **more}
        sets = [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
        return subprocess.run([PROGRAM, "probe", name, "--json", *sets], capture_output=True, text=True, timeout=60)

    def test_each_on_a_line_survives_any_bytes(self):
        noise = bytes((i * 167 + (i >> 8) * 59) % 256 for i in range(1 << 20))
        rows = [b"", b"\0" * 5000, b"\xff" * 5000, b"/" * 20000, b"!" * 500, b"/X\r\n" + b"1-0:1.7.0(1*kW)\r\n" * 3000,
                b"<html>404</html>\r\n", *LINES.values(), b"\xdb\x08" * 3000, noise]
        self.assertTrue(self.line)

        def run(name, end, i):
            with Sender(end(), lambda: rows[i], 0.3) as s:
                return {74, 75}, self.on_a_line(name, s.end.options)

        self.at_once([(n, end, i) for n in self.line for end in (Pty, Tcp) for i in range(len(rows))], run)

    def test_each_on_a_line_survives_that_nobody_is_there(self):
        for name in self.line:
            for end in ({"host": "127.0.0.1", "port": free_port()}, {"host": "no-such-host.invalid", "port": 1},
                        {"device": "/dev/no-such-device"}, {"device": "/dev/null"}):
                with self.subTest(name=name, **end):
                    self.fails(self.on_a_line(name, end), {74, 75})


if __name__ == "__main__":
    unittest.main()
