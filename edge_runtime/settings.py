"""Settings: option, then environment, then configuration files, key by key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from edge_runtime.assistant.commands.names import Home
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.errors import ConfigError
from edge_runtime.places import config_files, default_state_directory
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.updates.options import UpdateOptions

if TYPE_CHECKING:
    from edge_devices.profiles import Profile
    from edge_runtime.assistant.governing.governor import Governor
    from edge_runtime.assistant.governing.policy_desk import PolicyDesk
    from edge_runtime.inference.resources import Resources

_PREFIX = "EDGE_"
# each key of these is taken from the first source that has it
_TABLES = ("home", "policy", "queue", "update")
_POLICY_VARIABLES = (
    "privacy", "when_offline", "deadline_ms", "max_cost_usd", "max_local_error",
)  # fmt: skip


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings of the device, as in ``edge.toml``; paths as strings."""

    node: str = ""
    bundle: str = "assistant"
    writer: str | None = None
    state: str = ""
    profile: str | None = None
    threads: int | None = None
    spinning: bool | None = None
    affinity: str | None = None
    arena: bool | None = None
    huge_pages: bool | None = None
    max_context: int | None = None
    memory_mb: int | None = None
    broker: str | None = None
    mqtt_protocol: Literal["5", "3.1.1"] = "5"
    mqtt_password_file: str | None = None
    mqtt_ca_file: str | None = None
    mqtt_cert_file: str | None = None
    mqtt_key_file: str | None = None
    mqtt_allow_plain: bool = False
    http: str | None = None
    http_key_file: str | None = None
    http_cert_file: str | None = None
    http_cert_key_file: str | None = None
    http_allow_open: bool = False
    llm_url: str | None = None
    llm_model: str | None = None
    llm_key_file: str | None = None
    llm_allow_plain: bool = False
    requests_per_s: float | None = None
    request_burst: int = 100
    commands_topic: str | None = None
    home_assistant: bool = False
    hermes: str | None = None
    metrics: str | None = None
    query_log: str | None = None
    query_log_text: bool = False
    policy_file: str | None = None
    home: Home = Home()
    queue: EscalationOptions = EscalationOptions()
    update: UpdateOptions = UpdateOptions()
    policy: OwnerPolicy = OwnerPolicy()

    @property
    def state_directory(self) -> Path:
        """Where the process keeps its state; not created yet."""
        if self.state:
            return Path(self.state).expanduser()
        return Path(default_state_directory())

    def owner_policy(self) -> OwnerPolicy:
        """Return the policy: that of ``policy_file`` if one is named, else that of the settings.

        Raises:
            ConfigError: the file cannot be read or is wrong, or there are two policies.
        """
        if self.policy_file is None:
            return self.policy
        path = Path(self.policy_file).expanduser()
        if self.policy != OwnerPolicy():
            raise ConfigError(
                f"two policies: policy_file names {path}, and [policy] or EDGE_POLICY_… say "
                "something as well; keep one"
            )
        return read_policy_file(path)

    def policy_desk(self, reload: Callable[[], Settings]) -> PolicyDesk:
        """Return the policy in force of a process that runs on, while the policy is edited or set.

        ``reload`` gives the settings as they stand; what is set is kept in the state directory.

        Raises:
            ConfigError: the policy is wrong.
            UnavailableError: what was set before cannot be read.
        """
        from edge_runtime.assistant.governing.policy_desk import FILE_NAME, PolicyDesk
        from edge_runtime.assistant.governing.policy_watch import PolicyWatch

        files = config_files(os.environ) + ([self.policy_file] if self.policy_file else [])
        watch = PolicyWatch(
            [Path(each).expanduser() for each in files], lambda: reload().owner_policy()
        )
        return PolicyDesk(watch, self.state_directory / FILE_NAME)

    def governor(self, policy: Callable[[], OwnerPolicy] | None = None) -> Governor:
        """Return who keeps to the owner's policy, with the ledger in the state directory.

        ``policy`` gives the one in force, where that may change.

        Raises:
            ConfigError: the policy is wrong.
        """
        from edge_runtime.assistant.governing.governor import Governor
        from edge_runtime.assistant.governing.ledger import FILE_NAME, Ledger

        log = None
        if self.query_log:
            from edge_runtime.assistant.governing.query_log import QueryLog

            log = QueryLog(Path(self.query_log).expanduser(), with_text=self.query_log_text)
        return Governor(
            policy or self.owner_policy(), ledger=Ledger(self.state_directory / FILE_NAME), log=log
        )

    def board_profile(self) -> Profile:
        """Return the profile that is set, else that of this board.

        Raises:
            ConfigError: there is no such profile.
        """
        from edge_devices.probe import choose_profile, probe_board
        from edge_devices.profiles import UnknownProfileError, load_profile

        try:
            return load_profile(self.profile or choose_profile(probe_board()))
        except UnknownProfileError as exc:
            raise ConfigError(f"profile: {exc}") from exc

    def resources(self, *, shared: bool = False) -> Resources:
        """Return what the profile of this board allows, or the settings say instead.

        ``shared`` is for a process in which nobody else uses ONNX Runtime.

        Raises:
            ConfigError: there is no such profile, or a number is out of range.
        """
        from edge_devices.probe import big_cores
        from edge_runtime.inference.resources import Resources

        profile = self.board_profile()
        for name, least in (("threads", 1), ("max_context", 16), ("memory_mb", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} must be {least} or more, not {value}")
        affinity = _or(self.affinity, profile.affinity)
        cores = big_cores() if affinity == "big" else _cores(affinity)
        memory_mb = _or(self.memory_mb, profile.memory_mb)
        return Resources(
            threads=_or(self.threads, profile.threads),
            spinning=_or(self.spinning, profile.spinning),
            shared=shared and _or(self.spinning, profile.spinning),
            arena=_or(self.arena, profile.arena),
            huge_pages=_or(self.huge_pages, profile.huge_pages),
            cores=cores,
            max_context=_or(self.max_context, profile.max_context),
            memory_mb=memory_mb or None,
        )

    @property
    def node_name(self) -> str:
        """The name on the broker: as set, else the host name with what MQTT does not allow."""
        if self.node:
            return self.node
        host = os.uname().nodename.split(".", 1)[0]
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in host)[:64]


