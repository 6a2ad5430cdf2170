"""Fakes of a Powerwall's gateway and of Tesla's cloud (Fleet API, Teslemetry), built from recorded answers (values of
our own) and, for what they refuse, from the texts that gateways were seen to answer; the cloud's refusals are a guess."""
from ems_api import Api, Like, Mistake, Page, Refusal

LOGIN = Refusal(401, '{"code":401,"error":"bad credentials","message":"Login Error"}')
DENIED = Refusal(403, '{"code":403,"error":"Unable to GET to resource","message":"User does not have adequate access rights"}')
SESSION = {"AuthCookie": "<<auth>>", "UserRecord": "<<user>>"}
TOKEN = Refusal(401, '{"response":null,"error":"invalid bearer token","error_description":""}')


def page(path, file, **more):
    return Page("GET", path, cookies=SESSION, file=file, refuse={"cookie": DENIED}, **more)


def cloud(path, file):
    return Page("GET", path, headers={"Authorization": "Bearer own-cloud-token"}, file=file, refuse={"header": TOKEN})


APIS = [
    Api("powerwall", title="gateway", now="2026-11-24T12:00:05Z", options={"password": "abcde", "email": "me@example.org"}, pages=[
        Page("POST", "/api/login/Basic", headers={"Content-Type": "application/json"},
             body={"username": "customer", "password": "abcde", "email": Like(".*", "me@example.org"), "force_sm_off": "false"},
             makes=("auth", "user"), file="powerwall/own_login.json",
             sends={"Set-Cookie": ["AuthCookie=<<auth>>; Path=/; Secure", "UserRecord=<<user>>; Path=/; Secure"]},
             refuse={"body": LOGIN}),
        page("/api/meters/aggregates", "powerwall/own_day.json"),
        page("/api/system_status/soe", "powerwall/own_soe.json"),
        page("/api/meters/site", "powerwall/own_site.json")],
        expect={"grid_w": -1843, "pv_w": 3998, "battery_w": -1500, "soc_permille": 689, "consumption_w": 656,
                "current_l1_ma": -3100, "voltage_l3_mv": 232450},
        mistakes=[Mistake({"password": "wrong"}, 69, "the login is not taken")]),
    Api("powerwall", title="cloud", now="2026-11-24T12:00:40Z", options={"site_id": "1234500", "token": "own-cloud-token"},
        pages=[cloud("/api/1/energy_sites/1234500/live_status", "powerwall/own_live.json")],
        expect={"grid_w": -370, "pv_w": 2210, "battery_w": -1201, "soc_permille": 813, "consumption_w": 640, "voltage_l1_mv": None},
        mistakes=[Mistake({"token": "another-token"}, 69, "the token is not taken"),
                  Mistake({"site_id": "1"}, 66, "check site_id")]),
]
