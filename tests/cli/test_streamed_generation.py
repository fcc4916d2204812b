"""A bundle that writes, through the local socket of a real node: piece by piece, and cancelled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.broker import Broker
from tests.cli.test_local_socket import DEADLINE_S, Node, running

pytest.importorskip("transformers", reason="needs the extra `export`")
pytest.importorskip("optimum", reason="needs the extra `export`")

from edge_export.convert import Options, convert
from tests.export.families import FAMILIES

pytestmark = [
    pytest.mark.export,
    # classes of transformers that are compiled when they are defined
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
]

CONTEXT = 200_000  # tokens; to write them takes longer than a test may
WRITE = ("generate", "the quick brown fox", "-m", "writer", "--max-tokens")


@pytest.fixture(scope="module")
def writer(mosquitto: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose store has a tiny decoder that goes on and on."""
    root = tmp_path_factory.mktemp("writer")
    family = FAMILIES["smollm2"]
    config = {**family.config, "max_position_embeddings": CONTEXT, "eos_token_id": None}
    source = replace(family, config=config).save(root / "source")
    out = root / "bundle"
    convert(
        Options(model=str(source), output=out, quantization="fp32", max_length=CONTEXT,
                allow_drop=True)
    )  # fmt: skip
    with running(mosquitto, root / "node", EDGE_MAX_CONTEXT=str(CONTEXT)) as node:
        added = node.run("models", "add", str(out), "--name", "writer")
        assert added.returncode == 0, added.stderr
        yield node


def test_text_comes_while_it_is_written(writer: Node) -> None:
    client = writer.popen(*WRITE, str(CONTEXT))
    assert client.stdout is not None
    assert os.read(client.stdout.fileno(), 100), "the first piece, long before the last"
    assert client.poll() is None
    client.kill()
    client.communicate()


def test_ctrl_c_stops_the_writing_and_the_bundle_is_free_again(writer: Node) -> None:
    client = writer.popen(*WRITE, str(CONTEXT))
    assert client.stdout is not None
    os.read(client.stdout.fileno(), 100)
    client.send_signal(signal.SIGINT)
    _, err = client.communicate(timeout=DEADLINE_S)
    assert (client.returncode, err) == (130, b"")
    # one request is answered at a time: this one would wait for all that was asked for above
    assert writer.forwarded(*WRITE, "3").returncode == 0


def test_ctrl_c_stops_what_writes_nothing_before_its_end(writer: Node) -> None:
    writer.forwarded(*WRITE, "3")
    client = writer.popen(*WRITE, str(CONTEXT), "--json")
    time.sleep(1.0)
    assert client.poll() is None
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=DEADLINE_S)
    assert (client.returncode, out, err) == (130, b"", b"")
    assert writer.forwarded(*WRITE, "3").returncode == 0


def test_two_clients_are_both_answered(writer: Node) -> None:
    alone = writer.run(*WRITE, "20", EDGE_SOCKET="off")
    clients = [writer.popen(*WRITE, "20") for _ in range(2)]
    assert [client.communicate(timeout=DEADLINE_S)[0] for client in clients] == [alone.stdout] * 2
