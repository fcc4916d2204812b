"""``generate`` and ``translate``: text as it is written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from edge_runtime.cli.answering import check_task, open_assistant
from edge_runtime.cli.local_socket.call import is_cancelled
from edge_runtime.cli.options import BundleOption, Json, Text
from edge_runtime.cli.output import print_answer
from edge_runtime.cli.run import fail
from edge_runtime.cli.texts import read_texts
from edge_runtime.errors import BadRequestError, EdgeError
from edge_runtime.messages import Answer, Request, error_answer
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.assistant.pipeline import Assistant

MaxTokens = Annotated[int | None, typer.Option(min=1, help="How many tokens to write at most.")]
Temperature = Annotated[
    float | None, typer.Option(min=0, help="0 takes the likeliest token; 1 samples as trained.")
]
TopK = Annotated[int | None, typer.Option(min=0, help="Sample from the K likeliest tokens.")]
TopP = Annotated[
    float | None, typer.Option(min=0, max=1, help="Sample from the likeliest tokens that hold P.")
]
MinP = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Leave out tokens P times less likely than the likeliest."),
]
RepetitionPenalty = Annotated[
    float | None, typer.Option(help="Over 1 makes repetition less likely.")
]
Seed = Annotated[int | None, typer.Option(help="The same seed samples the same text.")]
Stop = Annotated[
    list[str] | None, typer.Option("--stop", help="End before this text; may be repeated.")
]
Beams = Annotated[
    int | None, typer.Option(min=1, help="Beams of the search; the model's own if left out.")
]
DeadlineMs = Annotated[int | None, typer.Option(min=1, help="Stop writing after so long.")]
Overflow = Annotated[
    str | None,
    typer.Option(metavar="fail|cut", help="A text that is too long: an error, or cut to fit."),
]


def generate(
    text: Text,
    bundle: BundleOption = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: RepetitionPenalty = None,
    seed: Seed = None,
    stop: Stop = None,
    schema: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Write JSON that a JSON schema allows."),
    ] = None,
    regex: Annotated[
        str | None, typer.Option(help="Write what a regular expression matches.")
    ] = None,
    choice: Annotated[
        list[str] | None, typer.Option("--choice", help="Write one of these; to be repeated.")
    ] = None,
    overflow: Overflow = None,
    deadline_ms: DeadlineMs = None,
    no_prompt_lookup: Annotated[
        bool, typer.Option("--no-prompt-lookup", help="Read one token at a time, always.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Continue a text; takes a text-generation bundle."""
    options = {
        "max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p,
        "min_p": min_p, "repetition_penalty": repetition_penalty, "seed": seed, "stop": stop,
        "schema": None if schema is None else read_schema(schema), "regex": regex,
        "choice": choice, "overflow": overflow,
        "prompt_lookup": False if no_prompt_lookup else None,
    }  # fmt: skip
    write_all("generate", read_texts(text), bundle, options, deadline_ms, as_json=as_json)


def translate(
    text: Text,
    bundle: BundleOption = None,
    max_tokens: MaxTokens = None,
    beams: Beams = None,
    overflow: Overflow = None,
    as_json: Json = False,
) -> None:
    """Translate a text; takes a translation bundle."""
    options = {"max_tokens": max_tokens, "beams": beams, "overflow": overflow}
    write_all("translate", read_texts(text), bundle, options, None, as_json=as_json)


def write_all(
    task: str,
    texts: Iterable[str | EdgeError],
    bundle: str | None,
    options: dict[str, Any],
    deadline_ms: int | None,
    *,
    as_json: bool,
) -> None:
    """Answer every text, shown as it is written; exit status 1 when any of them got an error.

    Raises:
        UnsupportedTaskError: the bundle does not know the task.
    """
    assistant = open_assistant(load_settings(), bundle)
    check_task(assistant, task)
    given = {name: value for name, value in options.items() if value not in (None, [])}
    show = None if as_json else write_piece
    failed = False
    for number, text in enumerate(texts, 1):
        try:
            if isinstance(text, EdgeError):
                raise text
            request = Request(text=text, id=str(number), task=task, options=given)
            answer = write(assistant, request, deadline_ms, show, is_cancelled)
        except EdgeError as exc:
            failed = True
            if as_json:
                print_answer(error_answer(str(number), task, exc), as_json=True)
            else:
                fail(exc)
            continue
        if as_json:
            print_answer(answer, as_json=True)
        else:
            print()
            print(measurements(answer), file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def write(
    assistant: Assistant,
    request: Request,
    deadline_ms: int | None,
    show: Callable[[str], None] | None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Answer:
    """Return the answer to a request for text, each piece of it shown as it comes.

    Raises:
        BadRequestError: the text is too long, or an option is wrong.
    """
    from edge_runtime.tasks.text_output import Limits

    deadline = None if deadline_ms is None else time.monotonic() + deadline_ms / 1e3
    for piece in assistant.stream(request, Limits(deadline, cancelled)):
        if isinstance(piece, Answer):
            return piece
        if isinstance(piece, str) and show is not None:
            show(piece)
    raise AssertionError("a stream ends with its answer")


def write_piece(text: str) -> None:
    """Write a piece of text to standard output at once."""
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def measurements(answer: Answer) -> str:
    """Return in one line what the text took."""
    made = answer.result or {}
    cached = f" ({made['cached_tokens']} known)" if made.get("cached_tokens") else ""
    return (
        f"  {made['prompt_tokens']} tokens read{cached}, {made['generation_tokens']} written "
        f"({made['finish_reason']}); first after {made['ttft_ms']:.0f} ms, then "
        f"{made['generation_tps']:.0f} tokens/s  [{answer.model}]"
    )


def read_schema(path: Path) -> dict[str, Any]:
    """Read a JSON schema.

    Raises:
        BadRequestError: the file is not a JSON object.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as exc:
        raise BadRequestError(f"{path}: {exc.strerror}") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadRequestError(f"{path} is not a JSON schema: {exc}") from exc
