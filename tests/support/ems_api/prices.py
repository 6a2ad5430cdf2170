"""Fakes of services of prices, built from their documents and from what clients of them publish; the refusals of
Tibber and ENTSO-E are as recorded there, those of parameters that are left out are a guess where a type says so."""
import json

from ems_api import Api, Like, Mistake, Page, Refusal

MS = Like(r"\d{13}", "1795600800000")
DATE = Like(r"\d{4}-\d\d-\d\d", "2026-11-24")
STAMP = Like(r"\d{12}", "202611240000")
INSTANT = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-23T00:00:00Z")


def slot(start, end, value):
    return {"start": start, "end": end, "value": value}


HOURS = [slot("2026-11-25T10:00:00Z", "2026-11-25T11:00:00Z", 0.0884),
         slot("2026-11-25T11:00:00Z", "2026-11-25T12:00:00Z", 0.09107),
         slot("2026-11-25T12:00:00Z", "2026-11-25T13:00:00Z", -0.00321),
         slot("2026-11-25T13:00:00Z", "2026-11-25T14:00:00Z", 0),
         slot("2026-11-25T14:00:00Z", "2026-11-25T15:00:00Z", 0.4129)]

TIBBER = [slot("2026-10-24T22:00:00Z", "2026-10-24T23:00:00Z", 0.2101),
          slot("2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", 0.2044),
          slot("2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", 0.1987),
          slot("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", 0.1902),
          slot("2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z", 0.2),
          slot("2026-10-25T23:00:00Z", "2026-10-26T00:00:00Z", -0.0125)]
TOKEN = "5K4MVS-OjfWhK_own"
UNAUTHENTICATED = Refusal(400, json.dumps({"errors": [{
    "message": "Context creation failed: invalid token", "locations": [], "extensions": {"code": "UNAUTHENTICATED"}}]}))
NO_QUERY = Refusal(400, json.dumps({"errors": [{"message": "GraphQL operations must contain a non-empty `query`.",
                                                "extensions": {"code": "BAD_REQUEST"}}]}))

OCTOPUS = "/v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates/"
RATES = [slot("2026-11-24T16:00:00Z", "2026-11-24T16:30:00Z", -0.0021),
         slot("2026-11-24T16:30:00Z", "2026-11-24T17:00:00Z", 0.387765),
         slot("2026-11-24T17:00:00Z", "2026-11-24T17:30:00Z", 0.402),
         slot("2026-11-24T17:30:00Z", "2026-11-24T18:00:00Z", 0.356265)]

QUARTERS = [slot("2026-11-24T23:00:00Z", "2026-11-24T23:15:00Z", 0.07),
            slot("2026-11-24T23:15:00Z", "2026-11-24T23:30:00Z", 0.07),
            slot("2026-11-24T23:30:00Z", "2026-11-24T23:45:00Z", 0.07525),
            slot("2026-11-24T23:45:00Z", "2026-11-25T00:00:00Z", 0.07525),
            slot("2026-11-25T00:00:00Z", "2026-11-25T01:00:00Z", -0.00001),
            slot("2026-11-25T01:00:00Z", "2026-11-25T02:00:00Z", -0.00001)]
KEY = "own-0f-the-platform"
NO_KEY = Refusal(401, """<?xml version="1.0" encoding="UTF-8"?>
<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:8:1">
<Reason><code>999</code><text>Unauthorized. Missing or invalid security token.</text></Reason>
</Acknowledgement_MarketDocument>""", type="text/xml")

HA_TOKEN = "eyJ-long-lived-own"
SENSOR = [slot("2026-11-24T23:00:00Z", "2026-11-24T23:15:00Z", 0.315),
          slot("2026-11-24T23:15:00Z", "2026-11-24T23:30:00Z", 0.3025),
          slot("2026-11-24T23:30:00Z", "2026-11-24T23:45:00Z", -0.015),
          slot("2026-11-25T23:00:00Z", "2026-11-25T23:15:00Z", 0.28),
          slot("2026-11-25T23:15:00Z", "2026-11-25T23:30:00Z", 0.2775)]
PORTAL = {"deliveryDateCET": "2026-11-25", "market": "DayAhead", "currency": "EUR", "multiAreaEntries": [
    {"deliveryStart": "2026-11-24T23:00:00Z", "deliveryEnd": "2026-11-24T23:15:00Z",
     "entryPerArea": {"BE": 61.2, "NL": 60.75}}]}

