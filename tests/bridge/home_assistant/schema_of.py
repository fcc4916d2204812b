# mypy: disable-error-code="import-not-found"
"""Prints what Home Assistant accepts by device discovery as a JSON schema; needs its package.

python tests/bridge/home_assistant/schema_of.py > tests/bridge/home_assistant/discovery.schema.json
"""

from __future__ import annotations

import importlib
import json
import sys
from enum import StrEnum
from typing import Any

import voluptuous as vol
from homeassistant.components.mqtt import schemas
from homeassistant.components.mqtt.abbreviations import ABBREVIATIONS
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    SensorDeviceClass,
)
from homeassistant.const import EntityCategory, __version__

PLATFORMS = ("sensor", "binary_sensor", "switch", "select", "button", "update")
SHORT = {"device": "dev", "origin": "o", "components": "cmps"}


def main() -> None:
    for name, short in SHORT.items():
        assert ABBREVIATIONS[short] == name
    document = object_schema(schemas.DEVICE_DISCOVERY_SCHEMA)
    # what the whole device says holds for each of its components
    shared = set(schemas.SHARED_OPTIONS) & set(document["properties"])
    components = [
        {"if": {"properties": {"platform": {"const": platform}}}, "then": component(platform)}
        for platform in PLATFORMS
    ]
    document["properties"]["device"] = {
        **object_schema(schemas.MQTT_ENTITY_DEVICE_INFO_SCHEMA),
        "anyOf": [{"required": ["identifiers"]}, {"required": ["connections"]}],
    }
    document["properties"]["origin"] = object_schema(schemas.MQTT_ORIGIN_INFO_SCHEMA)
    document["properties"]["components"] = {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["platform"],
            "properties": {"platform": {"enum": list(PLATFORMS)}},
            "allOf": components,
        },
    }
    for name, short in SHORT.items():
        document["properties"][short] = document["properties"].pop(name)
    document["required"] = [SHORT.get(name, name) for name in document["required"]]
    about = f"homeassistant {__version__}, components.mqtt; shared: {', '.join(sorted(shared))}"
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": about}
    json.dump({**schema, **document}, sys.stdout, separators=(",", ":"), sort_keys=True)


def component(platform: str) -> dict[str, Any]:
    module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
    found = object_schema(module.DISCOVERY_SCHEMA)
    # these two are filled in from the device's own
    found["properties"] |= {"platform": {}, "unique_id": {"type": "string"}}
    found["required"] = sorted({*found["required"], "unique_id"})  # else it belongs to no device
    if "entity_category" in found["properties"]:
        found["properties"]["entity_category"] = {"enum": [each.value for each in EntityCategory]}
    if platform != "sensor":
        classes = importlib.import_module(f"homeassistant.components.{platform}")
        if "device_class" in found["properties"]:
            (kind,) = {
                each
                for name, each in vars(classes).items()
                if name.endswith("DeviceClass") and issubclass(each, StrEnum)
            }
            found["properties"]["device_class"] = {"enum": [each.value for each in kind]}
        return found
    found["properties"]["device_class"] = {"enum": [each.value for each in SensorDeviceClass]}
    found["allOf"] = [sensor_class(each) for each in SensorDeviceClass]
    return found


def sensor_class(each: SensorDeviceClass) -> dict[str, Any]:
    states = sorted(state.value for state in DEVICE_CLASS_STATE_CLASSES.get(each, set()))
    then: dict[str, Any] = {"properties": {"state_class": {"enum": states}}}
    if each in DEVICE_CLASS_UNITS:
        units = sorted(str(unit) for unit in DEVICE_CLASS_UNITS[each])
        then["properties"]["unit_of_measurement"] = {"enum": units}
    condition = {
        "required": ["device_class"], "properties": {"device_class": {"const": each.value}},
    }  # fmt: skip
    return {"if": condition, "then": then}


def object_schema(validator: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for key in mapping(validator):
        name = str(key.schema if isinstance(key, vol.Marker) else key)
        properties[name] = {}
        if isinstance(key, vol.Required) and isinstance(key.default, vol.Undefined):
            required.append(name)
    return {"type": "object", "required": sorted(required), "properties": properties,
            "additionalProperties": False}  # fmt: skip


def mapping(validator: Any) -> dict[Any, Any]:
    """Return the keys of a schema, or of those that stand in a row in it."""
    if isinstance(validator, vol.Schema) and isinstance(validator.schema, dict):
        return validator.schema
    found: dict[Any, Any] = {}
    for each in getattr(validator, "validators", ()):
        found |= mapping(each)
    return found


if __name__ == "__main__":
    main()
