"""A fake of an IoTaWatt, built after the firmware's source: status, series and queries, digest login where passwords are
set. The text that it gives for a query with something missing is a guess; its status, 400, is not."""
from ems_api import Api, Like, Mistake, Page, Refusal

LOGIN = ("digest", "user", "open sesame")
OPTIONS = {"auth": "digest", "username": LOGIN[1], "password": LOGIN[2]}
NAMES = {"grid": "Feed-in", "pv": "Roof", "consumption": "House total", "current_l2": "Clamp L2", "current_l3": "Clamp L3"}
BAD = {"param": Refusal(400, "Invalid query", type="text/plain")}
WINDOW = {"begin": "s-10s", "end": "s", "group": "all", "missing": "null"}

APIS = [
    Api("iotawatt", title="outputs", options={**NAMES, **OPTIONS}, pages=[
        Page("GET", "/status", params={"inputs": "yes", "outputs": "yes"}, file="iotawatt/own_status.json", auth=LOGIN),
        Page("GET", "/query", params={"select": Like(r"\[Clamp L2\.amps,Clamp L3\.amps\]", "[Clamp L2.amps,Clamp L3.amps]"),
                                      **WINDOW}, file="iotawatt/own_query.json", type="text/json", auth=LOGIN, refuse=BAD)],
        expect={"grid_w": -708, "pv_w": 2210, "consumption_w": 1502, "current_l2_ma": 1750, "current_l3_ma": None,
                "voltage_l1_mv": 231270},
        mistakes=[Mistake({"auth": "none"}, 69, "it wants a login; set auth"),
                  Mistake({"password": "no-such-word"}, 69, "check auth, username and password")]),
    Api("iotawatt", title="inputs alone", pages=[
        Page("GET", "/status", params={"inputs": "yes", "outputs": "yes"}, json={"inputs": [{"channel": 0, "Vrms": 230.5}]}),
        Page("GET", "/query?show=series", json={"series": [
            {"name": "Volts", "unit": "Volts"}, {"name": "Main power", "unit": "Watts"}, {"name": "PV", "unit": "Watts"}]}),
        Page("GET", "/query", params={"select": "[Main power.watts,PV.watts]", **WINDOW}, json=[[-310.5, 2400]], refuse=BAD)],
        expect={"grid_w": -311, "pv_w": 2400, "voltage_l1_mv": 230500}),
]
