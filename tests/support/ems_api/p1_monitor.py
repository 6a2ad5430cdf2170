"""A fake of the API of P1 Monitor, built from recorded answers (values of our own) and from what its clients ask.
It has no login; without json=object it answers lists of plain values, which a client of objects cannot read."""
from ems_api import Api, Page, Refusal

V1 = "/api/v1/"
PLAIN = {"param:json": Refusal(200, '[["2026-07-24 14:30:10",1784896210,0,2210.75,1203.5,401.5,990.125,"P",0,1840,871.204]]'),
         "param:limit": Refusal(413, '{"title":"too many rows"}')}
LAST = {"limit": "1", "json": "object"}

APIS = [
    Api("p1_monitor", title="phases", now="2026-07-24T12:30:15Z", pages=[
        Page("GET", V1 + "smartmeter", params=LAST, file="p1_monitor/own_meter.json", refuse=PLAIN),
        Page("GET", V1 + "phase", params=LAST, file="p1_monitor/own_phase.json", refuse=PLAIN)],
        expect={"grid_w": -1840, "current_l1_ma": -9000, "current_l2_ma": 1000, "current_l3_ma": None,
                "voltage_l1_mv": 233400, "voltage_l2_mv": 231000, "voltage_l3_mv": None}),
    Api("p1_monitor", title="status alone", now="2026-07-24T12:30:15Z", pages=[
        Page("GET", V1 + "smartmeter", params=LAST, file="p1_monitor/own_meter.json", refuse=PLAIN),
        Page("GET", V1 + "status", params={"json": "object"}, file="p1_monitor/own_status.json", refuse=PLAIN)],
        expect={"grid_w": -1840, "current_l1_ma": 2000, "current_l2_ma": -5000, "current_l3_ma": 0}),
]
