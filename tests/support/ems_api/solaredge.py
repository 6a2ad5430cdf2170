"""Fakes of SolarEdge's cloud, built from the shapes of answers of V2 in the tests of others and from the maker's tutorial (values of
our own); what it refuses is from those texts, its bodies are a guess. V1 answers 410, as it does since 2026."""
import json

from ems_api import Api, Like, Mistake, Page, Refusal

TIME = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-06-14T09:00:00Z")
QUARTERS = {"from": TIME, "to": TIME, "resolution": "QUARTER_HOUR"}
BAD = Refusal(400, '{"error": "invalid request"}')
KEY, NO_KEY = {"X-API-Key": "v2-key"}, {"header": Refusal(401, '{"error": "unauthorized"}'), "param": BAD}
BEARER = {"Authorization": "Bearer <<access>>"}
ENDED = Refusal(400, '{"error": "invalid_grant"}')


def pages(headers):
    return [Page("GET", f"/v2/sites/70/{path}", params={**QUARTERS, **more}, headers=headers, file=f"solaredge/own_v2_{name}.json", refuse=NO_KEY)
            for path, name, more in (("power", "power", {"unit": "W"}), ("meters/telemetry", "meters", {}), ("storage/telemetry", "storage", {}))]


NOW = "2026-06-14T09:40:00Z"
EXPECT = {"grid_w": -2250, "pv_w": 3392, "battery_w": -640, "soc_permille": 563, "consumption_w": 499}
TOKEN = {"access_token": "<<access>>", "refresh_token": "<<refresh>>", "token_type": "Bearer", "expires_in": 7200}

APIS = [
    Api("solaredge", title="V2 with a key", options={"site_id": "70", "token": "v2-key"}, now=NOW, expect=EXPECT, pages=pages(KEY), mistakes=[
        Mistake({"token": "a-key-of-v1"}, 69, "the key is not taken: check token and site_id; a key of V1 is none of V2"),
        Mistake({"site_id": "71"}, 66, "there is no such site: check site_id"),
        Mistake({"token": ""}, 69, "it wants a key: set token")]),
    Api("solaredge", title="V2 with OAuth2", now=NOW, expect=EXPECT,
        options={"site_id": "70", "client_id": "bridge", "client_secret": "s3cret", "refresh_token": "first"}, pages=[
            Page("POST", "/v2/oauth2/token", makes=("access", "refresh"), json=TOKEN, body={
                "grant_type": "refresh_token", "refresh_token": "first", "client_id": "bridge", "client_secret": "s3cret"},
                refuse={"body": ENDED})] + pages(BEARER), mistakes=[
            Mistake({"refresh_token": "spent-one"}, 69, "the authorisation has ended or was used already")]),
    Api("solaredge", title="V2 with a code", now=NOW, expect=EXPECT,
        options={"site_id": "70", "client_id": "bridge", "client_secret": "s3cret", "code": "once"}, pages=[
            Page("POST", "/v2/oauth2/token", makes=("access", "refresh"), json=TOKEN, body={
                "grant_type": "authorization_code", "code": "once", "client_id": "bridge", "client_secret": "s3cret"},
                refuse={"body": ENDED})] + pages(BEARER)),
    Api("solaredge", title="a V1 of one's own", options={"site_id": "70", "api_key": "old"}, expect={"pv_w": 1834, "grid_w": None}, pages=[
        Page("GET", "/site/70/currentPowerFlow.json", params={"api_key": "old"}, refuse={"param": Refusal(403, '{"String": "Invalid token"}')},
             text=json.dumps({"siteCurrentPowerFlow": {"unit": "kW", "connections": []}}), type="application/json"),
        Page("GET", "/site/70/overview.json", params={"api_key": "old"}, file="solaredge/own_v1_overview.json")],
        mistakes=[Mistake({"api_key": "wrong"}, 69, "the key is not taken: check api_key and site_id")]),
]
