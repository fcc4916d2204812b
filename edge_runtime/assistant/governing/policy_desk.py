"""The policy in force: what stands in the owner's file, or what was set at run time since."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_runtime.assistant.way_back import document_of
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.policy_document import read_policy

FILE_NAME = "policy.json"
FORMAT = 1

_log = logging.getLogger(__name__)

_PATCH = {"patch"}


class PolicyState(msgspec.Struct, frozen=True):
    """The policy in force; ``version`` grows with each change, ``error`` is of the last attempt."""

    version: int
    policy: OwnerPolicy
    error: str | None = None
    source: Literal["file", "set"] = "file"


class _Kept(msgspec.Struct, frozen=True):
    """What was set, and the policy of the file that it took the place of; None: nothing was."""

    version: int
    over: OwnerPolicy
    policy: OwnerPolicy | None = None
    format: int = FORMAT


class PolicyDesk:
    """The last change wins: one of the file takes the place of what was set before.

    ``file_policy`` gives the policy of the file as it stands; what is set is kept in ``path``, and
    without one until the process ends. Threads may share it.

    Raises:
        UnavailableError: what was set by an earlier process cannot be read.
    """

    def __init__(self, file_policy: Callable[[], OwnerPolicy], path: Path | None) -> None:
        self._file_policy = file_policy
        self._path = path
        self._lock = threading.Lock()
        self._error: str | None = None
        kept = None if path is None else _read(path)
        self._kept = kept or _Kept(1, file_policy())

    def __call__(self) -> OwnerPolicy:
        """Return the policy in force."""
        owner = self._file_policy()
        kept = self._kept
        if owner is not kept.over and owner != kept.over:
            kept = self._file_has_changed(owner)
        return owner if kept.policy is None else kept.policy

    def state(self) -> PolicyState:
        """Return the policy in force, and where it is from."""
        policy = self()
        source: Literal["file", "set"] = "file" if self._kept.policy is None else "set"
        return PolicyState(self._kept.version, policy, self._error, source)

    def set(self, document: bytes) -> None:
        """Put a policy in force: a whole one in JSON or TOML, or ``{"patch":{"a.b": value}}``.

        Raises:
            BadRequestError: it is not valid; nothing has changed.
            UnavailableError: it cannot be kept on disk; nothing has changed.
        """
        try:
            policy = _read_document(document, self())
            with self._lock:
                self._keep(_Kept(self._kept.version + 1, self._kept.over, policy))
        except (BadRequestError, UnavailableError) as exc:
            self._error = str(exc)
            raise
        self._error = None
        _log.warning("new policy, set over the broker: privacy %s", policy.privacy)

    def _file_has_changed(self, owner: OwnerPolicy) -> _Kept:
        with self._lock:
            if owner != self._kept.over:
                kept = _Kept(self._kept.version + 1, owner)
                try:
                    self._keep(kept)
                except UnavailableError as exc:
                    _log.error("%s; the policy of the file is in force all the same", exc)
                    self._kept = kept
                self._error = None
            return self._kept

    def _keep(self, kept: _Kept) -> None:
        if self._path is not None:
            _write(self._path, msgspec.json.encode(kept))
        self._kept = kept


def _read_document(document: bytes, current: OwnerPolicy) -> OwnerPolicy:
    try:
        text = document.decode()
    except UnicodeDecodeError as exc:
        raise BadRequestError("the policy is not valid UTF-8") from exc
    if not text.lstrip().startswith("{"):
        policy, problems = read_policy(text)
        if policy is None:
            raise BadRequestError("; ".join(f"line {each.line}: {each.said}" for each in problems))
        return policy
    try:
        content = msgspec.json.decode(text, type=dict[str, Any])
        if set(content) == _PATCH:
            content = _patched(msgspec.to_builtins(current), content["patch"])
        return msgspec.convert(content, OwnerPolicy)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise BadRequestError(f"the policy is not valid: {exc}") from exc


def _patched(policy: dict[str, Any], patch: object) -> dict[str, Any]:
    if not isinstance(patch, dict):
        raise BadRequestError("patch must be an object: dotted keys and their new values")
    for dotted, value in patch.items():
        *path, last = dotted.split(".")
        table = policy
        for name in path:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise BadRequestError(f"patch {dotted}: {name} is no table of the policy")
        table[last] = value
    return policy


def _read(path: Path) -> _Kept | None:
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return msgspec.convert(_understood(content), _Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as exc:
        # without it a laxer policy might be in force than the one that was set
        said = exc.strerror if isinstance(exc, OSError) else exc
        raise UnavailableError(
            f"the policy that was set, {path}, cannot be read: {said}; delete it to go back to "
            "that of the file"
        ) from exc


def _understood(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = document_of(content, FORMAT)
    if found is None:
        raise msgspec.ValidationError(
            f"its format is {content['format']}, and this runtime reads {FORMAT}"
        )
    return found


def _write(path: Path, content: bytes) -> None:
    """Write a private file as a whole: it is the old or the new one, whatever happens."""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        opened = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as exc:
        raise UnavailableError(f"the policy cannot be kept in {path}: {exc.strerror}") from exc
