"""A real Home Assistant for the tests, in the folder that make_root.sh made.

    ha = HomeAssistant(root); ha.start(); ha.set_up(mqtt_port, "user", "secret")
    ha.entities()["twcbridge_charger_a1b2_power"]["entity_id"]
    ha.call("number", "set_value", "number.x", value=16)

Synchronous, standard library only; tests/support must be on the path. Needs root (chroot).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from web_socket import WebSocket

HERE = os.path.dirname(os.path.abspath(__file__))
NOISE = ("Skipping pip installation of required modules",)


class Refused(Exception):
    """Home Assistant's own words for a call that failed."""


def wait(what, fn, timeout=30, every=0.1):
    end, last = time.monotonic() + timeout, None
    while time.monotonic() < end:
        try:
            last = fn()
            if last:
                return last
        except (Refused, OSError) as e:
            last = e
        time.sleep(every)
    raise TimeoutError(f"{what}: not within {timeout} s (last: {last!r})")


class Socket(WebSocket):
    """One session of Home Assistant's WebSocket API: logged in, with its command ids."""

    def __init__(self, base, token):
        u = urllib.parse.urlsplit(base)
        super().__init__(u.hostname, u.port, "/api/websocket")
        self.ident = 0
        self.read()
        self.write({"type": "auth", "access_token": token})
        if self.read()["type"] != "auth_ok":
            raise Refused("the token")

    def command(self, kind, timeout=30, **fields):
        self.ident += 1
        self.write({"id": self.ident, "type": kind, **fields})
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            m = self.read(timeout)
            if m.get("id") == self.ident and m["type"] == "result":
                if not m["success"]:
                    raise Refused(f"{kind}: {m['error']['code']}: {m['error']['message']}")
                return m["result"]
        raise TimeoutError(kind)


