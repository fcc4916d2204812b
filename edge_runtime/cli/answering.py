"""One loop for all verbs that read texts: answer each, print it, go on after an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
import typer

from edge_runtime.cli.output import print_answer
from edge_runtime.cli.run import fail
from edge_runtime.cli.settings import Settings
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Request, error_answer

if TYPE_CHECKING:
    from edge_runtime.assistant.pipeline import Assistant


def answer_all(
    texts: Iterable[str | EdgeError],
    request: Request,
    answer: Callable[[Request], Answer],
    *,
    as_json: bool,
) -> None:
    """Answer every text; exit status 1 when any of them got an error.

    ``request`` is the pattern; each text takes the place of its ``text``, its number is the id.
    """
    failed = False
    for number, text in enumerate(texts, 1):
        try:
            if isinstance(text, EdgeError):
                raise text
            answered = answer(msgspec.structs.replace(request, text=text, id=str(number)))
        except EdgeError as exc:
            failed = True
            if as_json:
                print_answer(error_answer(str(number), request.task, exc), as_json=True)
            else:
                fail(exc)
        else:
            failed |= answered.error is not None
            print_answer(answered, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def open_assistant(settings: Settings, bundle: str | None) -> Assistant:
    """Open a bundle with the owner's policy.

    Raises:
        BundleError: the bundle cannot be used.
    """
    from edge_runtime.assistant.pipeline import Assistant
    from edge_runtime.bundles.store import Store

    opened = Store(settings.state_directory).open(bundle or settings.bundle)
    return Assistant(opened, settings.policy, threads=settings.threads)
