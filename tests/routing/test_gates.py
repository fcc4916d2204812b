from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.routing.circuit import LONGEST_PAUSE_S, Circuit
from edge_runtime.routing.gates import Conditions, Gates, check_gates

NOTHING_KNOWN = Conditions(minute=0)


def refusals(gates: Gates, conditions: Conditions) -> list[str]:
    found = check_gates(gates, conditions)
    return [each.refusal.said for each in found if each.refusal is not None]


def test_a_reading_that_is_missing_closes_no_gate() -> None:
    gates = Gates(allow_metered=False, min_battery_percent=50, max_temperature_c=40)
    assert len(check_gates(gates, NOTHING_KNOWN)) == 4
    assert refusals(gates, NOTHING_KNOWN) == []


@pytest.mark.parametrize(
    ("gates", "conditions", "said"),
    [
        (Gates(allow_metered=False), Conditions(0, metered=True), "the link is metered"),
        (Gates(min_battery_percent=20), Conditions(0, battery_percent=19.4), "battery 19 % < 20 %"),
        (Gates(max_temperature_c=80), Conditions(0, temperature_c=80.6),
         "temperature 81 °C > 80 °C"),
        (Gates(), Conditions(0, failures=5, circuit_wait_s=12.0),
         "link: 5 failures in a row, 5 close it, next try in 12 s"),
    ],
)  # fmt: skip
def test_each_gate_says_why_it_is_closed(gates: Gates, conditions: Conditions, said: str) -> None:
    assert refusals(gates, conditions) == [said]


@given(
    st.builds(Conditions, st.integers(0, 1439), metered=st.booleans(),
              battery_percent=st.floats(0, 100), temperature_c=st.floats(0, 120))
)  # fmt: skip
def test_gates_that_the_owner_did_not_set_are_open(conditions: Conditions) -> None:
    assert refusals(Gates(), conditions) == []


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_may_pass_midnight(begin: int, end: int, minute: int) -> None:
    hours = f"{begin // 60}:{begin % 60:02}-{end // 60}:{end % 60:02}"
    if begin == end:
        with pytest.raises(ValueError, match="begin when they end"):
            Gates(quiet_hours=(hours,))
        return
    is_quiet = begin <= minute < end if begin < end else not end <= minute < begin
    (gate,) = check_gates(Gates(max_failures=0, quiet_hours=(hours,)), Conditions(minute))
    assert (gate.refusal is not None) == is_quiet
    if gate.refusal is not None:
        left_s = gate.refusal.retry_after_s
        assert left_s is not None
        assert (minute + left_s // 60) % 1440 == end


def fail(circuit: Circuit, now: float, jitter: float = 1.0) -> Circuit:
    return circuit.failed(now, most=3, pause_s=30.0, jitter=jitter)


def test_the_circuit_opens_after_failures_in_a_row() -> None:
    circuit = fail(fail(Circuit(), 0.0), 1.0)
    assert circuit.wait_s(2.0) == 0.0
    circuit = fail(circuit, 2.0)
    assert circuit.wait_s(2.0) == 30.0
    assert circuit.wait_s(32.0) == 0.0


def test_one_query_tries_alone_after_the_pause() -> None:
    circuit = fail(fail(fail(Circuit(), 0.0), 0.0), 0.0).asked(30.0)
    assert circuit.wait_s(31.0) > 60.0
    again = fail(circuit, 35.0)
    assert again.wait_s(35.0) == 60.0  # twice the first pause


def test_those_under_way_when_it_opens_make_the_pause_no_longer() -> None:
    circuit = fail(fail(fail(Circuit(), 0.0), 0.0), 0.0)
    assert fail(circuit, 1.0).wait_s(1.0) == circuit.wait_s(1.0)


def test_a_worker_that_comes_online_ends_the_pause() -> None:
    circuit = fail(fail(fail(Circuit(), 0.0), 0.0), 0.0).try_now()
    assert circuit.wait_s(0.0) == 0.0
    assert fail(circuit, 0.0).wait_s(0.0) > 0.0


def test_no_failures_are_too_many_for_an_owner_who_says_so() -> None:
    circuit = Circuit()
    for _ in range(100):
        circuit = circuit.failed(0.0, most=0, pause_s=30.0, jitter=1.0)
    assert circuit.wait_s(0.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), max_size=60))
def test_a_pause_is_never_longer_than_it_may_be(steps: list[tuple[float, float]]) -> None:
    circuit, now = Circuit(), 0.0
    for gone_s, jitter in steps:
        now += gone_s
        circuit = fail(circuit, now, jitter)
        assert 0.0 <= circuit.wait_s(now) <= LONGEST_PAUSE_S
