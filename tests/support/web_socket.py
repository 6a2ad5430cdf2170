"""A WebSocket (RFC 6455, client side) that carries JSON. Synchronous, standard library only.

    ws = WebSocket("127.0.0.1", port, "/api/websocket"); ws.write({"type": "x"}); ws.read()
"""
import base64
import json
import os
import socket
import struct


class WebSocket:
    def __init__(self, host, port, path):
        self.sock, self.buf = socket.create_connection((host, port), 30), b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buf:
            self._fill()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buf += data

    def _take(self, n):
        while len(self.buf) < n:
            self._fill()
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def _frame(self, opcode, data):
        mask, n = os.urandom(4), len(data)
        size = bytes([0x80 | n]) if n < 126 else struct.pack("!BH", 0xFE, n) if n < 65536 else struct.pack("!BQ", 0xFF, n)
        self.sock.sendall(bytes([0x80 | opcode]) + size + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data)))

    def write(self, obj):
        self._frame(1, json.dumps(obj).encode())

    def read(self, timeout=30):
        self.sock.settimeout(timeout)
        text = b""
        while True:
            first, second = self._take(2)
            n = second & 127
            if n >= 126:
                n = struct.unpack("!H" if n == 126 else "!Q", self._take(2 if n == 126 else 8))[0]
            data = self._take(n)
            if first & 15 == 9:
                self._frame(10, data)
            elif first & 15 == 8:
                raise ConnectionError("closed by the server")
            else:
                text += data
                if first & 0x80:
                    return json.loads(text)
