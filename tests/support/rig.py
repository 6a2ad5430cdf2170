"""Starts and stops what a test needs: broker, bridge, virtual chargers. Loopback only.

    with Rig() as r:
        r.slaves([Unit("a1b2")])
        r.bridge({"circuits": [{"name": "garage", "limit_a": 32}]})
        r.online("a1b2")
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from mqtt import Client
from twc import Slaves

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("TWCBRIDGE", os.path.join(HERE, "../../build/twcbridge"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, fn, timeout=10, every=0.05):
    """Calls fn until it gives something true; returns that."""
    end = time.monotonic() + timeout
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(every)


class Rig:
    def __init__(self, user=None, password=None):
        self.dir = tempfile.mkdtemp(prefix="twcbridge-")
        self.port = free_port()
        self.user, self.password = user, password
        self.procs, self.closers = [], []
        self.proc = None

    def __enter__(self):
        self.start_broker()
        return self

    def __exit__(self, *_):
        for c in reversed(self.closers):
            c()
        for p in reversed(self.procs):
            self.end(p)
        if os.environ.get("KEEP"):
            print("kept:", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *args, log=None, **kw):
        with open(self.path(log) if log else os.devnull, "ab") as out:
            p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **kw)
        self.procs.append(p)
        return p

    @staticmethod
    def end(p, sig=signal.SIGTERM, timeout=5):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(timeout)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        return p.returncode

    # -- broker
    def start_broker(self):
        with open(self.path("broker.conf"), "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\npersistence false\n")
            if self.user:
                f.write(f"allow_anonymous false\npassword_file {self.path('passwords')}\n")
            else:
                f.write("allow_anonymous true\n")
        if self.user:
            subprocess.run(["mosquitto_passwd", "-b", "-c", self.path("passwords"), self.user,
                            self.password], check=True, capture_output=True)
            os.chmod(self.path("passwords"), 0o644)
        os.chmod(self.dir, 0o755)
        self.broker = self.run("mosquitto", "-c", self.path("broker.conf"), log="broker.log")
        wait("the broker", self._broker_up)

    def _broker_up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def client(self, **kw):
        c = Client(self.port, user=self.user, password=self.password, **kw)
        self.closers.append(c.close)
        return c

    # -- buses
    def slaves(self, units, name="bus", **kw):
        s = Slaves(self.path(name), units, **kw)
        self.closers.append(s.close)
        return s

    def simulate(self, *args, name="bus", control="control"):
        """Virtual chargers of the project itself; returns their ids."""
        log = f"{name}.log"
        with open(self.path(log), "w"):
            pass
        self.sim = self.run(PROGRAM, "simulate", "--link", self.path(name), "--control",
                            self.path(control), *args, log=log)
        line = wait("simulate", lambda: self.find(log, "ready:"))
        return line.split("(")[1].split(")")[0].split()

    def control(self, line, control="control"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path(control))
            s.sendall(line.encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                got = s.recv(65536)
                if not got:
                    raise ConnectionError(f"{line}: no answer")
                data += got
            return json.loads(data)

    def virtual(self, ident, control="control"):
        return next(c for c in self.control("status", control)["chargers"] if c["id"] == ident)

    # -- the bridge
    def settings(self, extra=None, name="settings.json"):
        s = {"mqtt": {"url": f"mqtt://127.0.0.1:{self.port}"},
             "circuits": [{"name": "garage", "limit_a": 32}],
             "buses": [{"port": self.path("bus"), "circuit": "garage"}],
             "log": {"level": "info"}}
        if self.user:
            s["mqtt"].update(username=self.user, password=self.password)
        s.update(extra or {})
        with open(self.path(name), "w") as f:
            json.dump(s, f)
        return self.path(name)

    def bridge(self, extra=None, *args, settings=None, **kw):
        self.file = settings or self.settings(extra)
        self.proc = self.run(PROGRAM, "run", self.file, "--state", self.path("state"), *args,
                             log="bridge.log", **kw)
        return self.proc

    def quick(self, units, extra=None, name="bus", **safety):
        """A bridge that is told the ids of its chargers: all of them answer within two seconds."""
        s = self.slaves(units, name=name)
        ids = [{"id": u.ident} for u in units]
        extra = dict(extra or {})
        safety.update(extra.pop("safety", {}))
        self.bridge({"chargers": ids, "safety": {"cold_listen_ms": 1000, **safety}, **extra})
        wait("the port", lambda: "is open" in self.log(), 20)
        s.announce()
        return s, self.online(*[u.ident for u in units])

    def online(self, *idents, timeout=30):
        """Waits until these chargers are available; returns a client that hears everything."""
        c = self.client()
        c.subscribe("twcbridge/#", "homeassistant/#")
        for i in idents:
            topic = f"twcbridge/charger/{i}/availability"
            c.wait(lambda m, t=topic: m.topic == t and m.payload == "online", timeout)
        return c

    def find(self, name, start):
        with open(self.path(name)) as f:
            return next((x for x in f if x.startswith(start)), None)

    def log(self):
        with open(self.path("bridge.log")) as f:
            return f.read()


def state(client, topic):
    text = client.last(topic)
    return json.loads(text) if text else {}


def result(client, topic, payload, **kw):
    """Publishes a command, returns its answer, which must also come on the result topic."""
    begin = time.monotonic()
    own = f"answers/{begin}"
    client.subscribe(own)
    client.publish(topic, payload, response=own, **kw)
    mine = client.wait(lambda m: m.topic == own, 5, begin).payload
    answer = topic[:-4] + "/result" if topic.endswith("/set") else topic.replace("/request/", "/response/")
    client.wait(lambda m: m.topic == answer and m.payload == mine, 5, begin)
    return json.loads(mine)
