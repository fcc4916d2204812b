from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import Part, ReplyPart, reply_part_message
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.parts import RelayedParts, with_stream
from edge_runtime.messages import MAX_TEXT_BYTES, Answer, Context, Escalation, Request
from edge_runtime.routing.redaction.restoring import restore

ID = "ab" * 16
TOPICS = NodeTopics("n")
ROUTE = Route(client="app", topic="edge/v1/n/res/app", request_id="r1", correlation=b"c")
NAMES = {"<PERSON_1>": "Ada Lovelace", "<EMAIL_1>": "ada@example.org"}


def pending(*, stream: bool = True, escalation_id: str = ID) -> Pending:
    return Pending(
        escalation=Escalation(id=escalation_id, text="why <PERSON_1>?", stream=stream),
        guess=Answer(id="r1", task="ask"),
        placeholders=NAMES,
    )


class Relay:
    """The companion with a sender that keeps what is sent."""

    is_ready = True

    def __init__(self) -> None:
        self.parts = RelayedParts(TOPICS)
        self.parts.start(self)
        self.sent: list[Message] = []

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        assert on_taken is None
        self.sent.append(message)

    def acknowledge(self, message: Message) -> None:
        pass

    def take(
        self, seq: int, delta: str, escalation_id: str = ID, *, attempt: str = "first"
    ) -> None:
        part = ReplyPart(escalation_id, seq, delta, attempt)
        assert self.parts.received(reply_part_message(TOPICS, part))

    @property
    def got(self) -> list[Part]:
        return [msgspec.json.decode(each.payload, type=Part) for each in self.sent]

    @property
    def text(self) -> str:
        return "".join(each.delta for each in self.got)


@pytest.fixture
def relay() -> Relay:
    relay = Relay()
    relay.parts.open(pending(), ROUTE)
    return relay


def test_pieces_go_below_the_response_topic_with_the_names_filled_in(relay: Relay) -> None:
    for number, delta in enumerate(["Dear <PER", "SON", "_1", ">, hello", " again"]):
        relay.take(number, delta)
    assert [(each.id, each.seq, each.delta) for each in relay.got] == [
        ("r1", 0, "Dear "), ("r1", 1, "Ada Lovelace, hello"), ("r1", 2, " again"),
    ]  # fmt: skip
    message = relay.sent[0]
    assert (message.topic, message.qos, message.correlation) == ("edge/v1/n/res/app/part", 0, b"c")


@given(
    st.lists(
        st.sampled_from(["<PERSON_1>", "<EMAIL_1>", "<PERSON", "_1>", "<", "Ada ", "x", " \n"]),
        max_size=12,
    ).map("".join),
    st.data(),
)
def test_however_it_is_cut_nobody_sees_half_a_placeholder(text: str, data: st.DataObject) -> None:
    relay = Relay()
    relay.parts.open(pending(), ROUTE)
    position = number = 0
    while position < len(text):
        size = data.draw(st.integers(1, 8))
        relay.take(number, text[position : position + size])
        position, number = position + size, number + 1
        whole = restore(text[:position], NAMES)
        # what was sent is the beginning of what the answer can become, and holds nothing back for
        # longer than a placeholder is long
        assert restore(text, NAMES).startswith(relay.text)
        assert len(whole) - len(relay.text) <= 40


def test_only_open_and_streamed_escalations_are_passed_on(relay: Relay) -> None:
    relay.take(0, "x", "cd" * 16)
    relay.parts.open(pending(stream=False, escalation_id="ef" * 16), ROUTE)
    relay.take(0, "x", "ef" * 16)
    assert relay.sent == []
    relay.take(0, "x")
    relay.parts.close(ID)
    relay.take(1, "y")
    assert relay.text == "x"


def test_after_a_loss_nothing_more_comes_until_it_begins_anew(relay: Relay) -> None:
    relay.take(0, "a <PERS")
    relay.take(2, "ON_1> c")
    relay.take(3, " d")
    assert relay.text == "a "
    relay.parts.open(pending(), ROUTE)  # asked again
    relay.take(0, "b ", attempt="second")
    relay.take(1, "<PERSON_1>.", attempt="second")
    assert [(each.seq, each.delta) for each in relay.got] == [
        (0, "a "), (0, "b "), (1, "Ada Lovelace."),
    ]  # fmt: skip


def test_a_slow_worker_does_not_write_into_the_answer_of_another(relay: Relay) -> None:
    for number in range(3):
        relay.take(number, f"{number}")
    relay.take(0, "B", attempt="second")
    relay.take(1, "A")  # as far as the other one
    relay.take(1, "B", attempt="second")
    relay.take(2, "A")
    assert relay.text == "012BB"


@pytest.mark.parametrize(
    ("pieces", "passed_on"),
    [
        (["to <PERSON_9> and", " more"], ""),
        (["to ", "<PERS", "ON_9>", " more"], "to "),
        (["to <PHO", "NE_1> and", " more"], "to <PHO"),  # the half of it tells nothing
        (["to <PERSON_1> or [EMAIL_7]", " more"], ""),
    ],
)
def test_nothing_comes_after_a_placeholder_for_which_the_answer_will_be_refused(
    relay: Relay, pieces: list[str], passed_on: str
) -> None:
    for number, delta in enumerate(pieces):
        relay.take(number, delta)
    assert relay.text == passed_on
    relay.take(0, "anew", attempt="second")
    assert relay.text == f"{passed_on}anew"


def test_control_characters_are_taken_away_and_white_space_is_kept(relay: Relay) -> None:
    relay.take(0, " a\x1b[2J\x00\u202e b\n ")
    relay.take(1, "\r\n\tc")
    assert relay.text == " a[2J b\n \n\tc"


def test_no_more_is_passed_on_than_an_answer_may_hold(relay: Relay) -> None:
    relay.take(0, "x" * MAX_TEXT_BYTES)
    relay.take(1, "y")
    assert len(relay.text) == MAX_TEXT_BYTES


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[]", b'{"id":1}', b'{"id":"%s","seq":"0","delta":"x"}', b"\xff", b"{" * 1000],
)
def test_what_is_no_piece_is_dropped(relay: Relay, payload: bytes) -> None:
    assert relay.parts.received(Message(topic=TOPICS.reply_parts, payload=payload))
    assert not relay.parts.received(Message(topic=TOPICS.replies, payload=payload))
    assert relay.sent == []


def test_memory_stays_bounded_however_many_are_open(relay: Relay) -> None:
    for number in range(1000):
        relay.parts.open(pending(escalation_id=f"{number:032x}"), ROUTE)
    relay.take(0, "x", f"{0:032x}")
    assert relay.sent == []
    relay.take(0, "x", f"{999:032x}")
    assert relay.text == "x"


def test_only_the_option_streams_and_never_an_answer_in_json() -> None:
    def streams(options: dict[str, object], query: Pending) -> bool:
        return with_stream(query, Request(text="why?", options=options)).escalation.stream

    plain = pending(stream=False)
    assert streams({"stream": True}, plain)
    assert not streams({}, plain)
    assert not streams({"stream": "yes"}, plain)
    with_schema = msgspec.structs.replace(
        plain.escalation, context=Context(schema={"type": "object"})
    )
    assert not streams({"stream": True}, msgspec.structs.replace(plain, escalation=with_schema))
