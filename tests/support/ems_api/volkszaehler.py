"""Fakes of the middleware of Volkszaehler and of vzlogger's own page, built from the middleware's sources and a recorded
answer of a logger. Neither demands a login."""
from ems_api import Api, Page, Refusal

A, B = "0f6e4d2c-aaaa-4bbb-8ccc-000000000001", "0f6e4d2c-aaaa-4bbb-8ccc-000000000002"
NOW = {"from": "now"}
INVALID = Refusal(400, '{"version":"0.3","exception":{"message":"Invalid UUID: \'x\'","type":"Exception","code":0}}')

APIS = [
    Api("volkszaehler", title="middleware", now="2026-11-24T07:40:05Z", pages=[
        Page("GET", f"/middleware.php/data/{A}.json", params=NOW, file="volkszaehler/own_import.json",
             refuse={"param:from": INVALID}),
        Page("GET", f"/middleware.php/data/{B}.json", params=NOW, file="volkszaehler/own_export.json",
             refuse={"param:from": INVALID})],
        options={"grid_w": f"{A} - {B}"}, expect={"grid_w": 612, "pv_w": None}, missing=INVALID),
    Api("volkszaehler", title="logger", now="2026-11-24T07:40:05Z", pages=[
        Page("GET", "/", file="volkszaehler/own_logger.json")],
        options={"grid_w": A, "pv_w": B}, expect={"grid_w": -2310, "pv_w": 4126}),
]
