"""Fakes of the real APIs of energy systems: what each demands, and how it refuses what is missing.

A module of this folder has APIS, one or more tables:

    APIS = [Api("sunbox", pages=[
        Page("POST", "/login", form={"password": "open sesame"}, makes=("session",),
             json={"token": "<<session>>"}, refuse={"form:password": Refusal(401, '{"error":"password"}')}),
        Page("GET", "/api/now", headers={"X-Session": "<<session>>"}, params={"site": "1"}, file="sunbox/own_day.json",
             refuse={"header:X-Session": Refusal(403, '{"error":"log in"}')})],
        options={"password": "open sesame"}, now="2026-06-14T09:20:35Z", expect={"grid_w": -640},
        mistakes=[Mistake({"password": "wrong"}, 69, "the login is not taken")])]

tests/integration/test_ems_api.py runs `twcbridge probe` against each: the values must be right, nothing may be
refused, every page that is not `optional` must be asked. Then it drops each demand in turn - method, headers,
cookies, parameters, members of a form or of a JSON body, logins before - and must get the refusal of the table.

A demand is a text, where <<name>> stands for what a login made; Like(pattern, example); or a function of the state
(a dict) that gives the text. `path` may hold parameters, and a body behind #: they tell pages of one path apart and are no demands.
`auth`: ("basic", user, password) or ("digest", user, password[, "SHA-256"]). Say in the head of a module that it is
a fake and what it is built from: recorded answers, the maker's documents, or a guess.
"""
import base64
import dataclasses
import hashlib
import http.client
import http.cookies
import http.server
import json
import os
import re
import secrets
import threading
import urllib.parse

DATA = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data/ems"))
TYPES = {"json": "application/json", "xml": "text/xml", "html": "text/html", "txt": "text/plain"}
NONCE, REALM = "5ca1ab1e0ddba11", "device"


@dataclasses.dataclass
class Refusal:
    status: int
    body: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    type: str = "application/json"


@dataclasses.dataclass
class Like:
    """A demand that many texts meet."""
    pattern: str
    example: str


@dataclasses.dataclass
class Mistake:
    """Options that a user gets wrong: how the probe ends then, and a part of its sentence."""
    options: dict
    exit: int
    stderr: str


@dataclasses.dataclass
class Page:
    method: str
    path: str
    params: dict = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    cookies: dict = dataclasses.field(default_factory=dict)
    form: dict = dataclasses.field(default_factory=dict)
    body: dict = dataclasses.field(default_factory=dict)  # of a JSON body
    auth: tuple = None
    needs: tuple = ()  # names of pages that come first
    name: str = ""
    makes: tuple = ()  # names of what a login makes anew
    # What it gives: one of these, and with what.
    file: str = None
    text: str = None
    json: object = None
    gives: object = None  # a function of the state: a Refusal with any status
    status: int = 200
    type: str = None
    sends: dict = dataclasses.field(default_factory=dict)  # headers
    # Demand ("header:X", "cookie:X", "param:X", "form:X", "body:X", "needs:X", "auth", "method") -> Refusal.
    refuse: dict = dataclasses.field(default_factory=dict)
    optional: bool = False

    def demands(self):
        out = ["method"] + ["auth"] * bool(self.auth)
        for kind, what in (("param", self.params), ("header", self.headers), ("cookie", self.cookies),
                           ("form", self.form), ("body", self.body)):
            out += [f"{kind}:{k}" for k in what]
        return out + [f"needs:{n}" for n in self.needs]

    def refusal(self, demand):
        got = self.refuse.get(demand) or self.refuse.get(demand.split(":")[0])
        default = {"method": 405, "param": 400, "form": 400, "body": 400}.get(demand.split(":")[0], 401)
        got = got or Refusal(default, "refused: " + demand, type="text/plain")
        if demand == "auth" and "WWW-Authenticate" not in got.headers:
            got = dataclasses.replace(got, headers={**got.headers, "WWW-Authenticate": challenge(self.auth)})
        return got


