"""``update``: newer bundles and the runtime itself, from the repository that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.by_node import let_node_do
from edge_runtime.cli.local_socket.call import current_call
from edge_runtime.cli.options import Json
from edge_runtime.cli.run import make_app
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.cli.updating import Updates
    from edge_runtime.updates.progress import Progress

update = make_app(
    "update",
    "Newer bundles, and the runtime itself, from the repository that the table `update` of "
    "edge.toml names. A new version is on trial until it has run for a while; one that was left is "
    "taken again by `now` only.",
)

Name = Annotated[str | None, typer.Argument(help="A bundle, or edge-runtime; all if left out.")]


@update.command("check")
def check(as_json: Json = False) -> None:
    """Look at the repository, and say what is new; nothing is taken."""
    _print(_opened().updater.check(), as_json=as_json)


@update.command("now")
def now(name: Name = None, as_json: Json = False) -> None:
    """Take what is new: neither stage, window, price of the link nor an earlier failure hold it.

    A running node does it, and begins with it by itself within seconds.
    """
    _let_node_do("now", name, as_json=as_json)

    def report(progress: Progress) -> None:
        print(progress, file=sys.stderr)

    done = _opened().updater.update(by_owner=True, only=name, report=report)
    _print(done, as_json=as_json)
    if any(each.state == "failed" for each in done):
        raise typer.Exit(1)


@update.command("status")
def status(as_json: Json = False) -> None:
    """Say what is installed and on trial; the repository is not looked at."""
    _print(_opened().updater.status(), as_json=as_json)


@update.command("keep")
def keep(as_json: Json = False) -> None:
    """End the trials: what was switched to stays."""
    _let_node_do("keep", None, as_json=as_json)
    _print(_opened().trials.keep(), as_json=as_json)


@update.command("back")
def back(name: Name = None, as_json: Json = False) -> None:
    """Go back to the version before, which stays until `now` is said again."""
    _let_node_do("back", name, as_json=as_json)
    _print(_opened().trials.back(name), as_json=as_json)


def _let_node_do(verb: str, name: str | None, *, as_json: bool) -> None:
    """Let a running node do it, since the files are its user's; return if there is none."""
    if current_call() is None:
        named = [] if name is None else [name]
        let_node_do(["update", verb, *named, *(["--json"] if as_json else [])])


def _opened() -> Updates:
    from edge_runtime.cli.updating import open_updates

    return open_updates(load_settings())


def _print(found: Sequence[Progress], *, as_json: bool) -> None:
    for each in found:
        print(msgspec.json.encode(each).decode() if as_json else each)
