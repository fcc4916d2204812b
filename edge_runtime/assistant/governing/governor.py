"""The governor: what the owner allows now, and what it has cost so far."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.assistant.pending import Pending
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import Escalation, Reply
from edge_runtime.routing.budget import Account
from edge_runtime.routing.circuit import Circuit
from edge_runtime.routing.decision import Decision
from edge_runtime.routing.gates import Conditions, check_gates
from edge_runtime.routing.leaving import held, may_still_leave
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.refusal import Refusal

if TYPE_CHECKING:
    from edge_runtime.assistant.governing.query_log import QueryLog
    from edge_runtime.assistant.governing.sensors import Sensors


class Governor:
    """Asked before anything leaves, and told what came of it; threads may share it.

    ``policy`` is the owner's, or what gives the one in force. ``now`` is in seconds of a clock that
    never goes back; ``jitter`` gives a number from 0 to 1.
    """

    def __init__(
        self,
        policy: OwnerPolicy | Callable[[], OwnerPolicy],
        *,
        ledger: Ledger | None = None,
        sensors: Sensors | None = None,
        log: QueryLog | None = None,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy if callable(policy) else lambda: policy
        self._ledger = ledger or Ledger(None)
        self._sensors = sensors
        self.log = log
        self._now = now
        self._jitter = jitter
        self._lock = threading.Lock()
        self._circuit = Circuit()

    @property
    def policy(self) -> OwnerPolicy:
        """The owner's policy in force."""
        return self._policy()

    def accounts(self, client: str) -> list[Account]:
        """Return what is left of the budgets for a client; raises UnavailableError."""
        return self._ledger.accounts(self.policy.budget, client)

    def held(self, decision: Decision, owner: OwnerPolicy, client: str) -> Decision:
        """Return the decision with every gate and budget as they stand now."""
        accounts: Sequence[Account] = ()
        broken = None
        try:
            accounts = self._ledger.accounts(owner.budget, client)
        except UnavailableError as exc:
            broken = Refusal(str(exc))
        found = held(decision, owner, self._conditions(owner), accounts)
        if broken is not None and found.outcome == "escalate":
            return msgspec.structs.replace(found, outcome="hold", refusal=broken)
        return found

    def closed(self) -> Refusal | None:
        """Return which gate lets nobody at all be asked now, if one does."""
        return self._gates(self.policy)

    def admit(self, pending: Pending) -> Escalation | Refusal:
        """Return the escalation as it may be sent now, charged as one request, or why not."""
        owner = self.policy
        with self._lock:
            refusal = may_still_leave(
                pending.facts, pending.privacy, owner, pending.private
            ) or self._gates(owner)
            if refusal is not None:
                return refusal
            try:
                charged = self._ledger.charge(owner.budget, pending.client)
            except UnavailableError as exc:
                return Refusal(str(exc))
            if isinstance(charged, Refusal):
                return charged
            self._circuit = self._circuit.asked(self._now())
        left = [each.cost_left_usd for each in charged if each.limits.cost_usd is not None]
        given = pending.escalation.max_cost_usd
        cost_usd = min([*left, *([] if given is None else [given])], default=None)
        return msgspec.structs.replace(pending.escalation, max_cost_usd=cost_usd)

    def replied(self, client: str, reply: Reply, took_s: float) -> None:
        """An attempt ended with a reply, which may be an error."""
        owner = self.policy
        if self.log is not None:
            self.log.replied(reply, took_s)
        tokens = max(0, reply.prompt_tokens) + max(0, reply.generation_tokens)
        try:
            self._ledger.spend(owner.budget, client, tokens=tokens, cost_usd=reply.cost_usd)
        except UnavailableError as exc:
            _say("error", "%.6f USD and %d tokens are not charged: %s", reply.cost_usd, tokens, exc)
        most_ms = owner.gates.max_latency_ms
        is_slow = most_ms is not None and took_s * 1e3 > most_ms
        if is_slow or (reply.error is not None and reply.error.is_temporary):
            self.failed()
        else:
            with self._lock:
                self._circuit = Circuit()

    def failed(self) -> None:
        """An attempt ended without a reply."""
        gates = self.policy.gates
        with self._lock:
            before = self._circuit
            self._circuit = before.failed(
                self._now(), most=gates.max_failures, pause_s=gates.pause_s, jitter=self._jitter()
            )
            if self._circuit.pauses > before.pauses:
                wait_s = self._circuit.wait_s(self._now())
                _say(
                    "warning",
                    "%d failures in a row: nobody is asked for %.0f s",
                    self._circuit.failures,
                    wait_s,
                )

    def unsent(self, client: str) -> None:
        """What was admitted did not leave: it is not charged."""
        try:
            self._ledger.refund(self.policy.budget, client)
        except UnavailableError as exc:
            _say("error", "a request that did not leave stays charged: %s", exc)

    def try_now(self) -> None:
        """There is reason to believe that the link works again."""
        with self._lock:
            self._circuit = self._circuit.try_now()

    def _gates(self, owner: OwnerPolicy) -> Refusal | None:
        gates = check_gates(owner.gates, self._conditions(owner))
        return next((each.refusal for each in gates if each.refusal is not None), None)

    def _conditions(self, owner: OwnerPolicy) -> Conditions:
        if self._sensors is None:
            from edge_runtime.assistant.governing.sensors import Sensors  # noqa: PLC0415 - as above

            self._sensors = Sensors()
        circuit = self._circuit
        return self._sensors.read(
            owner.gates, failures=circuit.failures, circuit_wait_s=circuit.wait_s(self._now())
        )


def _say(level: str, message: str, *facts: object) -> None:
    import logging  # noqa: PLC0415 - most commands end before there is anything to say

    getattr(logging.getLogger(__name__), level)(message, *facts)
