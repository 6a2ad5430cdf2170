#!/usr/bin/env python3
"""50 energy sources that change every second, in one process. See bench.py for the options.

20 over HTTP, 10 over Modbus, 10 over MQTT, 10 sensors of a Home Assistant; none of the devices is a real one. The
loop's lag is what the bridge itself shows of the last minute.
"""
import contextlib
import sys
import threading
import time

from bench import Bench, Load, median, memory
from http_fake import HttpFake
from ha_fake import HaFake
from modbus_fake import ModbusFake
from rig import Rig, state, wait

HTTP, EACH = 20, 10
WINDOW_S = 65


def sources(fake, modbus, ha):
    every = {"interval_s": 1, "role": "sum"}
    out = [{"name": f"h{i}", "adapter": "url_json", "url": f"{fake.url}/h{i}", "pv_w": "sun.w", "soc": "soc",
            "time": "at", **every} for i in range(HTTP)]
    out += [{"name": f"m{i}", "adapter": "modbus", "host": "127.0.0.1", "port": modbus.port, "unit": i + 1,
             "pv_w": "s32:100", "voltage_l1": "u16:110 * 0.1", **every} for i in range(EACH)]
    out += [{"name": f"q{i}", "adapter": "mqtt", "topic": f"roof/{i}", "pv_w": "w", "soc": "soc", "time": "at", **every}
            for i in range(EACH)]
    out += [{"name": f"a{i}", "adapter": "homeassistant", "url": ha.url, "token": ha.token, "pv_w": f"sensor.pv{i}",
             "soc": f"sensor.soc{i}", **every} for i in range(EACH)]
    return out


class World:
    """Everything that is measured, and moves."""

    def __init__(self, stack, rig):
        self.fake = stack(HttpFake())
        self.words = {(u, 3): {a: 0 for a in range(90, 120)} for u in range(1, EACH + 1)}
        self.modbus = stack(ModbusFake(self.words))
        self.ha = stack(HaFake())
        self.out = rig.client()
        self.n, self.over = 0, threading.Event()
        for i in range(HTTP):
            self.fake.answer(f"/h{i}", self.answer)
        self.move()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def answer(self, _):
        return {"at": time.time(), "soc": 50, "sun": {"w": 100 + self.n % 7}}

    def move(self):
        self.n += 1
        for u in range(1, EACH + 1):
            self.words[(u, 3)][101] = 100 + self.n % 7
            self.words[(u, 3)][110] = 2300
        for i in range(EACH):
            self.out.publish(f"roof/{i}", f'{{"at":{time.time()},"w":{100 + self.n % 7},"soc":50}}')
            self.ha.set(f"sensor.pv{i}", 100 + self.n % 7, unit_of_measurement="W")
            self.ha.set(f"sensor.soc{i}", 50, unit_of_measurement="%")

    def run(self):
        while not self.over.wait(1):
            self.move()


def one(b, seconds, with_sources):
    """One run: per cent of a core, wakes, RSS, lag in ms."""
    with contextlib.ExitStack() as stack:
        r = stack.enter_context(Rig())
        w = World(stack.enter_context, r)
        stack.callback(w.over.set)
        r.bridge({"buses": [], "sources": sources(w.fake, w.modbus, w.ha) if with_sources else []})
        client = r.client()
        client.subscribe("twcbridge/bridge/health", "twcbridge/site", "twcbridge/source/#")

        def well():
            return sum(state(client, f"twcbridge/source/{k}{i}").get("status") == "ok"
                       for k, n in (("h", HTTP), ("m", EACH), ("q", EACH), ("a", EACH)) for i in range(n))
        if with_sources:
            wait("all sources", lambda: well() == HTTP + 3 * EACH, 60, 0.5)
        time.sleep(3)
        load = Load(r.proc.pid)
        time.sleep(seconds)
        (percent, wakes), = load.stop()
        rss, _ = memory(r.proc.pid)
        if with_sources and well() != HTTP + 3 * EACH:
            b.wrong(f"{HTTP + 3 * EACH - well()} sources are not well")
        return percent, wakes, rss, state(client, "twcbridge/bridge/health").get("loop_lag") or 0


def main():
    b = Bench("energy", "50 energy sources that change every second, in one process, release build.")
    runs, seconds = (1, 5) if b.args.short else (2, WINDOW_S)
    none = one(b, 5 if b.args.short else 20, False)
    got = [one(b, seconds, True) for _ in range(runs)]

    def figure(name, at, unit, most=None):
        values = [g[at] for g in got]
        b.figure(name, median(values), unit, most=most, each=values, baseline=("no sources", none[at]))

    figure("processor", 0, "% of a core", 3.0)
    figure("wakes", 1, "1/s")
    figure("RSS", 2, "kB")
    if not b.args.short:
        figure("longest turn of the loop in a minute", 3, "ms", 20)
    return b.finish()


if __name__ == "__main__":
    sys.exit(main())