def read_policy_file(path: Path) -> OwnerPolicy:
    """Read a policy that stands in a file of its own.

    Raises:
        ConfigError: it cannot be read, or is wrong; the message names each line that is.
    """
    from edge_runtime.routing.policy_document import read_policy

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the policy {path} cannot be read: {exc}") from exc
    policy, problems = read_policy(text)
    if policy is None:
        raise ConfigError("; ".join(f"{path}:{each.line}: {each.said}" for each in problems))
    return policy


_Value = TypeVar("_Value")


def _or(setting: _Value | None, profile: _Value) -> _Value:
    return profile if setting is None else setting


def _cores(affinity: str) -> tuple[int, ...]:
    if affinity == "any":
        return ()
    try:
        return tuple(int(core) for core in affinity.split(","))
    except ValueError as exc:
        raise ConfigError(
            f"affinity must be big, any, or numbers of cores such as 4,5,6; not {affinity!r}"
        ) from exc


def load_settings(environment: Mapping[str, str] | None = None, **options: object) -> Settings:
    """Merge options (None: not given), ``EDGE_…`` variables and files.

    Raises:
        ConfigError: a file cannot be read, a key is unknown, or a value has the wrong type; the
            message names the source.
    """
    env = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {name: {} for name in _TABLES}
    for source, values in reversed(list(_sources(env, options))):
        try:
            msgspec.convert(values, Settings, strict=source != "environment")
        except msgspec.ValidationError as exc:
            raise ConfigError(_located(source, values, exc)) from exc
        merged.update(values)
        for name, table in tables.items():
            table.update(merged.pop(name, {}))
    return msgspec.convert({**merged, **tables}, Settings, strict=False)


def _located(source: str, values: dict[str, Any], error: msgspec.ValidationError) -> str:
    """Return what is wrong, in a file with each line that is."""
    from edge_runtime.routing.policy_document import place_of, read_document

    if not os.path.isfile(source):  # noqa: PTH113
        path, said = place_of(values, str(error), Settings)
        if path and source == "environment":
            variable = f"{_PREFIX}{'_'.join(map(str, path)).upper()}"
            said = f"{variable}: {said.partition(': ')[2]}"
        return f"{source}: {said}"
    _, problems = read_document(Path(source).read_text(encoding="utf-8"), Settings)
    said = "; ".join(f"{source}:{each.line}: {each.said}" for each in problems)
    return said or f"{source}: {error}"


def _sources(
    environment: Mapping[str, str], options: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {key: value for key, value in options.items() if value is not None}
    yield "command line", given
    yield "environment", _from_environment(environment)
    for path in map(Path, config_files(environment)):
        if path.exists():
            import tomllib

            try:
                yield str(path), tomllib.loads(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
                raise ConfigError(f"{path}: {exc}") from exc
        elif str(path) == environment.get("EDGE_CONFIG"):
            raise ConfigError(f"EDGE_CONFIG names {path}, and there is no such file")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    for key in Settings.__struct_fields__:
        if (value := environment.get(_PREFIX + key.upper())) and key not in _TABLES:
            values[key] = value
    for key in _POLICY_VARIABLES:
        if value := environment.get(f"{_PREFIX}POLICY_{key.upper()}"):
            policy[key] = value
    return {**values, "policy": policy}
