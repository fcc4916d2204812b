# mypy: disable-error-code="import-not-found"
"""Runs Home Assistant with its MQTT integration; needs its package, not ours.

Reads commands from standard input, one JSON array a line, and answers each with one JSON line:
``["states"]``, ``["entities", node]``, ``["devices"]``, ``["call", domain, service, data]``,
``["say", sentence]``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from types import MappingProxyType
from typing import Any

from homeassistant import (
    auth,
    bootstrap,
    config_entries,
    core_config,
    loader,
    setup,
)
from homeassistant import config as conf_util
from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry, entity_registry

BEFORE = ("homeassistant", "persistent_notification", "conversation")
AFTER = ("script", "automation")  # their triggers want MQTT


async def main(directory: str, host: str, port: str) -> None:
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    hass = HomeAssistant(directory)
    loader.async_setup(hass)
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    config = await conf_util.async_hass_config_yaml(hass)
    await core_config.async_process_ha_core_config(hass, config.pop("homeassistant", {}))
    for part in BEFORE:
        assert await setup.async_setup_component(hass, part, config), part
    data = {"broker": host, "port": int(port), "protocol": "5", "discovery": True,
            "discovery_prefix": "homeassistant"}  # fmt: skip
    fields = {"version": 1, "minor_version": 2, "domain": "mqtt", "title": "broker", "data": data,
              "options": {}, "source": "user", "unique_id": None,
              "discovery_keys": MappingProxyType({}), "subentries_data": ()}  # fmt: skip
    await hass.config_entries.async_add(config_entries.ConfigEntry(**fields))
    for part in AFTER:
        assert await setup.async_setup_component(hass, part, config), part
    await hass.async_start()
    await hass.async_block_till_done()
    tell("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        tell(await answer(hass, *json.loads(line)))
    await hass.async_stop()


def tell(what: Any) -> None:
    sys.stdout.write(json.dumps(what, default=str) + "\n")
    sys.stdout.flush()


async def answer(hass: Any, verb: str, *rest: Any) -> Any:
    if verb == "states":
        return {
            state.entity_id: {"state": state.state, "attributes": dict(state.attributes)}
            for state in hass.states.async_all()
        }
    if verb == "entities":
        return {
            each.unique_id: each.entity_category
            for each in entity_registry.async_get(hass).entities.values()
            if each.unique_id.startswith(f"edge_{rest[0]}_")
        }
    if verb == "devices":
        devices = device_registry.async_get(hass).devices.values()
        return [{"name": each.name, "model": each.model, "sw": each.sw_version} for each in devices]
    if verb == "call":
        domain, service, data = rest
        wants_reply = hass.services.supports_response(domain, service).value != "none"
        return await hass.services.async_call(
            domain, service, data, blocking=True, return_response=wants_reply
        )
    if verb == "say":
        said = await conversation.async_converse(hass, rest[0], None, Context())
        return said.response.speech["plain"]["speech"]
    raise ValueError(verb)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
