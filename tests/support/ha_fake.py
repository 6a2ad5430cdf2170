"""A fake of Home Assistant's WebSocket and REST API as far as `homeassistant` uses it, over a WebSocket server that is
not ours (python3-websockets). Built from the developer documentation and from what a running 2026.11.0 answers.

    with HaFake() as ha:
        ha.set("sensor.grid", "1.5", unit_of_measurement="kW"); ha.remove("sensor.grid"); ha.revoke()
        ha.stop(); ha.start()
        ha.url, ha.token, ha.said, ha.refused, ha.logins

It demands what the real one does: the login first, ids that count up, a known command; a wrong token closes the
connection. A state that is set to what it was makes no event; it moves
last_reported, which REST goes on telling as it was when first asked, since it keeps its JSON.
"""
import asyncio
import datetime
import http
import json
import secrets
import threading
import time

import websockets
import websockets.exceptions


def iso(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).isoformat()


class HaFake:
    def __init__(self, port=0, supervisor=False):
        self.supervisor = supervisor  # behind its proxy: /core/websocket, /core/api/...
        self.states, self.token = {}, secrets.token_hex(20)
        self.said = []      # messages of clients, without tokens
        self.refused = []   # why one was refused
        self.rest = True    # False: that API is down
        self.logins = 0     # tries, over both APIs
        self.asked = []     # paths of REST
        self.port, self.server, self.sessions = port, None, []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    # -- what the test does
    def set(self, entity, state, **attributes):
        self._do(self._set(entity, str(state), attributes))

    def remove(self, entity):
        self._do(self._remove(entity))

    def revoke(self):
        """The token is worth nothing from now on; who uses it is thrown out."""
        self.token = secrets.token_hex(20)
        self._do(self._close())

    def start(self):
        self._do(self._start())

    def stop(self):
        self._do(self._stop())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread.start()
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    # -- on the loop
    async def _start(self):
        self.server = await websockets.serve(self._session, "127.0.0.1", self.port, process_request=self._rest)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _stop(self):
        if self.server:
            self.server.close()
            await self.server.wait_closed()
            self.server = None

    async def _close(self):
        for s in list(self.sessions):
            await s["ws"].close()

    async def _set(self, entity, state, attributes):
        now, old = time.time(), self.states.get(entity)
        new = {"s": state, "a": attributes, "lc": now, "lu": now, "lr": now}
        if old and old["s"] == state:
            new["lc"] = old["lc"]
            if old["a"] == attributes:
                old["lr"] = now
                return
        self.states[entity] = new
        if not old:
            await self._tell(entity, {"a": {entity: self._whole(new)}})
            return
        plus = {"s": state, "lc": now} if old["s"] != state else {"lu": now}
        more = {k: v for k, v in attributes.items() if old["a"].get(k) != v}
        gone = [k for k in old["a"] if k not in attributes]
        change = {"+": {**plus, **({"a": more} if more else {}), "c": "01K"}, **({"-": {"a": gone}} if gone else {})}
        await self._tell(entity, {"c": {entity: change}})

    async def _remove(self, entity):
        if self.states.pop(entity, None):
            await self._tell(entity, {"r": [entity]})

    @staticmethod
    def _whole(s):
        return {"s": s["s"], "a": s["a"], "c": "01K", "lc": s["lc"], **({"lu": s["lu"]} if s["lu"] != s["lc"] else {})}

    async def _tell(self, entity, event):
        for s in list(self.sessions):
            for ident, wanted in s["subscriptions"].items():
                if entity in wanted:
                    try:
                        await s["ws"].send(json.dumps({"id": ident, "type": "event", "event": event}))
                    except websockets.exceptions.ConnectionClosed:
                        pass

    async def _rest(self, path, headers):
        if self.supervisor:
            if not path.startswith("/core/"):
                return http.HTTPStatus.NOT_FOUND, [], b"404: Not Found"
            path = path.removeprefix("/core")
        if path == "/api/websocket" or (self.supervisor and path == "/websocket"):
            return None
        self.asked.append(path)
        if not self.rest:
            return http.HTTPStatus.SERVICE_UNAVAILABLE, [], b""
        kind = [("Content-Type", "application/json")]
        if headers.get("Authorization") != "Bearer " + self.token:
            self.logins += 1
            return http.HTTPStatus.UNAUTHORIZED, [], b"401: Unauthorized"
        entity = path.removeprefix("/api/states/")
        s = self.states.get(entity)
        if not path.startswith("/api/states/"):
            return http.HTTPStatus.NOT_FOUND, [], b"404: Not Found"
        if not s:
            return http.HTTPStatus.NOT_FOUND, kind, b'{"message":"Entity not found."}'
        return http.HTTPStatus.OK, kind, s.setdefault("json", json.dumps({
            "entity_id": entity, "state": s["s"], "attributes": s["a"], "last_changed": iso(s["lc"]),
            "last_reported": iso(s["lr"]), "last_updated": iso(s["lu"]), "context": {"id": "01K"}}).encode())

    async def _session(self, ws, _path=None):
        me = {"ws": ws, "subscriptions": {}}
        try:
            await ws.send(json.dumps({"type": "auth_required", "ha_version": "2026.11.0"}))
            login = json.loads(await asyncio.wait_for(ws.recv(), 10))
            self.logins += 1
            if login.get("type") != "auth" or login.get("access_token") != self.token:
                self.refused.append("auth")
                await ws.send(json.dumps({"type": "auth_invalid", "message": "Invalid access token or password"}))
                await ws.close()
                return
            await ws.send(json.dumps({"type": "auth_ok", "ha_version": "2026.11.0"}))
            self.sessions.append(me)
            last = 0
            async for text in ws:
                m = json.loads(text)
                self.said.append(m)
                ident = m.get("id", 0)
                if ident <= last:
                    await self._refuse(ws, ident, "id_reuse", "Identifier values have to increase.")
                    continue
                last = ident
                await self._command(me, ident, m)
        except (websockets.exceptions.ConnectionClosed, asyncio.TimeoutError):
            pass
        finally:
            self.sessions = [s for s in self.sessions if s is not me]

    async def _refuse(self, ws, ident, code, message):
        self.refused.append(code)
        await ws.send(json.dumps({"id": ident, "type": "result", "success": False,
                                  "error": {"code": code, "message": message}}))

    async def _command(self, me, ident, m):
        ws, result = me["ws"], {"id": ident, "type": "result", "success": True, "result": None}
        if m.get("type") == "ping":
            await ws.send(json.dumps({"id": ident, "type": "pong"}))
        elif m.get("type") == "supported_features":
            await ws.send(json.dumps(result))
        elif m.get("type") == "subscribe_entities":
            me["subscriptions"][ident] = m["entity_ids"]
            have = {e: self._whole(s) for e, s in self.states.items() if e in m["entity_ids"]}
            await ws.send(json.dumps([result, {"id": ident, "type": "event", "event": {"a": have}}]))
        else:
            await self._refuse(ws, ident, "unknown_command", "Unknown command.")
