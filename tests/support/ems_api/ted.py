"""A fake of the gateways of The Energy Detective, built from recorded pages (values of our own). What a gateway says
without a login that was set is a guess: a plain 401."""
from ems_api import Api, Mistake, Page

DASH = "/api/DashData.xml?T=%d&D=%d&M=0"  # the page of money (T=1) has the same shape
LOGIN = ("basic", "ted", "open sesame")

APIS = [
    Api("ted", title="5000", pages=[Page("GET", "/api/LiveData.xml", file="ted/own_live_night.xml")],
        expect={"grid_w": 1423, "pv_w": 0, "consumption_w": 1418, "voltage_l1_mv": 120300}),
    Api("ted", title="Pro", options={"auth": "basic", "username": LOGIN[1], "password": LOGIN[2]}, pages=[
        *[Page("GET", DASH % (0, d), file=f"ted/own_dash_D{d}.xml", auth=LOGIN) for d in (0, 1, 2)],
        *[Page("GET", DASH % (1, d), text="<DashData><Now>77</Now></DashData>", type="text/xml", auth=LOGIN, optional=True)
          for d in (0, 1, 2)]],
        expect={"grid_w": -1310, "consumption_w": 640, "pv_w": 1950, "voltage_l1_mv": 121400}),
    Api("ted", title="locked", options={"auth": "basic", "username": LOGIN[1], "password": LOGIN[2]},
        pages=[Page("GET", "/api/LiveData.xml", file="ted/own_live_one.xml", auth=LOGIN)],
        expect={"grid_w": 2210},
        mistakes=[Mistake({"auth": "none"}, 69, "it wants a login; set auth"),
                  Mistake({"password": "no-such-word"}, 69, "check auth, username and password")]),
]