@dataclasses.dataclass
class Api:
    adapter: str
    pages: list
    options: dict = dataclasses.field(default_factory=dict)  # <<url>> stands for the address of the fake
    now: str = None
    expect: dict = dataclasses.field(default_factory=dict)  # field -> value or None, as in *.expected.json
    mistakes: list = dataclasses.field(default_factory=list)
    title: str = ""
    missing: Refusal = dataclasses.field(default_factory=lambda: Refusal(404, "no such page", type="text/plain"))


def challenge(auth):
    if auth[0] == "basic":
        return f'Basic realm="{REALM}"'
    algorithm = auth[3] if len(auth) > 3 else "MD5"
    return f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, nonce="{NONCE}"'


def _digest(auth, method, uri, nc, cnonce):
    hash_of = hashlib.sha256 if len(auth) > 3 and auth[3] == "SHA-256" else hashlib.md5

    def hexed(s):
        return hash_of(s.encode()).hexdigest()

    return hexed(":".join((hexed(f"{auth[1]}:{REALM}:{auth[2]}"), NONCE, nc, cnonce, "auth", hexed(f"{method}:{uri}"))))


def authorization(auth, method, uri):
    """The header of a client that knows the login."""
    if auth[0] == "basic":
        return "Basic " + base64.b64encode(f"{auth[1]}:{auth[2]}".encode()).decode()
    algorithm = f", algorithm={auth[3]}" if len(auth) > 3 else ""
    return (f'Digest username="{auth[1]}", realm="{REALM}", nonce="{NONCE}", uri="{uri}", qop=auth, nc=00000001, '
            f'cnonce="c0ffee", response="{_digest(auth, method, uri, "00000001", "c0ffee")}"{algorithm}')


def _authorized(auth, method, uri, got):
    if auth[0] == "basic":
        return got == authorization(auth, method, uri)
    d = {k: v or w for k, v, w in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]*))', got or "")}
    return (d.get("uri") == uri and d.get("nonce") == NONCE and d.get("username") == auth[1] and
            d.get("response") == _digest(auth, method, uri, d.get("nc", ""), d.get("cnonce", "")))


def fill(text, state):
    """<<name>> by what a login made; None: there was none."""
    names = re.findall(r"<<(\w+)>>", text)
    if any(n not in state for n in names):
        return None
    return re.sub(r"<<(\w+)>>", lambda m: state[m.group(1)], text)


def wanted(demand, state):
    return demand(state) if callable(demand) else demand.example if isinstance(demand, Like) else fill(demand, state)


def _met(demand, state, got):
    if got is None:
        return False
    if isinstance(demand, Like):
        return re.fullmatch(demand.pattern, got) is not None
    return wanted(demand, state) == got


