"""A Modbus device that misbehaves on request, over TCP or RTU over TCP.

    with ModbusFake({(1, 3): {100: 7}}) as f:         # (unit, function) -> {address: word}
        ... f.port ...
        f.requests                                     # [(unit, function, start, count)], in order

What is in no image is exception 2; a unit that is in none is silent, or the exception `absent`. FAULTS by unit id, so
that one server has all; `everywhere` makes one of them the answer to everything. A unit that has registers has no
fault. As a program: modbus_fake.py PORT [--rtu] [--one-client].
"""
import socket
import struct
import sys
import threading
import time

# 60 + N: exception N
FAULTS = {80: "silent", 81: "slow", 82: "cut", 83: "other_id", 84: "garbage", 85: "drip", 86: "short", 87: "other_unit",
          88: "hang_up", 89: "late", 90: "check_sum"}
SLOW_S = 0.3


def crc16(data):
    crc = 0xffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0xa001 if crc & 1 else 0)
    return struct.pack("<H", crc)


class ModbusFake:
    def __init__(self, words, port=0, rtu=False, one_client=False, absent=None):
        self.words, self.rtu, self.one_client, self.absent = words, rtu, one_client, absent
        self.everywhere = None
        self.requests, self.clients, self.connections = [], [], 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.stop = threading.Event()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.listener.close()
        with self.lock:
            for c in self.clients:
                c.close()

    def hang_up(self):
        """Ends all connections, as a device does that restarts."""
        with self.lock:
            for c in self.clients:
                c.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while not self.stop.is_set():
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                busy = self.one_client and len(self.clients) > 0
                if not busy:
                    self.clients.append(c)
            if busy or self.everywhere == "busy":
                c.close()
            else:
                threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        try:
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                head = self._read(c, 0 if self.rtu else 6)
                body = self._read(c, 8) if self.rtu else self._read(c, struct.unpack(">H", head[4:6])[0])
                unit, function, start, count = struct.unpack(">BBHH", body[:6])
                with self.lock:
                    self.requests.append((unit, function, start, count))
                if self.rtu and body[6:] != crc16(body[:6]):
                    continue
                self._answer(c, head, unit, function, start, count)
        except OSError:
            pass
        finally:
            c.close()
            with self.lock:
                if c in self.clients:
                    self.clients.remove(c)

    @staticmethod
    def _read(c, n):
        data = b""
        while len(data) < n:
            more = c.recv(n - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def _pdu(self, unit, function, start, count):
        space = self.words.get((unit, function))
        if space is None and any(u == unit for u, _ in self.words):
            return bytes((function | 0x80, 1 if function not in (3, 4) else 2))
        if space is None:
            return bytes((function | 0x80, self.absent)) if self.absent else None
        words = [space.get(start + i) for i in range(count)]
        if None in words or not words:
            return bytes((function | 0x80, 2))
        return bytes((function, 2 * count)) + struct.pack(f">{count}H", *words)

    def _frame(self, head, unit, pdu, spoil=False):
        if self.rtu:
            data = bytes((unit,)) + pdu
            return data + (b"\0\0" if spoil else crc16(data))
        return head[:4] + struct.pack(">HB", len(pdu) + 1, unit) + pdu

    def _answer(self, c, head, unit, function, start, count):
        real = any(u == unit for u, _ in self.words)
        fault = self.everywhere or (None if real else FAULTS.get(unit))
        pdu = self._pdu(1 if fault and unit in FAULTS else unit, function, start, count)
        if isinstance(fault, int) or 60 < unit < 80 and not real:
            pdu = bytes((function | 0x80, fault or unit - 60))
        if fault == "silent" or pdu is None:
            return
        if fault == "garbage":
            c.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        elif fault == "hang_up":
            raise OSError("as asked")
        elif fault == "cut":
            c.sendall(self._frame(head, unit, pdu)[:-3])
            raise OSError("as asked")
        elif fault == "short":
            c.sendall(self._frame(head, unit, bytes((function, 2 * (count - 1))) + bytes(2 * (count - 1))))
        elif fault == "other_id":
            c.sendall(self._frame(b"\x7f\x7f" + head[2:], unit, pdu))
        elif fault == "other_unit":
            c.sendall(self._frame(head, unit + 1, pdu))
        elif fault == "check_sum":
            c.sendall(self._frame(head, unit, pdu, spoil=True))
        elif fault == "drip":
            for b in self._frame(head, unit, pdu):
                c.sendall(bytes((b,)))
                time.sleep(0.2)
        else:
            if fault in ("slow", "late"):
                time.sleep(SLOW_S if fault == "slow" else 4 * SLOW_S)
            c.sendall(self._frame(head, unit, pdu))


if __name__ == "__main__":
    WORDS = {(1, 3): {i: i for i in range(200)}, (1, 4): {i: 1000 + i for i in range(200)}}
    with ModbusFake(WORDS, int(sys.argv[1]), "--rtu" in sys.argv, "--one-client" in sys.argv):
        threading.Event().wait()
