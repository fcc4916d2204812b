from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.export

PROMPT = "once upon a time"


def test_text_goes_to_standard_output_and_what_it_took_to_standard_error(
    edge_run: Any, tiny_decoder: Path
) -> None:
    done = edge_run("generate", PROMPT, "-m", str(tiny_decoder), "--max-tokens", "12")
    as_json = edge_run("generate", PROMPT, "-m", str(tiny_decoder), "--max-tokens", "12", "--json")
    (answer,) = as_json.rows
    assert done.code == as_json.code == 0
    assert done.out == f"{answer['result']['text']}\n"
    assert f"{len(PROMPT)} tokens read, 12 written (length)" in done.err
    assert as_json.err == ""
    result = answer["result"]
    assert (result["prompt_tokens"], result["generation_tokens"]) == (len(PROMPT), 12)
    assert result["finish_reason"] == "length"
    assert {"ttft_ms", "prompt_tps", "generation_tps"} <= result.keys()


def test_each_line_of_standard_input_is_continued(edge_run: Any, tiny_decoder: Path) -> None:
    done = edge_run(
        "generate", "-", "-m", str(tiny_decoder), "--max-tokens", "4", "--json",
        stdin=b"one\ntwo\n\xff\n",
    )  # fmt: skip
    assert [row["status"] for row in done.rows] == ["ok", "ok", "error"]
    assert done.code == 1


def test_a_schema_in_a_file_constrains_the_output(
    edge_run: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("llguidance", reason="needs the extra `schema`")
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"enum": [{"on": True}, {"on": False}]}))
    done = edge_run("generate", PROMPT, "-m", str(tiny_decoder), "--schema", str(schema))
    assert json.loads(done.out) in ({"on": True}, {"on": False})
    schema.write_text("[]")
    wrong = edge_run("generate", PROMPT, "-m", str(tiny_decoder), "--schema", str(schema))
    assert wrong.code == 1
    assert "is not a JSON schema" in wrong.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--regex", "a", "--choice", "b"], "give one of schema, regex and choice"),
        (["--overflow", "wrap"], "overflow"),
        (["--max-tokens", "0"], "max-tokens"),
    ],
)
def test_a_wrong_option_is_an_error_of_one_line(
    edge_run: Any, tiny_decoder: Path, options: list[str], message: str
) -> None:
    done = edge_run("generate", PROMPT, "-m", str(tiny_decoder), *options)
    assert done.code in {1, 2}
    assert message in done.err
    assert done.out == ""


def test_the_default_bundle_names_the_commands_that_get_one_that_writes(edge_run: Any) -> None:
    done = edge_run("generate", PROMPT)
    assert done.code == 1
    for command in ("edge-run models pull", "edge-export convert", "--task text-generation"):
        assert command in done.err


def test_a_bundle_over_the_memory_limit_is_refused_and_by_how_much(
    edge_run: Any, tiny_decoder: Path
) -> None:
    done = edge_run("generate", PROMPT, "-m", str(tiny_decoder), EDGE_MEMORY_MB="20")
    assert done.code == 1
    assert "MB more than the limit of 20 MB" in done.err


def test_a_chat_remembers_its_turns_and_does_what_commands_say(
    edge_run: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "talk.json"
    lines = [
        "/system be brief", "/set max_tokens 6", "/set temperature 0", "hello", "and then?",
        "/stats", "/undo", "/retry", "/history", f"/save {saved}", "/nonsense", "/exit", "never",
    ]  # fmt: skip
    stdin = "\n".join(lines).encode()
    done = edge_run("chat", "-m", str(tiny_decoder), stdin=stdin)
    assert "there is no command /nonsense" in done.err
    assert "6 written" in done.err
    assert done.code == 1  # for the command that there is not
    document = json.loads(saved.read_text())
    assert document["system"] == "be brief"
    assert [turn["role"] for turn in document["messages"]] == ["user", "assistant"]
    first = document["messages"][1]["content"]
    assert done.out.startswith(f"{first}\n")
    assert f"user: hello\nassistant: {first}\n" in done.out

    again = edge_run(
        "chat", "-m", str(tiny_decoder), "--max-tokens", "6", "--temperature", "0", "--json",
        stdin=f"/load {saved}\nand then?\n".encode(),
    )  # fmt: skip
    (answer,) = again.rows
    assert answer["task"] == "chat"
    assert answer["result"]["text"] == done.out.splitlines()[1]


def test_a_chat_with_a_bundle_that_does_not_write_asks_line_by_line(edge_run: Any) -> None:
    stdin = b"turn on the kitchen light\nwhy is the sky blue?\n/undo\n"
    done = edge_run("chat", "--json", stdin=stdin)
    answers = done.rows
    assert [answer["status"] for answer in answers] == ["ok", "ok", "error"]
    assert answers[0]["result"]["intent"] == "HassTurnOn"
    assert "no --broker and no --llm given" in answers[1]["reason"]
    local = edge_run("chat", "--json", stdin=b"why is the sky blue?\n", EDGE_POLICY_PRIVACY="local")
    assert "no --broker and no --llm given" not in local.rows[0]["reason"]


def test_a_chat_option_that_a_bundle_has_no_use_for_is_an_error(edge_run: Any) -> None:
    done = edge_run("chat", "--temperature", "1")
    assert done.code == 1
    assert "no use for --temperature" in done.err


def test_serve_speaks_http_without_a_broker_until_it_is_told_to_stop(
    tiny_decoder: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "edge_runtime.cli.entry", "serve", "--http", f":{port}",
               "-m", str(tiny_decoder), "--model", "assistant"]  # fmt: skip
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "EDGE_STATE": str(tmp_path / "s"),
    }
    serving = subprocess.Popen(
        command, env={**environment, "PYTHONPATH": ":".join(sys.path)}, stderr=subprocess.PIPE
    )
    try:
        names = {model["id"] for model in _get(f"http://127.0.0.1:{port}/v1/models")["data"]}
        assert "assistant" in names
        assert len(names) == 2
    finally:
        serving.send_signal(signal.SIGTERM)
        _, err = serving.communicate(timeout=30)
    assert serving.returncode == 0
    assert b"Traceback" not in err


def _get(url: str) -> Any:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own
                return json.load(response)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_serve_needs_a_broker_or_an_address(edge_run: Any) -> None:
    done = edge_run("serve")
    assert done.code == 1
    assert "--http :8080" in done.err
    done = edge_run("serve", "--broker", "mqtt://localhost", "--model", "assistant")
    assert "--model offers a bundle over HTTP" in done.err
