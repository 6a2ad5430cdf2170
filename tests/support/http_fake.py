"""An HTTP server for tests that checks what it is asked and misbehaves on request.

    with HttpFake() as f:
        f.answer("/v1/power", {"power": 1234})           # or bytes, or a function of the request
        ... f.url + "/v1/power" ...
        f.requests                                        # [Request], in order

Built-in paths: see BEHAVIOUR. As a program: http_fake.py PORT [CERT KEY], for tests in C.
"""
import base64
import hashlib
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time

USER, PASSWORD, TOKEN = "meter", "open sesame", "t0ken/+ &=x"


class Request:
    def __init__(self, handler, body):
        self.method, self.path = handler.command, handler.path
        self.headers, self.body = handler.headers, body
        self.time = time.monotonic()
        self.peer = handler.client_address


def _reply(h, status, body=b"", kind="application/json", **headers):
    h.send_response(status)
    for k, v in headers.items():
        h.send_header(k.replace("_", "-"), v)
    h.send_header("Content-Type", kind)
    h.send_header("Content-Length", str(len(body)))
    h.end_headers()
    h.wfile.write(body)


OK = b'{"power": 1234}'


def _basic(h, _):
    want = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if h.headers.get("Authorization") == want:
        _reply(h, 200, OK)
    else:
        _reply(h, 401, b"who are you?", "text/plain", WWW_Authenticate='Basic realm="meter"')


def _digest(algorithm):
    def run(h, _):
        hash_of = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

        def hexed(s):
            return hash_of(s.encode()).hexdigest()

        nonce = f"n0nce-{h.server.fake.counts.setdefault('restarts', 0)}"
        got = dict(re.findall(r'(\w+)="?([^",]*)"?', h.headers.get("Authorization", "")))
        ha1, ha2 = hexed(f"{USER}:meter:{PASSWORD}"), hexed(f"{h.command}:{h.path}")
        want = hexed(":".join((ha1, nonce, got.get("nc", ""), got.get("cnonce", ""), "auth", ha2)))
        last = h.server.fake.counts.get(algorithm, 0)
        if got.get("response") == want and int(got["nc"], 16) == last + 1:
            h.server.fake.counts[algorithm] = last + 1
            _reply(h, 200, OK)
        else:
            h.server.fake.counts[algorithm] = 0
            _reply(h, 401, b"who are you?", "text/plain", WWW_Authenticate=(
                f'Digest realm="meter", qop="auth", algorithm={algorithm}, nonce="{nonce}"'))
    return run


def _when(test):
    return lambda h, _: _reply(h, 200, OK) if test(h) else _reply(h, 403, b"no", "text/plain")


def _slow(h, _):
    h.server.fake.stop.wait(20)


def _drip(h, _):
    h.send_response(200)
    h.send_header("Content-Length", "1000")
    h.end_headers()
    for _i in range(1000):
        h.wfile.write(b" ")
        if h.server.fake.stop.wait(0.05):
            return


def _cut(h, _):
    h.send_response(200)
    h.send_header("Content-Length", "1000")
    h.end_headers()
    h.wfile.write(b'{"power": 12')
    h.close_connection = True


def _huge(h, _):
    h.send_response(200)
    h.end_headers()
    try:
        for _i in range(400):
            h.wfile.write(b"x" * 10000)
    except OSError:
        pass
    h.close_connection = True


def _raw(data):
    def run(h, _):
        h.wfile.write(data)
        h.close_connection = True
    return run


def _cookies(h, _):
    h.send_response(200)
    h.send_header("Set-Cookie", "session=abc; Path=/; HttpOnly")
    h.send_header("set-cookie", "other=1")
    h.send_header("Content-Length", "2")
    h.end_headers()
    h.wfile.write(b"{}")


def _restart(h, _):
    h.server.fake.counts["restarts"] += 1  # every nonce is forgotten
    _reply(h, 200, OK)


def _login(h, body):
    f = h.server.fake
    if body != b"password=" + PASSWORD.replace(" ", "+").encode() or f.counts.get("locked"):
        _reply(h, 401, b"wrong password", "text/plain")
    else:
        f.counts["sessions"] = f.counts.get("sessions", 0) + 1
        _reply(h, 200, json.dumps({"token": f"session-{f.counts['sessions']}"}).encode())


