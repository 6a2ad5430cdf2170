"""A fake of the Solar API of Fronius, built from recorded answers (values of our own) and, for what it refuses, from
the maker's document of the API: a page without its Scope answers 200 with error 6 in its head."""
import json

from ems_api import Api, Mistake, Page, Refusal

V1 = "/solar_api/v1/"


def _error(code, reason):
    return Refusal(200, json.dumps({"Body": {"Data": {}}, "Head": {
        "RequestArguments": {}, "Status": {"Code": code, "Reason": reason, "UserMessage": ""},
        "Timestamp": "2026-06-14T11:20:30+02:00"}}))


ARGUMENT = {"param": _error(6, "Argument error")}
SYSTEM = {"Scope": "System"}

APIS = [
    Api("fronius", title="GEN24", now="2026-06-14T09:20:35Z", pages=[
        Page("GET", V1 + "GetPowerFlowRealtimeData.fcgi", file="fronius/own_gen24_flow.json"),
        Page("GET", V1 + "GetMeterRealtimeData.cgi", params=SYSTEM, file="fronius/own_gen24_meter.json", refuse=ARGUMENT)],
        expect={"grid_w": -1805, "pv_w": 5210, "battery_w": -1490, "soc_permille": 624, "consumption_w": 1915,
                "current_l1_ma": -3950, "current_l2_ma": 712, "current_l3_ma": -4481, "voltage_l1_mv": 231400,
                "voltage_l2_mv": 229800, "voltage_l3_mv": 232050}),
    Api("fronius", title="oldest logger", now="2026-05-02T08:00:15Z", pages=[
        Page("GET", "/solar_api/GetInverterRealtimeData.cgi?Scope=System", file="fronius/own_v0_system.json"),
        Page("GET", "/solar_api/GetInverterRealtimeData.cgi?Scope=Device", file="fronius/own_v0_inverter.json",
             params={"DeviceIndex": "1", "DataCollection": "CommonInverterData"}, refuse=ARGUMENT)],
        expect={"grid_w": None, "pv_w": 2055, "voltage_l1_mv": 230200}),
]
