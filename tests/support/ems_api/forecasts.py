"""Fakes of services of forecasts, built from their documents and a recorded answer of Forecast.Solar (values of our own);
the texts of refusals are as documented, their statuses of Open-Meteo and Solcast a guess."""
import json

from ems_api import Api, Mistake, Page, Refusal


def slot(start, end, value):
    return {"start": start, "end": end, "value": value}


CURVE = [slot("2026-11-25T06:41:30Z", "2026-11-25T07:00:00Z", 31), slot("2026-11-25T07:00:00Z", "2026-11-25T08:00:00Z", 237),
         slot("2026-11-25T08:00:00Z", "2026-11-25T09:00:00Z", 658), slot("2026-11-25T15:10:05Z", "2026-11-26T06:43:00Z", 0),
         slot("2026-11-26T06:43:00Z", "2026-11-26T07:00:00Z", 38)]
PLANE = {"latitude": 52.16, "longitude": 4.47, "tilt": 20, "azimuth": -15, "kwp": 2.16}


def message(status, text):
    return Refusal(status, json.dumps({"result": [], "message": {"code": status, "type": "error", "text": text}}))


SOLCAST = "own-solcast-key"
WEATHER = "own-weather-key"
NO_SUBSCRIPTION = Refusal(401, json.dumps({"cod": 401, "message": "Please note that using One Call 3.0 requires a "
                                           "separate subscription to the One Call by Call plan."}))

APIS = [
    Api("forecast_solar", title="forecast_solar", now="2026-11-25T08:20:00Z", options=PLANE, pages=[
        Page("GET", "/estimate/52.16/4.47/20/-15/2.16", params={"time": "utc"}, file="forecast_solar/own_two_days.json")],
        expect={"forecast": CURVE}, missing=message(404, "Location not found"),
        mistakes=[Mistake({"latitude": 89.5}, 66, "Location not found")]),
    Api("forecast_solar", title="with a key", now="2026-11-25T08:20:00Z", options={**PLANE, "token": "own4key5own6key7"},
        pages=[Page("GET", "/own4key5own6key7/estimate/52.16/4.47/20/-15/2.16", params={"time": "utc"},
                    file="forecast_solar/own_two_days.json")],
        expect={"forecast": CURVE}, missing=message(401, "Invalid API key"),
        mistakes=[Mistake({"token": "own9wrong9"}, 69, "Invalid API key")]),
    Api("forecast_solcast", title="forecast_solcast", now="2026-11-25T07:02:00Z",
        options={"resource_id": "11aa-22bb", "token": SOLCAST}, pages=[
            Page("GET", "/rooftop_sites/11aa-22bb/forecasts", params={"format": "json", "hours": "96"},
                 headers={"Authorization": f"Bearer {SOLCAST}"}, file="forecast_solcast/own_five_minutes.json",
                 refuse={"header": Refusal(401, '{"response_status":{"error_code":"InvalidApiKey"}}')})],
        expect={"forecast": [slot("2026-11-25T06:55:00Z", "2026-11-25T07:00:00Z", 0),
                             slot("2026-11-25T07:00:00Z", "2026-11-25T07:05:00Z", 215),
                             slot("2026-11-25T08:00:00Z", "2026-11-25T09:00:00Z", 1500)]},
        mistakes=[Mistake({"token": "own-wrong-key"}, 69, "does not take the API key"), Mistake({"resource_id": "33c"}, 66, "no such page")]),
    Api("open_meteo", title="open_meteo", now="2026-11-25T08:20:00Z", options={"latitude": 52.52, "longitude": 13.41,
                                                                               "kwp": 4}, pages=[
        Page("GET", "/v1/forecast", params={
            "latitude": "52.52", "longitude": "13.41", "tilt": "30", "azimuth": "0", "timezone": "GMT",
            "timeformat": "unixtime", "forecast_days": "5",
            "minutely_15": "temperature_2m,global_tilted_irradiance_instant"}, file="open_meteo/own_morning.json",
            refuse={"param": Refusal(400, '{"error":true,"reason":"a parameter is missing"}')})],
        # (0 + 156.15) / 2; (156.15 + 462.76) / 2; (714.24 + 980.55) / 2
        expect={"forecast": [slot("2026-11-25T08:00:00Z", "2026-11-25T08:15:00Z", 78),
                             slot("2026-11-25T08:15:00Z", "2026-11-25T08:30:00Z", 309),
                             slot("2026-11-25T09:00:00Z", "2026-11-25T09:15:00Z", 847)]},
        mistakes=[Mistake({"latitude": 12.5}, 74, "a parameter is missing")]),
    Api("openweathermap", title="openweathermap", now="2026-06-21T11:02:00Z",
        options={"latitude": 48.1, "longitude": 11.6, "kwp": 10, "token": WEATHER}, pages=[
            Page("GET", "/data/3.0/onecall", params={"lat": "48.1", "lon": "11.6", "appid": WEATHER, "units": "metric",
                                                     "exclude": "minutely,alerts"},
                 file="openweathermap/own_clear_june.json",
                 refuse={"param:appid": NO_SUBSCRIPTION, "param": Refusal(400, '{"cod":"400","message":"Nothing to geocode"}')})],
        mistakes=[Mistake({"token": "own-wrong-key"}, 69, "subscription One Call by Call"),
                  Mistake({"latitude": 1.5}, 74, "Nothing to geocode")]),
]
