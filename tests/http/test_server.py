from __future__ import annotations

import datetime as dt
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

import edge_runtime.http.web_server
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import ConfigError
from edge_runtime.http.address import HttpSettings
from edge_runtime.http.server import HttpServer
from tests.http.serving import (
    JSON,
    LONG,
    long_stream,
    raw,
    serving,
    talking,
    wait_until_idle,
    was_read,
)

MODEL = "tiny-chat"
KEY = "a key of this server"


def said(client: openai.OpenAI, word: str) -> str | None:
    """Let the model say a word."""
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "word", "schema": {"const": word}},
    }
    messages: Any = [{"role": "user", "content": f"say {word}"}]
    made = client.chat.completions.create(model=MODEL, messages=messages, response_format=form)
    return made.choices[0].message.content


@pytest.mark.export
def test_clients_at_once_each_get_their_own_answer(client: openai.OpenAI) -> None:
    words = [f"word {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda word: said(client, word), words))
    assert answers == [f'"{word}"' for word in words]


@pytest.mark.export
def test_a_client_that_leaves_a_stream_stops_the_writing(
    client: openai.OpenAI, server: HttpServer, writer: Assistant
) -> None:
    with long_stream(client):
        pass
    wait_until_idle(server)
    assert not was_read(writer, LONG[-1])


@pytest.mark.export
def test_a_client_that_does_not_wait_stops_the_writing(
    client: openai.OpenAI, server: HttpServer, writer: Assistant
) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.completions.create(
            model=MODEL, prompt=LONG, max_tokens=2000, temperature=1, timeout=0.5
        )
    wait_until_idle(server)
    assert not was_read(writer, LONG[-1])


@pytest.mark.export
def test_who_leaves_the_line_is_not_waited_for(client: openai.OpenAI, server: HttpServer) -> None:
    with long_stream(client):
        with pytest.raises(openai.APITimeoutError):
            client.completions.create(model=MODEL, prompt="a", timeout=0.3)
        with pytest.raises(openai.APITimeoutError):
            client.completions.create(model=MODEL, prompt="a", stream=True, timeout=0.3)
    wait_until_idle(server)
    assert said(client, "free") == '"free"'


@pytest.mark.export
def test_a_full_line_says_when_to_come_back(writer: Assistant, reader: Assistant) -> None:
    settings = HttpSettings(waiting=1)
    with (
        serving({"assistant": reader, MODEL: writer}, settings) as server,
        talking(server) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        with long_stream(client):
            waiting = pool.submit(said, client, "patient")
            while server.count < 2:
                threading.Event().wait(0.01)
            with pytest.raises(openai.RateLimitError, match="too many requests wait") as caught:
                said(client, "impatient")
            assert caught.value.code == "rate_limit_exceeded"
            assert caught.value.response.headers["Retry-After"] == "1"
            # another bundle has its own line
            assert client.embeddings.create(model="assistant", input="a").data
        assert waiting.result() == '"patient"'


def test_an_answer_does_not_wait_for_an_acknowledgement(reading_server: HttpServer) -> None:
    with talking(reading_server) as client:
        assert list(client.models.list())
        running = reading_server._web._server  # noqa: SLF001
        connections = list(running.server_state.connections)
        sockets = [each.transport.get_extra_info("socket") for each in connections]
        assert sockets
        for each in sockets:
            assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_with_a_key_only_its_holders_are_answered(reader: Assistant) -> None:
    with serving({"assistant": reader}, HttpSettings(key=KEY)) as server:
        with talking(server, KEY) as client:
            assert list(client.models.list())
        assert raw(server, "GET", "/health").status == 200
        for wrong in (KEY, "Bearer", "Bearer another", f"Bearer {KEY}x", "Bearer \xe4"):
            answer = raw(server, "GET", "/v1/models", headers={"Authorization": wrong})
            assert answer.status == 401
            assert answer.body["error"]["code"] == "invalid_api_key"
            assert answer.headers["www-authenticate"] == "Bearer"
        with talking(server, "none") as client, pytest.raises(openai.AuthenticationError):
            client.embeddings.create(model="assistant", input="a")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8080"])
def test_a_server_for_this_machine_answers_for_its_names(
    reading_server: HttpServer, host: str
) -> None:
    assert raw(reading_server, "GET", "/v1/models", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "localhost.evil.example"])
def test_a_page_that_was_led_here_is_refused(reading_server: HttpServer, host: str) -> None:
    answer = raw(reading_server, "GET", "/v1/models", headers={"Host": host})
    assert answer.status == 403
    assert answer.body["error"]["code"] == "foreign_host"


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {}])
def test_a_body_that_any_page_could_send_is_refused(
    reading_server: HttpServer, headers: dict[str, str]
) -> None:
    body = b'{"model": "assistant", "input": "a"}'
    assert raw(reading_server, "POST", "/v1/embeddings", body, headers).status == 415
    assert raw(reading_server, "POST", "/v1/embeddings", body, JSON).status == 200


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        (":8080", "127.0.0.1", 8080),
        ("localhost:80", "localhost", 80),
        ("127.0.0.2:0", "127.0.0.2", 0),
        ("[::1]:8080", "::1", 8080),
    ],
)
def test_an_address_on_this_machine_needs_no_key(address: str, host: str, port: int) -> None:
    settings = HttpSettings.parse(address)
    assert (settings.host, settings.port, settings.only_local) == (host, port, True)


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "board:80"])
def test_an_address_for_others_needs_a_key_or_a_word(address: str) -> None:
    with pytest.raises(ConfigError, match="anyone who reaches"):
        HttpSettings.parse(address)
    assert not HttpSettings.parse(address, key=KEY).only_local
    assert not HttpSettings.parse(address, allow_open=True).only_local


