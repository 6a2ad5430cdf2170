"""A fake of openHAB's REST API with its implicit user role switched off, built from its documentation."""
from ems_api import Api, Mistake, Page, Refusal

TOKEN = {"Authorization": "Bearer oh.own.token"}
REFUSE = {"header:Authorization": Refusal(401, '{"error":{"message":"Authentication required","http-code":401}}')}


def _item(name, file):
    return Page("GET", "/rest/items/" + name, headers=TOKEN, refuse=REFUSE, file="openhab/" + file)


APIS = [Api("openhab", now="2026-11-24T07:40:05Z", pages=[
    _item("P1_Import", "own_import.json"), _item("P1_Export", "own_export.json"), _item("Battery_Level", "own_battery.json"),
    Page("GET", "/rest/events", headers=TOKEN, refuse=REFUSE, optional=True, file="openhab/own_events.txt",
         params={"topics": "openhab/items/P1_Import/*,openhab/items/P1_Export/*,openhab/items/Battery_Level/*"})],
    options={"token": "oh.own.token", "poll": True, "grid_w": "P1_Import - P1_Export", "soc": "Battery_Level"},
    expect={"grid_w": 642, "soc_permille": 470, "pv_w": None},
    mistakes=[Mistake({"token": "another.token"}, 69, "401")],
    missing=Refusal(404, '{"error":{"message":"Item X does not exist!","http-code":404}}'))]
