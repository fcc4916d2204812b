"""What the settings say of updates, opened: for ``edge-run update`` and for a node."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.errors import BadRequestError, ConfigError, EdgeError, UpdateError
from edge_runtime.places import TREES_VARIABLE
from edge_runtime.settings import Settings
from edge_runtime.updates.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_runtime.bridge.protocol.message import Message, Sender
    from edge_runtime.updates.golden import Begin
    from edge_runtime.updates.service import UpdateService
    from edge_runtime.updates.taking import Means
    from edge_runtime.updates.target import Target
    from edge_runtime.updates.trials import Trials
    from edge_runtime.updates.updater import Updater
    from edge_runtime.updates.workplace import Workplace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Updates:
    """Everything about updates on this device."""

    targets: list[Target]
    updater: Updater
    trials: Trials
    has_repository: bool


def open_updates(settings: Settings) -> Updates:
    """Return what updates this device; nothing is read yet but the keys.

    Raises:
        ConfigError: the repository is named wrongly, its keys cannot be read, or a name is none.
    """
    from edge_runtime.bundles.store import Store
    from edge_runtime.updates.target import bundle_target, runtime_target
    from edge_runtime.updates.trials import Trials
    from edge_runtime.updates.updater import Device, Updater
    from edge_runtime.updates.workplace import DIRECTORY, Workplace

    options = settings.update
    store = Store(settings.state_directory)
    # a directory that settings name is not in the store, and stays as it is
    names = options.bundles or ([] if "/" in settings.bundle else [settings.bundle])
    for name in names:
        if "/" in name or name.startswith("."):
            raise ConfigError(f"update.bundles: {name!r} is no name of a bundle in the store")
    targets = [bundle_target(store, name) for name in dict.fromkeys(names)]
    # unset where this is no edge-run that would begin with another runtime the next time
    trees = os.environ.get(TREES_VARIABLE)
    if options.runtime and trees:
        targets.append(runtime_target(Path(trees), lambda: store.find(settings.bundle).resolve()))
    workplace = Workplace(settings.state_directory / DIRECTORY)
    means = _means(settings, workplace) if options.url else None
    return Updates(
        targets,
        Updater(workplace, Device(settings.node_name, targets), means),
        Trials(workplace, targets, options),
        means is not None,
    )


def count_start(updates: Updates) -> list[Progress]:
    """Count a start of what is on trial; return where everything stands.

    What cannot be counted keeps no node from its work.
    """
    try:
        left = updates.trials.started()
        found = updates.updater.status()
    except EdgeError as exc:
        _log.warning("update: %s", exc)
        return []
    for each in left:
        _log.warning("update: %s", each)
    return [*found, *left]


def update_service(
    updates: Updates, settings: Settings, begin: Begin, events: UpdateEvents
) -> UpdateService:
    """Return the service of a node that answers with ``begin``."""
    from edge_runtime.updates.service import Node, UpdateService

    return UpdateService(
        updates.updater if updates.has_repository else None,
        updates.trials,
        updates.targets,
        settings.update,
        Node(begin, events.tell, lambda: _restart(settings)),
    )


class UpdateEvents:
    """A companion: tells ``evt/update``, again at every connect and when Home Assistant starts.

    ``main`` is the bundle whose version Home Assistant shows.
    """

    def __init__(self, node: str, main: str, before: Iterable[Progress] = ()) -> None:
        from edge_runtime.bridge.protocol.topics import NodeTopics

        self._topics = NodeTopics(node)
        self._main = main
        self._last = {each.name: each for each in before}
        self._sender: Sender | None = None

    @property
    def subscriptions(self) -> Mapping[str, int]:
        """None: ``cmd/update`` is the control's."""
        return {}

    def start(self, sender: Sender) -> None:
        """Take note of the connection."""
        self._sender = sender

    def connected(self) -> None:
        """Say again where everything stands."""
        for each in list(self._last.values()):
            self._send(each)

    def lost(self) -> None:
        """Do nothing: what is missed is said at the next connect."""

    def received(self, message: Message) -> bool:
        """Hear the birth message of Home Assistant, which its discovery subscribes to and takes."""
        from edge_runtime.bridge.protocol.home_assistant import is_birth

        if is_birth(message):
            self.connected()
        return False

    def stop(self) -> None:
        """Say nothing more."""
        self._sender = None

    def tell(self, progress: Progress) -> None:
        """Say a step; without a connection it is said at the next one."""
        self._last[progress.name] = progress
        self._send(progress)

    def _send(self, progress: Progress) -> None:
        from edge_runtime.bridge.protocol.events import event_message

        sender = self._sender
        if sender is None or not sender.is_ready:
            return
        try:
            sender.publish(event_message(self._topics, "update", self._facts(progress)))
        except EdgeError as exc:
            _log.warning("%s", exc)

    def _facts(self, progress: Progress) -> dict[str, object]:
        main = self._last.get(self._main, progress)
        latest = main.latest_version or main.installed_version or ""
        facts: dict[str, object] = msgspec.to_builtins(progress)
        return {**facts, "offered_version": progress.latest_version, "latest_version": latest}


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    bundle: str | None = None


def read_wanted(payload: bytes) -> str | None:
    """Return which bundle ``cmd/update`` names, None for all.

    Raises:
        BadRequestError: the payload is neither empty nor ``{"bundle":…}``.
    """
    if not payload.strip():
        return None
    try:
        return msgspec.json.decode(payload, type=_Wanted).bundle
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadRequestError(f'the payload is not like {{"bundle":"assistant"}}: {exc}') from exc


def command(updates: Updates, service: UpdateService, payload: bytes) -> None:
    """Do what ``cmd/update`` says, soon.

    Raises:
        UpdateError: no repository is set, or nothing of this name is updated.
        BadRequestError: the payload is wrong.
    """
    name = read_wanted(payload)
    if not updates.has_repository:
        raise UpdateError("no repository is set: set url and key_file in [update] of edge.toml")
    if name is not None and name not in {each.name for each in updates.targets}:
        raise UpdateError(f"{name!r} is not updated here")
    service.update_now(name)


def _means(settings: Settings, workplace: Workplace) -> Means:
    from edge_runtime.assistant.state_file import board_uptime
    from edge_runtime.updates.gate import HealthGate
    from edge_runtime.updates.repository import Repository
    from edge_runtime.updates.source import open_source
    from edge_runtime.updates.taking import Means

    options = settings.update
    if not options.key_file:
        raise ConfigError(
            f"update.url is {options.url}, so update.key_file must name the public keys (PEM) that "
            "are trusted"
        )
    path = Path(options.key_file).expanduser()
    try:
        keys = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"update.key_file: {path} cannot be read: {exc.strerror}") from exc
    repository = Repository(open_source(options.url, options.timeout_s), keys, uptime=board_uptime)
    return Means(workplace, repository, options, HealthGate(options))


def _restart(settings: Settings) -> None:
    """End the process cleanly where a service manager starts it again."""
    how = settings.update.restart
    if how == "exit" or (how == "auto" and _has_manager()):
        _log.warning("update: the process ends, for the service manager to start the new version")
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        _log.warning("update: start the node again to use the new version")


def _has_manager() -> bool:
    """Whether systemd or runit has started this process."""
    if "INVOCATION_ID" in os.environ or "NOTIFY_SOCKET" in os.environ:
        return True
    try:
        parent = Path(f"/proc/{os.getppid()}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return parent in {"runsv", "s6-supervise", "docker-init", "tini"}