class HomeAssistant:
    def __init__(self, root, port, name="ha"):
        self.root, self.port, self.conf = os.path.abspath(root), port, "/srv/" + name
        self.dir = self.root + self.conf
        self.out = self.dir + "/stdout.log"
        self.base = f"http://127.0.0.1:{port}"
        self.proc = self.ws = self.token = None
        self.tokens = None

    # -- process
    def start(self, fresh=True, timeout=120):
        if fresh:
            shutil.rmtree(self.dir, ignore_errors=True)
            self._files()
        env = {"HOME": "/root", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8"}
        with open(self.out, "ab") as out:
            self.proc = subprocess.Popen(
                ["chroot", self.root, "/opt/ha/bin/hass", "-c", self.conf, "--skip-pip", "--log-no-color"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True)
        wait("Home Assistant's HTTP", lambda: self._alive(), timeout)

    def _alive(self):
        if self.proc.poll() is not None:
            raise RuntimeError(f"Home Assistant ended with {self.proc.returncode}: see {self.out}")
        return self.rest("GET", "/manifest.json", timeout=5)

    def _files(self):
        os.makedirs(self.dir + "/.storage")
        shutil.copy(HERE + "/configuration.yaml", self.dir)
        for name in ("automations.yaml", "scripts.yaml"):
            open(f"{self.dir}/{name}", "w").close()
        # The listen address lives in the storage: `http:` in YAML is on trial for five minutes.
        self._store("http", 3, {"stable": {
            "server_host": ["127.0.0.1"], "server_port": self.port, "cors_allowed_origins": [],
            "login_attempts_threshold": -1, "ip_ban_enabled": False, "use_x_frame_options": True,
            "ssl_profile": "intermediate_v6", "created_at": "2026-01-01T00:00:00+00:00",
            "error": None, "error_message": None}, "pending": None, "yaml_migration_done": True})
        # Marked as done: this step would set up integrations that want the internet.
        self._store("onboarding", 4, {"done": ["core_config", "analytics", "integration"]})

    def _store(self, key, version, data):
        with open(f"{self.dir}/.storage/{key}", "w") as f:
            json.dump({"version": version, "minor_version": 1, "key": key, "data": data}, f)

    def stop(self, kill=False):
        if self.ws:
            self.ws.sock.close()  # Home Assistant waits 10 s for an open one
            self.ws = None
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.proc.wait(60)
        self.proc = None

    def complaints(self, since=0, ignore=()):
        """Warnings and errors in the log behind byte `since`, and payloads that matched nothing."""
        bad = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) |No matching payload")
        with open(self.out, errors="replace") as f:
            f.seek(since)
            return [x.rstrip() for x in f if bad.search(x) and not any(i in x for i in NOISE + tuple(ignore))]

    def log_end(self):
        return os.path.getsize(self.out)

    # -- calls
    def rest(self, method, path, body=None, form=False, timeout=60):
        head, data = {}, None
        if self.token:
            head["Authorization"] = "Bearer " + self.token
        if body is not None:
            data = (urllib.parse.urlencode(body) if form else json.dumps(body)).encode()
            head["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
        req = urllib.request.Request(self.base + path, data, head, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(req, timeout=timeout) as r:
                raw = r.read()
                return json.loads(raw) if "json" in r.headers.get("Content-Type", "") else raw.decode()
        except urllib.error.HTTPError as e:
            raise Refused(f"{method} {path}: {e.code}: {e.read().decode(errors='replace')[:500]}") from None

    def command(self, kind, **fields):
        for last in (False, True):
            try:
                if not self.ws:
                    self.ws = Socket(self.base, self.token)
                return self.ws.command(kind, **fields)
            except (OSError, ConnectionError):
                self.ws = None  # a restart, or an idle connection that was dropped
                if last:
                    raise

    # -- set-up
    def log_in(self):
        """Owner and a long-lived token."""
        client = self.base + "/"
        code = self.rest("POST", "/api/onboarding/users", {
            "client_id": client, "name": "Test", "username": "test", "password": "test-password",
            "language": "en"})["auth_code"]
        self.tokens = self.rest("POST", "/auth/token", {
            "grant_type": "authorization_code", "code": code, "client_id": client}, form=True)
        self.token = self.tokens["access_token"]
        self.token = self.command("auth/long_lived_access_token", client_name="test", lifespan=3650)
        self.ws.sock.close()
        self.ws = None

    def set_up(self, mqtt_port, user, password):
        """Owner, long-lived token, everything running, the MQTT integration."""
        self.log_in()
        self.wait_running()
        flow = self.rest("POST", "/api/config/config_entries/flow", {"handler": "mqtt"})
        while flow["type"] != "create_entry":
            if flow["type"] != "form" or flow.get("errors"):
                raise Refused(f"the MQTT flow: {flow}")
            flow = self.rest("POST", "/api/config/config_entries/flow/" + flow["flow_id"],
                             self._fill_form(flow["data_schema"], {
                                 "broker": "127.0.0.1", "port": mqtt_port, "username": user,
                                 "password": password, "protocol": "5", "set_client_cert": False,
                                 "set_ca_cert": "off"}))

    def _fill_form(self, schema, values):
        body = {}
        for f in schema:
            if f.get("type") == "expandable":
                body[f["name"]] = self._fill_form(f["schema"], values)
            elif f["name"] in values:
                body[f["name"]] = values[f["name"]]
            elif f.get("required") and "default" in f:
                body[f["name"]] = f["default"]
        return body

    def wait_running(self, timeout=120):
        wait("state RUNNING", lambda: self.rest("GET", "/api/config")["state"] == "RUNNING", timeout)

    # -- reading and acting
    def entities(self):
        """MQTT entities by unique id, with what the list alone leaves out."""
        ids = [e["entity_id"] for e in self.command("config/entity_registry/list") if e["platform"] == "mqtt"]
        full = self.command("config/entity_registry/get_entries", entity_ids=ids) if ids else {}
        return {e["unique_id"]: e for e in full.values()}

    def states(self):
        return {s["entity_id"]: s for s in self.command("get_states")}

    def state(self, entity_id):
        try:
            return self.rest("GET", "/api/states/" + entity_id)["state"]
        except Refused:
            return None

    def wait_state(self, entity_id, want, timeout=15):
        test = want if callable(want) else lambda s: s == want
        return wait(f"{entity_id} = {want}", lambda: test(self.state(entity_id)), timeout, 0.05)

    def call(self, domain, service, entity_id=None, **data):
        return self.command("call_service", domain=domain, service=service,
                            target={"entity_id": entity_id} if entity_id else {}, service_data=data)

    def devices(self):
        return {i[1]: d for d in self.command("config/device_registry/list")
                for i in d["identifiers"] if i[0] == "mqtt"}
