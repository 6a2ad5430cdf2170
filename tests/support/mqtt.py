"""A small MQTT client for the tests: standard library only, MQTT 5 (or 3.1.1), QoS 0 and 1.

    c = Client(port); c.subscribe("twcbridge/#")
    c.publish("twcbridge/site/mode/set", "stop")
    m = c.wait(lambda m: m.topic.endswith("/result"), 5)
"""
import collections
import os
import socket
import struct
import threading
import time

Message = collections.namedtuple("Message", "topic payload retain time correlation")


def _text(s):
    b = s.encode()
    return struct.pack("!H", len(b)) + b


def _length(n):
    out = b""
    while True:
        n, low = divmod(n, 128)
        out += bytes([low | (0x80 if n else 0)])
        if not n:
            return out


def _take_length(b, i):
    n = shift = 0
    while True:
        n |= (b[i] & 0x7F) << shift
        shift += 7
        i += 1
        if not b[i - 1] & 0x80:
            return n, i


class Client:
    """Connects in the constructor; a thread collects messages."""

    def __init__(self, port, host="127.0.0.1", user=None, password=None, protocol=5, will=None,
                 client_id=None, keep_alive=60):
        self.v5 = protocol == 5
        self.messages, self.retained = [], {}
        self.lock = threading.Condition()
        self.acks, self.next_id, self.closed = {}, 0, False
        self.sock = socket.create_connection((host, port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags = 2 | (0x80 if user else 0) | (0x40 if password else 0)
        body = _text(client_id or "test-" + os.urandom(6).hex())
        if will:
            flags |= 4 | (0x20 if will[2] else 0)
            body += (b"\0" if self.v5 else b"") + _text(will[0]) + _text(will[1])
        body += (_text(user) if user else b"") + (_text(password) if password else b"")
        head = _text("MQTT") + bytes([5 if self.v5 else 4, flags]) + struct.pack("!H", keep_alive)
        self._send(0x10, head + (b"\0" if self.v5 else b"") + body)
        kind, data = self._packet()
        if kind >> 4 != 2 or data[1] != 0:
            raise ConnectionError(f"refused: {data.hex()}")
        threading.Thread(target=self._read, daemon=True).start()

    def _send(self, kind, body):
        self.sock.sendall(bytes([kind]) + _length(len(body)) + body)

    def _exactly(self, n):
        out = b""
        while len(out) < n:
            got = self.sock.recv(n - len(out))
            if not got:
                raise ConnectionError("closed")
            out += got
        return out

    def _packet(self):
        kind = self._exactly(1)[0]
        n = shift = 0
        while True:
            b = self._exactly(1)[0]
            n |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                return kind, self._exactly(n)

    def _read(self):
        self.sock.settimeout(None)
        try:
            while True:
                kind, data = self._packet()
                self._on_packet(kind, data)
        except (OSError, ConnectionError):
            with self.lock:
                self.closed = True
                self.lock.notify_all()

    def _on_packet(self, kind, data):
        if kind >> 4 == 3:
            n = struct.unpack("!H", data[:2])[0]
            topic, i, ident, correlation = data[2:2 + n].decode(), 2 + n, None, None
            if kind & 6:
                ident, i = data[i:i + 2], i + 2
            if self.v5:
                length, i = _take_length(data, i)
                correlation = self._correlation(data[i:i + length])
                i += length
            if ident:
                self._send(0x40, ident)
            m = Message(topic, data[i:].decode(errors="replace"), bool(kind & 1), time.monotonic(),
                        correlation)
            with self.lock:
                self.messages.append(m)
                self.lock.notify_all()
        elif kind >> 4 in (4, 9, 11):
            with self.lock:
                code = data[2] if kind >> 4 == 4 and len(data) > 2 else 0
                self.acks[struct.unpack("!H", data[:2])[0]] = code
                self.lock.notify_all()

    @staticmethod
    def _correlation(props):
        i = 0
        while i < len(props):
            if props[i] == 9:
                n = struct.unpack("!H", props[i + 1:i + 3])[0]
                return props[i + 3:i + 3 + n]
            if props[i] in (1, 36, 37, 40, 41, 42):
                i += 2
            elif props[i] in (33, 34, 35):
                i += 3
            elif props[i] == 2:
                i += 5
            elif props[i] == 11:
                i = _take_length(props, i + 1)[1]
            elif props[i] == 38:
                for _ in range(2):
                    i += (1 if props[i] == 38 else 0)
                    i += 2 + struct.unpack("!H", props[i:i + 2])[0]
            else:
                i += 3 + struct.unpack("!H", props[i + 1:i + 3])[0]
        return None

    def _ack(self, ident, timeout=10):
        with self.lock:
            if not self.lock.wait_for(lambda: ident in self.acks or self.closed, timeout):
                raise TimeoutError("no acknowledgement")
            return self.acks.pop(ident, None)

    def _id(self):
        self.next_id = self.next_id % 65000 + 1
        return self.next_id

    def subscribe(self, *filters, qos=1):
        for f in filters:
            i = self._id()
            self._send(0x82, struct.pack("!H", i) + (b"\0" if self.v5 else b"") + _text(f) + bytes([qos]))
            self._ack(i)

    def publish(self, topic, payload, qos=1, retain=False, response=None, correlation=None):
        """Returns the broker's reason code (0x10: nobody subscribes), None for QoS 0."""
        data = payload if isinstance(payload, bytes) else payload.encode()
        head, props, i = _text(topic), b"", 0
        if qos:
            i = self._id()
            head += struct.pack("!H", i)
        if response:
            props += b"\x08" + _text(response)
        if correlation:
            props += b"\x09" + struct.pack("!H", len(correlation)) + correlation
        if self.v5:
            head += _length(len(props)) + props
        self._send(0x30 | qos << 1 | retain, head + data)
        return self._ack(i) if qos else None

    def wait(self, test, timeout=10, since=0.0):
        """First message (also an earlier one) for which test(m) holds and m.time >= since."""
        seen = 0
        end = time.monotonic() + timeout
        with self.lock:
            while True:
                for m in self.messages[seen:]:
                    if m.time >= since and test(m):
                        return m
                seen = len(self.messages)
                left = end - time.monotonic()
                if left <= 0 or self.closed:
                    raise TimeoutError(f"no such message within {timeout} s")
                self.lock.wait(left)

    def last(self, topic):
        """Payload of the newest message on this topic, None when there is none."""
        with self.lock:
            return next((m.payload for m in reversed(self.messages) if m.topic == topic), None)

    def close(self):
        try:
            self._send(0xE0, b"")
        except OSError:
            pass
        self.sock.close()
