from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.decision import decide
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective

PRIVACY = ["cloud", "redact", "local"]
OFFLINE = ["queue", "local", "fail"]

owners = st.builds(
    OwnerPolicy,
    privacy=st.sampled_from(PRIVACY),
    when_offline=st.sampled_from(OFFLINE),
    deadline_ms=st.integers(1, 10**7),
    max_cost_usd=st.none() | st.floats(0, 10),
)
requests = st.builds(
    RequestPolicy,
    privacy=st.none() | st.sampled_from(PRIVACY),
    when_offline=st.none() | st.sampled_from(OFFLINE),
    deadline_ms=st.none() | st.integers(1, 10**7),
    max_cost_usd=st.none() | st.floats(0, 10),
)


@given(owners, requests)
def test_a_request_can_only_make_the_policy_stricter(
    owner: OwnerPolicy, asked: RequestPolicy
) -> None:
    policy = effective(owner, asked)
    assert PRIVACY.index(policy.privacy) >= PRIVACY.index(owner.privacy)
    assert OFFLINE.index(policy.when_offline) >= OFFLINE.index(owner.when_offline)
    assert policy.deadline_ms <= owner.deadline_ms
    if owner.max_cost_usd is not None:
        assert policy.max_cost_usd is not None
        assert policy.max_cost_usd <= owner.max_cost_usd


@given(owners, requests)
def test_what_the_request_asks_for_is_granted_when_it_is_stricter(
    owner: OwnerPolicy, asked: RequestPolicy
) -> None:
    policy = effective(owner, asked)
    if asked.privacy == "local":
        assert policy.privacy == "local"
    if asked.max_cost_usd is not None:
        assert policy.max_cost_usd is not None
        assert policy.max_cost_usd <= asked.max_cost_usd


HEAD = Head(
    type="classification",
    output="intent",
    labels=["weather", "definition", "oos"],
    out_of_scope="oos",
    needs_large_model=["definition"],
)
CALIBRATION = Calibration(
    ["margin"], [1.0], 0.0, 0.05, 0.05, 1200, 0.8, 0.7, 0.95, "dev"
)  # fmt: skip


def _policy(privacy: str = "redact", error: float = 0.05) -> EffectivePolicy:
    return effective(OwnerPolicy(max_local_error=error), RequestPolicy(privacy=privacy))  # type: ignore[arg-type]


@given(st.sampled_from(HEAD.labels), st.floats(0, 1), st.none() | st.just(CALIBRATION))
def test_nothing_escalates_under_privacy_local(
    label: str, confidence: float, calibration: Calibration | None
) -> None:
    assert not decide(label, confidence, HEAD, calibration, _policy("local")).escalate


def test_a_sure_answer_stays_here_and_carries_the_guarantee() -> None:
    decision = decide("weather", 0.81, HEAD, CALIBRATION, _policy())
    assert not decision.escalate
    assert decision.guarantee is not None
    assert decision.guarantee.n == 1200
    assert decision.reasons == ["confidence 0.81 >= 0.80"]


def test_an_unsure_answer_escalates() -> None:
    decision = decide("weather", 0.79, HEAD, CALIBRATION, _policy())
    assert decision.escalate
    assert decision.reasons == ["confidence 0.79 < 0.80"]


def test_out_of_scope_and_generative_intents_escalate_however_sure() -> None:
    assert decide("oos", 1.0, HEAD, CALIBRATION, _policy()).escalate
    assert decide("definition", 1.0, HEAD, CALIBRATION, _policy()).escalate


def test_an_unsure_answer_under_privacy_local_has_no_guarantee() -> None:
    decision = decide("weather", 0.79, HEAD, CALIBRATION, _policy("local"))
    assert decision.guarantee is None
    assert "nothing left the device" in decision.reasons[-1]


def test_a_stricter_owner_than_the_calibration_gets_no_guarantee_from_it() -> None:
    decision = decide("weather", 0.985, HEAD, CALIBRATION, _policy(error=0.02))
    assert not decision.escalate
    assert decision.guarantee is None
    assert decide("weather", 0.97, HEAD, CALIBRATION, _policy(error=0.02)).escalate


def test_a_head_whose_calibration_failed_is_never_sure() -> None:
    failed = Calibration(["margin"], [1.0], 0.0, 0.05, 0.05, 1200, None, 0.0, 0.6, "dev")
    assert decide("weather", 0.999, HEAD, failed, _policy()).escalate
