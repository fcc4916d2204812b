"""``serve``: this device as a node on the broker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.assistant.memory.purging import Purging
from edge_runtime.cli.answering import open_assistant
from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.http_address import HttpCert, HttpCertKey, read_http_address
from edge_runtime.cli.options import Broker, BundleOption
from edge_runtime.cli.service import (
    Service,
    Together,
    log_to_stderr,
    run_until_signalled,
    signals_held,
)
from edge_runtime.cli.state import OUTBOX_FILE, owned
from edge_runtime.cli.updating import (
    UpdateEvents,
    command,
    count_start,
    open_updates,
    update_service,
)
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.assistant.pipeline import Assistant
    from edge_runtime.bridge.node.node import Node


def serve(
    broker: Broker = None,
    node: Annotated[
        str | None, typer.Option(help="This node's name; the host name if left out.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="5|3.1.1", help="The broker's newest MQTT version.")
    ] = None,
    bundle: BundleOption = None,
    commands_topic: Annotated[
        str | None,
        typer.Option(metavar="TOPIC", help="Publish home commands that are sure here, too."),
    ] = None,
    home_assistant: Annotated[
        bool, typer.Option("--home-assistant", help="Be a device of Home Assistant, by discovery.")
    ] = False,
    hermes: Annotated[
        str | None,
        typer.Option(metavar="SITES", help="Answer Hermes (Rhasspy): site ids with commas, or *."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS]:PORT", help="Metrics for Prometheus; extra metrics."),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS]:PORT", help="Speak OpenAI's API here; extra http."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="BUNDLE", help="Offer this one too over HTTP; repeatable."),
    ] = None,
    http_key_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The bearer token that HTTP clients send.")
    ] = None,
    http_allow_open: Annotated[
        bool, typer.Option("--http-allow-open", help="Serve a network without a key.")
    ] = False,
    http_cert: HttpCert = None,
    http_cert_key: HttpCertKey = None,
) -> None:
    """Answer requests on MQTT topics edge/v1/NODE/req/…, over HTTP, or both, until SIGTERM."""
    from edge_runtime.cli.app import run_verb
    from edge_runtime.cli.local_socket.node_host import local_socket
    from edge_runtime.cli.local_socket.without_node import WithoutNode

    read_settings = partial(
        load_settings,
        broker=broker,
        node=node,
        mqtt_protocol=protocol,
        commands_topic=commands_topic,
        home_assistant=home_assistant or None,
        hermes=hermes,
        metrics=metrics,
        http=http,
        http_key_file=http_key_file,
        http_allow_open=http_allow_open or None,
        http_cert_file=http_cert,
        http_cert_key_file=http_cert_key,
    )
    settings = read_settings()
    _check_whole(settings, offers_more=bool(model))
    log_to_stderr()
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(owned(settings.state_directory))
        stack.enter_context(signals_held())
        policies = settings.policy_desk(read_settings)
        governor = settings.governor(policies)
        updates = open_updates(settings)
        left = count_start(updates)
        assistant = open_assistant(settings, bundle, shared=True, governor=governor)
        events = UpdateEvents(settings.node_name, settings.bundle, left)
        updating = update_service(updates, settings, assistant.begin, events)
        services: list[Service] = [Purging(assistant.memory), updating]
        why_stuck: Callable[[], str | None] = lambda: None  # noqa: E731 - replaced by the node's
        lent: Node | WithoutNode = WithoutNode(state / OUTBOX_FILE)
        if settings.broker is not None:
            from edge_runtime.assistant.governing.pacer import Pacer
            from edge_runtime.bridge.node.control import Steering
            from edge_runtime.bridge.node.health import Sources
            from edge_runtime.bridge.node.node import Node
            from edge_runtime.bridge.node.options import NodeOptions
            from edge_runtime.bridge.node.rate_limits import rate_limits
            from edge_runtime.bridge.paced import Paced
            from edge_runtime.cli.companions import chosen_companions
            from edge_runtime.cli.link_status import LinkStatus

            address = broker_settings(settings, settings.broker)
            pacer = Pacer(settings.board_profile())
            measured = None
            if settings.metrics is not None:
                from edge_runtime.cli.measuring import open_metrics

                measured = open_metrics(settings.metrics, settings.node_name, assistant.tasks)
            running = Node(
                address,
                Paced(assistant, pacer),
                name=settings.node_name,
                outbox=state / OUTBOX_FILE,
                options=NodeOptions(
                    commands_topic=settings.commands_topic, escalations=settings.queue
                ),
                gate=governor,
                companions=[LinkStatus(address.address), events, *chosen_companions(settings)],
                sources=Sources(governor, pacer),
                steering=Steering(
                    policies, lambda: _check(read_settings), partial(command, updates, updating)
                ),
                observe=None if measured is None else measured.metrics.sent,
                admit=rate_limits(settings.requests_per_s, settings.request_burst),
            )
            services.append(running)
            why_stuck = running.why_stuck
            if measured is not None:
                measured.metrics.follow(lambda: msgspec.json.encode(running.health.now()))
                services.append(measured)
            lent = running
        stack.enter_context(local_socket(settings, lent, assistant, run_verb))
        if settings.http is not None:
            others = [
                (name, open_assistant(settings, name, shared=True, governor=governor))
                for name in model or []
            ]
            services.append(
                _http_server(settings, [(bundle or settings.bundle, assistant), *others])
            )
        run_until_signalled(Together(services), why_stuck)


def _check_whole(settings: Settings, *, offers_more: bool) -> None:
    if settings.broker is None and settings.http is None:
        raise ConfigError(
            "which broker? give --broker mqtt://localhost, or set EDGE_BROKER; or --http :8080"
        )
    if offers_more and settings.http is None:
        raise ConfigError("--model offers a bundle over HTTP: give --http :8080 with it")
    if settings.metrics is not None and settings.broker is None:
        raise ConfigError("--metrics tells of a node: give --broker mqtt://localhost with it")


def _check(read_settings: Callable[[], Settings]) -> None:
    """Read the settings again: what is wrong is told, and the policy in them is in force."""
    read_settings().owner_policy()


def _http_server(settings: Settings, offered: list[tuple[str, Assistant]]) -> Service:
    from edge_runtime.http.offer import by_name
    from edge_runtime.http.server import HttpServer

    address = read_http_address(
        settings.http or "",
        settings.http_cert_file,
        settings.http_cert_key_file,
        key_file=settings.http_key_file,
        allow_open=settings.http_allow_open,
    )
    return HttpServer(address, by_name(offered))