def _session(h, _):
    f = h.server.fake
    last = f.counts.get("sessions", 0)
    # A session is good for two readings.
    if last and h.headers.get("X-Session") == f"session-{last}" and f.counts.get(last, 0) < 2:
        f.counts[last] = f.counts.get(last, 0) + 1
        _reply(h, 200, OK)
    else:
        _reply(h, 401, b"log in", "text/plain")


def _lock(h, _):
    h.server.fake.counts["locked"] = True
    _reply(h, 200, b"{}")


def _hang_up(h, _):
    _reply(h, 200, OK)
    h.close_connection = True  # and did not say so


BEHAVIOUR = {
    "/login": _login, "/session": _session, "/lock": _lock,
    "/restart": _restart, "/hangs-up": _hang_up,
    "/ok": lambda h, _: _reply(h, 200, OK),
    "/echo": lambda h, body: _reply(h, 200, body),
    "/basic": _basic,
    "/digest": _digest("MD5"),
    "/digest256": _digest("SHA-256"),
    "/bearer": _when(lambda h: h.headers.get("Authorization") == f"Bearer {TOKEN}"),
    "/header": _when(lambda h: h.headers.get("X-Key") == TOKEN),
    "/query": _when(lambda h: h.path == "/query?a=1&key=t0ken%2F%2B%20%26%3Dx"),
    "/slow": _slow, "/drip": _drip, "/cut": _cut, "/huge": _huge, "/cookies": _cookies,
    "/garbage": _raw(b"\x00\x01\x02SSH-2.0-no-http\r\n\r\n"),
    "/headers": _raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"y" * 500 + b"\r\n" + (b"X: " + b"y" * 500 + b"\r\n") * 300),
    "/redirect": lambda h, _: _reply(h, 302, b"", Location="/ok"),
    "/busy": lambda h, _: _reply(h, 429, b"slow down", "text/plain", Retry_After="7"),
    "/html": lambda h, _: _reply(h, 200, b"<html><body>502 Bad Gateway</body></html>", "text/html"),
    "/image": lambda h, _: _reply(h, 200, b'{"power":5,"list":[],"soc":50}', "image/png"),
    "/mebibyte": lambda h, _: _reply(h, 200, b'{"power":5,"list":[{"power":1}],"soc":50' + b" " * (2**20 - 41) + b"}"),
    "/too_large": lambda h, _: _reply(h, 200, b'{"power":5}' + b" " * 2**20),
    "/resting": lambda h, _: _reply(h, 503, b"later", "text/plain", Retry_After="120"),
    "/null": lambda h, _: _reply(h, 200, b'{"power": null}'),
    "/nan": lambda h, _: _reply(h, 200, b'{"power": NaN}'),
    "/list": lambda h, _: _reply(h, 200, b'[1, 2'),
}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _run(self):
        n = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(n) if n else b""
        fake = self.server.fake
        with fake.lock:
            fake.requests.append(Request(self, body))
        path = fake.everywhere or self.path.split("?")[0]
        answer = fake.answers.get(path)
        if callable(answer):
            answer = answer(fake.requests[-1])
        if isinstance(answer, int):
            _reply(self, answer, b"no", "text/plain")
        elif answer is not None:
            _reply(self, 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        elif re.fullmatch(r"/status/\d{3}", path):
            _reply(self, int(path[-3:]), b"no", "text/plain")
        elif path in BEHAVIOUR:
            BEHAVIOUR[path](self, body)
        else:
            _reply(self, 404, b"no such page", "text/plain")

    do_GET = do_POST = _run

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a client that hangs up, a handshake that fails: that is what is tested


class HttpFake:
    def __init__(self, port=0, cert=None, key=None):
        self.requests, self.answers, self.counts = [], {}, {}
        self.everywhere = None  # a path of BEHAVIOUR: whatever is asked is answered like that
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.fake = self
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if cert else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def answer(self, path, what):
        self.answers[path] = what

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def certificate(folder, name="fake", host="127.0.0.1"):
    """(cert, key, SHA-256 fingerprint) of a self-signed certificate, made in folder."""
    cert, key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    kind = "IP" if re.fullmatch(r"[\d.]+", host) else "DNS"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=" + name, "-addext", f"subjectAltName={kind}:{host}",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    r = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"], check=True,
                       capture_output=True, text=True)
    return cert, key, r.stdout.strip().split("=")[1]


if __name__ == "__main__":
    with HttpFake(int(sys.argv[1]), *sys.argv[2:4]):
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
