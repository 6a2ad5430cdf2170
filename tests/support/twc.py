"""An independent Tesla Wall Connector bus for the tests: shares no code with the daemon.

Written from the protocol facts (docs/protocol.md) alone. `Slaves` is a set of units at the end of
a pty, paced at 9600 baud; `Log` reads what went over the wire. Standard library only.
"""
import os
import random
import threading
import time
import tty

BYTE_S = 10 / 9600
GOOD = {(0xFC, 0xE1), (0xFB, 0xE2), (0xFB, 0xE0), (0xFB, 0xEB), (0xFB, 0xEC), (0xFB, 0xED),
        (0xFB, 0xEE), (0xFB, 0xEF), (0xFB, 0xF1), (0xFB, 0xB4), (0xFB, 0x19), (0xFB, 0x1A),
        (0xFB, 0x1B)}


def wrap(body):
    """Body without checksum -> bytes on the wire."""
    body = bytes(body) + bytes([sum(body[1:]) & 0xFF])
    return b"\xC0" + body.replace(b"\xDB", b"\xDB\xDD").replace(b"\xC0", b"\xDB\xDC") + b"\xC0"


def unwrap(raw):
    """Bytes between two marks -> body without checksum, None when it is no frame."""
    out, i = bytearray(), 0
    while i < len(raw):
        if raw[i] == 0xDB:
            i += 1
            if i == len(raw) or raw[i] not in (0xDC, 0xDD):
                return None
            out.append(0xC0 if raw[i] == 0xDC else 0xDB)
        else:
            out.append(raw[i])
        i += 1
    if len(out) not in (13, 14, 15, 16, 20) or sum(out[1:-1]) & 0xFF != out[-1]:
        return None
    return bytes(out[:-1])


class Splitter:
    """Feeds bytes, gives bodies; every mark closes one collection and opens the next."""

    def __init__(self):
        self.raw, self.open = bytearray(), False

    def feed(self, byte):
        if byte == 0xC0:
            body = unwrap(bytes(self.raw)) if self.open and len(self.raw) >= 13 else None
            self.raw, self.open = bytearray(), True
            return body
        if self.open:
            self.raw.append(byte)
            if len(self.raw) > 44:
                self.open = False
        return None


class Heartbeat:
    """A master's heartbeat as it was on the wire."""

    def __init__(self, start, end, body, late=0.0):
        self.start, self.end, self.late = start, end, late
        self.to = body[4:6].hex()
        self.command = body[6]
        self.amps = (body[7] << 8 | body[8]) / 100
        self.limit = self.command in (5, 9)


class Log:
    """What the master put on the wire, with computed times at 9600 baud."""

    def __init__(self):
        self.heartbeats, self.bodies, self.bad = [], [], []
        self.answers = []  # (id, end, limit shown) of what chargers answered, undisturbed
        self.linkreadys = []  # (id, end)

    def add(self, start, end, body, late=0.0):
        """late: the frame may have come so much earlier; nobody looked meanwhile."""
        self.bodies.append((start, end, body))
        pair = (body[0], body[1])
        if pair not in GOOD or (pair == (0xFB, 0xE0) and body[6] not in (0, 5, 9)):
            self.bad.append(body.hex())
        if pair == (0xFB, 0xE0):
            self.heartbeats.append(Heartbeat(start, end, body, late))

    def of(self, ident, since=0.0):
        return [h for h in list(self.heartbeats) if h.to == ident and h.start >= since]

    def told(self, ident, at):
        """The amps that were last sent to a charger before a time; None: none."""
        return next((h.amps for h in reversed(self.of(ident)) if h.limit and h.start < at), None)

    def go_on_without_proof(self, ident, since=0.0, age=2.5):
        """Each "go on" whose amps are 0, or that no answer of the last 2.5 s shows as the limit.

        The first one after a start is left to the caller: a warm start asks before it knows."""
        bad = []
        for h in self.of(ident, since):
            shown = [(end, amps) for i, end, amps in list(self.answers) if i == ident and end <= h.start]
            if h.command == 0 and (not shown or h.start - shown[-1][0] > age or not shown[-1][1] or
                                   shown[-1][1] != self.told(ident, h.start)):
                bad.append((h.start, shown[-1:], self.told(ident, h.start)))
        return bad

    def intervals(self, ident, since=0.0):
        h = self.of(ident, since)
        return [b.start - a.start for a, b in zip(h, h[1:])]

    def spacing(self, ident):
        """Least time between the end of one heartbeat and the start of the next.

        A heartbeat that was read late, on a busy machine, may have ended that much earlier."""
        h = self.of(ident)
        return min((b.start - (a.end - a.late) for a, b in zip(h, h[1:])), default=9.0)


