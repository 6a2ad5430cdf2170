"""How often a system that fails is asked within ten minutes, by the requests that come: the real bridge, its clocks run
thirty times as fast. Every system over HTTP joins by itself; each of them has a server of its own."""
import contextlib
import json
import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import http_fake  # noqa: E402
import parallel  # noqa: E402
from rig import PROGRAM, Rig, wait  # noqa: E402
from shim import Shim  # noqa: E402

RATE, SPAN_S, INTERVAL_S = 30, 600, 10
PAGES = 16  # of a round at most, with a login and all that a system may have
STREAM = 10  # a connection that is kept is tried again after 2, 4, 8... seconds


def systems():
    with open(os.path.join(HERE, "../data/ems/options.json"), encoding="utf-8") as f:
        options = json.load(f)
    r = subprocess.run([PROGRAM, "adapters", "--json"], capture_output=True, text=True, check=True)
    known = {a["name"]: a for a in json.loads(r.stdout)}
    return {n: (o, known[n]["cloud"]) for n, o in options.items()
            if "url" in known[n]["options"]["properties"] and not {"url", "host", "device"} & set(o)}


class Pace(unittest.TestCase):
    def requests(self, fault):
        """{system: when it was asked, in seconds of the bridge since the first time}."""
        rig = self.enterContext(Rig())
        shim = Shim(rig.dir)
        shim.rate(RATE)
        fakes, sources = {}, []
        for name, (options, _) in systems().items():
            fakes[name] = self.enterContext(http_fake.HttpFake())
            fakes[name].everywhere = fault
            sources.append({"name": name, "adapter": name, "url": fakes[name].url + "/x", "interval_s": INTERVAL_S,
                            "timeout_s": 60, **options})
        rig.bridge({"buses": [], "sources": sources}, env=shim.env())
        # What a list of prices or of weather is, is asked when it is due; the others at once.
        with contextlib.suppress(TimeoutError):
            wait("the first requests", lambda: all(f.requests for f in fakes.values()), 10)
        self.assertTrue(any(f.requests for f in fakes.values()), rig.log())
        time.sleep(max(0, max(f.requests[0].time for f in fakes.values() if f.requests) + SPAN_S / RATE - time.monotonic()))
        self.assertIsNone(rig.proc.poll(), rig.log())
        return {n: [((x.time - f.requests[0].time) * RATE, self.is_stream(x)) for x in f.requests]
                for n, f in fakes.items()}

    @staticmethod
    def is_stream(request):
        return "Upgrade" in request.headers or "event-stream" in request.headers.get("Accept", "")

    @staticmethod
    def rounds(times):
        """How many requests each round has: a pause of most of an interval ends one."""
        out, last = [], None
        for t in times:
            if last is None or t - last > INTERVAL_S * 0.7:
                out.append(0)
            out[-1] += 1
            last = t
        return out

    def judge(self, fault, most, least=1):
        """At most so many rounds within ten minutes, and at least so many; a cloud may want fewer."""
        cloud = {n for n, (_, cloud) in systems().items() if cloud}
        for name, requests in self.requests(fault).items():
            with self.subTest(name=name):
                requests = [(t, stream) for t, stream in requests if t < SPAN_S - INTERVAL_S]
                rounds = self.rounds([t for t, stream in requests if not stream])
                self.assertLessEqual(len(rounds), most, requests)
                self.assertGreaterEqual(len(rounds), 1 if name in cloud else least, requests)
                self.assertLessEqual(max(rounds), PAGES, requests)
                self.assertLessEqual(sum(stream for _, stream in requests), STREAM, requests)

    def test_a_fault_of_the_server_is_tried_again_after_10_20_40_80_160_seconds(self):
        self.judge("/status/500", 6, 4)

    def test_an_answer_that_makes_no_sense_as_well(self):
        self.judge("/html", 6, 4)

    def test_a_refused_login_is_tried_once_more_and_rests_ten_minutes(self):
        self.judge("/status/401", 1)

    def test_who_says_how_long_to_wait_is_obeyed(self):
        self.judge("/resting", 5, 2)

    def test_who_is_asked_too_often_is_asked_at_the_pace_that_it_names(self):
        self.judge("/busy", SPAN_S // INTERVAL_S, 10)


if __name__ == "__main__":
    parallel.main(__file__, 2)
