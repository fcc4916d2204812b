from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.protocol import topics
from edge_runtime.bridge.protocol.topics import RESPONSE_PREFIXES, NodeTopics
from edge_runtime.errors import BadRequestError, ConfigError

names = st.from_regex(re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII), fullmatch=True)
parts = st.sampled_from(
    ["edge", "v1", "n", "m", "res", "req", "esc", "cmd", "policy", "set", "status", "clients", "c",
     "workers", "homeassistant", "$SYS", "", "+", "#", "x"]
)  # fmt: skip
NODE = NodeTopics("n")


@given(names, names, st.text(st.characters(exclude_characters="/"), min_size=1))
def test_a_request_topic_gives_task_and_client(node: str, client: str, task: str) -> None:
    at = NodeTopics(node)
    assert at.request(f"edge/v1/{node}/req/{task}/{client}") == (task, client)
    assert at.request(f"edge/v1/{node}/req/{task}") == (task, "anon")


@given(st.text())
def test_any_other_topic_is_no_request(topic: str) -> None:
    assert NODE.request(topic) is None


@given(st.text())
def test_a_name_is_ascii_letters_digits_dash_and_underscore(name: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name, re.ASCII):
        assert NodeTopics(name).status == f"edge/v1/{name}/status"
    else:
        with pytest.raises(ConfigError):
            NodeTopics(name)


@pytest.mark.parametrize("client", ["", "a b", "a/b", "ü", "a\n", "x" * 65, "+", "#"])
def test_a_client_name_that_is_not_valid_is_refused(client: str) -> None:
    with pytest.raises(BadRequestError):
        NODE.request(f"edge/v1/n/req/ask/{client}")


@given(names, names)
def test_workers_and_nodes_are_read_from_topics(worker: str, node: str) -> None:
    assert topics.worker_of(topics.worker_status(worker)) == worker
    assert topics.node_of_escalation(NodeTopics(node).escalations) == node
    assert topics.worker_of(NodeTopics(node).escalations) is None
    assert topics.node_of_escalation(topics.worker_status(worker)) is None


@pytest.mark.parametrize("topic", ["edge/workers//status", "edge/workers/a/b/status", "x", ""])
def test_a_worker_without_a_valid_name_is_none(topic: str) -> None:
    assert topics.worker_of(topic) is None


@pytest.mark.parametrize(
    "topic", ["edge/v1/n/res/c", "edge/v1/n/res/c/1", "edge/clients/c", "edge/clients/c/a/b"]
)
def test_a_client_may_be_answered_on_its_own_topics(topic: str) -> None:
    assert NODE.response_to(topic, "c", RESPONSE_PREFIXES) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "edge/v1/n/res/other",
        "edge/v1/n/res/cc",
        "edge/v1/m/res/c",
        "edge/clients/cc",
        "edge/clients/c/+",
        "edge/clients/c/#",
        "edge/clients/c/\0",
        "edge/clients/c/\n",
        "edge/clients/c/\ud800",
        "edge/clients/c/" + "x" * 2000,
        "elsewhere",
    ],
)
def test_a_client_is_not_answered_elsewhere(topic: str) -> None:
    with pytest.raises(BadRequestError):
        NODE.response_to(topic, "c", RESPONSE_PREFIXES)


@given(st.lists(parts, min_size=1, max_size=7).map("/".join))
def test_no_setting_makes_an_answer_a_command(topic: str) -> None:
    every_prefix = tuple({topic, topic.split("/", 1)[0], "edge", "edge/v1", "edge/v1/n"})
    try:
        allowed = NODE.response_to(topic, "c", every_prefix)
    except BadRequestError:
        return
    levels = allowed.split("/")
    assert not {"+", "#"} & set(levels)
    assert levels[0] not in {"homeassistant", "$SYS"}
    assert levels[:2] != ["edge", "workers"]
    if levels[:2] == ["edge", "v1"]:
        assert levels[3] == "res"
        assert len(levels) > 4
