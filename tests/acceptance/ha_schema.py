"""Runs inside Home Assistant's own virtual environment: JSON on stdin, JSON on stdout.

Puts documents through the schemas of the installed package, and values through its own entities,
so that no rule of it is written down twice. No broker, no event loop of a running instance.

in:  {"documents": {name: text}, "states": [[document name, component, topic payload, wanted]...]}
     wanted: what the entity must show: null (unknown), true or false, a word, a number, the type
     of an event; {"time": "..."} an instant; {"availability": topic} either of its two words
out: {"documents": {name: {"error": text or null, "components": {key: error or null}}},
      "refused": [[document, component, payload, what was said]...], "accepted": number}
"""
import asyncio
import importlib
import json
import logging
import sys
from unittest.mock import MagicMock

import probatio
from homeassistant.components.mqtt import discovery
from homeassistant.components.mqtt.models import DATA_MQTT, LAST_PAYLOAD_JSON, MqttValueTemplate, ReceiveMessage
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA, validate_device_discovery_components
from homeassistant.config_entries import ConfigEntries
from homeassistant.const import CONF_PLATFORM
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.util import dt as dt_util
from homeassistant.util.json import json_loads_object

CLASSES = {"sensor": "MqttSensor", "binary_sensor": "MqttBinarySensor", "number": "MqttNumber",
           "switch": "MqttSwitch", "select": "MqttSelect", "button": "MqttButton", "event": "MqttEvent"}


class Ears(logging.Handler):
    """What Home Assistant would write into its log: warnings, and payloads that matched nothing."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.heard = []

    def emit(self, record):
        text = record.getMessage()
        if record.levelno >= logging.WARNING or "No matching payload" in text:
            self.heard.append(text)

    def take(self):
        out, self.heard = self.heard, []
        return out


def module(platform):
    return importlib.import_module("homeassistant.components.mqtt." + platform)


class Judge:
    def __init__(self, hass, ears):
        self.hass, self.ears, self.entities = hass, ears, {}

    def document(self, name, text):
        """The way of discovery._parse_device_payload and its caller, up to the entity."""
        out = {"error": None, "components": {}}
        try:
            payload = discovery.MQTTDiscoveryPayload(json_loads_object(text))
            discovery._replace_all_abbreviations(payload)
            if "~" in payload:
                discovery._replace_topic_base(payload)
            validate_device_discovery_components(DEVICE_DISCOVERY_SCHEMA(payload))
        except (ValueError, probatio.Invalid) as e:
            out["error"] = f"{type(e).__name__}: {e}"
            return out
        for key, component in payload["components"].items():
            out["components"][key] = self.component(name, key, payload, dict(component))
        return out

    def component(self, name, key, payload, config):
        platform = config.pop(CONF_PLATFORM)
        if not config:
            return None  # a component that is being removed
        if platform not in CLASSES:
            return f"the test knows no platform {platform}"
        discovery._merge_common_device_options(config, payload)
        config.update(device=payload["device"], origin=payload["origin"])
        try:
            config = module(platform).DISCOVERY_SCHEMA(config)
            self.ears.take()
            config.pop("device")  # no registry of devices here
            entity = getattr(module(platform), CLASSES[platform])(self.hass, config, MagicMock(), None)
        except Exception as e:  # noqa: BLE001 - whatever it says, the entity would not exist
            return f"{type(e).__name__}: {e}"
        entity.platform = MagicMock(platform_name="mqtt", domain=platform)
        entity.platform_data = MagicMock()
        entity._suggest_report_issue = lambda: "report it"
        self.entities[name, key] = platform, entity
        try:
            _ = entity.state  # the first state: classes, units and options must fit
        except ValueError as e:
            return f"ValueError: {e}"
        return "; ".join(self.ears.take()) or None

    def value(self, name, key, payload, wanted):
        platform, entity = self.entities[name, key]
        message = ReceiveMessage("topic", payload, 1, False, "topic", 0.0)
        self.ears.take()
        LAST_PAYLOAD_JSON.clear()
        try:
            if isinstance(wanted, dict) and "availability" in wanted:
                return self.availability(entity, wanted["availability"], payload)
            if platform == "event":
                entity._event_received(message)
                shown = entity.state_attributes.get("event_type")
            else:
                self.unlike(platform, entity, wanted)
                (getattr(entity, "_state_message_received", None) or entity._message_received)(message)
                shown = self.shown(platform, entity)
        except Exception as e:  # noqa: BLE001
            return f"{type(e).__name__}: {e}"
        heard = self.ears.take()
        if heard:
            return "; ".join(heard)
        return None if self.same(shown, wanted) else f"shows {shown!r} instead of {wanted!r}"

    @staticmethod
    def unlike(platform, entity, wanted):
        """Something else than what is wanted, so that an ignored message is seen."""
        if platform in ("binary_sensor", "switch"):
            entity._attr_is_on = wanted is None or not wanted
        elif platform == "select":
            entity._attr_current_option = "(before)"
        else:
            entity._attr_native_value = "(before)"

    @staticmethod
    def shown(platform, entity):
        if platform in ("binary_sensor", "switch"):
            return entity.is_on
        if platform == "select":
            return entity.current_option
        if platform == "number":
            return entity.value if entity._attr_native_value != "(before)" else "(before)"
        return entity.state

    @staticmethod
    def same(shown, wanted):
        if wanted is None or isinstance(wanted, bool):
            return shown is wanted
        if isinstance(wanted, dict):
            return dt_util.parse_datetime(str(shown)) == dt_util.parse_datetime(wanted["time"])
        if isinstance(wanted, (int, float)):
            return shown is not None and float(shown) == float(wanted)
        return shown == wanted

    def availability(self, entity, topic, payload):
        entry = next(a for a in entity._config["availability"] if a["topic"] == topic)
        template = entry.get("value_template")
        text = MqttValueTemplate(template, entity=entity).async_render_with_possible_json_value(payload)
        words = entry["payload_available"], entry["payload_not_available"]
        return None if text in words else f"availability {text!r} is none of {words}"


async def main():
    job = json.load(sys.stdin)
    hass = HomeAssistant("/srv/ha_schema")
    hass.config.config_dir = "/srv/ha_schema"
    hass.config_entries = ConfigEntries(hass, {})
    await hass.config_entries.async_initialize()
    for registry in (device_registry, entity_registry):
        getattr(registry, "async_setup", lambda _: None)(hass)
        await registry.async_load(hass, load_empty=True)
    hass.data[DATA_MQTT] = MagicMock()
    ears = Ears()
    logging.getLogger().addHandler(ears)
    logging.getLogger().setLevel(logging.INFO)
    judge = Judge(hass, ears)
    out = {"documents": {n: judge.document(n, t) for n, t in job["documents"].items()}, "refused": [], "accepted": 0}
    for name, key, payload, wanted in job["states"]:
        said = judge.value(name, key, payload, wanted)
        if said:
            out["refused"].append([name, key, payload, said])
        else:
            out["accepted"] += 1
    json.dump(out, sys.stdout)
    sys.stdout.flush()
    await hass.async_stop(force=True)


asyncio.run(main())
