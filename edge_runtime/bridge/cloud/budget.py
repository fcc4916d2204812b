"""What each node may spend at a worker, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.bridge.cloud.llm_errors import budget as over_budget
from edge_runtime.bridge.cloud.llm_errors import unavailable
from edge_runtime.errors import ConfigError, UnavailableError
from edge_runtime.messages import ErrorInfo, Escalation, Reply
from edge_runtime.routing.budget import Budget, ClientBudget, Limits
from edge_runtime.routing.policy_document import read_document
from edge_runtime.routing.refusal import Refusal


class NodeBudgets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of ``requests``, ``tokens`` and ``cost_usd`` a ``day`` and a ``month``.

    Those at the top hold for all nodes together, those of ``node`` for each, and ``nodes`` names
    those that have others; a day is 24 hours that the machine was running, as on a device.
    """

    day: Limits = Limits()
    month: Limits = Limits()
    node: ClientBudget = ClientBudget()
    nodes: dict[str, ClientBudget] = {}

    def of(self, node: str) -> Budget:
        """Return the limits that hold for a node, which is the client of this budget."""
        return Budget(self.day, self.month, self.nodes.get(node, self.node))


def read_budgets(path: Path) -> NodeBudgets:
    """Read the budgets from a TOML file.

    Raises:
        ConfigError: it cannot be read, or is wrong; the message names each line that is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"the budget {path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"the budget {path} is not UTF-8") from exc
    found, problems = read_document(text, NodeBudgets)
    if found is None:
        raise ConfigError("; ".join(f"{path}:{each.line}: {each.said}" for each in problems))
    return found


class NodeAccounts:
    """Admits escalations as long as there is something left, and charges what they cost.

    Calls that are under way at the same time are charged when they end: together they may pass a
    limit in money by what they cost, never one in requests.
    """

    def __init__(self, budgets: NodeBudgets, ledger: Ledger) -> None:
        self._budgets = budgets
        self._ledger = ledger

    def admit(self, node: str, escalation: Escalation) -> Escalation | ErrorInfo:
        """Return the escalation with no more money than is left, charged as a request, or why not.

        Without a readable ledger nothing may be spent.
        """
        try:
            charged = self._ledger.charge(self._budgets.of(node), node)
        except UnavailableError as exc:
            return unavailable(f"the worker cannot keep its accounts: {exc}")
        if isinstance(charged, Refusal):
            said = "the worker's budget for this node, or for all of them, is spent"
            return over_budget(said, charged.retry_after_s)
        left = [each.cost_left_usd for each in charged if each.limits.cost_usd is not None]
        given = [] if escalation.max_cost_usd is None else [escalation.max_cost_usd]
        most_usd = min([*left, *given], default=None)
        return msgspec.structs.replace(escalation, max_cost_usd=most_usd)

    def settle(self, node: str, reply: Reply) -> None:
        """Charge what a reply took; a call that took nothing is no request after all.

        Raises:
            UnavailableError: the ledger cannot be written.
        """
        budget = self._budgets.of(node)
        tokens = reply.prompt_tokens + reply.generation_tokens
        if reply.error is not None and tokens == 0:
            self._ledger.refund(budget, node)
        else:
            self._ledger.spend(budget, node, tokens=tokens, cost_usd=reply.cost_usd)
