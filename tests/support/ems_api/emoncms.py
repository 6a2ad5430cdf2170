"""A fake of EmonCMS, built after the server's source: the read key as a bearer token; without it, or with another one,
401 and a plain text; a wrong number of a feed gives false."""
from ems_api import Api, Mistake, Page, Refusal

KEY = {"header:Authorization": Refusal(401, "Invalid API key", type="text/plain")}
BEARER = {"Authorization": "Bearer read-key"}

APIS = [
    Api("emoncms", now="2026-06-14T09:20:31Z", title="own feeds", options={
        "token": "read-key", "grid_feed": 11, "pv_feed": 12, "soc_feed": 13, "consumption_feed": 99},
        pages=[
            Page("GET", "/feed/list.json", headers=BEARER, file="emoncms/own_list.json", refuse=KEY),
            Page("GET", "/feed/timevalue.json", headers=BEARER, params={"id": "99"}, file="emoncms/own_timevalue.json",
                 refuse={**KEY, "param:id": Refusal(200, "false")})],
        expect={"grid_w": -1420, "pv_w": 2101, "soc_permille": 642, "consumption_w": 680, "battery_w": None},
        mistakes=[Mistake({"token": "no-such-key"}, 69, "does not take the key: check token"),
                  Mistake({"token": ""}, 69, "does not take the key: check token")]),
    Api("emoncms", now="2026-06-14T09:20:31Z", title="usual names", options={"token": "read-key"}, pages=[
        Page("GET", "/emoncms/feed/list.json", headers=BEARER, file="emoncms/own_list.json", refuse=KEY)],
        expect={"grid_w": None, "pv_w": 2101, "soc_permille": 642}),
]
