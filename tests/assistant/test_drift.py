"""The assistant's own scores raise the drift alarm."""

import msgspec
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.messages import Request


@pytest.fixture
def calibrated() -> Bundle:
    """The default bundle, calibrated on scores that no real query reaches."""
    bundle = Store(None).open()
    known = bundle.manifest.calibration["intent"]
    changed = msgspec.structs.replace(
        known, scope_score="energy", scope_quantiles=[100.0 + i for i in range(6)]
    )
    manifest = msgspec.structs.replace(
        bundle.manifest, calibration={**bundle.manifest.calibration, "intent": changed}
    )
    return Bundle(bundle.path, manifest, verified=bundle.verified)


def test_queries_unlike_the_calibration_are_told_once(calibrated: Bundle) -> None:
    assistant = Assistant(calibrated)
    told = []
    for i in range(40):
        assistant.begin(Request(text=f"turn on light {i}"))
        told += assistant.facts()
    [(kind, fact)] = told
    assert kind == "drift"
    assert fact.keys() == {"level", "queries", "since"}
    assert fact["queries"] == fact["since"] < 40