APIS = [
    Api("prices", title="any list", now="2026-11-25T11:05:00Z", options={"url": "<<url>>/own/tariff?day=1"}, pages=[
        Page("GET", "/own/tariff", params={"day": "1"}, file="prices/own_list.json")],
        expect={"price": [slot("2026-11-25T11:00:00Z", "2026-11-25T11:15:00Z", 0.0884),
                          slot("2026-11-25T11:15:00Z", "2026-11-25T11:30:00Z", -0.0125)]}),
    Api("awattar", title="awattar", now="2026-11-25T10:20:00Z", pages=[
        Page("GET", "/v1/marketdata", params={"start": MS, "end": MS}, file="awattar/own_hours.json")],
        expect={"price": HOURS}),
    Api("tibber", title="tibber", now="2026-10-24T22:20:00Z", options={"token": TOKEN}, pages=[
        Page("POST", "/v1-beta/gql", headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": Like(r"\S+/\S+", "a/1"),
                                              "Content-Type": "application/json"},
             body={"query": Like(r"\{viewer\{homes\{id currentSubscription\{priceInfo\(resolution:QUARTER_HOURLY\).*",
                                 "{viewer{homes{id currentSubscription{priceInfo(resolution:QUARTER_HOURLY){}}}}}")},
             file="tibber/own_two_homes.json",
             refuse={"header:Authorization": UNAUTHENTICATED, "header": Refusal(403, "{}"), "body": NO_QUERY})],
        expect={"price": TIBBER},
        mistakes=[Mistake({"token": "5K4MVS-wrong"}, 69, "make a new one at developer.tibber.com"),
                  Mistake({"home_id": "0c1"}, 66, "there is no home")]),
    Api("octopus", title="octopus", now="2026-11-24T16:45:00Z", options={"product": "AGILE-24-10-01", "region": "C"},
        pages=[Page("GET", OCTOPUS, params={"period_from": INSTANT, "period_to": INSTANT, "page_size": Like(r"\d+", "9")},
                    file="octopus/own_page1.json"),
               Page("GET", OCTOPUS + "?page=2", file="octopus/own_page2.json")],
        expect={"price": RATES},
        mistakes=[Mistake({"product": "GO"}, 66, "no such page")]),
    Api("energy_charts", title="energy_charts", now="2025-09-30T20:30:00Z", pages=[
        Page("GET", "/price", params={"bzn": "DE-LU", "start": DATE, "end": DATE}, file="energy_charts/own_gap.json",
             refuse={"param:bzn": Refusal(404, '{"detail":"unknown bidding zone"}')})],
        expect={"price": [slot("2025-09-30T20:00:00Z", "2025-09-30T21:00:00Z", 0.0701),
                          slot("2025-09-30T21:00:00Z", "2025-09-30T22:00:00Z", 0.0655),
                          slot("2025-09-30T22:00:00Z", "2025-09-30T22:15:00Z", 0.06025),
                          slot("2025-09-30T22:30:00Z", "2025-09-30T22:45:00Z", 0.0598),
                          slot("2025-09-30T22:45:00Z", "2025-09-30T23:00:00Z", 0.05805)]},
        mistakes=[Mistake({"zone": "DE-XX"}, 66, "there is no such page")]),
    Api("entsoe", title="entsoe", now="2026-11-24T23:20:00Z", options={"token": KEY}, pages=[
        Page("GET", "/api", params={"securityToken": KEY, "documentType": "A44", "in_Domain": "10Y1001A1001A82H",
                                    "out_Domain": "10Y1001A1001A82H", "periodStart": STAMP, "periodEnd": STAMP},
             file="entsoe/own_two_resolutions.xml", refuse={"param:securityToken": NO_KEY})],
        expect={"price": QUARTERS},
        mistakes=[Mistake({"token": "own-but-wrong"}, 69, "does not take the security token")]),
    Api("nordpool", title="sensor of Home Assistant", now="2026-11-24T23:20:00Z",
        options={"entity": "sensor.nordpool_kwh_no1_nok", "token": HA_TOKEN}, pages=[
            Page("GET", "/api/states/sensor.nordpool_kwh_no1_nok", headers={"Authorization": f"Bearer {HA_TOKEN}"},
                 file="nordpool/own_sensor_cents.json",
                 refuse={"header": Refusal(401, "401: Unauthorized", type="text/plain")})],
        expect={"price": SENSOR}, missing=Refusal(404, '{"message":"Entity not found."}'),
        mistakes=[Mistake({"token": "eyJ-wrong"}, 69, "make a long-lived one"),
                  Mistake({"entity": "s.n"}, 66, "has no entity 's.n'")]),
    Api("nordpool", title="data portal", now="2026-11-25T09:20:00Z", options={"area": "NL"}, pages=[
        Page("GET", "/api/DayAheadPrices?date=2026-11-25", params={"market": "DayAhead", "deliveryArea": "NL",
                                                                   "currency": "EUR"}, json=PORTAL),
        Page("GET", "/api/DayAheadPrices?date=2026-11-26", params={"market": "DayAhead", "deliveryArea": "NL",
                                                                   "currency": "EUR"}, status=204, text="")],
        expect={"price": [slot("2026-11-24T23:00:00Z", "2026-11-24T23:15:00Z", 0.06075)]}),
]
