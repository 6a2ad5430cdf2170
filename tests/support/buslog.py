"""Reads the log of `twcbridge simulate --log` and judges a master by it alone.

Shares no code with the daemon: frames are taken apart by twc.py.
"""
import json

from twc import GOOD, unwrap


def bodies(raw):
    """Bytes of one frame on the wire, marks and tail included -> its body, or None."""
    parts = [p for p in raw.split(b"\xC0") if len(p) >= 13]
    return unwrap(parts[0]) if parts else None


class Told:
    """A heartbeat of the master."""

    def __init__(self, ms, body):
        self.ms, self.to, self.command = ms, body[4:6].hex(), body[6]
        self.limit = self.command in (5, 9)
        self.amps = (body[7] << 8 | body[8]) / 100 if self.limit else None


class Said:
    """A charger's answer to a heartbeat."""

    def __init__(self, ms, body):
        self.ms, self.id, self.state = ms, body[2:4].hex(), body[6]
        self.limit, self.draw = (body[7] << 8 | body[8]) / 100, (body[9] << 8 | body[10]) / 100


class BusLog:
    def __init__(self, path):
        self.told, self.said, self.linkready, self.bad, self.control = [], [], [], [], []
        self.second, self.faults, self.signs = [], {}, {}
        with open(path) as f:
            self.lines = [json.loads(line) for line in f]
        self.ids = self.lines[0]["chargers"]
        for e in self.lines[1:]:
            self._add(e)

    def _add(self, e):
        kind, ms = e["event"], e["ms"]
        raw = bytes.fromhex(e.get("bytes", ""))
        if kind == "heard":
            self._heard(ms, raw)
        elif kind == "broken":
            self.bad.append((ms, e["why"], e["bytes"]))
        elif kind == "said":
            body = bodies(raw)
            if body and body[:2] == b"\xFD\xE0":
                self.said.append(Said(ms, body))
            elif body and body[:2] == b"\xFD\xE2":
                self.linkready.append((ms, body[2:4].hex(), body[4]))
        elif kind == "second_master":
            self.second.append(ms)
        elif kind == "fault":
            self.faults[e["fault"]] = self.faults.get(e["fault"], 0) + 1
        elif kind == "control":
            self.control.append((ms, e["line"]))

    def _heard(self, ms, raw):
        body = bodies(raw)
        pair = (body[0], body[1]) if body else None
        if pair not in GOOD or (pair == (0xFB, 0xE0) and body[6] not in (0, 5, 9)):
            self.bad.append((ms, "not allowed", raw.hex()))
        if pair == (0xFB, 0xE0):
            self.told.append(Told(ms, body))

    def at(self, word):
        """When the first control line that begins with `word` ran."""
        return next(ms for ms, line in self.control if line.startswith(word))

    def of(self, ident, since=0, until=1 << 62):
        return [t for t in self.told if t.to == ident and since <= t.ms < until]

    def answers(self, ident, since=0, until=1 << 62):
        return [s for s in self.said if s.id == ident and since <= s.ms < until]

    def gaps(self, ident, since=0, until=1 << 62):
        h = self.of(ident, since, until)
        return [b.ms - a.ms for a, b in zip(h, h[1:])]

    def sums(self):
        """(ms, sum of what each charger holds): the amps last told, or the limit that it showed
        last if that is more and it was told anything."""
        told, shown, out = {}, {}, []
        for e in sorted(self.told + self.said, key=lambda e: e.ms):
            if isinstance(e, Told):
                if e.limit:
                    told[e.to] = e.amps
            elif e.id in told:
                shown[e.id] = e.limit
            out.append((e.ms, sum(told.values()), sum(shown.values())))
        return out
