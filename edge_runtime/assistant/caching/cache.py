"""The cache in the pipeline: which queries it may answer, and which answers it keeps."""

from __future__ import annotations

import msgspec

from edge_runtime.assistant.caching.answers import Found, KeptAnswers, KeptReply
from edge_runtime.assistant.caching.known import CacheQuestion
from edge_runtime.assistant.caching.moment import is_read, is_volatile, names_a_moment
from edge_runtime.assistant.caching.question import Floats, question
from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Reply
from edge_runtime.routing.keeping import CachePolicy
from edge_runtime.routing.policy import EffectivePolicy

_LARGEST_BYTES = 16 * 1024


class AnswerCache:
    """Answers of the large model under the owner's policy.

    Raises:
        UnavailableError: from ``find`` and ``keep``, when the memory cannot be used.
    """

    def __init__(self, memory: Memory, model: str) -> None:
        self._answers = KeptAnswers(memory)
        self._model = model

    def question(
        self,
        pending: Pending,
        policy: EffectivePolicy,
        cache: CachePolicy,
        *,
        command: str | None,
        vector: Floats | None,
    ) -> CacheQuestion | None:
        """Return what a query is known by, None if its answer is not to be kept or given again.

        One that depends on the moment or on the session is not, nor one of which that cannot be
        told. One that carried placeholders is
        known by its redacted text alone: no vector of what is private is kept.
        """
        escalation = pending.escalation
        context = escalation.context
        intent = context.intents[0].label if context.intents else None
        if (
            not cache.on
            or policy.privacy == "local"
            or context.history
            or not is_read(pending.facts.language)
            or is_volatile((intent, command), cache.volatile)
            or names_a_moment(escalation.text)
        ):
            return None
        scope = (
            escalation.task, escalation.lang, policy.terms, self._model,
            None if context.schema is None else msgspec.to_builtins(context.schema),
        )  # fmt: skip
        liked = None if pending.guess.redacted else vector
        return question(escalation.text, scope, intent=intent, vector=liked)

    def find(self, client: str, asked: CacheQuestion, cache: CachePolicy) -> Found | None:
        """Return the answer that was kept for a question, None without one."""
        return self._answers.find(client, asked, cache)

    def keep(self, pending: Pending, reply: Reply, cache: CachePolicy) -> None:
        """Keep a reply that was found to be in order and complete."""
        if pending.question is None or not cache.on or reply.finish_reason not in {None, "stop"}:
            return
        if len(reply.text.encode()) <= _LARGEST_BYTES:
            kept = KeptReply(reply.text, reply.model)
            self._answers.keep(pending.client, pending.question, kept, cache)
