"""A fake of Home Assistant's REST API, built from its developer documentation and from what a running 2026.11.0 answers.
Its WebSocket API has a fake of its own (tests/support/ha_fake.py)."""
from ems_api import Api, Mistake, Page, Refusal

TOKEN = {"Authorization": "Bearer own.long-lived.token"}
REFUSE = {"header:Authorization": Refusal(401, "401: Unauthorized")}


def _state(entity, file):
    return Page("GET", "/api/states/" + entity, headers=TOKEN, refuse=REFUSE, file="homeassistant/" + file)


APIS = [Api("homeassistant", now="2026-11-24T07:40:05Z", pages=[
    _state("sensor.p1_import", "own_import.json"), _state("sensor.p1_export", "own_export.json"),
    _state("sensor.battery", "own_old_battery.json")],
    options={"token": "own.long-lived.token", "poll": True, "grid_w": "sensor.p1_import - sensor.p1_export",
             "battery_w": "-sensor.battery"},
    expect={"grid_w": -837, "battery_w": -1100, "pv_w": None},
    missing=Refusal(404, '{"message":"Entity not found."}'),
    mistakes=[Mistake({"token": "another.token"}, 69, "make a new long-lived access token")])]
