"""A fake of the API of SmartPi, built from the device's source and a recorded answer (values of our own). It has no
login. What it does not know it answers with its web page (newer firmware) or 404 (older)."""
from ems_api import Api, Page, Refusal

PAGE = Refusal(200, "<!doctype html><title>SmartPi</title>", type="text/html")

APIS = [
    Api("smartpi", title="all values", now="2026-11-24T12:00:02Z", missing=PAGE, pages=[
        Page("GET", "/api/all/all/now", file="smartpi/own_all.json")],
        expect={"grid_w": 736, "current_l1_ma": 6500, "current_l2_ma": -3250, "current_l3_ma": None,
                "voltage_l1_mv": 231250, "voltage_l3_mv": None}),
    Api("smartpi", title="the sum of newer firmware", now="2026-11-24T12:00:02Z", missing=PAGE, pages=[
        Page("GET", "/api/v1/smartpiac/livepower", json={"time": "2026-11-24T12:00:01Z", "info": "", "power": -15.5})],
        expect={"grid_w": -16, "current_l1_ma": None}),
    Api("smartpi", title="power of older firmware", now="2026-11-24T12:00:02Z", pages=[
        Page("GET", "/api/all/power/now", json={"time": "2026-11-24 13:00:02", "datasets": [
            {"time": "2026-11-24 13:00:01", "phases": [
                {"phase": n, "values": [{"type": "power", "unity": "W", "info": "", "data": w}]}
                for n, w in ((1, 100), (2, 20.25), (3, -3), (4, 0))]}]})],
        expect={"grid_w": 117, "voltage_l1_mv": None}),
]
