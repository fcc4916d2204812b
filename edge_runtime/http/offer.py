"""The bundles that the server offers, by the names that requests give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import ConfigError, UnsupportedTaskError
from edge_runtime.http.errors import ModelNotFoundError
from edge_runtime.http.line import Line
from edge_runtime.tasks.chat import Chat

DEFAULT = "default"
"""Names the first bundle that does what is asked."""

_READERS = 4  # threads: an encoder takes what they ask together


@dataclass(frozen=True)
class Offered:
    """A bundle under its name, with the waiting line before it."""

    name: str
    assistant: Assistant
    line: Line

    @property
    def chat(self) -> Chat:
        """What chats; only for a bundle that was found for this task."""
        chat = None if self.assistant.writer is None else self.assistant.writer.chat
        assert chat is not None, "it knows the task"  # noqa: S101
        return chat

    def model(self) -> dict[str, Any]:
        """Return OpenAI's model object, and the tasks beside it."""
        return {
            "id": self.name,
            "object": "model",
            "created": int(self.assistant.bundle.path.stat().st_mtime),
            "owned_by": "edge-runtime",
            "tasks": list(self.assistant.tasks),
        }


class Offer:
    """All bundles of the server; ``waiting`` requests may wait for each of them.

    Raises:
        ConfigError: there is none, or one has the name that stands for any.
    """

    def __init__(self, assistants: Mapping[str, Assistant], *, waiting: int) -> None:
        if not assistants or DEFAULT in assistants:
            raise ConfigError(
                f"the HTTP server takes at least one bundle, and none named {DEFAULT!r}"
            )
        self.all = [
            Offered(
                name,
                assistant,
                Line(name, places=_READERS if assistant.writer is None else 1, waiting=waiting),
            )
            for name, assistant in assistants.items()
        ]

    def named(self, name: str) -> Offered:
        """Return the bundle that is listed under a name.

        Raises:
            ModelNotFoundError: there is none.
        """
        for offered in self.all:
            if offered.name == name:
                return offered
        names = ", ".join(offered.name for offered in self.all)
        raise ModelNotFoundError(f"this server has no model {name!r}; it has {names}")

    def find(self, name: str, *tasks: str) -> Offered:
        """Return the bundle for a request that takes one of some tasks.

        Raises:
            ModelNotFoundError: there is no such bundle.
            UnsupportedTaskError: it does none of the tasks.
        """
        fitting = [each for each in self.all if not set(tasks).isdisjoint(each.assistant.tasks)]
        if name == DEFAULT and fitting:
            return fitting[0]
        offered = self.all[0] if name == DEFAULT else self.named(name)
        if offered in fitting:
            return offered
        known = ", ".join(offered.assistant.tasks)
        instead = ", ".join(each.name for each in fitting)
        raise UnsupportedTaskError(
            f"model {offered.name!r} does not {' or '.join(tasks)}, but {known}; "
            + (
                f"use {instead}"
                if instead
                else "start the server with a bundle that does: edge-run serve --model BUNDLE"
            )
        )

    def close(self) -> None:
        """Wait for what is at work."""
        for offered in self.all:
            offered.line.close()


def by_name(opened: Iterable[tuple[str, Assistant]]) -> dict[str, Assistant]:
    """Return bundles by the names that they are offered under; each comes with its reference.

    The name is that in the store, else the bundle's own.

    Raises:
        ConfigError: two have the same name.
    """
    named: dict[str, Assistant] = {}
    for reference, assistant in opened:
        is_path = "/" in reference or reference in {".", ".."}
        name = assistant.bundle.manifest.name if is_path else reference
        if name in named:
            raise ConfigError(
                f"two bundles would be offered as {name!r}; give one of them another name, with "
                "edge-run models add --name"
            )
        named[name] = assistant
    return named
