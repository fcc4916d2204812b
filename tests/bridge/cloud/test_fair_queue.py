from __future__ import annotations

import threading

from edge_runtime.bridge.cloud.asked import Asked
from edge_runtime.bridge.cloud.fair_queue import FairQueue
from edge_runtime.messages import Escalation

DEADLINE_S = 10.0


def asked(node: str, number: int) -> Asked:
    return Asked(node, Escalation(id=f"{number:032x}", text="why?"))


def names(queue: FairQueue) -> list[tuple[str, int]]:
    found = []
    while len(queue):
        each = queue.get()
        assert each is not None
        found.append((each.node, int(each.escalation.id, 16)))
    return found


def test_nodes_get_their_turn_whoever_asked_first() -> None:
    queue = FairQueue(10)
    for node, number in [("greedy", 0), ("greedy", 1), ("greedy", 2), ("a", 3), ("b", 4)]:
        assert queue.put(asked(node, number)) is None
    assert names(queue) == [("greedy", 0), ("a", 3), ("b", 4), ("greedy", 1), ("greedy", 2)]


def test_a_node_that_comes_in_between_waits_for_one_of_each_other_only() -> None:
    queue = FairQueue(10)
    for number in range(4):
        queue.put(asked("greedy", number))
    first = queue.get()
    assert first is not None
    assert first.node == "greedy"
    queue.put(asked("late", 9))
    assert names(queue) == [("greedy", 1), ("late", 9), ("greedy", 2), ("greedy", 3)]


def test_when_it_is_full_the_node_with_most_gives_way() -> None:
    queue = FairQueue(4)
    for number in range(4):
        queue.put(asked("greedy", number))
    more = asked("greedy", 4)
    assert queue.put(more) is more
    refused = queue.put(asked("modest", 5))
    assert refused is not None
    assert (refused.node, int(refused.escalation.id, 16)) == ("greedy", 3)
    assert len(queue) == 4
    # two each: nobody has more than the others
    queue.put(asked("modest", 6))
    last = asked("modest", 7)
    assert queue.put(last) is last
    assert names(queue) == [("greedy", 0), ("modest", 5), ("greedy", 1), ("modest", 6)]


def test_what_is_taken_out_is_not_given() -> None:
    queue = FairQueue(4)
    first, second = asked("n", 1), asked("n", 2)
    queue.put(first)
    queue.put(second)
    assert queue.remove(first.key)
    assert not queue.remove(first.key)
    assert not queue.remove(("other", second.escalation.id))
    assert names(queue) == [("n", 2)]
    queue.put(first)
    assert queue.remove(first.key)
    assert len(queue) == 0


def test_closing_gives_back_what_waits_and_lets_the_threads_go() -> None:
    queue = FairQueue(4)
    got: list[Asked | None] = []
    waiting = threading.Thread(target=lambda: got.append(queue.get()))
    waiting.start()
    assert queue.close() == []
    waiting.join(DEADLINE_S)
    assert got == [None]
    late = asked("n", 1)
    assert queue.put(late) is late

    full = FairQueue(4)
    full.put(late)
    assert full.close() == [late]
    assert full.get() is None
