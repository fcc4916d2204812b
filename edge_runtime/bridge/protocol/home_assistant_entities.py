"""The entities of a node in Home Assistant: what it measures, and what its owner may set; pure.

Values come from ``health``, ``info``, ``policy/state`` and ``evt/update``; what is set goes to
``policy/set`` and ``cmd``, never to a request. ``None`` out of a template is "unknown".
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from edge_runtime.bridge.protocol.topics import NodeTopics

Entity = dict[str, object]
Part = Mapping[str, object]

_EXPIRE_S = 90  # three reports of health
_MEASURED: Part = {"state_class": "measurement"}
_COUNTED = {"state_class": "total_increasing"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_CONFIG = {"entity_category": "config"}
_RARE = {"enabled_by_default": False}
_SECONDS = {"device_class": "duration", "unit_of_measurement": "s"}
_MILLISECONDS = {"device_class": "duration", "unit_of_measurement": "ms"}


def entities(topics: NodeTopics, bundle: str) -> dict[str, Entity]:
    """Return each entity under the name that its ``unique_id`` ends with.

    ``bundle`` is the name of the one whose updates are shown.
    """
    return {
        **_measured(topics),
        **_board(topics),
        **_policy(topics),
        **_actions(topics),
        "update": _update(topics, bundle),
    }


def _measured(topics: NodeTopics) -> dict[str, Entity]:
    """What the node does: its queue, its answers, its budget."""

    def sensor(name: str, value: str, icon: str, *more: Part) -> Entity:
        return _sensor(topics, name, value, {"icon": f"mdi:{icon}"}, *more)

    return {
        "requests": sensor("Waiting requests", "queue.requests", "tray-full", _MEASURED),
        "escalations": sensor(
            "Waiting escalations", "queue.escalations", "cloud-upload", _MEASURED
        ),
        "oldest": sensor(
            "Longest wait", "queue.oldest_s", "timer-sand", _SECONDS, _MEASURED, _DIAGNOSTIC, _RARE
        ),
        "queue_size": sensor(
            "Queue size", "queue.bytes", "database", {"device_class": "data_size",
            "unit_of_measurement": "B"}, _MEASURED, _DIAGNOSTIC, _RARE,
        ),
        "dropped": sensor(
            "Dropped", "dropped.values() | sum", "delete-alert", _COUNTED, _DIAGNOSTIC
        ),
        "answered": sensor("Answered", "counts.answered", "check", _COUNTED),
        "escalated": sensor("Escalated", "counts.escalated", "cloud-question", _COUNTED),
        "failed": sensor("Failed", "counts.failed", "alert-circle", _COUNTED, _DIAGNOSTIC),
        "expired": sensor("Expired", "counts.expired", "timer-off", _COUNTED, _DIAGNOSTIC),
        "coverage": _sensor(
            topics, "Answered on the device",
            "(value_json.coverage * 100) | round(1) if value_json.coverage is not none else none",
            {"icon": "mdi:chart-donut", "unit_of_measurement": "%"}, _MEASURED, whole=True,
        ),
        "latency_p50": _latency(topics, "Answer time, median", "p50_ms"),
        "latency_p95": _latency(topics, "Answer time, 95 %", "p95_ms", _DIAGNOSTIC),
        "requests_left": sensor("Requests left", "budget.requests_left", "counter", _MEASURED),
        "tokens_left": sensor("Tokens left", "budget.tokens_left", "counter", _MEASURED, _RARE),
        "usd_left": sensor(
            "Money left", "budget.usd_left", "cash", {"device_class": "monetary",
            "unit_of_measurement": "USD", "suggested_display_precision": 4},
        ),
        "workers": sensor("Workers online", "workers", "server-network", _MEASURED, _DIAGNOSTIC),
    }  # fmt: skip


def _board(topics: NodeTopics) -> dict[str, Entity]:
    """What the device is like: temperature, memory, battery, link, pace."""

    def sensor(name: str, value: str, device_class: str, unit: str | None, *more: Part) -> Entity:
        kind: Entity = {"device_class": device_class}
        kind |= {} if unit is None else {"unit_of_measurement": unit, **_MEASURED}
        return _sensor(topics, name, f"board.{value}", kind, _DIAGNOSTIC, *more)

    return {
        "temperature": sensor("Temperature", "temperature_c", "temperature", "°C"),
        "memory": sensor("Memory", "rss_mb", "data_size", "MB"),
        "battery": sensor("Battery", "battery_percent", "battery", "%", _RARE),
        "link": sensor("Link", "link", "enum", None, {"options": ["up", "down", "metered"]}, _RARE),
        "pace": _pace(topics),
    }


def _policy(topics: NodeTopics) -> dict[str, Entity]:
    """What the owner allows, as it is in force; a change is a patch of the policy."""
    state: Entity = {"state_topic": topics.policy_state, **_CONFIG}
    command: Entity = {"command_topic": topics.policy_set}

    def select(name: str, key: str, options: list[str], icon: str) -> Entity:
        return {
            "platform": "select",
            "name": name,
            "icon": f"mdi:{icon}",
            "options": options,
            "value_template": f"{{{{ value_json.policy.{key} }}}}",
            "command_template": _patch(key, "{{ value }}"),
            **state,
            **command,
        }

    return {
        "allow_cloud": {
            "platform": "switch",
            "name": "Allow cloud",
            "icon": "mdi:cloud-lock-open",
            "value_template": "{{ 'off' if value_json.policy.privacy == 'local' else 'on' }}",
            "state_on": "on",
            "state_off": "off",
            "payload_on": _patch("privacy", "redact"),
            "payload_off": _patch("privacy", "local"),
            **state,
            **command,
        },
        "privacy": select("Privacy", "privacy", ["local", "redact", "cloud"], "shield-account"),
        "when_offline": select(
            "When offline", "when_offline", ["local", "queue", "fail"], "cloud-off-outline"
        ),
        "policy_problem": {
            "platform": "binary_sensor",
            "name": "Policy refused",
            "device_class": "problem",
            "state_topic": topics.policy_state,
            "value_template": "{{ 'ON' if value_json.error else 'OFF' }}",
            "json_attributes_topic": topics.policy_state,
            "json_attributes_template": (
                "{{ {'error': value_json.error, 'version': value_json.version} | tojson }}"
            ),
            **_DIAGNOSTIC,
        },
    }


def _actions(topics: NodeTopics) -> dict[str, Entity]:
    """What the owner may tell the node to do."""
    return {
        "pause": {
            "platform": "switch",
            "name": "Pause escalations",
            "icon": "mdi:pause-octagon",
            "state_topic": topics.health,
            "value_template": "{{ 'on' if value_json.paused else 'off' }}",
            "state_on": "on",
            "state_off": "off",
            "command_topic": topics.command("pause"),
            "payload_on": json.dumps({"paused": True}),
            "payload_off": json.dumps({"paused": False}),
            **_CONFIG,
        },
        "flush": {
            "platform": "button",
            "name": "Send what waits",
            "icon": "mdi:cloud-sync",
            "command_topic": topics.command("flush"),
            "payload_press": "{}",
        },
    }


def _update(topics: NodeTopics, bundle: str) -> Entity:
    """Return the update of a bundle, with its progress; of other updates nothing is shown.

    A version that is not known is left out: in place of one, ``null`` spoils the whole message.
    """
    known = "{% set known = {} %}"
    versions = "".join(
        f"{{% if value_json.get('{key}') %}}"
        f"{{% set known = dict(known, {key}=value_json.{key}) %}}{{% endif %}}"
        for key in ("installed_version", "latest_version")
    )
    progress = (
        "{{ dict(known, in_progress=value_json.state in ['fetching', 'testing'], "
        "update_percentage=value_json.get('update_percentage')) | tojson }}"
    )
    is_meant = f"{{% if value_json.name == {json.dumps(bundle)} %}}"
    return {
        "platform": "update",
        "name": "Bundle",
        "title": "Model bundle",
        "state_topic": topics.event("update"),
        "value_template": f"{is_meant}{known}{versions}{progress}{{% else %}}{{}}{{% endif %}}",
        "command_topic": topics.command("update"),
        "payload_install": "{}",
        **_DIAGNOSTIC,
    }


def _latency(topics: NodeTopics, name: str, quantile: str, *more: Part) -> Entity:
    value = f"value_json.latency.ask.{quantile} if value_json.latency.ask is defined else none"
    precise: Entity = {"suggested_display_precision": 1}
    return _sensor(topics, name, value, _MILLISECONDS, precise, _MEASURED, *more, whole=True)


def _pace(topics: NodeTopics) -> Entity:
    """Return a sensor with the reason beside it."""
    kind: Entity = {
        "icon": "mdi:speedometer",
        "device_class": "enum",
        "options": ["full", "slow", "shed"],
        "json_attributes_topic": topics.health,
        "json_attributes_template": (
            "{{ {'reason': value_json.pace.reason if value_json.pace else none} | tojson }}"
        ),
    }
    value = "value_json.pace.level if value_json.pace else none"
    return _sensor(topics, "Pace", value, kind, _DIAGNOSTIC, whole=True)


def _sensor(topics: NodeTopics, name: str, value: str, *more: Part, whole: bool = False) -> Entity:
    """Return a sensor of ``health``; ``value`` is a path in it, or a whole expression."""
    entity: Entity = {
        "platform": "sensor",
        "name": name,
        "state_topic": topics.health,
        "expire_after": _EXPIRE_S,
        "value_template": f"{{{{ {value if whole else f'value_json.{value}'} }}}}",
    }
    for part in more:
        entity |= part
    return entity


def _patch(key: str, value: str) -> str:
    return json.dumps({"patch": {key: value}})
