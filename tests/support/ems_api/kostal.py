"""Fakes of the pages of PIKO inverters, built from recorded pages (values of our own). What they refuse is known for
the oldest alone (a login by basic); dxs.json without ids giving an empty list is a guess."""
import json

from ems_api import Api, Like, Mistake, Page, Refusal

LOGIN = ("basic", "pvserver", "pvwr")
EMPTY = Refusal(200, json.dumps({"dxsEntries": [], "status": {"code": 0}}))

APIS = [
    Api("kostal", title="second generation", pages=[
        Page("GET", "/api/dxs.json", params={"dxsEntries": Like(r"\d{8}", "67109890")}, file="kostal/own_dxs_hybrid.json",
             refuse={"param": EMPTY})],
        expect={"grid_w": -2345, "pv_w": 4121, "battery_w": -754, "soc_permille": 640, "consumption_w": 944,
                "voltage_l1_mv": 230900}),
    Api("kostal", title="MP plus", pages=[Page("GET", "/measurements.xml", file="kostal/own_measurements.xml")],
        expect={"grid_w": -1605, "pv_w": 2718, "battery_w": None}),
    Api("kostal", title="oldest", options={"username": "pvserver", "password": "pvwr"}, pages=[
        Page("GET", "/", auth=LOGIN, file="kostal/own_piko_off.html", refuse={"auth": Refusal(401, "<html>401</html>")})],
        expect={"pv_w": 0, "grid_w": None}, mistakes=[
            Mistake({"password": "wrong"}, 69, "the login is not taken: check username and password"),
            Mistake({"username": ""}, 69, "it wants a login: set username (pvserver in most) and password")]),
]
