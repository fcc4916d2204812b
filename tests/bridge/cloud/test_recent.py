from __future__ import annotations

from edge_runtime.bridge.cloud.recent import RecentReplies
from edge_runtime.messages import ErrorInfo, Reply

KEY = ("n", "ab" * 16)


def reply(text: str) -> Reply:
    return Reply(id=KEY[1], text=text)


def test_an_answer_is_found_by_node_and_id_for_a_while() -> None:
    now = [0.0]
    recent = RecentReplies(now=lambda: now[0])
    recent.keep(KEY, reply("x"))
    assert recent.find(KEY) == reply("x")
    assert recent.find(("other", KEY[1])) is None
    now[0] += 600
    assert recent.find(KEY) is None


def test_a_failed_call_is_made_again() -> None:
    recent = RecentReplies()
    recent.keep(KEY, Reply(id=KEY[1], error=ErrorInfo("503", "llm_unavailable", "no")))
    assert recent.find(KEY) is None


def test_memory_stays_bounded_by_the_size_of_the_answers() -> None:
    recent = RecentReplies(most_chars=10)
    for number in range(100):
        recent.keep(("n", str(number)), reply("x" * 4))
        assert recent.find(("n", str(number))) is not None
        assert recent.find(("n", str(number - 2))) is None
    recent.keep(KEY, reply("x" * 11))
    assert recent.find(KEY) is None
    # nothing is counted that is gone
    recent.keep(KEY, reply("x" * 10))
    recent.keep(KEY, reply("y" * 10))
    assert recent.find(KEY) == reply("y" * 10)
