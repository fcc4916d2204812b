"""``queue``: the queries that wait for a large model, or for somebody to take their answer."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.by_node import let_node_do
from edge_runtime.cli.local_socket.call import current_call
from edge_runtime.cli.options import Json
from edge_runtime.cli.run import make_app
from edge_runtime.cli.state import OUTBOX_FILE, owned
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.bridge.queue.owner import Listed, Owner, Shown

queue = make_app("queue", "Queries that wait for a large model; none of their texts, unless asked.")

_SHORT = 8  # of the 32 digits of an id

Id = Annotated[str, typer.Argument(metavar="ID", help="The id, or as much as tells it apart.")]
SomeId = Annotated[str | None, typer.Argument(metavar="[ID]", help="The id, or its beginning.")]
All = Annotated[bool, typer.Option("--all", help="All that wait.")]


@queue.command("ls")
def list_queue(as_json: Json = False) -> None:
    """List the queries in the order of their arrival, without their texts."""
    with _owner(["ls"], as_json=as_json) as owner:
        rows: Iterable[Listed] = [] if owner is None else owner.listed()
        if as_json:
            for row in rows:
                print(msgspec.json.encode(row).decode())
            return
        lines = [_cells(row) for row in rows]
    if not lines:
        print("nothing waits")
        return
    header = ("ID", "CLIENT", "STATE", "PRIORITY", "AGE", "DUE IN", "EXPIRES IN", "TRIED", "WHY")
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    for line in (header, *lines):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


@queue.command("show")
def show(name: Id, as_json: Json = False) -> None:
    """Show a query with its text, what is redacted in it, and its answer if there is one."""
    with _owner(["show", name], as_json=as_json) as owner:
        row = _found(owner, name).show(name)
    content = msgspec.json.encode(row)
    print((content if as_json else msgspec.json.format(content, indent=2)).decode())


@queue.command("retry")
def retry(name: SomeId = None, everything: All = False, as_json: Json = False) -> None:
    """Let a query be due now, as if it had never been tried."""
    name, arguments = _chosen("retry", name, everything=everything)
    with _owner(arguments, as_json=as_json) as owner:
        count = 0 if owner is None and everything else _found(owner, name).retry(name)
    _print_count("due now", count, as_json=as_json)


@queue.command("drop")
def drop(name: SomeId = None, everything: All = False, as_json: Json = False) -> None:
    """Answer a query with an error: it is not sent any more."""
    name, arguments = _chosen("drop", name, everything=everything)
    with _owner(arguments, as_json=as_json) as owner:
        count = 0 if owner is None and everything else _found(owner, name).drop(name)
    _print_count("dropped", count, as_json=as_json)


@queue.command("export")
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - for standard output.")],
) -> None:
    """Write all queries with their texts to a file that only you can read, one JSON per line."""
    with _standard_output_to(file), _owner(["export", "-"], as_json=False) as owner:
        rows: Iterable[Shown] = [] if owner is None else owner.shown()
        for row in rows:
            print(msgspec.json.encode(row).decode())
        sys.stdout.flush()


@contextlib.contextmanager
def _owner(arguments: list[str], *, as_json: bool) -> Iterator[Owner | None]:
    """Give the queue of this node, or of one that does not run; None where there is none.

    A node that runs does it, and the process exits as it says.
    """
    if (call := current_call()) is not None:
        yield call.host.queue
        return
    let_node_do(["queue", *arguments, *(["--json"] if as_json else [])])
    path = load_settings().state_directory / OUTBOX_FILE
    if not path.exists():
        yield None
        return
    from edge_runtime.bridge.queue.owner import owner_at_rest

    with owned(path.parent), owner_at_rest(path) as owner:
        yield owner


def _found(owner: Owner | None, name: str | None) -> Owner:
    if owner is None:
        raise BadRequestError(f"nothing waits, so there is no {name!r}")
    return owner


def _chosen(verb: str, name: str | None, *, everything: bool) -> tuple[str | None, list[str]]:
    """Return the id, None for all, and the arguments that say the same."""
    if (name is None) != everything:
        raise BadRequestError(f"{verb} which? give one id, or --all; see: edge-run queue ls")
    return name, [verb, "--all" if name is None else name]


@contextlib.contextmanager
def _standard_output_to(file: str) -> Iterator[None]:
    """Let everything that is printed, here or by the node, go into a private file."""
    if file == "-":
        yield
        return
    try:
        descriptor = os.open(Path(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)  # it may have been there, and open to others
    except OSError as exc:
        raise UnavailableError(f"{file} cannot be written: {exc.strerror}") from exc
    before = os.dup(1)
    os.dup2(descriptor, 1)
    os.close(descriptor)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


def _print_count(what: str, count: int, *, as_json: bool) -> None:
    print(msgspec.json.encode({"count": count}).decode() if as_json else f"{what}: {count}")


def _cells(row: Listed) -> tuple[str, ...]:
    is_open = row.state in {"waiting", "claimed"}
    return (
        row.id[:_SHORT],
        row.client,
        row.state,
        str(row.priority),
        _duration(row.age_s),
        _duration(row.due_s) if is_open else "-",
        _duration(row.expires_s) if is_open else "-",
        str(row.attempts),
        row.why,
    )


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
