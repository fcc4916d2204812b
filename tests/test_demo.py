from __future__ import annotations

import functools

import pytest

from benchmarks.broker import Kind, broker
from benchmarks.demo import __main__ as demo


@pytest.mark.parametrize("kind", [None, "amqtt"])
def test_the_demo_gets_every_answer_it_has_to_get(
    kind: Kind | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_LLM_URL", "inspect")
    monkeypatch.setattr(demo, "broker", functools.partial(broker, kind))
    status = demo.main()
    out = capsys.readouterr().out
    assert status == 0, out
    assert "11 queries, 0 wrong" in out
    assert "<EMAIL_1>" in out
    assert "angela.fischer@example.org and" not in out.split("What left the device:")[1]
