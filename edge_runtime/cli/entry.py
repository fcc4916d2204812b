"""Where ``edge-run`` begins: a node answers if there is one, and typer is loaded only if needed."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

import edge_runtime
from edge_runtime.cli import plain
from edge_runtime.cli.run import run_app
from edge_runtime.places import TREES_VARIABLE, client_sockets, trees_directory

_VERBOSE = {"-v", "--verbose"}
_NO_SOCKET = "--no-socket"


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1."""
    # the BLAS of numpy would start a thread for every core, for which nothing here has work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options, rest = _split(sys.argv[1:])
    _enter_tree(rest)
    command = plain.read(rest)
    status = _status_of(lambda: _ask_nodes(command, options, rest))
    if status is not None:
        _leave(status)
    if command is None or not command.runs_plainly:
        from edge_runtime.cli.app import main as run_with_typer

        run_with_typer()
        return
    if command.is_brief:
        gc.disable()  # the process ends before there is anything worth collecting
    from edge_runtime.cli.plain_verbs import run_plainly

    _leave(_status_of(lambda: run_plainly(command)) or 0)


def _enter_tree(arguments: list[str]) -> None:
    """Become the runtime that an update brought, if this is what is installed and there is one."""
    if TREES_VARIABLE in os.environ:
        return
    trees = trees_directory(os.environ)
    os.environ[TREES_VARIABLE] = trees
    if os.path.isdir(trees):  # noqa: PTH112 - pathlib takes 5 ms
        from edge_devices.launch import enter

        is_start = arguments[:1] == ["serve"]
        enter(trees, edge_runtime.__version__, sys.argv[1:], is_start=is_start)


def _split(arguments: list[str]) -> tuple[set[str], list[str]]:
    """Return the options before the verb that are known here, and all that follows."""
    known = {*_VERBOSE, _NO_SOCKET}
    begin = 0
    while begin < len(arguments) and arguments[begin] in known:
        begin += 1
    return set(arguments[:begin]), arguments[begin:]


def _ask_nodes(command: plain.Command | None, options: set[str], arguments: list[str]) -> None:
    """Exit with the status of the node that ran the command; return if none did."""
    sockets = client_sockets(os.environ)
    why = "no node is here" if sockets else "EDGE_SOCKET=off"
    if command is None:
        why = "only plain command lines of data verbs go to a node"
    elif not command.goes_to_node:
        why = "an option names a file or whom to ask"
    elif _NO_SOCKET in options:
        why = _NO_SOCKET
    else:
        for path in sockets:
            if not os.path.exists(path):  # noqa: PTH110 - pathlib takes 5 ms
                continue
            from edge_runtime.cli.local_socket.client import forward

            outcome = forward(arguments, path)
            if isinstance(outcome, int):
                _say(options, f"by the node at {path}")
                sys.exit(outcome)
            why = f"{path}: {outcome}"
    _say(options, f"in this process; {why}")


def _say(options: set[str], how: str) -> None:
    if options & _VERBOSE:
        print(f"edge-run: {how}", file=sys.stderr)


def _status_of(run: Callable[[], None]) -> int | None:
    """Return the exit status that something ends with, None when it just returns."""
    try:
        run_app(run)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    return None


def _leave(status: int) -> None:
    """End the process at once: taking ONNX Runtime and numpy down takes longer than an answer."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 1
    os._exit(status)


if __name__ == "__main__":
    main()
