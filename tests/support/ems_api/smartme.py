"""A fake of the cloud of smart-me, built from the maker's description of the API; the refusals are a guess after the
statuses that it names. An account with one electric meter, whose serial number is 7700003 in the second table."""
from ems_api import Api, Mistake, Page, Refusal

LOGIN = ("basic", "me@example.org", "open sesame")
WHO = Refusal(401, '{"Message":"Authorization has been denied for this request."}')
ACCOUNT = {"username": LOGIN[1], "password": LOGIN[2]}

APIS = [
    Api("smartme", title="the only meter", now="2026-11-24T12:00:00Z", options=ACCOUNT, pages=[
        Page("GET", "/api/Devices", auth=LOGIN, file="smartme/own_devices.json", refuse={"auth": WHO})],
        expect={"grid_w": 1850, "current_l1_ma": 8100, "current_l2_ma": None, "voltage_l1_mv": 230400},
        mistakes=[Mistake({"password": "wrong"}, 69, "the login is not taken"),
                  Mistake({"serial": "1"}, 66, "the account has no device '1': check serial")]),
    Api("smartme", title="by serial number", now="2026-06-21T10:15:08Z",
        options={**ACCOUNT, "serial": "7700003", "meter": "pv"}, pages=[
            Page("GET", "/api/DeviceBySerial", auth=LOGIN, params={"serial": "7700003"}, file="smartme/own_pv.json",
                 refuse={"auth": WHO, "param:serial": Refusal(404, '{"Message":"No device"}')})],
        expect={"grid_w": None, "pv_w": 3121, "voltage_l2_mv": 235900},
        mistakes=[Mistake({"serial": "77"}, 66, "the account has no device '77': check serial")]),
]
