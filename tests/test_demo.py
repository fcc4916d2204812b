from __future__ import annotations

import functools
import json

import pytest

from benchmarks.broker import Kind, broker
from benchmarks.demo import __main__ as demo
from tests.endpoint import COMPLETION, Endpoint


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


def test_the_demo_asks_a_real_endpoint_when_there_is_one(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = {"role": "assistant", "content": "<EMAIL_1>"}
    choices = [{"index": 0, "finish_reason": "stop", "message": reply}]
    endpoint.body = json.dumps({**COMPLETION, "choices": choices}).encode()
    monkeypatch.delenv("EDGE_LLM_URL", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    status = demo.main()
    out = capsys.readouterr().out
    assert status == 0, out
    assert "angela.fischer@example.org" in out, "filled in again on the device"
    sent = json.dumps([body for _, _, body in endpoint.requests])
    assert "photosynthesis" in sent
    assert "angela" not in sent.lower()
