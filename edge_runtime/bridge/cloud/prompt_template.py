"""The owner's own system prompt, as a Jinja template in a sandbox."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from edge_runtime.bridge.cloud.prompt import conversation, reading, rules, system_prompt, tone
from edge_runtime.bridge.failures import log_failure
from edge_runtime.errors import ConfigError, EdgeError
from edge_runtime.messages import Candidate, Context, Entity, Escalation, Turn

_log = logging.getLogger(__name__)

_ID = "0" * 32
_GUESS = Candidate("definition", 0.4)
_FULL = Context(
    intents=[_GUESS],
    sentiment=Candidate("negative", 0.9),
    entities=[Entity(0, 10, "PERSON", "<PERSON_1>", 0.9)],
    guess=_GUESS,
    history=[Turn("user", "Hello."), Turn("assistant", "Hello.")],
)
# what a template meets in service: nothing but a text, everything, an answer in JSON
_SAMPLES = (
    Escalation(id=_ID, text="?"),
    Escalation(id=_ID, text="<PERSON_1>?", lang="en", session="s", context=_FULL),
    Escalation(id=_ID, text="?", context=Context(schema={"type": "object"})),
)


class PromptTemplate:
    """Makes the messages of an escalation with a template for the system prompt.

    Variables: ``builtin``, the whole prompt that there would be without a template; its parts
    ``rules`` (what to do with placeholders, and the JSON schema where one was asked for),
    ``reading`` (a list of lines) and ``tone``; and what they are made of: ``lang``, ``task``,
    ``intents``, ``guess``, ``sentiment``, ``entities`` and ``schema`` as on the wire, None or
    empty where unknown. ``strftime_now(format)`` gives the time. The user's words are no variable:
    they stay in turns of their own.

    Raises:
        ConfigError: the template is wrong, fails on an escalation, or makes an empty prompt;
            ``source`` names it.
    """

    def __init__(
        self,
        template: str,
        *,
        source: str = "the prompt template",
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        from edge_runtime.inference.template_sandbox import Program  # noqa: PLC0415 - takes 50 ms

        try:
            self._program = Program(template, now)
            made = [self._program.render(_variables(each)) for each in _SAMPLES]
        except Exception as exc:
            raise ConfigError(f"{source} cannot be used: {exc}") from exc
        if not all(each.strip() for each in made):
            raise ConfigError(f"{source} makes an empty prompt for some escalations")
        if not all(rules(each.context) in text for each, text in zip(_SAMPLES, made, strict=True)):
            _log.warning(
                "%s leaves out {{ rules }}: answers may lose placeholders, or not be JSON", source
            )

    def __call__(self, escalation: Escalation) -> list[tuple[str, str]]:
        """Return the messages; raises EdgeError where the template fails."""
        try:
            system = self._program.render(_variables(escalation))
        except Exception as exc:
            log_failure(_log, "the prompt template failed", exc)
            raise EdgeError("the worker's prompt template failed; see its log") from exc
        return conversation(escalation, system.strip())


def read_template(path: Path) -> PromptTemplate:
    """Read a template from a file.

    Raises:
        ConfigError: it cannot be read or used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"the prompt template {path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"the prompt template {path} is not UTF-8") from exc
    return PromptTemplate(text, source=f"the prompt template {path}")


def _variables(escalation: Escalation) -> dict[str, Any]:
    context = escalation.context
    return {
        "builtin": system_prompt(escalation),
        "rules": rules(context),
        "reading": reading(context),
        "tone": tone(context),
        "lang": escalation.lang,
        "task": escalation.task,
        "intents": msgspec.to_builtins(context.intents),
        "guess": msgspec.to_builtins(context.guess),
        "sentiment": msgspec.to_builtins(context.sentiment),
        "entities": msgspec.to_builtins(context.entities),
        "schema": context.schema,
    }
