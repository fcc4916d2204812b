"""What the owner and the request choose for kinds of private text, with the real bundle."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest

from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import Answer, Reply, Request, encode
from edge_runtime.routing.keeping import CachePolicy
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.refusal import Refusal
from tests.assistant.clocks import Board

CARD = "Who is Angela Merkel and why does she pay with 4111 1111 1111 1111 everywhere?"
PLACE = "What did people in Paris think of the French revolution?"


@functools.cache
def bundle() -> Bundle:
    return Store(None).open()


def under(policy: OwnerPolicy) -> Assistant:
    return Assistant(bundle(), policy, memory=Board().memory())


def begin(assistant: Assistant, text: str, **fields: Any) -> Answer | Pending:
    return assistant.begin(msgspec.convert({"text": text, "id": "7", **fields}, Request))


def sent(assistant: Assistant, text: str, **fields: Any) -> str:
    pending = begin(assistant, text, **fields)
    assert isinstance(pending, Pending), pending
    return encode(msgspec.structs.replace(pending.escalation, id="")).decode()


def test_a_blocked_kind_keeps_the_whole_text_here_and_says_so() -> None:
    answer = begin(under(OwnerPolicy(redaction={"CARD": "block"})), CARD)
    assert isinstance(answer, Answer)
    assert answer.reason[-1].startswith("the policy blocks CARD")
    assert "4111" not in sent(under(OwnerPolicy()), CARD)


def test_a_request_may_block_what_the_owner_would_redact_or_keep() -> None:
    for owner in (OwnerPolicy(), OwnerPolicy(privacy="cloud")):
        answer = begin(under(owner), CARD, policy={"redaction": {"CARD": "block"}})
        assert isinstance(answer, Answer)
    strict = OwnerPolicy(redaction={"CARD": "block"})
    assert isinstance(begin(under(strict), CARD, policy={"redaction": {"CARD": "keep"}}), Answer)


def test_a_kind_that_many_share_is_redacted_if_the_owner_wants_it() -> None:
    assert "Paris" in sent(under(OwnerPolicy()), PLACE)
    assert "Paris" not in sent(under(OwnerPolicy(redaction={"PLACE": "redact"})), PLACE)
    assert "Paris" not in sent(
        under(OwnerPolicy()), PLACE, policy={"redaction": {"PLACE": "redact"}}
    )
    asked = under(OwnerPolicy(redaction={"PLACE": "redact"}))
    pending = begin(asked, PLACE)
    assert isinstance(pending, Pending)
    answer = asked.finish(pending, Reply(id=pending.escalation.id, text="<PLACE_1> rose."))
    assert answer.result is not None
    assert answer.result["text"] == "Paris rose."


def test_under_privacy_cloud_only_what_is_named_is_redacted() -> None:
    payload = sent(under(OwnerPolicy(privacy="cloud", redaction={"CARD": "redact"})), CARD)
    assert "4111" not in payload
    assert "Merkel" in payload


def test_what_the_owner_keeps_leaves_as_it_is() -> None:
    owner = OwnerPolicy(redaction={"PERSON": "keep"})
    assert "Merkel" in sent(under(owner), CARD)
    assert "Merkel" not in sent(under(owner), CARD, policy={"privacy": "redact"})


def test_no_turn_goes_along_more_openly_than_it_was_asked_or_is_now_allowed() -> None:
    assistant = under(OwnerPolicy())
    open_turn = "Tell me why Angela Merkel liked Paris"
    sent(assistant, open_turn, session="s")
    assert "Paris" in sent(assistant, "Explain why people go there", session="s")
    strict = {"redaction": {"PLACE": "redact"}}
    assert "Paris" not in sent(assistant, "Explain why they go there", session="s", policy=strict)
    sent(assistant, "Tell me why people like Lisbon", session="t", policy=strict)
    assert "Lisbon" not in sent(assistant, "Explain why people go there", session="t")


def test_a_turn_with_a_blocked_kind_does_not_go_along_later() -> None:
    assistant = under(OwnerPolicy(redaction={"CARD": "block"}))
    assert isinstance(begin(assistant, CARD, session="s"), Answer)
    payload = sent(assistant, "Explain why banks decline payments", session="s")
    assert "everywhere" not in payload
    assert "CARD_1" not in payload


def test_a_schema_may_not_hold_what_is_redacted_by_choice() -> None:
    options = {"schema": {"type": "object", "title": "Who lives in Paris, France?"}}
    sent(under(OwnerPolicy()), PLACE, options=options)
    with pytest.raises(BadRequestError, match="PLACE"):
        begin(under(OwnerPolicy(redaction={"PLACE": "redact"})), PLACE, options=options)


def test_an_answer_kept_under_one_choice_is_not_given_under_another() -> None:
    cache = CachePolicy(on=True)
    assistant = under(OwnerPolicy(cache=cache))
    pending = begin(assistant, PLACE)
    assert isinstance(pending, Pending)
    assistant.finish(pending, Reply(id=pending.escalation.id, text="They liked it.", model="big"))
    assert isinstance(begin(assistant, PLACE), Answer)
    strict = {"redaction": {"DATE": "redact"}}
    assert isinstance(begin(assistant, PLACE, policy=strict), Pending)


def test_what_waits_stays_once_the_owner_chooses_otherwise() -> None:
    assistant = under(OwnerPolicy())
    pending = begin(assistant, PLACE)
    assert isinstance(pending, Pending)
    assert pending.private["PLACE"] == "keep"
    assert not isinstance(assistant.governor.admit(pending), Refusal)
    refusal = Governor(OwnerPolicy(redaction={"PLACE": "block"})).admit(pending)
    assert isinstance(refusal, Refusal)
    assert refusal.by == "policy"


def test_explain_tells_what_is_done_with_each_kind() -> None:
    owner = OwnerPolicy(redaction={"CARD": "block"})
    found = under(owner).explain(Request(text=CARD))
    [step] = [each for each in found.steps if each.kind == "redaction"]
    assert step.said == "found: block CARD; redact PERSON"
    assert (found.outcome, found.payload) == ("guess", b"")
