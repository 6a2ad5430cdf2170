#!/usr/bin/env python3
"""Makes docs/images/device-page.png: a charger's page in a real Home Assistant. Needs root.

Beside what `tests/run acceptance` installs it wants the package chromium. Not a test: run it by
hand when the page has changed, look at the picture, and commit it.
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../support/ha")]
from homeassistant import HomeAssistant  # noqa: E402
from rig import Rig, free_port, wait  # noqa: E402

CACHE = os.environ.get("TWCBRIDGE_CACHE", os.path.expanduser("~/.cache/twcbridge"))
ROOT = os.environ.get("HA_ROOT", CACHE + "/ha-root")
PICTURE = os.path.join(HERE, "../../docs/images/device-page.png")
AMPS = 13


def tokens(ha):
    """What the frontend keeps of a log-in."""
    return {"hassUrl": ha.base, "clientId": ha.base + "/", "access_token": ha.tokens["access_token"],
            "refresh_token": ha.tokens["refresh_token"], "token_type": "Bearer", "expires_in": 1800,
            "expires": int((time.time() + 1800) * 1000)}


def charging(rig, ha):
    """One charger named Garage, its car at 13 A for a while."""
    ident = rig.simulate("--chargers", "1", "--plugged", "--seed", "4", name="bus", control="control")[0]
    rig.bridge({"circuits": [{"name": "house", "limit_a": 32}],
                "buses": [{"port": rig.path("bus"), "circuit": "house"}],
                "chargers": [{"id": ident, "name": "Garage", "phases": "L1L2L3"}]})
    rig.online(ident)
    unique = f"twcbridge_charger_{ident}_current_limit"
    number = wait("the entities", lambda: ha.entities().get(unique), 30)["entity_id"]
    ha.call("number", "set_value", number, value=AMPS)
    wait("the car at 13 A", lambda: rig.virtual(ident)["told_a"] == AMPS, 20)
    time.sleep(int(os.environ.get("CHARGE_S", "120")))
    return ident


def main():
    with Rig("ha", "secret") as rig:
        ha = HomeAssistant(ROOT, free_port(), "picture")
        try:
            ha.start()
            ha.set_up(rig.port, "ha", "secret")
            ident = charging(rig, ha)
            device = ha.devices()[f"twcbridge_charger_{ident}"]["id"]
            job = {"modules": CACHE + "/node", "browser": "/usr/bin/chromium", "profile": rig.path("profile"),
                   "base": ha.base, "path": "/config/devices/device/" + device, "tokens": tokens(ha),
                   "width": 1280, "height": 1400, "file": os.path.abspath(PICTURE)}
            with open(rig.path("job.json"), "w") as f:
                json.dump(job, f)
            os.makedirs(os.path.dirname(job["file"]), exist_ok=True)
            subprocess.run(["node", HERE + "/screenshot.mjs", rig.path("job.json")], check=True, timeout=180)
            print(job["file"], os.path.getsize(job["file"]), "bytes")
        finally:
            ha.stop(kill=True)


if __name__ == "__main__":
    main()
