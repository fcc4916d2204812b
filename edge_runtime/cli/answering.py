"""One loop for all verbs that read texts: answer each, print it, go on after an error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from edge_runtime.cli.local_socket.call import current_call
from edge_runtime.cli.output import print_answer
from edge_runtime.cli.run import fail
from edge_runtime.errors import EdgeError, UnsupportedTaskError
from edge_runtime.messages import Answer, Request, error_answer
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.assistant.governing.governor import Governor
    from edge_runtime.assistant.pipeline import Assistant
    from edge_runtime.bundles.store import Bundle

_SMALL_MB = 64  # fits the memory of every board

# the bundle for a verb that the default one does not know
_MADE_FOR = {
    "answer": "question-answering",
    "chat": "text-generation",
    "generate": "text-generation",
    "summarize": "summarization",
    "translate": "translation",
}


def answer_locally(
    task: str,
    texts: Iterable[str | EdgeError],
    bundle: str | None,
    options: dict[str, Any],
    *,
    as_json: bool,
    brief: bool = False,
) -> None:
    """Answer every text on this device; exit status 1 when any of them got an error.

    Options that are None are left out. ``brief`` as for ``open_assistant``.

    Raises:
        BundleError: the bundle cannot be used.
        UnsupportedTaskError: the bundle does not know the task.
    """
    assistant = open_assistant(load_settings(), bundle, brief=brief)
    check_task(assistant, task)

    def answered(request: Request) -> Answer:
        found = assistant.begin(request)
        assert isinstance(found, Answer), "these tasks never escalate"  # noqa: S101
        return found

    given = {name: value for name, value in options.items() if value is not None}
    answer_all(texts, Request(text="", task=task, options=given), answered, as_json=as_json)


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
        sys.exit(1)


def open_assistant(
    settings: Settings,
    bundle: str | None,
    *,
    brief: bool = False,
    shared: bool = False,
    governor: Governor | None = None,
) -> Assistant:
    """Open a bundle with the owner's policy; in a node, take what it has open.

    ``governor`` keeps to a policy that may change; without one the settings say it once for all.
    ``shared`` is for a process that opens several. ``brief`` is for one text: an encoder has
    answered it before a profile is read and a second thread is awake.

    Raises:
        BundleError: the bundle cannot be used.
        DeclinedError: this process is a node that does not open it; its client does.
    """
    if (call := current_call()) is not None:
        return call.host.assistant(bundle, call.directory)
    from edge_runtime.assistant.drift_watch import FILE_NAME as DRIFT_FILE
    from edge_runtime.assistant.memory.file import FILE_NAME, Memory
    from edge_runtime.assistant.pipeline import Assistant
    from edge_runtime.bundles.store import Store
    from edge_runtime.inference.resources import Resources

    store = Store(settings.state_directory)
    opened = store.open(bundle or settings.bundle)
    writes = store.open(settings.writer) if settings.writer and _decides(opened) else None
    size_mb = sum(file.size_bytes for file in opened.manifest.files) / 1e6
    if brief and opened.manifest.heads and size_mb < _SMALL_MB and settings.memory_mb is None:
        resources = Resources(threads=settings.threads or 1, spinning=False)
    else:
        resources = settings.resources(shared=shared)
    return Assistant(
        opened,
        governor or settings.governor(),
        resources=resources,
        home=settings.home,
        memory=Memory(settings.state_directory / FILE_NAME),
        # what one command sees is no stream of queries, and would cost it a write
        drift_file=settings.state_directory / DRIFT_FILE if shared else None,
        writes=writes,
    )


def _decides(bundle: Bundle) -> bool:
    """Whether a bundle tells free questions from others."""
    return "intent" in bundle.manifest.heads


def check_task(assistant: Assistant, task: str) -> None:
    """See that a bundle knows a task.

    Raises:
        UnsupportedTaskError: it does not; the message names the command that gets one that does.
    """
    if task in assistant.tasks:
        return
    made = _MADE_FOR.get(task)
    raise UnsupportedTaskError(
        f"bundle {assistant.bundle.manifest.name!r} does not {task}, but "
        f"{', '.join(assistant.tasks)}"
        + (
            f"; get one that does with edge-run models pull HUB_ID, or edge-export convert MODEL "
            f"--task {made} -o DIR on a workstation, and name it with -m"
            if made
            else ""
        )
    )
