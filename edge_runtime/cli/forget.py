"""``forget``: delete what this device keeps of a client, of a session, or of everybody."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from edge_runtime.cli.by_node import let_node_do
from edge_runtime.cli.local_socket.call import current_call
from edge_runtime.cli.options import Json
from edge_runtime.errors import BadRequestError, ConfigError
from edge_runtime.settings import Settings, load_settings


def forget(
    client: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of this client; local is whoever uses this command."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of this session only, of --client or of local."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Of every client and session.")] = False,
    as_json: Json = False,
) -> None:
    """Delete conversations, placeholders, kept answers and queued queries, at once and for good.

    Whoever waits for the answer to such a query is told. The budget keeps its sums, and a query log
    that the owner asked for is the owner's.
    """
    if everything and (client is not None or session is not None):
        raise BadRequestError("--all is everything: give it alone, or name --client or --session")
    if not everything and client is None and session is None:
        raise BadRequestError("forget what? name --client or --session, or give --all")
    if session is not None and client is None:
        client = "local"
    if (call := current_call()) is not None:
        counts = call.host.forget(client, session)
    else:
        _by_the_node(client, session, as_json=as_json)
        counts = _at_rest(load_settings(), client, session)
    if as_json:
        print(msgspec.json.encode(counts).decode())
    else:
        print("forgotten: " + ", ".join(f"{count} {what}" for what, count in counts.items()))


def _by_the_node(client: str | None, session: str | None, *, as_json: bool) -> None:
    """Let a running node do it, and exit as it says; return if there is none."""
    arguments = ["forget"]
    arguments += ["--client", client] if client is not None else ["--all"]
    arguments += ["--session", session] if session is not None else []
    arguments += ["--json"] if as_json else []
    let_node_do(arguments)


def _at_rest(settings: Settings, client: str | None, session: str | None) -> dict[str, int]:
    """Delete it from the files; a node that runs has to do it itself."""
    from edge_runtime.assistant.memory.file import FILE_NAME, Memory
    from edge_runtime.bridge.queue.forgetting import forget_at_rest
    from edge_runtime.cli.state import OUTBOX_FILE, owned

    directory = settings.state_directory
    outbox = directory / OUTBOX_FILE
    queries = 0
    if outbox.exists():
        try:
            with owned(directory):
                queries = forget_at_rest(outbox, client, session)
        except ConfigError as exc:
            raise ConfigError(f"nothing is forgotten: {exc}") from exc
    kept = Memory(directory / FILE_NAME).forget(client, session)
    return {"queries": queries, **msgspec.structs.asdict(kept)}