class Asked:
    """A request as it came."""

    def __init__(self, method, address, headers, body):
        parts = urllib.parse.urlsplit(address)
        self.method, self.uri, self.path, self.headers = method, address, parts.path, headers
        self.params = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.cookies = {k: v.value for k, v in http.cookies.SimpleCookie(headers.get("Cookie", "")).items()}
        text = self.text = body.decode(errors="replace")
        self.form = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        try:
            self.body = {k: v if isinstance(v, str) else json.dumps(v) for k, v in json.loads(text).items()}
        except (ValueError, AttributeError):
            self.body = {}

    def unmet(self, page, state):
        """The demands of a page that this request does not meet, in their order."""
        got = {"param": self.params, "cookie": self.cookies, "form": self.form, "body": self.body, "header": self.headers}
        bad = ["method"] * (self.method != page.method)
        if page.auth and not _authorized(page.auth, self.method, self.uri, self.headers.get("Authorization")):
            bad.append("auth")
        bad += [f"needs:{n}" for n in page.needs if n not in state["done"]]
        for kind, what in (("header", page.headers), ("cookie", page.cookies), ("param", page.params),
                           ("form", page.form), ("body", page.body)):
            bad += [f"{kind}:{k}" for k, v in what.items() if not _met(v, state, got[kind].get(k))]
        return bad


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _run(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n) if n else b""
        with self.server.fake.lock:
            got = self.server.fake.answer(Asked(self.command, self.path, self.headers, body))
        data = got.body if isinstance(got.body, bytes) else got.body.encode()
        self.send_response(got.status)
        self.send_header("Content-Type", got.type)
        self.send_header("Content-Length", str(len(data)))
        for k, v in got.headers.items():
            for one in v if isinstance(v, list) else [v]:
                self.send_header(k, one)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _run

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class Fake:
    """Serves an Api: `refused` and `asked` tell what came."""

    def __init__(self, api):
        self.api, self.lock = api, threading.Lock()
        self.state = {"done": set()}
        self.asked, self.refused = [], []  # pages; (page, demand)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def options(self):
        out = {"url": self.url}
        for k, v in self.api.options.items():
            out[k] = v.replace("<<url>>", self.url) if isinstance(v, str) else v
        return out

    def _candidates(self, request):
        for page in self.api.pages:
            want = urllib.parse.urlsplit(page.path)
            only = dict(urllib.parse.parse_qsl(want.query, keep_blank_values=True))
            if want.path == request.path and only.items() <= request.params.items() and want.fragment in request.text:
                yield page, request.unmet(page, self.state)

    def answer(self, request):
        found = sorted(self._candidates(request), key=lambda x: len(x[1]))
        if not found:
            return self.api.missing
        page, unmet = found[0]
        if unmet:
            self.refused.append((page, unmet[0]))
            return page.refusal(unmet[0])
        self.asked.append(page)
        self.state["done"].add(page.name)
        for name in page.makes:
            self.state[name] = secrets.token_hex(16)
        return self._content(page)

    def _content(self, page):
        if page.gives:
            return page.gives(self.state)
        kind = page.type or TYPES["txt" if page.text is not None else "json" if page.file is None
                                  else page.file.rsplit(".", 1)[-1]]
        if page.file is not None:
            with open(os.path.join(DATA, page.file), "rb") as f:
                body = f.read()
        else:
            body = fill(page.text if page.text is not None else json.dumps(page.json), self.state)
        sends = {k: [fill(x, self.state) for x in v] if isinstance(v, list) else fill(v, self.state)
                 for k, v in page.sends.items()}
        return Refusal(page.status, body, sends, kind)

    # ---- a client that knows all demands, and can leave out one ----

    def ask(self, page, without=None):
        """(status, body) of a request for a page that meets its demands, but for one."""
        for name in page.needs:
            if f"needs:{name}" != without:
                self.ask(next(p for p in self.api.pages if p.name == name))
        self._log_in(page)
        keep = {kind: {k: wanted(v, self.state) for k, v in what.items() if f"{kind}:{k}" != without}
                for kind, what in (("param", page.params), ("header", page.headers), ("cookie", page.cookies),
                                   ("form", page.form), ("body", page.body))}
        parts = urllib.parse.urlsplit(page.path)
        query = "&".join(x for x in (parts.query, urllib.parse.urlencode(keep["param"])) if x)
        uri = parts.path + ("?" + query if query else "")
        method = page.method if without != "method" else "PUT"
        headers = dict(keep["header"])
        if keep["cookie"]:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in keep["cookie"].items())
        if page.auth and without != "auth":
            headers["Authorization"] = authorization(page.auth, method, uri)
        body = urllib.parse.urlencode(keep["form"]) if page.form else json.dumps(keep["body"]) if page.body else parts.fragment or None
        if body is not None and without != "header:Content-Type":
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded" if page.form else "application/json")
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request(method, uri, body, headers)
        r = c.getresponse()
        out = r.status, r.read().decode(errors="replace")
        c.close()
        return out

    def _log_in(self, page):
        """Whatever makes what this page's demands name."""
        texts = [v for d in (page.params, page.headers, page.cookies, page.form, page.body) for v in d.values()]
        for name in set(re.findall(r"<<(\w+)>>", " ".join(v for v in texts if isinstance(v, str)))):
            if name not in self.state:
                self.ask(next(p for p in self.api.pages if name in p.makes))