class Unit:
    """One charger with a car that follows its limit."""

    def __init__(self, ident, protocol=2, max_a=32, plugged=True, ramp_a_s=4.0, vin="5YJ3E1EA8KF000001",
                 lag_s=0.4, phases=3):
        self.id, self.ident = int(ident, 16), ident
        self.protocol, self.max_a, self.plugged, self.ramp = protocol, max_a, plugged, ramp_a_s
        self.vin, self.lag, self.phases = vin, lag_s, phases
        self.sign = random.randrange(256)
        self.limit = self.draw = 0.0
        self.state, self.heard, self.linkready = 0, 0.0, 0.0
        self.changed = 0.0
        self.kwh = 1234.0
        self.silent = False
        self.shows = None  # limit it shows whatever it is told; None: the one it was told
        self.more = 0.0    # amps that its car draws above the limit
        self.moved = time.monotonic()

    def shown(self):
        """Protocol 2 does not stop below 6 A once a car charges."""
        if self.shows is not None:
            return self.shows
        if self.protocol == 2 and self.plugged and self.limit < 6 and self.draw >= 1:
            return 6.0
        return self.limit

    def reboot(self):
        """It starts anew: another sign, no limit, and it announces itself."""
        self.sign = (self.sign + 1) % 256
        self.limit = self.draw = 0.0
        self.heard = self.linkready = 0.0

    def move(self, now):
        dt, self.moved = now - self.moved, now
        alive = self.heard and now - self.heard < 25
        to = min(self.max_a, max(0.0, self.shown() - 0.8 + self.more)) if self.plugged and alive else 0.0
        if now - self.changed > self.lag or not alive:
            step = self.ramp * dt
            self.draw = min(to, self.draw + step) if self.draw < to else max(to, self.draw - step)
        self.kwh += self.draw * 230 * self.phases * dt / 3.6e6
        self.state = 1 if self.draw >= 1 else (4 if self.plugged else 0)

    def head(self, cmd):
        return bytes([0xFD, cmd, self.id >> 8, self.id & 255])

    def pad(self, body, n=None):
        n = n or (13 if self.protocol == 1 else 15)
        return body + bytes(n - len(body))

    def announce(self):
        c = int(self.max_a * 100)
        return self.pad(self.head(0xE2) + bytes([self.sign, c >> 8, c & 255]))

    def answer(self, body, now):
        """Reply body to a master's body addressed to this unit, or None."""
        cmd = body[1]
        if cmd == 0xE0:
            self.heard, self.linkready = now, now + 10
            if body[6] in (5, 9):
                amps = (body[7] << 8 | body[8]) / 100
                if amps != self.limit:
                    self.changed = now
                self.limit = amps
            lim, act = int(round(self.shown() * 100)), int(round(self.draw * 100))
            return self.pad(self.head(0xE0) + body[2:4] + bytes(
                [self.state, lim >> 8, lim & 255, act >> 8, act & 255]))
        if self.protocol == 1:
            return None
        if cmd == 0xEB:
            k, ha = int(self.kwh), int(self.draw * 2)
            volts = b"".join((230).to_bytes(2, "big") if p < self.phases else b"\0\0" for p in range(3))
            return self.pad(self.head(cmd) + k.to_bytes(4, "big") + volts + bytes(
                [ha if p < self.phases else 0 for p in range(3)]), 19)
        vin = self.vin if self.plugged else ""
        texts = {0xED: f"A19F000{self.ident}"[:11], 0xEE: vin[0:7], 0xEF: vin[7:14], 0xF1: vin[14:17]}
        if cmd in texts:
            return self.pad(self.head(cmd) + texts[cmd].encode(), 19)
        if cmd == 0xEC:
            return self.pad(self.head(cmd) + bytes([4, 5, 3, 2]))
        if cmd == 0xB4:
            return self.pad(self.head(cmd) + bytes([0 if not self.plugged else 1 if self.draw >= 1 else 3]))
        return None