@pytest.mark.parametrize("address", ["", "8080", ":x", ":65536", "::1:80", "[::1]", "a:-1", ":²"])
def test_a_wrong_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="is not like :8080"):
        HttpSettings.parse(address)


def test_a_key_is_not_shown() -> None:
    assert KEY not in repr(HttpSettings.parse(":0", key=KEY))


def test_an_address_in_use_is_an_error(reader: Assistant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = HttpServer(HttpSettings(port=taken.getsockname()[1]), {"assistant": reader})
        with pytest.raises(ConfigError, match="cannot listen at"):
            server.start()
        server.stop()


def certificate(directory: Path) -> tuple[Path, Path]:
    x509 = pytest.importorskip("cryptography.x509", reason="needs the extra `sign`")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "cert.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return files


def test_with_a_certificate_it_speaks_tls(reader: Assistant, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    settings = HttpSettings.parse("localhost:0", cert_file=cert, cert_key_file=key)
    with serving({"assistant": reader}, settings) as server:
        assert server.url.startswith("https://localhost:")
        http = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(cert)))
        with openai.OpenAI(base_url=server.url, api_key="none", http_client=http) as client:
            assert [model.id for model in client.models.list()] == ["assistant"]


def test_a_broken_certificate_is_one_error(reader: Assistant, tmp_path: Path) -> None:
    broken = tmp_path / "cert.pem"
    broken.write_text("nothing")
    with pytest.raises(ConfigError, match="takes both"):
        HttpSettings.parse(":0", cert_file=broken)
    settings = HttpSettings.parse(":0", cert_file=broken, cert_key_file=broken)
    with pytest.raises(ConfigError, match="cannot be used"):
        HttpServer(settings, {"assistant": reader})


def test_plain_text_on_the_network_is_warned_of(
    reader: Assistant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = HttpSettings.parse("0.0.0.0:0", key=KEY)
    with serving({"assistant": reader}, settings) as server, talking(server, KEY) as client:
        assert list(client.models.list())
    assert "unencrypted" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.export
def test_a_stop_does_not_wait_for_ever(writer: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_runtime.http.web_server, "_STOP_TIMEOUT_S", 1)
    with serving({MODEL: writer}) as server, talking(server) as client, long_stream(client):
        server.stop()
        assert not was_read(writer, LONG[-1])


@pytest.mark.export
def test_sigterm_lets_an_answer_end(tiny_chat: Path) -> None:
    command = [sys.executable, "-m", "tests.http.serve_process", f"{MODEL}={tiny_chat}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
            stream = client.completions.create(
                model=MODEL, prompt="a", max_tokens=800, temperature=1, seed=1, stream=True
            )
            pieces = iter(stream)
            next(pieces)
            process.send_signal(signal.SIGTERM)
            assert [piece.choices[0].finish_reason for piece in pieces][-1] == "length"
        assert process.wait(60) == 0


@pytest.mark.export
def test_one_board_is_the_cloud_of_another(server: HttpServer, tmp_path: Path) -> None:
    question = "Why did the Roman empire fall, and who was to blame for it?"
    command = ["edge_runtime.cli.app", "ask", question, "--llm", server.url, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={
            **os.environ,
            "EDGE_STATE": str(tmp_path),
            "EDGE_CONFIG": os.devnull,
            "EDGE_LLM_MODEL": MODEL,
        },
        capture_output=True,
        check=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer["status"], answer["source"], answer["model"]) == ("ok", "cloud", MODEL)
    assert answer["result"]["text"]
