from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bundles.store import Store
from edge_runtime.messages import MAX_TEXT_BYTES

QUESTION = "who wrote the novel Moby Dick?"


def test_ask_answers_a_home_command(edge_run: Any) -> None:
    done = edge_run("ask", "turn on the kitchen light")
    assert done.code == 0
    assert "intent HassTurnOn" in done.out
    assert "local; confidence" in done.out
    assert done.err == ""


def test_onnx_runtime_leaves_no_identifier_and_reports_to_nobody(
    edge_run: Any, tmp_path: Path
) -> None:
    assert edge_run("classify", "hello").code == 0
    assert edge_run("classify", "hello", "--labels", "a greeting,a question").code == 0
    assert not (tmp_path / ".cache").exists()


def test_ask_without_broker_or_llm_gives_the_best_guess_and_says_so(edge_run: Any) -> None:
    [answer] = edge_run("ask", QUESTION, "--json").rows
    assert (answer["status"], answer["source"]) == ("ok", "local")
    assert answer["guarantee"] is None
    assert "no --broker and no --llm" in " ".join(answer["reason"])


def test_ask_with_llm_inspect_shows_exactly_what_would_leave(edge_run: Any) -> None:
    done = edge_run(
        "ask", "Write a poem for Angela Merkel (angela@example.org)", "--llm", "inspect", "--json"
    )
    [answer] = done.rows
    assert answer["source"] == "cloud"
    assert "inspect" in answer["model"]
    assert "EMAIL:1" in answer["redacted"]


@pytest.mark.parametrize(("when_offline", "code"), [("local", 0), ("queue", 0), ("fail", 1)])
def test_ask_without_a_reachable_broker_does_as_the_policy_says(
    edge_run: Any, when_offline: str, code: int
) -> None:
    done = edge_run(
        "ask", QUESTION, "--broker", "mqtt://127.0.0.1:1", "--when-offline", when_offline, "--json"
    )
    assert done.code == code
    [answer] = done.rows
    assert answer["status"] == ("error" if code else "ok")


def test_privacy_local_never_asks(edge_run: Any) -> None:
    done = edge_run("ask", QUESTION, "--privacy", "local", "--llm", "inspect", "--json")
    [answer] = done.rows
    assert answer["source"] == "local"
    assert "nothing left the device" in answer["reason"][-1]


def test_standard_input_is_one_text_per_line(edge_run: Any) -> None:
    done = edge_run("classify", "-", "--head", "sentiment", "--json",
                    stdin=b"I love it\n\nIt is terrible, I hate it\n")  # fmt: skip
    assert [row["result"]["label"] for row in done.rows] == ["positive", "negative"]
    assert [row["id"] for row in done.rows] == ["1", "2"]


def test_an_error_in_one_line_does_not_stop_the_others(edge_run: Any) -> None:
    lines = b"turn on the light\n" + b"\xff\xfe\n" + b"turn off the light\n"
    done = edge_run("ask", "-", "--json", stdin=lines)
    assert done.code == 1
    assert "line 2 is not UTF-8" in done.err or "line 2 is not UTF-8" in done.out
    assert [row["status"] for row in done.rows] == ["ok", "error", "ok"]


def test_summarize_reads_all_of_standard_input(edge_run: Any) -> None:
    text = b"The telescope is large.\nIt sees far.\nThe telescope was built in 1901.\n"
    [answer] = edge_run("summarize", "-", "--sentences", "1", "--json", stdin=text).rows
    assert answer["result"]["of"] == 3


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["ask", ""], b"", "empty"),
        (["classify", "-"], b"", "empty"),
        (["summarize", "-"], b"", "empty"),
        (["tag", "-"], b"x" * (1 << 20), str(MAX_TEXT_BYTES)),
        (["summarize", "-"], b"x" * (1 << 20), str(MAX_TEXT_BYTES)),
        (["ask", b"\xff\xfe"], b"", "Unicode"),
        (["ask", "hi", "--privacy", "public"], b"", "privacy"),
        (["classify", "hi", "--head", "nose"], b"", "nose"),
        (["ask", "hi", "-m", "nothing"], b"", "no bundle 'nothing'"),
        (["ask", "hi", "--broker", "mqtt://broker.example"], b"", "unencrypted"),
        (["ask", "hi", "--broker", "http://x"], b"", "mqtt://"),
        (["models", "verify", "/nowhere"], b"", "no bundle"),
    ],
)
def test_bad_input_is_one_clear_line(
    edge_run: Any, arguments: list[str | bytes], stdin: bytes, says: str
) -> None:
    done = edge_run(*arguments, stdin=stdin)
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert says in done.err


def test_wrong_usage_ends_with_status_2(edge_run: Any) -> None:
    assert edge_run("ask").code == 2
    assert edge_run("dance").code == 2


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    path = tmp_path / "tampered"
    shutil.copytree(Store(None).find("assistant"), path)
    with (path / "model.onnx.data").open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    return path


def test_a_tampered_bundle_is_never_loaded(edge_run: Any, tampered: Path) -> None:
    for verb in (["ask", "hi", "-m"], ["models", "verify"]):
        done = edge_run(*verb, str(tampered))
        assert done.code == 1
        assert "model.onnx.data is not the file" in done.err
        assert done.err.count("\n") == 1


def test_models_are_listed_shown_and_verified(edge_run: Any) -> None:
    [row] = edge_run("models", "ls", "--json").rows
    assert row["name"] == "assistant"
    assert row["size_bytes"] <= 30_000_000
    [manifest] = edge_run("models", "show", "assistant", "--json").rows
    heads = {"intent", "command", "target", "slots", "sentiment", "entities", "pii", "embedding"}
    assert heads < set(manifest["heads"])
    assert "head intent" in edge_run("models", "show").out
    assert "are as the manifest says" in edge_run("models", "verify").out


def test_a_wrong_setting_names_its_source(edge_run: Any, tmp_path: Path) -> None:
    assert "environment" in edge_run("ask", "hi", EDGE_THREADS="many").err
    file = tmp_path / "edge.toml"
    file.write_text('[policy]\nprivacy = "nobody"\n')
    done = edge_run("ask", "hi", EDGE_CONFIG=str(file))
    assert str(file) in done.err
    assert "privacy" in done.err


def test_the_option_wins_over_the_environment_and_that_over_the_file(
    edge_run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(
        'llm_url = "http://127.0.0.1:1/v1"\nllm_model = "m"\n[policy]\nprivacy = "redact"\n'
    )
    done = edge_run("ask", QUESTION, "--json", EDGE_CONFIG=str(file), EDGE_LLM_URL="inspect")
    assert done.rows[0]["source"] == "cloud"
    done = edge_run("ask", QUESTION, "--json", EDGE_CONFIG=str(file), EDGE_POLICY_PRIVACY="local")
    assert done.rows[0]["source"] == "local"
