"""How every command ends: results on stdout, one line on stderr for an error, never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from edge_runtime.errors import EdgeError

TYPE_CHECKING = False  # type checkers know the name; typing takes longer to load than a client runs
if TYPE_CHECKING:
    import typer


def make_app(name: str, summary: str) -> typer.Typer:
    """Return the typer application of a command, without verbs yet."""
    import typer

    return typer.Typer(
        name=name,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run_app(app: Callable[[], object]) -> None:
    """Run a command's application; exit where it ends with an error."""
    try:
        app()
    except EdgeError as exc:
        fail(exc)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # the reader is gone; keep the interpreter from writing to it once more at exit
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def fail(error: EdgeError) -> None:
    """Print an error as one line."""
    message = " ".join(str(error).split())
    print(f"error: {message}".encode("utf-8", "backslashreplace").decode(), file=sys.stderr)
