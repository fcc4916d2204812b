"""Policies, queries and states of the board, as hypothesis makes them."""

from __future__ import annotations

from hypothesis import strategies as st

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.budget import Account, Budget, ClientBudget, Limits, Spent
from edge_runtime.routing.decision import Question
from edge_runtime.routing.gates import Conditions, Gates
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.rules import Facts, Rule

PRIVACY = ["cloud", "redact", "local"]  # from lax to strict
OFFLINE = ["queue", "local", "fail"]
REDACTION = ["keep", "redact", "block"]
LABELS = ["weather", "definition", "oos"]

HEAD = Head(
    type="classification",
    output="intent",
    labels=LABELS,
    out_of_scope="oos",
    needs_large_model=["definition"],
)
CALIBRATION = Calibration(
    ["margin"], [1.0], 0.0, 0.05, 0.05, 1200, 0.8, 0.7, 0.95, "dev"
)  # fmt: skip

costs = st.none() | st.floats(0, 10)
redactions = st.dictionaries(
    st.sampled_from(["CARD", "PERSON", "PLACE"]), st.sampled_from(REDACTION), max_size=3
)
requests = st.builds(
    RequestPolicy,
    privacy=st.none() | st.sampled_from(PRIVACY),
    when_offline=st.none() | st.sampled_from(OFFLINE),
    deadline_ms=st.none() | st.integers(1, 10**7),
    max_cost_usd=costs,
    redaction=redactions,
)


def _some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    given = [*values, *(f"!{each}" for each in values), f"{values[0][:2]}*"]
    return st.just(()) | st.lists(st.sampled_from(given), max_size=3).map(tuple)


rules = st.builds(
    Rule,
    name=st.sampled_from(["", "a rule"]),
    intent=_some(*LABELS),
    command=_some("play_music", "none"),
    entity=_some("PERSON", "LOCATION"),
    topic=st.just(()) | st.just(("my doctor", "salary")),
    about=st.just(()) | st.just(("health",)),
    language=_some("en", "de", "unknown"),
    client=_some("local", "guest-1"),
    privacy=st.none() | st.sampled_from(PRIVACY),
    when_offline=st.none() | st.sampled_from(OFFLINE),
    max_cost_usd=costs,
    escalate=st.sampled_from(["never", "always"]),  # so that there is an effect
    deny=st.booleans(),
)
limits = st.builds(
    Limits,
    requests=st.none() | st.integers(0, 100),
    tokens=st.none() | st.integers(0, 100),
    cost_usd=costs,
)
budgets = st.builds(
    Budget, day=limits, month=limits, client=st.builds(ClientBudget, day=limits, month=limits)
)
gates = st.builds(
    Gates,
    max_failures=st.integers(0, 3),
    allow_metered=st.booleans(),
    min_battery_percent=st.none() | st.floats(0, 100),
    max_temperature_c=st.none() | st.floats(0, 100),
    quiet_hours=st.just(()) | st.just(("22:00-07:00",)),
)
owners = st.builds(
    OwnerPolicy,
    privacy=st.sampled_from(PRIVACY),
    when_offline=st.sampled_from(OFFLINE),
    deadline_ms=st.integers(1, 10**7),
    max_cost_usd=costs,
    max_local_error=st.sampled_from([0.01, 0.05, 0.2]),
    rules=st.lists(rules, max_size=4).map(tuple),
    budget=budgets,
    gates=gates,
    redaction=redactions,
    strong_above=st.none() | st.floats(0, 1),
)
facts = st.builds(
    Facts,
    client=st.sampled_from(["local", "guest-1"]),
    text=st.none() | st.sampled_from(["ask my doctor", "hello"]),
    intent=st.sampled_from(LABELS),
    command=st.none() | st.sampled_from(["play_music", "none"]),
    entities=st.none() | st.frozensets(st.sampled_from(["PERSON", "LOCATION"])),
    language=st.none() | st.sampled_from(["en", "de", "unknown"]),
    nearness=st.none() | st.fixed_dictionaries({"health": st.floats(-1, 1)}),
)
questions = st.builds(
    Question,
    facts=facts,
    confidence=st.floats(0, 1),
    head=st.just(HEAD),
    calibration=st.none() | st.just(CALIBRATION),
    languages=st.sampled_from([[], ["en"]]),
    difficulty=st.none() | st.floats(0, 1),
    follows=st.booleans(),
)
conditions = st.builds(
    Conditions,
    minute=st.integers(0, 24 * 60 - 1),
    metered=st.none() | st.booleans(),
    battery_percent=st.none() | st.floats(0, 100),
    temperature_c=st.none() | st.floats(0, 120),
    failures=st.integers(0, 5),
    circuit_wait_s=st.sampled_from([0.0, 30.0]),
)
accounts = st.lists(
    st.builds(
        Account,
        client=st.sampled_from(["", "local"]),
        period=st.sampled_from(["day", "month"]),
        limits=limits,
        spent=st.builds(
            Spent,
            begun_s=st.just(0.0),
            requests=st.integers(0, 200),
            tokens=st.integers(0, 200),
            cost_usd=st.floats(0, 20),
        ),
        lived_s=st.floats(0, 86_000),
    ),
    max_size=3,
)
