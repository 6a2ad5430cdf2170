"""A fake of the two ways into the cloud of Growatt: the API with a token (/v1/...), and the login of the ShinePhone app.

Built from what public clients of both send and expect. Refusals: a wrong or missing token and a plant of somebody else
answer 200 with error_code 10011, a missing parameter 10003; the app's pages without a session give a page of HTML."""
import hashlib
import json

from ems_api import Api, Mistake, Page, Refusal

TOKEN, USER, PASSWORD = "tok-0123456789abcdef", "someone@example.org", "a"
SESSION = "JSESSIONID"


def _error(code, text):
    return Refusal(200, json.dumps({"data": "", "error_code": code, "error_msg": text}))


NO_TOKEN = {"header:token": _error(10011, "error_permission_denied"), "method": Refusal(405, "", type="text/plain"),
            "param": _error(10003, "error_parameter"), "form": _error(10003, "error_parameter"),
            "needs": _error(10011, "error_permission_denied")}
HTML = Refusal(200, "<!DOCTYPE html><html><body>Login</body></html>", type="text/html")
OVER = {"cookie": HTML, "form": Refusal(200, '{"result":0,"msg":"parameter"}'), "needs": HTML,
        "param": Refusal(200, '{"back":{"success":false,"msg":"502"}}')}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _hash(password):
    h = hashlib.md5(password.encode()).hexdigest()
    return "".join("c" if i % 2 == 0 and c == "0" else c for i, c in enumerate(h))


def _v1(method, path, **kw):
    kw["headers"] = {"token": TOKEN, **(FORM if method == "POST" else {})}
    return Page(method, "/v1/" + path, refuse=NO_TOKEN, **kw)


def _app(method, path, **kw):
    if method == "POST":
        kw["headers"] = FORM
    return Page(method, "/" + path, cookies={SESSION: "<<session>>"}, refuse=OVER, **kw)


LOGIN = Page("POST", "/newTwoLoginAPI.do", headers=FORM, form={"userName": USER, "password": _hash(PASSWORD)}, name="login",
             makes=("session",), sends={"Set-Cookie": SESSION + "=<<session>>; Path=/; HttpOnly"},
             json={"back": {"success": True, "msg": "", "user": {"id": 4711, "accountName": USER}}},
             refuse={"form": Refusal(200, '{"back":{"success":false,"msg":"501"}}')})

APIS = [
    Api("growatt", title="token", options={"token": TOKEN}, now="2026-11-24T12:21:00Z", pages=[
        _v1("GET", "plant/list", file="growatt/own_plant_list.json"),
        _v1("GET", "device/list", params={"plant_id": "1001"}, file="growatt/own_device_list.json"),
        _v1("POST", "device/mix/mix_last_data", form={"mix_sn": "BBB1234567"}, file="growatt/own_sph.json"),
        _v1("POST", "device/tlx/tlx_last_data", form={"tlx_sn": "AAA1234567"}, file="growatt/own_min.json")],
        expect={"grid_w": -410, "pv_w": 2338, "battery_w": 82, "soc_permille": 630, "consumption_w": 772,
                "voltage_l1_mv": 229800, "voltage_l2_mv": None},
        mistakes=[Mistake({"token": "tok-of-another"}, 69, "the token is not taken")]),
    Api("growatt", title="login", options={"username": USER, "password": PASSWORD}, now="2026-11-24T12:00:00Z", pages=[
        LOGIN,
        _app("GET", "PlantListAPI.do", params={"userId": "4711"}, json={
            "back": {"success": True, "data": [{"plantId": "1001", "plantName": "Home", "currentPower": "1150 W"}]}}),
        _app("GET", "newTwoPlantAPI.do?op=getAllDeviceList", params={"plantId": "1001"}, json={
            "deviceList": [{"deviceSn": "AAA1234567", "deviceType": "tlx"}]}),
        _app("POST", "newTlxApi.do?op=getSystemStatus_KW", form={"plantId": "1001", "id": "AAA1234567"},
             file="growatt/own_shine_tlx.json")],
        expect={"grid_w": None, "pv_w": 1150, "battery_w": None, "soc_permille": None, "consumption_w": None,
                "voltage_l1_mv": 232400},
        mistakes=[Mistake({"password": "not-that-one"}, 69, "check username and password")]),
]