class Slaves:
    """Units on a pty behind the symlink `path`; noise in bytes a second, flips as a share of frames."""

    def __init__(self, path, units, noise=0.0, flips=0.0, latency=(0.02, 0.07), seed=1, echo=False):
        self.path, self.units, self.noise, self.flips, self.latency = path, units, noise, flips, latency
        self.rng = random.Random(seed)
        self.echo, self.outbox = echo, []
        self.steady = False  # noise without the gaps of chance: the line is never idle for long
        self.log, self.peak = Log(), 0.0
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        if os.path.islink(path):
            os.unlink(path)
        os.symlink(os.ttyname(self.slave), path)
        self.stop = threading.Event()
        self.over = []  # (time, sum of max(offer, draw), sum of offers) above self.limit
        self.limit = None
        self.sending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def unit(self, ident):
        return next(u for u in self.units if u.ident == ident)

    def say(self, body):
        """Somebody on the line says this body, as soon as the line is free."""
        self.outbox.append((time.monotonic(), bytes(body)))

    def announce(self, after=0.0):
        """Every charger says its linkready once more, one after the other."""
        for i, u in enumerate(self.units):
            u.linkready = time.monotonic() + after + 0.4 * i

    def first(self, since=0.0):
        """The first message of the master since a time, with its start; None: none."""
        return next((b for b in list(self.log.bodies) if b[0] >= since), None)

    def close(self):
        if self.stop.is_set():
            return
        self.stop.set()
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)
        if os.path.islink(self.path):
            os.unlink(self.path)

    def _write(self, data):
        try:
            os.write(self.master, data)
        except (BlockingIOError, OSError):
            pass

    def _flip(self, data):
        if self.rng.random() < self.flips:
            data = bytearray(data)
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return bytes(data)

    def _check(self, now):
        offers = sum(u.limit for u in self.units)
        both = sum(max(u.limit, u.draw) for u in self.units)
        self.peak = max(self.peak, both)
        if self.limit is not None and (both > self.limit + 0.01 or offers > self.limit + 0.01):
            self.over.append((now, both, offers))

    def _run(self):
        split, wire_end, outbox = Splitter(), 0.0, self.outbox
        next_noise = time.monotonic() + 1
        for i, u in enumerate(self.units):
            u.linkready = time.monotonic() + 0.3 + 0.4 * i
        looked = time.monotonic()
        while not self.stop.wait(0.001):
            now = time.monotonic()
            late, looked = max(0.0, now - looked - 0.003), now
            try:
                data = os.read(self.master, 512)
            except (BlockingIOError, OSError):
                data = b""
            if data:
                start = max(now, wire_end)
                wire_end = start + len(data) * BYTE_S
                if self.echo:
                    self._write(data)
                flipped = self._flip(data)
                for good, byte in zip(data, flipped):
                    body = split.feed(byte)
                    if body:
                        self._on_body(body, start, wire_end, outbox, late)
                if flipped != data:  # the log tells what the master sent, not what arrived
                    clean = Splitter()
                    for byte in data:
                        body = clean.feed(byte)
                        if body:
                            self.log.add(start, wire_end, body, late)
            for u in self.units:
                u.move(now)
                if not u.silent and now > u.linkready and (not u.heard or now - u.heard > 10):
                    u.linkready = now + 10
                    outbox.append((now + self.rng.random() * 0.05, u.announce()))
            self._check(now)
            outbox.sort(key=lambda o: o[0])
            if outbox and now >= outbox[0][0] and now >= wire_end and not self.sending:
                body = outbox.pop(0)[1]
                frame = self._flip(wrap(body) + b"\xFC")
                wire_end = now + len(frame) * BYTE_S
                if body[:2] == b"\xFD\xE0" and not self.flips:
                    self.log.answers.append((body[2:4].hex(), wire_end, (body[7] << 8 | body[8]) / 100))
                if body[:2] == b"\xFD\xE2":
                    self.log.linkreadys.append((body[2:4].hex(), wire_end))
                self.sending = True
                threading.Thread(target=self._paced, args=(frame,), daemon=True).start()
            if self.noise and now >= next_noise and now >= wire_end and not self.sending:
                self._write(bytes([self.rng.randrange(256)]))
                next_noise = now + (1 / self.noise if self.steady else self.rng.expovariate(self.noise))

    def _paced(self, frame):
        begin = time.monotonic()
        for i in range(0, len(frame), 4):
            while time.monotonic() < begin + min(i + 4, len(frame)) * BYTE_S:
                time.sleep(0.001)
            self._write(frame[i:i + 4])
        self.sending = False

    def _on_body(self, body, start, end, outbox, late):
        if body[0] not in (0xFB, 0xFC):
            return
        self.log.add(start, end, body, late)
        for u in self.units:
            if not u.silent and len(body) >= 6 and body[4:6].hex() == u.ident:
                reply = u.answer(body, time.monotonic())
                if reply:
                    outbox.append((end + self.rng.uniform(*self.latency), reply))
