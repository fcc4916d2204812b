from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.bridge.cloud.budget import NodeAccounts, NodeBudgets, read_budgets
from edge_runtime.errors import ConfigError
from edge_runtime.messages import ErrorInfo, Escalation, Reply

ID = "ab" * 16
ASKED = Escalation(id=ID, text="why?")
TOML = """
[day]
cost_usd = 1.0
[node.day]
requests = 2
[nodes.kitchen.day]
requests = 3
cost_usd = 0.25
"""


def accounts(directory: Path, text: str) -> NodeAccounts:
    path = directory / "budget.toml"
    path.write_text(text)
    return NodeAccounts(read_budgets(path), Ledger(directory / "budget.db"))


def error(found: Escalation | ErrorInfo) -> ErrorInfo:
    assert isinstance(found, ErrorInfo)
    return found


def admitted(found: Escalation | ErrorInfo) -> Escalation:
    assert isinstance(found, Escalation)
    return found


def test_each_node_has_its_own_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    books = accounts(tmp_path, TOML)
    for _ in range(2):
        admitted(books.admit("hall", ASKED))
    again = accounts(tmp_path, TOML)
    refused = error(again.admit("hall", ASKED))
    assert (refused.code, refused.type) == ("429", "budget")
    assert refused.retry_after_s is not None
    assert 0 < refused.retry_after_s <= 86_400
    assert not refused.is_temporary
    for _ in range(3):
        admitted(again.admit("kitchen", ASKED))
    error(again.admit("kitchen", ASKED))
    admitted(again.admit("attic", ASKED))


def test_a_call_may_cost_no_more_than_is_left_of_any_limit(tmp_path: Path) -> None:
    books = accounts(tmp_path, TOML)
    assert admitted(books.admit("kitchen", ASKED)).max_cost_usd == 0.25
    books.settle("kitchen", Reply(id=ID, text="x", cost_usd=0.2, prompt_tokens=5))
    assert admitted(books.admit("kitchen", ASKED)).max_cost_usd == pytest.approx(0.05)
    # the app allowed less
    limited = Escalation(id=ID, text="why?", max_cost_usd=0.01)
    assert admitted(books.admit("kitchen", limited)).max_cost_usd == 0.01
    # what one node spent is gone for all of them
    assert admitted(books.admit("hall", ASKED)).max_cost_usd == pytest.approx(0.8)
    books.settle("hall", Reply(id=ID, text="x", cost_usd=0.8, prompt_tokens=5))
    assert error(books.admit("attic", ASKED)).type == "budget"


def test_a_call_that_took_nothing_is_no_request(tmp_path: Path) -> None:
    books = accounts(tmp_path, "[node.day]\nrequests = 1\ntokens = 100")
    failed = ErrorInfo("503", "llm_unavailable", "no")
    for _ in range(5):
        admitted(books.admit("n", ASKED))
        books.settle("n", Reply(id=ID, error=failed))
    admitted(books.admit("n", ASKED))
    # one that broke off half way was paid
    books.settle("n", Reply(id=ID, error=failed, prompt_tokens=3))
    error(books.admit("n", ASKED))


def test_without_limits_nothing_is_written(tmp_path: Path) -> None:
    books = NodeAccounts(NodeBudgets(), Ledger(tmp_path / "budget.db"))
    assert books.admit("n", ASKED) == ASKED
    books.settle("n", Reply(id=ID, text="x", cost_usd=1.0))
    assert list(tmp_path.iterdir()) == []


def test_without_a_readable_ledger_nothing_is_spent(tmp_path: Path) -> None:
    (tmp_path / "budget.db").write_bytes(b"no database, and long enough to be taken for one" * 50)
    books = accounts(tmp_path, TOML)
    refused = error(books.admit("n", ASKED))
    assert refused.code == "503"
    assert "accounts" in refused.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[day]\nrequets = 1", "budget.toml:2"),
        ("[day]\nrequests = -1", "0 or more"),
        ("[nodes.a.week]\nrequests = 1", "week"),
        ("day = ", "budget.toml:1"),
    ],
)
def test_a_wrong_budget_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "budget.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_budgets(path)


def test_a_budget_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_budgets(tmp_path / "none.toml")
