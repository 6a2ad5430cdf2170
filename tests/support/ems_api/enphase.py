"""Fakes of Enphase's gateways, of the servers that make their tokens, and of the API v4; built from recorded answers
(values of our own) and from what the maker's documents say about logins. What entrez and the API refuse is a guess."""
import base64
import json

from ems_api import Api, Mistake, Page, Refusal

REFUSED = Refusal(401, "<html><body><h2>401 Unauthorized</h2></body></html>", type="text/html")


def part(v):
    return base64.urlsafe_b64encode(json.dumps(v).encode()).decode().rstrip("=")


JWT = part({"alg": "ES256"}) + "." + part({"exp": 4102444800, "iat": 1779464000, "enphaseUser": "owner"}) + ".<<signature>>"


def page(path, file, **more):
    return Page("GET", path, headers={"Authorization": "Bearer " + JWT}, file=file, refuse={"header": REFUSED}, **more)


def digest(path, file, **more):
    return Page("GET", path, auth=("digest", "envoy", "000017"), file=file, refuse={"auth": REFUSED}, **more)


API = "/api/v4/systems/1234567/"
KEY = Refusal(401, '{"message":"Not Authorized","details":"API key is missing or invalid","code":401}')
BEARER = Refusal(401, '{"error":"invalid_token","error_description":"Invalid access token"}')

APIS = [
    Api("enphase", title="firmware 8 with an account", now="2026-11-24T12:00:10Z",
        options={"enlighten_user": "me@example.org", "enlighten_password": "open sesame", "cloud_url": "<<url>>"}, pages=[
            Page("GET", "/info", file="enphase/own_info.xml"),
            Page("POST", "/login/login.json", form={"user[email]": "me@example.org", "user[password]": "open sesame"},
                 makes=("session",), json={"message": "success", "session_id": "<<session>>", "is_consumer": True},
                 refuse={"form": Refusal(401, '{"message":"Invalid email or password"}')}),
            Page("POST", "/tokens", headers={"Content-Type": "application/json"}, makes=("signature",), text=JWT,
                 body={"session_id": "<<session>>", "serial_num": "482100000042", "username": "me@example.org"},
                 refuse={"body": Refusal(401, "Unauthorized", type="text/plain")}),
            page("/ivp/meters", "enphase/own_meters.json"),
            page("/ivp/meters/readings", "enphase/own_readings.json"),
            Page("GET", "/production.json", headers={"Authorization": "Bearer " + JWT}, params={"details": "1"},
                 file="enphase/own_production.json", refuse={"header": REFUSED}),
            page("/ivp/ensemble/power", "enphase/own_power.json"),
            page("/ivp/ensemble/secctrl", "enphase/own_secctrl.json")],
        expect={"grid_w": -1504, "pv_w": 3210, "battery_w": -800, "soc_permille": 635, "consumption_w": 906,
                "current_l1_ma": -2412, "voltage_l3_mv": 230700},
        mistakes=[Mistake({"enlighten_password": "wrong"}, 69, "does not take enlighten_user")]),
    Api("enphase", title="firmware 5", now="2026-11-24T12:10:00Z", pages=[
        Page("GET", "/info", file="enphase/own_info6.xml"),
        digest("/production.json", "enphase/own_inverters.json")],
        expect={"grid_w": None, "pv_w": 1320},
        mistakes=[Mistake({"password": "wrong"}, 69, "last 6 digits")]),
    Api("enphase", title="API v4", now="2026-11-24T12:10:00Z",
        options={"system_id": "1234567", "client_id": "app", "client_secret": "app-secret", "api_key": "app-key",
                 "refresh_token": "first-refresh"}, pages=[
            Page("POST", "/oauth/token", auth=("basic", "app", "app-secret"),
                 form={"grant_type": "refresh_token", "refresh_token": "first-refresh"}, makes=("access",),
                 json={"access_token": "<<access>>", "token_type": "bearer", "refresh_token": "second-refresh",
                       "expires_in": 86400},
                 refuse={"form": Refusal(400, '{"error":"invalid_grant"}'), "auth": Refusal(401, '{"error":"unauthorized"}')}),
            Page("GET", API + "latest_telemetry", headers={"Authorization": "Bearer <<access>>"}, params={"key": "app-key"},
                 file="enphase/own_telemetry.json", refuse={"header": BEARER, "param": KEY})],
        expect={"pv_w": 2150, "consumption_w": 730, "battery_w": None},
        mistakes=[Mistake({"refresh_token": "old"}, 69, "does not take refresh_token"),
                  Mistake({"api_key": "wrong"}, 69, "api_key")]),
]
