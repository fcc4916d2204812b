"""The sessions in the pipeline: what goes along with a query, and what is kept of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from edge_runtime.assistant.memory.history import history
from edge_runtime.assistant.memory.sessions import Redact, Session, Sessions
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.messages import Answer, Privacy, Reply, Request, Turn
from edge_runtime.routing.keeping import SessionPolicy
from edge_runtime.routing.policy import EffectivePolicy
from edge_runtime.routing.redaction.kinds import IDENTIFYING, KINDS
from edge_runtime.routing.redaction.patterns import find_private, of_patterns
from edge_runtime.routing.redaction.redacting import Redacted, redact
from edge_runtime.routing.redaction.restoring import restore

_log = logging.getLogger(__name__)

_LONGEST_NAME = 128


class Conversations:
    """Turns of sessions, for the assistant; ``count_tokens`` gives the length of a text.

    A memory that cannot be used costs the history, not the answer: it is logged.
    """

    def __init__(self, sessions: Sessions, count_tokens: Callable[[str], int]) -> None:
        self._sessions = sessions
        self._count_tokens = count_tokens

    def load(self, request: Request, privacy: Privacy) -> Session:
        """Return the session of a request; an empty one if it has none or nothing may leave.

        Raises:
            BadRequestError: the name is empty or too long.
        """
        name = _name(request)
        if name is None or privacy == "local":
            return Session()
        try:
            return self._sessions.load(request.client, name)
        except UnavailableError as exc:
            _log.error("a query is answered without its session: %s", exc)
            return Session()

    def history(
        self, session: Session, policy: EffectivePolicy, sessions: SessionPolicy
    ) -> list[Turn]:
        """Return the turns that go along."""
        return history(session, policy, self._count_tokens, sessions.history_tokens)

    def was_asked(self, request: Request) -> bool:
        """Whether the last turn of the session went to the large model.

        Raises:
            BadRequestError: the session's name is empty or too long.
        """
        exchanges = self.load(request, "redact").exchanges
        return bool(exchanges) and exchanges[-1].was_asked

    def begun(
        self,
        request: Request,
        reading: Reading,
        outcome: Answer | Pending,
        policy: EffectivePolicy,
        sessions: SessionPolicy,
    ) -> None:
        """Keep a question, with the answer if there is one already.

        Raises:
            BadRequestError: the session's name is empty or too long.
        """
        session = _name(request)
        if session is None or policy.privacy == "local":
            return
        text, kinds = request.text, IDENTIFYING | (KINDS - policy.kept)
        private = find_private(text, [*reading.personal, *reading.entities], kinds)
        if any(policy.on(each.kind) == "block" for each in private):
            return  # what may not leave by itself may not go along with a later question either
        # a text is kept as one of the large model is; else a label tells enough, and nothing of
        # what was said
        text_here = None
        if isinstance(outcome, Answer):
            text_here = (outcome.result or {}).get("text")
        query = "" if text_here is None else os.urandom(16).hex()
        query = outcome.escalation.id if isinstance(outcome, Pending) else query
        try:
            self._sessions.ask(
                client=request.client,
                name=session,
                query=query,
                asked=lambda known: redact(text, private, known),
                answered="" if query else reading.intent.label,
                terms=policy.terms,
                policy=sessions,
            )
            if text_here is not None:
                self._sessions.answer(
                    client=request.client,
                    name=session,
                    query=query,
                    answered=_reply(text_here, {}),
                    policy=sessions,
                )
        except UnavailableError as exc:
            _log.error("a turn of a session is not kept: %s", exc)

    def finished(self, pending: Pending, reply: Reply, policy: SessionPolicy) -> None:
        """Keep the large model's answer to a question."""
        if pending.session is None:
            return
        try:
            self._sessions.answer(
                client=pending.client,
                name=pending.session,
                query=pending.escalation.id,
                answered=_reply(reply.text, pending.placeholders),
                policy=policy,
            )
        except UnavailableError as exc:
            _log.error("an answer of a session is not kept: %s", exc)


def _name(request: Request) -> str | None:
    name = request.session
    if name is not None and not 0 < len(name) <= _LONGEST_NAME:
        raise BadRequestError(f"session must be a name of 1 to {_LONGEST_NAME} characters")
    return name


def _reply(text: str, placeholders: dict[str, str]) -> Redact:
    """Return what redacts a reply, which holds the placeholders of its own question."""

    def redacted(known: dict[str, str]) -> Redacted:
        if placeholders and all(known.get(name) == value for name, value in placeholders.items()):
            return Redacted(text, known)
        restored = restore(text, placeholders)
        return redact(restored, of_patterns(restored), known)

    return redacted
