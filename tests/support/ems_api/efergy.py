"""A fake of the Engage service of Efergy, built from recorded answers: the token stands in the address, the answers are
called text/html, and a wrong token gets status 200 with an error."""
from ems_api import Api, Mistake, Page, Refusal

BASE = "/mobile_proxy/"
TOKEN = {"token": "app-token"}
BAD = {"param:token": Refusal(200, '{"status":"error","description":"bad token"}', type="text/html")}

APIS = [
    Api("efergy", title="sensors", now="2026-06-14T09:20:31Z", options=TOKEN, pages=[
        Page("GET", BASE + "getCurrentValuesSummary", params=TOKEN, file="efergy/own_three_clamps.json", type="text/html",
             refuse=BAD),
        Page("GET", BASE + "getInstant", params=TOKEN, file="efergy/own_relay.json", refuse=BAD, optional=True)],
        expect={"consumption_w": 1316, "pv_w": 2040},
        mistakes=[Mistake({"token": "no-such-token"}, 69, "does not take the token (bad token)")]),
    Api("efergy", title="house alone", now="2026-06-14T09:20:31Z", options=TOKEN, pages=[
        Page("GET", BASE + "getCurrentValuesSummary", params=TOKEN, text="[]", type="text/html", refuse=BAD),
        Page("GET", BASE + "getInstant", params=TOKEN, file="efergy/own_relay.json", type="text/html", refuse=BAD)],
        expect={"consumption_w": 655}),
]
