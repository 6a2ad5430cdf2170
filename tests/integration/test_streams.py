"""Sources that speak first, over WebSockets and event streams, in the running bridge: openHAB, Volkszaehler."""
import json
import os
import socket
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

from http_fake import certificate  # noqa: E402
from rig import Rig, state, wait  # noqa: E402
from stream_fake import StreamFake  # noqa: E402

A = "0f6e4d2c-aaaa-4bbb-8ccc-000000000001"


class OpenHab:
    """Its items and its events, over a StreamFake."""

    def __init__(self, fake, token=None):
        self.items, self.token, self.fake = {}, token, fake
        self.streams, self.lock, self.broken = [], threading.Lock(), False
        self.refused = 0
        fake.default = self.answer

    def answer(self, p):
        if self.token and p.head.get("authorization") != "Bearer " + self.token:
            self.refused += 1
            return p.status(401, b'{"error":{"message":"Authentication required","http-code":401}}')
        path = p.path.split("?")[0]
        if path == "/rest/events":
            p.stream()
            with self.lock:
                self.streams.append(p)
            while p in self.streams:
                time.sleep(0.02)
            return p.chunk(b"")
        name = path.removeprefix("/rest/items/")
        if name in self.items:
            return p.status(200, json.dumps({"name": name, "state": self.items[name], "type": "Number:Power"}).encode())
        return p.status(404, b'{"error":{"message":"Item does not exist!","http-code":404}}')

    def set(self, name, value):
        self.items[name] = value
        payload = json.dumps({"type": "Quantity", "value": value})
        self.send({"topic": f"openhab/items/{name}/statechanged", "payload": payload, "type": "ItemStateChangedEvent"})

    def send(self, event):
        with self.lock:
            for p in list(self.streams):
                try:
                    p.chunk(b"event: message\ndata: " + json.dumps(event).encode() + b"\n\n")
                except OSError:
                    self.streams.remove(p)

    def end_streams(self):
        with self.lock:
            self.streams.clear()


class Streams(unittest.TestCase):
    def setUp(self):
        self.rig = self.enterContext(Rig())

    def start(self, adapter, url, **more):
        self.rig.bridge({"buses": [], "publish": {"interval_s": 1}, "sources": [
            {"name": "Home", "adapter": adapter, "url": url, "interval_s": 60, "timeout_s": 5, "max_age_s": 180, **more}]})
        self.client = self.rig.client()
        self.client.subscribe("twcbridge/#")

    def site(self, key):
        return state(self.client, "twcbridge/site").get(key)

    def source(self):
        return state(self.client, "twcbridge/source/home")

    def test_events_of_openhab_are_values_at_once(self):
        with StreamFake() as fake:
            oh = OpenHab(fake, "oh.t0ken")
            oh.items = {"Grid": "500 W", "Roof": "1.5 kW", "Cellar": "55 %"}
            self.start("openhab", fake.url, token="oh.t0ken", grid_w="Grid", pv_w="Roof", soc="Cellar")
            wait("the round", lambda: self.site("pv_power") == 1500 and self.site("grid_power") == 500, 10)
            wait("a stream", lambda: oh.streams, 10)
            oh.set("Roof", "2.25 kW")
            wait("the event", lambda: self.site("pv_power") == 2250, 5)
            self.assertEqual((self.site("grid_power"), self.site("battery_soc")), (500, 55))
            oh.set("Roof", "UNDEF")
            wait("unknown", lambda: self.site("pv_power") is None, 5)
            self.assertIn("Roof is UNDEF", self.source()["fields"]["pv_w"]["why"])
            oh.end_streams()  # as a restart does
            wait("another stream", lambda: oh.streams, 15)
            oh.set("Roof", "10 W")
            wait("the event", lambda: self.site("pv_power") == 10, 5)
            self.assertEqual(oh.refused, 0)
            self.assertNotIn("oh.t0ken", self.rig.log())

    def test_a_token_that_is_refused_is_not_tried_again_and_again(self):
        with StreamFake() as fake:
            oh = OpenHab(fake, "another")
            self.start("openhab", fake.url, token="oh.t0ken", grid_w="Grid", interval_s=1)
            wait("refused", lambda: "401" in (self.source().get("error") or ""), 10)
            time.sleep(5)
            self.assertLessEqual(oh.refused, 2)  # one round, one stream

    def test_frames_of_volkszaehler_come_by_wss(self):
        with tempfile.TemporaryDirectory() as d:
            cert, key, pin = certificate(d)
            peers = []

            def session(p):
                p.accept()
                peers.append(p)
                p.wait(60)

            with StreamFake(cert=cert, key=key, default=session) as fake:
                self.start("volkszaehler", fake.url.replace("https", "wss") + "/", fingerprint=pin, grid_w=A)
                wait("a connection", lambda: peers, 10)
                for v in (-700, 15):
                    now = int(time.time() * 1000)
                    peers[0].text(json.dumps({"version": "0.3", "data": {"uuid": A, "tuples": [[now, v, 1]]}}))
                    wait("the frame", lambda v=v: self.site("grid_power") == v, 5)
                peers[0].sock.shutdown(socket.SHUT_RDWR)
                wait("told", lambda: self.source().get("status") in ("failing", "stale"), 5)
                wait("a connection again", lambda: len(peers) > 1, 10)
                peers[1].text(json.dumps({"version": "0.3", "data": {"uuid": A, "tuples": [[int(time.time() * 1000), 9, 1]]}}))
                wait("the frame", lambda: self.site("grid_power") == 9 and self.source()["status"] == "ok", 5)


if __name__ == "__main__":
    unittest.main()
