from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from tests.dashboard.visiting import Visitor

STOP_TIMEOUT_S = 20


def dashboard(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge_runtime.cli.app", "dashboard", *arguments],
        env={**os.environ, "EDGE_CONFIG": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_url_that_it_prints_signs_in_and_a_signal_ends_it(mosquitto: Broker) -> None:
    with dashboard("--http", ":0", "--broker", mosquitto.url) as process:
        try:
            assert process.stdout is not None
            url, _, token = process.stdout.readline().strip().partition("#token=")
            assert url.startswith("http://127.0.0.1:")
            assert len(token) >= 40
            visitor = Visitor(url)
            assert visitor.sign_in(token).status == 204
            assert visitor.get("/api/session").status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_TIMEOUT_S) == 0
            assert process.stderr is not None
            assert token not in process.stderr.read()
        finally:
            process.kill()


def test_a_token_of_a_file_is_not_printed(mosquitto: Broker, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a token that stays in its file\n")
    file.chmod(0o600)
    with dashboard("--http", ":0", "--broker", mosquitto.url, "--token-file", str(file)) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert "token" not in url
            assert Visitor(url).sign_in("a token that stays in its file").status == 204
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--http", "0.0.0.0:0"], "--http-cert"),
        (["--http", "board:0"], "--http-cert"),
        (["--http", "8090"], "is not like"),
        (["--http-cert", "cert.pem"], "both files"),
        (["--token-file", "nothing"], "cannot be read"),
    ],
)
def test_what_would_be_open_or_wrong_is_refused(arguments: list[str], said: str) -> None:
    process = dashboard("--broker", "mqtt://localhost:1", *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
