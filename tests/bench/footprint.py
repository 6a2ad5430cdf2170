#!/usr/bin/env python3
"""Memory and processor time with three chargers that charge. See bench.py for the options."""
import os
import subprocess
import sys
import time

import bench
from bench import Bench, Load, median, memory
from rig import Rig, free_port, state, wait

IDS = ["a1b2", "a1b3", "a1b4"]
BASELINE = "libuv and paho alone"


class TlsRig(Rig):
    """A broker that speaks TLS alone, with a user and a client certificate."""

    def start_broker(self):
        self.plain = self.port
        self.port = free_port()
        certificates(self.dir)
        with open(self.path("broker.conf"), "w") as f:
            f.write(f"persistence false\nlistener {self.plain} 127.0.0.1\nallow_anonymous true\n"
                    f"listener {self.port} 127.0.0.1\ncafile {self.path('ca.pem')}\n"
                    f"certfile {self.path('broker.pem')}\nkeyfile {self.path('broker.key')}\n"
                    "require_certificate true\n")
        os.chmod(self.dir, 0o755)
        for name in ("broker.key", "ca.key", "our.key"):
            os.chmod(self.path(name), 0o644)
        self.broker = self.run("mosquitto", "-c", self.path("broker.conf"), log="broker.log")
        wait("the broker", self._broker_up)
        self.port, self.tls = self.plain, self.port

    def mqtt(self):
        return {"url": f"mqtts://localhost:{self.tls}", "ca_file": self.path("ca.pem"),
                "cert_file": self.path("our.pem"), "key_file": self.path("our.key")}


def certificates(folder):
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench ca",
            "-keyout", "ca.key", "-out", "ca.pem")
    with open(os.path.join(folder, "names"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("broker", "our"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
                "-CAcreateserial", "-extfile", "names", "-out", f"{name}.pem")


def everything():
    """Settings with all that can be on."""
    return {"circuits": [{"name": "house", "limit_a": 100, "area": "House"},
                         {"name": "garage", "limit_a": 96, "parent": "house", "area": "Garage"}],
            "chargers": [{"id": i, "name": f"Charger {i}", "area": "Garage", "max_a": 32, "phases": "L1L2L3"}
                         for i in IDS],
            "log": {"level": "debug", "format": "json"}, "publish": {"interval_s": 1}}


def charging(rig, extra):
    """A bridge and three virtual chargers whose cars take current."""
    rig.simulate("--chargers", "3", "--plugged", "--id", IDS[0])
    rig.bridge({"circuits": [{"name": "garage", "limit_a": 96}], "chargers": [{"id": i} for i in IDS],
                "safety": {"cold_listen_ms": 1000}, **extra})
    client = rig.online(*IDS)
    for i in IDS:
        client.publish(f"twcbridge/charger/{i}/current_limit/set", "16")
    wait("three cars that charge", lambda: all(
        (state(client, f"twcbridge/charger/{i}").get("current") or 0) > 14 for i in IDS), 40)
    return rig.proc


def one(seconds):
    """One run: {name: (rss, dirty, per cent, wakes)}."""
    with Rig() as plain, TlsRig() as tls:
        procs = {
            "plain": charging(plain, {}),
            "all": charging(tls, {**everything(), "mqtt": tls.mqtt()}),
            "base": plain.run(bench.tool("bench_baseline"), f"tcp://127.0.0.1:{plain.port}"),
        }
        time.sleep(5)
        load = Load(*[p.pid for p in procs.values()])
        time.sleep(seconds)
        loads = load.stop()
        for p in procs.values():
            if p.poll() is not None:
                raise SystemExit("a process ended early")
        return {name: (*memory(p.pid), *got) for (name, p), got in zip(procs.items(), loads)}


def main():
    b = Bench("footprint", "Three chargers that charge, release build, median of the runs.")
    runs = [one(5 if b.args.short else 20) for _ in range(1 if b.args.short else 5)]

    def figure(name, key, at, unit, most=None):
        each, base = [r[key][at] for r in runs], median(r["base"][at] for r in runs)
        b.figure(name, median(each), unit, most=most, each=each, baseline=(BASELINE, base))

    figure("RSS", "plain", 0, "kB", 12 * 1024)
    figure("private dirty", "plain", 1, "kB", 4 * 1024)
    figure("RSS, everything on and TLS", "all", 0, "kB", 18 * 1024)
    figure("private dirty, everything on and TLS", "all", 1, "kB", 6 * 1024)
    figure("processor", "plain", 2, "% of a core", 0.2)
    figure("processor, everything on and TLS", "all", 2, "% of a core", 0.2)
    figure("wakes", "plain", 3, "1/s")
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
