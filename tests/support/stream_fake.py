"""A WebSocket and event stream server for tests that misbehaves on request.

    with StreamFake() as f:  ... f.url + "/echo" ...      # ws and http on one port
    f.paths                                                # what was asked for, in order

Frames are written by hand, so that wrong ones can be. As a program: stream_fake.py PORT [CERT KEY].
"""
import base64
import hashlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

TOKEN = "t0ken/+ &=x"


def frame(opcode, data, final=True, reserved=0, mask=False):
    n = len(data)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack("!H", n) if n < 65536 else b"\x7f" + struct.pack("!Q", n)
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    if mask:
        return head + bytes([size[0] | 0x80]) + size[1:] + b"\0\0\0\0" + data
    return head + size + data


class Peer:
    """One connection: the request, and frames both ways."""

    def __init__(self, sock):
        self.sock, self.buf, self.head, self.path = sock, b"", {}, ""

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buf += data

    def take(self, n):
        while len(self.buf) < n:
            self.fill()
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def request(self):
        while b"\r\n\r\n" not in self.buf:
            self.fill()
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.head = {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}

    def send(self, data):
        self.sock.sendall(data)

    def text(self, s):
        self.send(frame(1, s.encode()))

    def status(self, status, body=b"no"):
        self.send(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    def accept(self, key=None, rest=b""):
        key = key or self.head["sec-websocket-key"]
        good = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Accept: " + good + b"\r\n\r\n" + rest)

    def read(self):
        """(opcode, bytes) of one frame, which must be masked."""
        first, second = self.take(2)
        n = second & 127
        if not second & 128:
            raise ValueError("not masked")
        if n >= 126:
            n = struct.unpack("!H" if n == 126 else "!Q", self.take(2 if n == 126 else 8))[0]
        mask = self.take(4)
        return first & 15, bytes(b ^ mask[i & 3] for i, b in enumerate(self.take(n)))

    def stream(self, kind=b"text/event-stream"):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nTransfer-Encoding: chunked\r\n\r\n")

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def wait(self, seconds=20):
        """Until the other side goes."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass


def _echo(p):
    p.accept()
    while True:
        opcode, data = p.read()
        if opcode == 8:
            p.send(frame(8, data))
            return
        p.send(frame(10 if opcode == 9 else opcode, data))


def _talk(*frames):
    def run(p):
        p.accept(rest=b"".join(frames))
        p.wait()
    return run


def _login(test):
    return lambda p: _talk(frame(1, b"hello"))(p) if test(p) else p.status(401)


def _mute(p):
    p.accept()
    p.text("hello")
    p.wait()


def _pings(p):
    p.accept()
    p.send(frame(9, b"are you there"))
    p.text(p.read()[1].decode())
    p.wait()


def _burst(p):
    p.accept()
    for i in range(2000):
        p.text(f"{i}:" + "x" * 400)
    p.wait()


def _flood(p):
    p.accept()
    try:
        while True:
            p.send(frame(1, b"x" * 60000))
    except OSError:
        pass


def _events(p):
    p.stream()
    p.chunk(b": hello\n\nevent: message\nda")
    time.sleep(0.02)
    p.chunk(b"ta: one\n\n")
    p.chunk(b"data: two\n\n")
    p.wait()


def _ends(p):
    p.stream()
    p.chunk(b"data: one\n\n")
    p.chunk(b"")


def _quiet(p):
    p.stream()
    p.wait()


def _long(p):
    p.stream()
    try:
        while True:
            p.chunk(b"data: " + b"x" * 5000)
    except OSError:
        pass


def _who(p):
    if p.head.get("authorization") != "Bearer " + TOKEN:
        return p.status(401)
    return _events(p)


PATHS = {
    "/echo": _echo,
    "/hello": _talk(frame(1, b"hello")),
    "/pieces": _talk(frame(1, b"hel", False), frame(9, b""), frame(0, b"l", False), frame(0, b"o")),
    "/binary": _talk(frame(2, b"\0\1"), frame(1, b"hello")),
    "/bye": _talk(frame(1, b"hello"), frame(8, struct.pack("!H", 1001) + b"going away")),
    "/masked": _talk(frame(1, b"hello", mask=True)),
    "/reserved": _talk(frame(1, b"hello", reserved=0x40)),
    "/latin": _talk(frame(1, b"\xe4")),
    "/huge": _talk(b"\x81\x7f" + struct.pack("!Q", 1 << 40)),
    "/bearer": _login(lambda p: p.head.get("authorization") == "Bearer " + TOKEN),
    "/header": _login(lambda p: p.head.get("x-key") == TOKEN),
    "/basic": _login(lambda p: p.head.get("authorization") == "Basic " + base64.b64encode(b"meter:open sesame").decode()),
    "/query?a=1&key=t0ken%2F%2B%20%26%3Dx": _talk(frame(1, b"hello")),
    "/mute": _mute, "/pings": _pings, "/burst": _burst, "/flood": _flood,
    "/wrong-key": lambda p: (p.accept("x"), p.wait()),
    "/cut": lambda p: p.send(b"HTTP/1.1 101 Switching"),
    "/garbage": lambda p: p.send(b"\x00\x01\x02SSH-2.0-no-http\r\n\r\n"),
    "/slow": lambda p: p.wait(),
    "/busy": lambda p: p.send(b"HTTP/1.1 429 Too Many\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n"),
    "/page": lambda p: p.status(200, b"<html>"),
    "/headers": lambda p: p.send(b"HTTP/1.1 101 X\r\n" + b"X: y\r\n" * 4000),
    "/events": _events, "/ends": _ends, "/quiet": _quiet, "/long": _long, "/events-bearer": _who,
}


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        p, fake = Peer(self.request), self.server.fake
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if fake.tls:
                p.sock = fake.tls.wrap_socket(self.request, server_side=True)
            p.request()
            fake.paths.append(p.path)
            run = fake.answers.get(p.path.split("?")[0]) or fake.default or PATHS.get(p.path) or (lambda x: x.status(404))
            run(p)
        except (OSError, ConnectionError, ValueError, KeyError):
            pass
        finally:
            p.sock.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class StreamFake:
    def __init__(self, port=0, cert=None, key=None, default=None):
        self.paths, self.answers = [], {}  # answers: path -> function of the Peer
        self.default = default  # of all other paths
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if cert else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


if __name__ == "__main__":
    with StreamFake(int(sys.argv[1]), *sys.argv[2:4]):
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
