from __future__ import annotations

import msgspec
import pytest

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.bundles.store import Store
from edge_runtime.routing.budget import Budget, Limits
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.query_records import QueryRecord, Record, ReplyRecord, read_record
from edge_runtime.routing.rules import Rule
from edge_runtime.routing.simulation import Past, simulate

RECORDS: list[Record] = [
    QueryRecord(0.0, "answer", intent="weather", confidence=0.99, infer_ms=4.0),
    QueryRecord(10.0, "escalate", id="a", intent="oos", confidence=0.1, infer_ms=4.0, client="x"),
    ReplyRecord("a", error="503"),
    ReplyRecord("a", cost_usd=0.02, tokens=100, cloud_ms=500.0),
    QueryRecord(20.0, "guess", private=True),
    QueryRecord(30.0, "hold", id="b", intent="oos", confidence=0.1, infer_ms=4.0),
]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Store(None).open().manifest


def test_records_survive_the_way_through_a_file() -> None:
    assert [read_record(msgspec.json.encode(each)) for each in RECORDS] == RECORDS


def test_the_past_is_decided_again_at_the_price_it_had(manifest: Manifest) -> None:
    found = simulate(Past.of(RECORDS), OwnerPolicy(), manifest)
    assert (found.queries, found.private, found.answered, found.escalated) == (4, 1, 1, 2)
    # what was never asked costs what the other did
    assert (found.cost_usd, found.tokens, found.requests) == (0.04, 200, 2)
    assert found.coverage == pytest.approx(1 / 3, abs=1e-4)
    assert found.mean_ms == pytest.approx((4 + 504 + 504) / 3)


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        (OwnerPolicy(privacy="local"), {"guessed": 2, "escalated": 0, "cost_usd": 0.0}),
        (OwnerPolicy(rules=(Rule(client=("x",), deny=True),)), {"denied": 1, "escalated": 1}),
        (OwnerPolicy(rules=(Rule(escalate="always"),)), {"escalated": 3, "answered": 0}),
        (OwnerPolicy(budget=Budget(day=Limits(requests=1))), {"escalated": 1, "held": 1}),
        (OwnerPolicy(max_local_error=0.001), {"answered": 0}),
    ],
)
def test_another_policy_gives_other_totals(
    policy: OwnerPolicy, counts: dict[str, float], manifest: Manifest
) -> None:
    found = simulate(Past.of(RECORDS), policy, manifest)
    assert {name: getattr(found, name) for name in counts} == counts


def test_a_log_without_queries_is_no_division_by_zero(manifest: Manifest) -> None:
    assert simulate(Past(), OwnerPolicy(), manifest).coverage == 0.0
