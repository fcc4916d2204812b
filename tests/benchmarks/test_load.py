from __future__ import annotations

from benchmarks.load import packets
from benchmarks.load.alone import measure
from benchmarks.load.figures import Fairness, Latency, Memory, Throughput
from benchmarks.load.processes import bench
from benchmarks.load.results import goals_met, to_markdown
from edge_runtime.bridge.mqtt.packets import Packets
from edge_runtime.bridge.mqtt.publish_packet import publish_packet, read_publish
from edge_runtime.bridge.protocol.message import Message


def test_its_packets_are_those_of_the_runtime() -> None:
    sent = packets.publish("t/c", b"hi" * 100, 7, b"correlation")
    ((first, body),) = Packets().add(sent)
    message = read_publish(first, body, is_v5=True, arrived=lambda packet_id: packet_id)
    assert (message.topic, message.payload, message.correlation, message.expiry_s) == (
        "t/c", b"hi" * 100, b"correlation", 60
    )  # fmt: skip
    answer = Message(
        topic="t/a",
        payload=b"answer",
        correlation=b"correlation",
        expiry_s=60,
        content_type="application/json",
        properties=(("status", "200"), ("source", "local")),
    )
    stream = publish_packet(answer, 9, dup=False, is_v5=True)
    received = packets.Received()
    assert list(received.packets(stream[:10])) == []
    ((_, body),) = received.packets(stream[10:])
    assert packets.published(body) == (9, b"correlation", b"answer")


def test_clients_are_answered_and_what_they_used_is_told() -> None:
    with bench(infer_ms=1.0) as running:
        load, used = running.load(clients=3, requests=10, flood=20)
    assert load.answered == 50
    assert [each.name for each in load.clients] == ["flood", "c0", "c1", "c2"]
    assert all(total >= model for each in load.clients
               for total, model in zip(each.total_ms, each.model_ms, strict=True))  # fmt: skip
    assert used.rss_after_mb > 1


def test_alone_clients_wait_for_one_another() -> None:
    total_ms = measure(2.0, clients=4, requests=5)
    assert len(total_ms) == 20
    assert min(total_ms) >= 2.0
    assert max(total_ms) >= 8.0


def test_goals_are_judged_by_what_was_measured() -> None:
    latency = Latency(1, "tuned", 2.3, 3.0, 4.0, 2.1, 0.1, 100.0)
    many = Latency(50, "tuned", 120.0, 130.0, 140.0, 100.0, 0.4, 100.0)
    throughput = Throughput(50, "disk", 9500.0, 9900.0, 100.0, 20.0, 20.0)
    fairness = Fairness(1.1, 100.0, 300.0, 900.0, 0)
    goals = goals_met([latency, many], [throughput], fairness, Memory(1000, 50.0, 51.0))
    assert [goal.is_met for goal in goals] == [True, False, True, True, False, True]
    table = to_markdown([latency, many], [throughput], fairness, Memory(1000, 50.0, 51.0), goals)
    assert "MISSED" in table
    assert goals_met([], [], None, None) == []
