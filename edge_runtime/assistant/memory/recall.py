"""What the assistant remembers: the session of a query, and answers that were given before."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_runtime.assistant.caching.cache import AnswerCache
from edge_runtime.assistant.finalizing.finalize import Language, finalize
from edge_runtime.assistant.memory.conversations import Conversations
from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.memory.sessions import Session, Sessions
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading, read
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.messages import Answer, Context, Privacy, Reply, Request
from edge_runtime.routing.keeping import SessionPolicy
from edge_runtime.routing.language import identify
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy
from edge_runtime.routing.redaction.findings import of_entities
from edge_runtime.routing.redaction.kinds import KINDS, LITERAL
from edge_runtime.routing.redaction.patterns import of_patterns
from edge_runtime.tasks.encoder import Encoder

_log = logging.getLogger(__name__)


class Recall:
    """The memory as the pipeline of one bundle uses it; threads may share it.

    A memory that cannot be used costs what is remembered, not the answer: it is logged.
    """

    def __init__(self, memory: Memory, encoder: Encoder) -> None:
        self._encoder = encoder
        tokenizer = encoder.tokenizer
        self._conversations = Conversations(
            Sessions(memory),
            lambda text: sum(len(each.ids) for each in tokenizer.windows([text])),
        )
        self._cache = AnswerCache(memory, encoder.bundle.model_name)
        languages = encoder.bundle.manifest.languages or ["en"]
        self._language: Language = lambda text, expected: identify(
            text, languages if expected is None else [expected]
        )[0]

    def session(self, request: Request, privacy: Privacy) -> Session:
        """Return the session of a request; an empty one if it has none or nothing may leave.

        Raises:
            BadRequestError: the session's name is empty or too long.
        """
        return self._conversations.load(request, privacy)

    def was_asked(self, request: Request) -> bool:
        """Whether the last turn of a request's session went to the large model.

        Raises:
            BadRequestError: the session's name is empty or too long.
        """
        return self._conversations.was_asked(request)

    def extended(
        self,
        context: Context,
        request: Request,
        session: Session,
        policy: EffectivePolicy,
        sessions: SessionPolicy,
    ) -> Context:
        """Return the context with the last turns of the session, and the schema asked for.

        Raises:
            BadRequestError: the schema is wrong, or holds something private that may not leave.
        """
        return msgspec.structs.replace(
            context,
            history=self._conversations.history(session, policy, sessions),
            schema=self._schema(request.options, policy),
        )

    def _schema(
        self, options: Mapping[str, Any], policy: EffectivePolicy
    ) -> dict[str, Any] | bool | None:
        if options.get("schema") is None:
            return None
        # takes long, and few ask for it
        from edge_runtime.assistant.finalizing.schema import read_schema, texts_in  # noqa: PLC0415

        schema = read_schema(options["schema"])
        kinds = KINDS - policy.kept
        if schema is None or kinds == {LITERAL}:
            return schema
        found = of_patterns(msgspec.json.encode(schema).decode(), kinds)
        if text := ". ".join(filter(str.strip, texts_in(schema))):
            reading = read(self._encoder, text)
            found += of_entities(text, [*reading.personal, *reading.entities], kinds)
        if found:
            said = ", ".join(sorted({each.kind for each in found}))
            raise BadRequestError(
                f"option schema holds something private ({said}), and privacy {policy.terms} does "
                "not let that leave"
            )
        return schema

    def answered_before(
        self,
        request: Request,
        reading: Reading,
        pending: Pending,
        policy: EffectivePolicy,
        owner: OwnerPolicy,
    ) -> Pending | Answer:
        """Return the answer to the same question, if there is one that may be given again."""
        cache = owner.cache
        if not cache.on:
            return pending
        asked = self._cache.question(
            pending, policy, cache, command=reading.command, vector=reading.vector
        )
        if asked is None:
            return pending
        pending = msgspec.structs.replace(pending, question=asked)
        try:
            found = self._cache.find(pending.client, asked, cache)
        except UnavailableError as exc:
            _log.error("no kept answer is looked for: %s", exc)
            return pending
        if found is None:
            return pending
        kept = Reply(id=pending.escalation.id, text=found.reply.text, model=found.reply.model)
        answer, mended = finalize(pending, kept, self._language)
        if mended is None:
            return pending
        self._conversations.begun(request, reading, pending, policy, owner.sessions)
        self._conversations.finished(pending, mended, owner.sessions)
        reason = [*answer.reason, found.said()]
        return msgspec.structs.replace(answer, source="cache", reason=reason)

    def begun(
        self,
        request: Request,
        reading: Reading,
        outcome: Answer | Pending,
        policy: EffectivePolicy,
        sessions: SessionPolicy,
    ) -> None:
        """Keep a question as a turn of its session, unless that has been done with its answer.

        What may not leave by itself may not go along with a later question either.
        """
        is_done = isinstance(outcome, Answer) and outcome.source == "cache"
        if not is_done and policy.escalate != "never":
            self._conversations.begun(request, reading, outcome, policy, sessions)

    def finished(self, pending: Pending, reply: Reply, owner: OwnerPolicy) -> Answer:
        """Return the final answer, and keep what may be kept of it."""
        answer, mended = finalize(pending, reply, self._language)
        if mended is None or reply.verbatim:
            return answer
        self._conversations.finished(pending, mended, owner.sessions)
        try:
            self._cache.keep(pending, mended, owner.cache)
        except UnavailableError as exc:
            _log.error("an answer is not kept: %s", exc)
        return answer
