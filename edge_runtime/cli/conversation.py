"""A conversation at the terminal: its turns, and the commands that change them."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from edge_runtime.cli.generation import measurements, write, write_piece
from edge_runtime.cli.output import print_answer
from edge_runtime.errors import BadRequestError
from edge_runtime.inference.chat_template import Message
from edge_runtime.messages import Answer, Request

if TYPE_CHECKING:
    from edge_runtime.assistant.pipeline import Assistant


class Talk(Protocol):
    """What is done with each line; ``commands`` explains those that it knows."""

    commands: str

    def say(self, text: str) -> None:
        """Answer a line."""

    def command(self, name: str, rest: str) -> None:
        """Do what a line that begins with a slash says."""


class Conversation:
    """Talks with a bundle that writes; ``options`` are those of a ``chat`` request."""

    commands = """\
/system [TEXT]     what the model is told before everything else; without TEXT, nothing
/set NAME VALUE    an option: max_tokens, temperature, top_k, top_p, min_p, seed, stop, …
/set NAME          the option as the model's files say; /set shows all that are set
/undo              forget the last question and its answer
/retry             answer the last question again
/clear             forget the conversation
/history           show the conversation
/save FILE         write the conversation to a JSON file
/load FILE         go on with a conversation from such a file
/stats             what the last answer took
/exit              leave, as does Ctrl-D; Ctrl-C stops an answer"""

    def __init__(self, assistant: Assistant, options: dict[str, Any], *, as_json: bool) -> None:
        self._assistant = assistant
        self._options = dict(options)
        self._as_json = as_json
        self._turns: list[Message] = []
        self._last: Answer | None = None
        self._by_name: dict[str, Callable[[str], None]] = {
            "system": self._set_system, "set": self._set, "undo": self._undo,
            "retry": self._retry, "clear": self._clear, "history": self._history,
            "save": self._save, "load": self._load, "stats": self._stats,
        }  # fmt: skip

    def say(self, text: str) -> None:
        """Answer a text piece by piece, and remember both."""
        options = {**self._options, "messages": msgspec.to_builtins(self._turns)}
        request = Request(text=text, task="chat", options=options)
        with _interruptible() as interrupted:
            show = None if self._as_json else write_piece
            self._last = write(self._assistant, request, None, show, interrupted)
        result = self._last.result or {}
        self._turns += [
            Message(role="user", content=text),
            Message(role="assistant", content=str(result.get("text", ""))),
        ]
        if self._as_json:
            print_answer(self._last, as_json=True)
        else:
            print(flush=True)

    def command(self, name: str, rest: str) -> None:
        """Do what a command says.

        Raises:
            BadRequestError: there is no such command, or it cannot be done.
        """
        if name not in self._by_name:
            raise unknown(name)
        self._by_name[name](rest)

    def _set_system(self, text: str) -> None:
        self._options.pop("system", None)
        if text:
            self._options["system"] = text

    def _set(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if not name:
            for each, chosen in self._options.items():
                print(f"{each} {json.dumps(chosen, ensure_ascii=False)}", file=sys.stderr)
            return
        before = dict(self._options)
        self._options.pop(name, None)
        if value:
            try:
                self._options[name] = json.loads(value)
            except ValueError:
                self._options[name] = value
        try:
            self._check_options()
        except BadRequestError:
            self._options = before
            raise

    def _check_options(self) -> None:
        from edge_runtime.tasks.generation_options import GenerationOptions

        GenerationOptions.read({k: v for k, v in self._options.items() if k != "system"})

    def _undo(self, _rest: str) -> None:
        if not self._turns:
            raise BadRequestError("there is nothing to undo")
        del self._turns[-2:]

    def _retry(self, _rest: str) -> None:
        if not self._turns:
            raise BadRequestError("there is no question to answer again")
        question = self._turns[-2].content
        self._undo("")
        self.say(str(question))

    def _clear(self, _rest: str) -> None:
        self._turns.clear()

    def _history(self, _rest: str) -> None:
        for turn in self._turns:
            print(f"{turn.role}: {turn.content}")

    def _save(self, rest: str) -> None:
        document = {"system": self._options.get("system"), "messages": self._turns}
        try:
            _path(rest).write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
        except OSError as exc:
            raise BadRequestError(f"{rest}: {exc.strerror}") from exc

    def _load(self, rest: str) -> None:
        try:
            document = msgspec.json.decode(_path(rest).read_bytes(), type=_Saved)
        except OSError as exc:
            raise BadRequestError(f"{rest}: {exc.strerror}") from exc
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise BadRequestError(f"{rest} is not a saved conversation: {exc}") from exc
        self._set_system(document.system or "")
        self._turns = document.messages

    def _stats(self, _rest: str) -> None:
        if self._last is None:
            raise BadRequestError("nothing has been answered yet")
        print(measurements(self._last), file=sys.stderr)


class _Saved(msgspec.Struct, frozen=True):
    messages: list[Message]
    system: str | None = None


def unknown(name: str) -> BadRequestError:
    """Return the error for a command that there is not."""
    return BadRequestError(f"there is no command /{name}; /help shows those that there are")


def _path(name: str) -> Path:
    if not name:
        raise BadRequestError("which file? for example /save talk.json")
    return Path(name).expanduser()


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C end an answer, not the program; yields what tells whether it came."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return
    before = signal.signal(signal.SIGINT, lambda *_: event.set())
    try:
        yield event.is_set
    finally:
        signal.signal(signal.SIGINT, before)
