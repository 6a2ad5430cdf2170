"""A master as others are built, for comparison: one heartbeat a second, the chargers in turn.

The rule, as TWCManager's main loop has it: a second after the last heartbeat the next charger gets
one; a new value is taken up when that charger has answered, so it goes out a whole turn later.
Nothing else is done here, so a real one is slower. Standard library only.
"""
import os
import threading
import time
import tty

from mqtt import Client
from twc import Splitter, wrap

MASTER = b"\x77\x77"
EVERY_S, LOOP_S = 1.0, 0.025


class Reference:
    """with Reference(path of the bus, port of the broker, ids): ...; takes reference/<id>/set."""

    def __init__(self, path, port, ids):
        self.ids, self.fd = ids, os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.client = Client(port)
        self.client.subscribe("reference/+/set")
        self.told = dict.fromkeys(ids, 6)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.client.close()
        os.close(self.fd)

    def _heartbeat(self, ident):
        amps = int(self.told[ident] * 100)
        body = b"\xFB\xE0" + MASTER + bytes.fromhex(ident) + bytes([9, amps >> 8, amps & 255])
        os.write(self.fd, wrap(body + bytes(15 - len(body))))

    def _answer(self, body):
        if body and body[:2] == b"\xFD\xE0" and body[2:4].hex() in self.told:
            ident = body[2:4].hex()
            asked = self.client.last(f"reference/{ident}/set")
            self.told[ident] = int(asked) if asked else self.told[ident]

    def _run(self):
        split, turn, sent = Splitter(), 0, 0.0
        while not self.stop.wait(LOOP_S):
            try:
                for byte in os.read(self.fd, 512):
                    self._answer(split.feed(byte))
            except BlockingIOError:
                pass
            if time.monotonic() - sent >= EVERY_S:
                sent = time.monotonic()
                self._heartbeat(self.ids[turn % len(self.ids)])
                turn += 1
