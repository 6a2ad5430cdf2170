#!/usr/bin/env python3
"""The source `homeassistant` against a real Home Assistant: unavailable, renamed, revoked, restarted."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../support/ha"), HERE]
import ha_source  # noqa: E402
from homeassistant import HomeAssistant, Refused  # noqa: E402
from rig import free_port  # noqa: E402

ROOT = os.environ.get("HA_ROOT", os.path.expanduser("~/.cache/twcbridge/ha-root"))


class Real:
    """A Home Assistant whose sensors the test sets, with a token of its own for the bridge."""

    def __init__(self):
        self.ha = HomeAssistant(ROOT, free_port(), "source")
        self.ha.start()
        self.ha.log_in()
        self.ha.wait_running()
        self.url, self.token, self.n = self.ha.base, None, 0

    def new_token(self):
        self.n += 1
        self.token = self.ha.command("auth/long_lived_access_token", client_name=f"bridge {self.n}", lifespan=1)

    def set(self, entity, state, **attributes):
        self.ha.rest("POST", "/api/states/" + entity, {"state": state, "attributes": attributes})

    def remove(self, entity):
        self.ha.rest("DELETE", "/api/states/" + entity)

    def rename(self, entity, new):
        """As its user does: another entity id of one that the registry has. The state moves along."""
        s = self.ha.rest("GET", "/api/states/" + entity)
        self.remove(entity)
        self.set(new, s["state"], **s["attributes"])

    def revoke(self):
        ident = next(t["id"] for t in self.ha.command("auth/refresh_tokens")
                     if t["client_name"] == f"bridge {self.n}")
        self.ha.command("auth/delete_refresh_token", refresh_token_id=ident)

    def stop(self):
        self.ha.stop()

    def start(self):
        self.ha.start(fresh=False)
        self.ha.wait_running()

    def warnings(self):
        """What Home Assistant wrote about tokens that it did not take."""
        with open(self.ha.out, errors="replace") as f:
            return f.read().count("Login attempt or request with invalid authentication")


class Source(ha_source.Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.real = Real()
        cls.addClassCleanup(lambda: cls.real.ha.stop(kill=True))

    def setUp(self):
        super().setUp()
        self.ha = self.real
        self.ha.new_token()
        for entity in ("sensor.pv", "sensor.roof", "sensor.soc", "sensor.imp", "sensor.exp"):
            try:
                self.ha.remove(entity)
            except Refused:
                pass  # it was not there

    def tries(self):
        return self.ha.warnings()


if __name__ == "__main__":
    unittest.main()
