"""What a policy would have made of the queries in a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, quantiles

import msgspec

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.routing.budget import Account, Budget, Period, Spent
from edge_runtime.routing.decision import Decision, Question, decide
from edge_runtime.routing.gates import Conditions
from edge_runtime.routing.leaving import blocked, held
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.query_records import QueryRecord, Record, ReplyRecord
from edge_runtime.routing.redaction.kinds import OF_LABEL
from edge_runtime.routing.rules import Facts


class Totals(msgspec.Struct, frozen=True):
    """What came of all queries.

    ``private`` ones are not judged again: the log says nothing of them. ``coverage`` is the share
    of the others that were answered by the device and are sure.
    """

    queries: int
    private: int
    answered: int
    guessed: int
    escalated: int
    held: int
    denied: int
    coverage: float
    requests: int
    tokens: int
    cost_usd: float
    mean_ms: float
    p95_ms: float


@dataclass
class Past:
    """The queries of a log with their replies; what was never asked costs what others did."""

    queries: list[QueryRecord] = field(default_factory=list)
    replies: dict[str, ReplyRecord] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Past:
        """Sort the records of a log; of several replies, the one that succeeded counts."""
        past = cls()
        for record in records:
            if isinstance(record, QueryRecord):
                past.queries.append(record)
            elif record.error is None or record.id not in past.replies:
                past.replies[record.id] = record
        return past

    def typical(self) -> ReplyRecord:
        """Return the mean of the replies that succeeded, nothing without any."""
        good = [each for each in self.replies.values() if each.error is None]
        if not good:
            return ReplyRecord("")
        return ReplyRecord(
            "",
            fmean(each.cost_usd for each in good),
            round(fmean(each.tokens for each in good)),
            fmean(each.cloud_ms for each in good),
        )


def simulate(
    past: Past,
    policy: OwnerPolicy,
    manifest: Manifest,
    nearness: Mapping[str, Mapping[str, float]] | None = None,
) -> Totals:
    """Decide about every query again, in order, with budgets that begin empty.

    Of the gates, quiet hours are known; board and link are taken to allow everything. ``nearness``
    are cosines by text for the rules of this policy, where the log holds texts.
    """
    books = _Books(policy.budget)
    typical = past.typical()
    outcomes: Counter[str] = Counter()
    times: list[float] = []
    asked: list[ReplyRecord] = []
    for query in past.queries:
        if query.private:
            continue
        near = None if query.text is None else (nearness or {}).get(query.text)
        accounts = books.accounts(query)
        decision = decide(_question(query, manifest, near), policy, query.asked)
        decision = held(decision, policy, Conditions(_minute(query.at)), accounts)
        decision = blocked(decision, _kinds(query))
        outcomes[decision.outcome] += 1
        took_ms = query.infer_ms
        if decision.outcome == "escalate":
            reply = _reply(past, query, typical, decision)
            books.charge(accounts, reply)
            asked.append(reply)
            took_ms += reply.cloud_ms
        times.append(took_ms)
    judged = outcomes.total()
    return Totals(
        queries=len(past.queries),
        private=len(past.queries) - judged,
        answered=outcomes["answer"],
        guessed=outcomes["guess"],
        escalated=outcomes["escalate"],
        held=outcomes["hold"],
        denied=outcomes["deny"],
        coverage=round(outcomes["answer"] / judged, 4) if judged else 0.0,
        requests=len(asked),
        tokens=sum(each.tokens for each in asked),
        cost_usd=round(sum(each.cost_usd for each in asked), 6),
        mean_ms=round(fmean(times), 3) if times else 0.0,
        p95_ms=round(quantiles(times, n=20)[-1] if len(times) > 1 else sum(times), 3),
    )


class _Books:
    """Budgets in the time of the log, which does not go back either."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spent: dict[tuple[str, Period], Spent] = {}
        self._now = 0.0

    def accounts(self, query: QueryRecord) -> list[Account]:
        self._now = max(self._now, query.at)
        return [
            Account(
                name, period, limits,
                self._spent.get((name, period), Spent(self._now)).at(period, self._now), self._now,
            )
            for name, period, limits in self._budget.limits(query.client)
        ]  # fmt: skip

    def charge(self, accounts: list[Account], reply: ReplyRecord) -> None:
        for each in accounts:
            self._spent[each.client, each.period] = each.spent.plus(
                requests=1, tokens=reply.tokens, cost_usd=reply.cost_usd
            )


def _question(query: QueryRecord, manifest: Manifest, near: Mapping[str, float] | None) -> Question:
    facts = Facts(
        client=query.client,
        text=query.text,
        intent=query.intent,
        command=query.command,
        entities=None if query.entities is None else frozenset(query.entities),
        language=query.language,
        nearness={**(query.nearness or {}), **(near or {})},
    )
    calibration = manifest.calibration.get("intent")
    head = manifest.heads["intent"]
    return Question(
        facts,
        query.confidence,
        head,
        calibration,
        manifest.languages,
        query.difficulty,
        query.follows,
    )


def _kinds(query: QueryRecord) -> set[str]:
    """Return the kinds of private text that heads found; what patterns found is not in the log."""
    return {OF_LABEL[label] for label in query.entities or () if label in OF_LABEL}


def _reply(past: Past, query: QueryRecord, typical: ReplyRecord, decision: Decision) -> ReplyRecord:
    """Return what asking took or would have taken; no more than the policy allows to pay.

    What was to be asked and never was had been answered before, and was kept.
    """
    if query.outcome == "escalate" and not query.id:
        return ReplyRecord("")
    reply = past.replies.get(query.id, typical)
    most = decision.policy.max_cost_usd
    if most is not None and reply.cost_usd > most:
        return msgspec.structs.replace(reply, cost_usd=0.0, tokens=0)
    return reply


def _minute(at: float) -> int:
    local = time.localtime(at)
    return local.tm_hour * 60 + local.tm_min
