"""A real node, its local socket, and the command as a user types it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bundles.store import Store
from tests.cli.test_services import worker

ENTRY = [sys.executable, "-W", "error", "-m", "edge_runtime.cli.entry"]
DEADLINE_S = 60
QUESTION = "who wrote the novel Moby Dick?"


class Node:
    """A node process with a state and a socket of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.socket = directory / "e.sock"
        self.log = directory / "log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "PYTHONPATH": ":".join(sys.path),
            "EDGE_STATE": str(directory / "state"),
            "EDGE_SOCKET": str(self.socket),
        }
        self._command = [*ENTRY, "serve", "--node", directory.name, *arguments]

    def start(self, ready: str = "ready: node") -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, env={**self.environment, "EDGE_LOG": "debug"}, stderr=log
            )
        self.wait_for(ready)

    def wait_for(self, text: str) -> None:
        give_up_at = time.monotonic() + DEADLINE_S
        while text not in self.log.read_text():
            assert time.monotonic() < give_up_at, self.log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def popen(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*ENTRY, *arguments], env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe,
            **options,
        )  # fmt: skip

    def run(
        self, *arguments: str | bytes, stdin: bytes = b"", cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [*ENTRY, *arguments], env={**self.environment, **environ}, input=stdin, cwd=cwd,
            capture_output=True, check=False, timeout=DEADLINE_S,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        return done

    def forwarded(
        self, *arguments: str | bytes, **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run with ``-v``, see that the node did it, and drop the line that says so."""
        done = self.run("-v", *arguments, **options)
        *lines, note = done.stderr.splitlines(keepends=True)
        assert note == b"edge-run: by the node at %s\n" % os.fsencode(self.socket)
        done.stderr = b"".join(lines)
        return done

    def here(self, *arguments: str | bytes, **options: Any) -> str:
        """Run with ``-v`` and return why the node did not do it."""
        done = self.run("-v", *arguments, **options)
        note = done.stderr.decode().splitlines()[0]
        assert note.startswith("edge-run: in this process; ")
        return note


@contextlib.contextmanager
def running(broker: Broker, directory: Path, **environment: str) -> Iterator[Node]:
    directory.mkdir(exist_ok=True)
    node = Node(directory, "--broker", broker.url)
    node.environment |= environment
    node.start()
    try:
        yield node
    finally:
        node.kill()


@pytest.fixture(scope="module")
def node(mosquitto: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running(mosquitto, tmp_path_factory.mktemp("node")) as started:
        yield started


@pytest.fixture
def own_node(mosquitto: Broker, name: str, tmp_path: Path) -> Iterator[Node]:
    with running(mosquitto, tmp_path / name) as started:
        yield started


@pytest.fixture
def http_only(tmp_path: Path) -> Iterator[Node]:
    """A server without a broker; port 0 is one that is free."""
    server = Node(tmp_path, "--http", "127.0.0.1:0")
    server.start("ready: http")
    yield server
    server.kill()


def test_a_server_without_a_broker_answers_at_the_socket_too(http_only: Node) -> None:
    assert b"HassTurnOn" in http_only.forwarded("ask", "turn on the kitchen light").stdout
    nobody = http_only.forwarded("ask", QUESTION)
    assert b"no --broker and no --llm given" in nobody.stdout + nobody.stderr
    assert http_only.run("forget", "--all").stdout.startswith(b"forgotten: 0 queries")
    queue = http_only.run("queue", "ls")
    assert queue.returncode == 1
    assert b"without a broker" in queue.stderr


def without_times(content: bytes) -> bytes:
    content = re.sub(rb'"infer":[0-9.]+', b'"infer":0', content)
    return re.sub(rb"[0-9.]+ ms\]", b"0 ms]", content)


LONG = b"The telescope is large.\nIt sees far.\nThe telescope was built in 1901.\n"


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["classify", "turn on the kitchen light"], b""),
        (["classify", "turn on the kitchen light", "--json"], b""),
        (["classify", "--head=sentiment", "--", "I love it"], b""),
        (["classify", "-", "--head", "sentiment"], b"I love it\n\nI hate it\nno newline"),
        (["classify", "hi", "--head", "nose"], b""),
        (["classify", "which one?", "--labels", "question,command", "--json"], b""),
        (["tag", "Ada Lovelace met Charles Babbage in London", "--json"], b""),
        (["tag", "-"], b"Angela Merkel\nzoe \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 in Rio\n"),
        (["tag", "-"], b"x" * (1 << 20)),
        (["embed", "hello", "--json"], b""),
        (["embed", "-m", "assistant", "hello"], b""),
        (["summarize", "-", "--sentences", "1"], LONG),
        (["summarize", "-", "--json"], LONG),
        (["summarize", "-"], b""),
        (["answer", "who?", "--context", "-"], b"Ada wrote it."),
        (["generate", "once upon"], b""),
        (["translate", "hello"], b""),
        (["ask", "turn on the kitchen light"], b""),
        (["ask", "turn on the kitchen light", "--json"], b""),
        (["ask", "-", "--json"], b"turn on the light\n\xff\xfe\nturn off the light\n"),
        (["ask", QUESTION, "--privacy", "local", "--json"], b""),
        (["ask", "hi", "--privacy", "public"], b""),
        (["ask", "hi", "--max-cost-usd", "0.1", "--json"], b""),
        (["ask", ""], b""),
        (["ask", b"\xff\xfe"], b""),
        (["ask", "-"], b""),
    ],
)
def test_output_and_status_are_those_of_a_process_of_its_own(
    node: Node, arguments: list[str | bytes], stdin: bytes
) -> None:
    alone = node.run(*arguments, stdin=stdin, EDGE_SOCKET="off")
    through = node.forwarded(*arguments, stdin=stdin)
    assert without_times(through.stdout) == without_times(alone.stdout)
    assert without_times(through.stderr) == without_times(alone.stderr)
    assert through.returncode == alone.returncode


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["classify", "--help"], 0),
        (["--version"], 0),
        (["dance"], 2),
        (["classify"], 2),
        (["summarize", "text", "--sentences", "0"], 2),
        (["ask", "hi", "--max-cost-usd", "much"], 2),
        (["-v", "--no-socket", "models", "ls"], 0),
    ],
)
def test_help_wrong_usage_and_other_verbs_are_as_without_a_node(
    node: Node, arguments: list[str], status: int
) -> None:
    done = node.run(*arguments)
    alone = node.run(*arguments, EDGE_SOCKET="off")
    assert done.returncode == alone.returncode == status
    assert done.stdout == alone.stdout


def test_the_client_loads_nothing_that_takes_time(node: Node) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *ENTRY[3:], "classify", "hello"],
        env=node.environment, capture_output=True, check=True,
    )  # fmt: skip
    assert b" (0." in done.stdout
    loaded = {line.split(b"|")[-1].strip().decode() for line in done.stderr.splitlines()}
    assert "edge_runtime.cli.local_socket.client" in loaded
    heavy = {"numpy", "onnxruntime", "tokenizers", "msgspec", "typer", "click", "rich", "json",
             "pathlib", "asyncio", "logging", "dataclasses", "inspect", "tomllib", "typing",
             "re"}  # fmt: skip
    assert not {name.split(".")[0] for name in loaded} & heavy


def test_a_plain_verb_in_this_process_loads_no_command_line_library(node: Node) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *ENTRY[3:], "classify", "hello"],
        env={**node.environment, "EDGE_SOCKET": "off"}, capture_output=True, check=True,
    )  # fmt: skip
    loaded = {line.split(b"|")[-1].strip().split(b".")[0] for line in done.stderr.splitlines()}
    assert b"onnxruntime" in loaded
    assert not loaded & {b"typer", b"click", b"rich", b"jinja2", b"tomllib", b"asyncio", b"socket",
                         b"logging", b"paho", b"email", b"openai", b"llguidance"}  # fmt: skip


def test_who_wants_other_settings_gets_them_in_a_process_of_his_own(node: Node) -> None:
    private: dict[str, Any] = {"EDGE_POLICY_PRIVACY": "local"}
    assert "EDGE_POLICY_PRIVACY is not what the node was" in node.here("ask", QUESTION, **private)
    [answer] = node.run("ask", QUESTION, "--json", **private).stdout.splitlines()
    assert "nothing left the device" in json.loads(answer)["reason"][-1]


def test_a_configuration_file_that_the_node_did_not_read_is_not_ignored(
    node: Node, tmp_path: Path
) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[policy]\nprivacy = "local"\n')
    why = node.here("ask", QUESTION, EDGE_CONFIG=str(file))
    assert "is not what the node was started with" in why


def test_options_that_name_a_file_or_whom_to_ask_stay_with_the_client(
    node: Node, tmp_path: Path
) -> None:
    labels = tmp_path / "labels"
    labels.write_text("question\ncommand\n")
    assert "names a file" in node.here("classify", "what?", "--labels-file", str(labels))
    assert "whom to ask" in node.here("ask", QUESTION, "--llm", "inspect")


def test_a_directory_is_opened_by_the_client_unless_the_node_serves_it(
    node: Node, tmp_path: Path
) -> None:
    shipped = Store(None).find("assistant")
    relative = f"./{shipped.name}"
    assert node.forwarded("embed", "hi", "-m", relative, cwd=shipped.parent).returncode == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in shipped.iterdir():
        (elsewhere / file.name).symlink_to(file)
    assert "opens bundles of its store only" in node.here("embed", "hi", "-m", str(elsewhere))
    assert "no bundle 'nothing'" in node.here("embed", "hi", "-m", "nothing")


def test_another_bundle_of_the_store_is_loaded_once_and_kept(own_node: Node) -> None:
    added = own_node.run("models", "add", str(Store(None).find("assistant")), "--name", "second")
    assert added.returncode == 0, added.stderr
    first = own_node.forwarded("classify", "turn on the light", "-m", "second", "--json")
    assert json.loads(first.stdout)["result"]["label"] == "HassTurnOn"
    again = own_node.forwarded("classify", "turn on the light", "-m", "second", "--json")
    assert without_times(again.stdout) == without_times(first.stdout)


def test_without_a_node_the_command_runs_here_and_says_so_when_asked(
    node: Node, tmp_path: Path
) -> None:
    away: dict[str, Any] = {"EDGE_SOCKET": str(tmp_path / "none.sock")}
    assert node.run("classify", "hello", **away).stderr == b""
    assert "no node is here" in node.here("classify", "hello", **away)
    assert "--no-socket" in node.here("--no-socket", "classify", "hello")


def test_after_kill_9_of_the_node_the_command_runs_here_without_an_error(own_node: Node) -> None:
    assert own_node.forwarded("classify", "hello").returncode == 0
    own_node.kill()
    assert own_node.socket.exists(), "a killed node leaves its socket"
    done = own_node.run("classify", "hello")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b" (0." in done.stdout
    assert "refused" in own_node.here("classify", "hello")
    own_node.start()
    assert own_node.forwarded("classify", "hello").returncode == 0


def test_a_node_that_is_killed_in_the_middle_is_one_clear_line(own_node: Node) -> None:
    client = own_node.popen("classify", "-")
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(b"hello\n")
    client.stdin.flush()
    assert b" (0." in client.stdout.readline()
    own_node.kill()
    client.stdin.write(b"hello\n")
    _, err = client.communicate(timeout=DEADLINE_S)
    assert client.returncode == 1
    assert err == b"error: the node went away; run the command again\n"


def test_ctrl_c_ends_the_client_and_its_command_but_not_the_node(own_node: Node) -> None:
    client = own_node.popen("classify", "-")
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(b"hello\n")
    client.stdin.flush()
    assert b" (0." in client.stdout.readline()
    client.send_signal(signal.SIGINT)
    _, err = client.communicate(timeout=DEADLINE_S)
    assert (client.returncode, err) == (130, b"")
    own_node.wait_for("a client is gone before its command ended")
    assert own_node.forwarded("classify", "hello").returncode == 0


def test_a_reader_that_has_seen_enough_is_no_error(own_node: Node) -> None:
    client = own_node.popen("classify", "-")
    assert client.stdout is not None
    client.stdout.close()
    client.stdout = None
    _, err = client.communicate(b"hello\n" * 10, timeout=DEADLINE_S)
    assert (client.returncode, err) == (0, b"")
    own_node.wait_for("a client is gone before its command ended")


def test_a_client_that_is_killed_does_not_hurt_the_node(own_node: Node) -> None:
    for _ in range(20):
        client = own_node.popen("classify", "-")
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"hello\n")
        client.stdin.flush()
        client.stdout.readline()
        client.kill()
        client.communicate()
    assert own_node.forwarded("classify", "hello").returncode == 0


def test_much_input_comes_out_in_order_for_several_clients_at_once(node: Node) -> None:
    lines = [f"play song number {number}".encode() for number in range(400)]

    def rows(_: int) -> list[Any]:
        done = node.forwarded("embed", "-", "--json", stdin=b"\n".join(lines))
        return [json.loads(line) for line in done.stdout.splitlines()]

    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(rows, range(3))
    assert [row["id"] for row in first] == [str(number) for number in range(1, 401)]
    for other in others:
        assert [row["result"] for row in other] == [row["result"] for row in first]


def test_a_reader_that_sleeps_does_not_hold_up_others(node: Node) -> None:
    sleeper = node.popen("embed", "-", "--json")
    assert sleeper.stdin is not None
    text = b"hello\n" * 2000

    def feed() -> None:
        assert sleeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            sleeper.stdin.write(text)
            sleeper.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    time.sleep(1.0)
    assert node.forwarded("classify", "hello").returncode == 0
    assert sleeper.stdout is not None
    assert len(sleeper.stdout.read().splitlines()) == 2000
    feeder.join()
    assert sleeper.wait(DEADLINE_S) == 0
    assert sleeper.stderr is not None
    sleeper.stdout.close()
    sleeper.stderr.close()


def test_ask_escalates_over_the_connection_of_the_node(tmp_path: Path) -> None:
    ask = ("ask", "who was Angela Merkel, and why +49 170 1234567?", "--json")
    with broker() as own, running(own, tmp_path / "node") as node:
        answer = json.loads(node.forwarded(*ask).stdout)
        assert answer["source"] == "local"
        assert "no worker is online" in " ".join(answer["reason"])
        fails = node.forwarded(*ask, "--when-offline", "fail")
        assert fails.returncode == 1
        assert json.loads(fails.stdout)["error"]["code"] == "503"
        with worker(own, tmp_path):
            give_up_at = time.monotonic() + DEADLINE_S
            while answer["source"] == "local":
                assert time.monotonic() < give_up_at, answer
                answer = json.loads(node.forwarded(*ask).stdout)
    assert answer["source"] == "cloud"
    assert "PHONE:1" in answer["redacted"]
    assert "<PHONE_1>" in answer["result"]["text"], "inspect shows what was sent, as it was"


def test_the_log_holds_nothing_of_what_was_asked(own_node: Node) -> None:
    own_node.forwarded("classify", "xylophone in argument")
    own_node.forwarded("ask", "-", stdin=b"xylophone on standard input\n")
    own_node.forwarded("generate", "xylophone")
    log = own_node.log.read_text()
    assert "local client: process" in log
    assert "xylophone" not in log
    own_node.process.terminate()
    assert own_node.process.wait(DEADLINE_S) == 0
    assert not own_node.socket.exists()


def test_a_second_node_serves_without_the_socket_of_the_first(
    mosquitto: Broker, node: Node, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    second = Node(tmp_path / "second", "--broker", mosquitto.url)
    second.environment["EDGE_SOCKET"] = str(node.socket)
    second.start()
    try:
        assert "no local socket: another node listens" in second.log.read_text()
        assert "EDGE_STATE is not what the node" in second.here("classify", "hello")
        assert node.forwarded("classify", "hello").returncode == 0
    finally:
        second.kill()
