"""Where ``ask`` turns when the local answer is not sure enough."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.local_socket.call import current_call
from edge_runtime.messages import Escalation, Reply
from edge_runtime.settings import Settings

if TYPE_CHECKING:
    from edge_runtime.assistant.asking import Escalate
    from edge_runtime.bridge.mqtt.broker import BrokerSettings


def escalation_route(settings: Settings) -> Escalate:
    """Return how to ask: straight to ``--llm``, else through the broker, else not at all.

    In a node it is the node's own way. The returned function takes the escalation and the seconds
    to wait at most.

    Raises:
        ConfigError: the settings of the endpoint or the broker are wrong.
    """
    if (call := current_call()) is not None:
        return call.host.escalation_route(call.is_cancelled)
    return direct_route(settings) or _nobody


def _nobody(_escalation: Escalation, _timeout_s: float) -> Reply:
    from edge_runtime.assistant.asking import NobodyToAskError

    raise NobodyToAskError("no --broker and no --llm given")


def direct_route(settings: Settings) -> Escalate | None:
    """Return how this process asks by itself, None where no setting says how.

    Raises:
        ConfigError: the settings of the endpoint or the broker are wrong.
    """
    if settings.llm_url:
        from edge_runtime.bridge.cloud.llm import make_llm

        llm = make_llm(
            settings.llm_url,
            model=settings.llm_model,
            key_file=_path(settings.llm_key_file),
            allow_plain=settings.llm_allow_plain,
        )
        return lambda escalation, _timeout_s: llm(escalation)
    if settings.broker:
        from edge_runtime.bridge.cloud.remote import ask_workers

        broker = broker_settings(settings, settings.broker)
        return lambda escalation, timeout_s: ask_workers(
            broker, settings.node_name, escalation, timeout_s=timeout_s
        )
    return None


def broker_settings(settings: Settings, url: str) -> BrokerSettings:
    """Return the broker's settings.

    Raises:
        ConfigError: the URL is wrong, or would send plain text over a network.
    """
    from edge_runtime.bridge.mqtt.broker import PASSWORD_VARIABLE, BrokerSettings

    environ = dict(os.environ)
    if settings.mqtt_password_file:
        environ[f"{PASSWORD_VARIABLE}_FILE"] = settings.mqtt_password_file
    return BrokerSettings.parse(
        url,
        protocol=settings.mqtt_protocol,
        allow_plain=settings.mqtt_allow_plain,
        ca_file=_path(settings.mqtt_ca_file),
        cert_file=_path(settings.mqtt_cert_file),
        key_file=_path(settings.mqtt_key_file),
        environ=environ,
    )


def _path(name: str | None) -> Path | None:
    return Path(name).expanduser() if name else None
