"""Serves the pages of a case over HTTP (`serve`, see ems_cases.py)."""
import http.server
import json
import threading
import urllib.parse

TYPES = {"json": "application/json", "xml": "text/xml", "html": "text/html", "txt": "text/plain"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _run(self):
        n = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(n).decode(errors="replace") if n else ""
        page = self.server.page(self.command.lower(), self.path, sent)
        body = b"no such page" if page is None else page["body"]
        self.send_response(404 if page is None else page.get("status", 200))
        self.send_header("Content-Type", "text/plain" if page is None else page["type"])
        self.send_header("Content-Length", str(len(body)))
        for k, v in ((page or {}).get("headers") or {}).items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _run

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages

    def page(self, method, address, sent):
        got = urllib.parse.urlsplit(address)
        query = dict(urllib.parse.parse_qsl(got.query, keep_blank_values=True))
        for p in self.pages:
            want = urllib.parse.urlsplit(p.get(method, "\0"))
            only = dict(urllib.parse.parse_qsl(want.query, keep_blank_values=True))
            if want.path == got.path and only.items() <= query.items() and urllib.parse.unquote(want.fragment) in sent:
                return p
        return None

    def handle_error(self, *_):
        pass  # a probe that hangs up


class Serve:
    def __init__(self, case, find):
        pages = []
        for p in case["serve"]:
            if "file" in p:
                with open(find(p["file"]), "rb") as f:
                    body = f.read()
            else:
                body = (p["text"] if "text" in p else json.dumps(p.get("json", {}))).encode()
            kind = TYPES.get(p.get("file", "." + ("txt" if "text" in p else "json")).rsplit(".", 1)[-1], "text/plain")
            pages.append({"type": kind, **p, "body": body})
        self.server = _Server(pages)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        # A case whose address has a path gives it as /...
        own = str(case.get("options", {}).get("url", ""))
        self.options = {"url": self.url + own if own.startswith("/") else own or self.url}
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
