"""From an escalation to the reply: is it still wanted, may it be paid, what did it cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.bridge.cloud.asked import Asked
from edge_runtime.bridge.cloud.budget import NodeAccounts, NodeBudgets
from edge_runtime.bridge.cloud.llm import Llm, StreamingLlm
from edge_runtime.bridge.cloud.pause import EndpointPause
from edge_runtime.bridge.cloud.pieces import Pieces
from edge_runtime.bridge.cloud.spend import SpendBook
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import ErrorInfo, Escalation, Reply

_log = logging.getLogger(__name__)

SendPart = Callable[[int, str], None]


class Answering:
    """Asks the LLM for one escalation after the other; called from several threads.

    Without ``accounts`` nodes may spend what they like, without ``spend`` it is summed up for this
    process only. ``now`` is the clock of ``Asked.expires``.
    """

    def __init__(
        self,
        llm: Llm,
        *,
        accounts: NodeAccounts | None = None,
        spend: SpendBook | None = None,
        pause: EndpointPause | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._llm = llm
        self._accounts = accounts or NodeAccounts(NodeBudgets(), Ledger(None))
        self._spend = spend or SpendBook(None)
        self._pause = pause or EndpointPause(now)
        self._now = now

    def answer(self, asked: Asked, send_part: SendPart) -> Reply | None:
        """Return the reply, which may be an error; None when nobody waits for it any more.

        ``send_part`` gets number and text of each piece, where the escalation asks for them.
        """
        if not asked.is_wanted(self._now()):
            return None
        refused = self._pause.refusal()
        if refused is not None:
            return Reply(id=asked.escalation.id, error=refused)
        admitted = self._accounts.admit(asked.node, asked.escalation)
        if isinstance(admitted, ErrorInfo):
            return Reply(id=asked.escalation.id, error=admitted)
        reply = self._call(asked, admitted, send_part)
        self._pause.note(reply.error)
        self._settle(asked.node, reply)
        return None if asked.cancelled.is_set() else reply

    def close(self) -> None:
        """Close what is open."""
        self._spend.close()

    def _call(self, asked: Asked, escalation: Escalation, send_part: SendPart) -> Reply:
        if not (escalation.stream and isinstance(self._llm, StreamingLlm)):
            return self._llm(escalation)
        pieces = Pieces(send_part, self._now)

        def take(piece: str) -> bool:
            if asked.cancelled.is_set():
                return False
            pieces.add(piece)
            return True

        reply = self._llm.stream(escalation, take)
        if reply.error is None:
            pieces.flush()
        return reply

    def _settle(self, node: str, reply: Reply) -> None:
        """Charge and record; an answer that was paid for is delivered whatever the disk does."""
        try:
            self._accounts.settle(node, reply)
            self._spend.add(node, reply.model or self._llm.name, reply)
        except UnavailableError as exc:
            tokens = reply.prompt_tokens + reply.generation_tokens
            _log.error("%.6f USD, %d tokens are not on record: %s", reply.cost_usd, tokens, exc)
