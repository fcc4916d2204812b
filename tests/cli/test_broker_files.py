"""The broker's files by command, and what commands refuse to do with links and secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bridge.security.site import Guarded


def test_one_command_makes_all_and_a_second_one_adds_and_removes(
    edge_run: Any, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    first = edge_run(
        "broker-files", "-o", str(out), "--node", "kitchen", "--client", "phone", "--client", "old",
        "--worker", "gpu", "--tls", "broker.example", "--mtls",
    )  # fmt: skip
    assert first.code == 0, first.err
    assert "next: on the broker's machine" in first.out
    assert (
        'broker = "mqtts://kitchen@broker.example:8883"'
        in (out / "users/kitchen/edge.toml").read_text()
    )
    second = edge_run(
        "broker-files", "-o", str(out), "--remove", "old", "--operator", "ops", "--json"
    )
    [facts] = second.rows
    assert facts["members"] == {
        "kitchen": "node", "phone": "client", "gpu": "worker", "ops": "operator",
    }  # fmt: skip
    assert facts["mtls"] is True
    acl = (out / "broker/acl").read_text()
    assert "user ops" in acl
    assert "user old" not in acl


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give names"),
        (["--node", "a b"], "not valid"),
        (["--node", "x", "--client", "x"], "one role"),
        (["--node", "x", "--remove", "y"], "no such name"),
        (["--node", "x", "--mtls"], "--tls"),
        (["--node", "x", "--at", "relative"], "absolute"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(
    edge_run: Any, tmp_path: Path, arguments: list[str], said: str
) -> None:
    out = tmp_path / "site"
    done = edge_run("broker-files", "-o", str(out), *arguments)
    assert done.code == 1
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not out.exists()


def test_the_settings_that_it_writes_are_settings(edge_run: Any, tmp_path: Path) -> None:
    out = tmp_path / "site"
    edge_run("broker-files", "-o", str(out), "--node", "n", "--home", "hass", "--worker", "w")
    for name in ("n", "hass", "w"):
        done = edge_run("policy", "show", EDGE_CONFIG=str(out / f"users/{name}/edge.toml"))
        assert done.code == 0, done.err


@pytest.mark.parametrize("verb", [["serve"], ["mqtt", "watch"], ["mqtt", "forget-device"]])
def test_plain_mqtt_to_another_machine_is_refused_before_anything_is_sent(
    edge_run: Any, verb: list[str]
) -> None:
    done = edge_run(*verb, "--broker", "mqtt://192.0.2.1")
    assert done.code == 1
    assert "unencrypted" in done.err
    assert "mqtts://" in done.err


def test_secrets_on_a_command_line_are_refused_and_not_repeated(edge_run: Any) -> None:
    done = edge_run("mqtt", "watch", "--broker", "mqtts://me:hunter2@192.0.2.1")
    assert done.code == 1
    assert "EDGE_MQTT_PASSWORD" in done.err
    assert "hunter2" not in done.out + done.err


def test_a_password_or_key_that_others_can_read_is_refused(edge_run: Any, tmp_path: Path) -> None:
    secret, certificate = tmp_path / "secret", tmp_path / "cert.pem"
    secret.write_text("hunter2\n")
    certificate.write_text("")
    secret.chmod(0o644)
    broker = ("mqtt", "watch", "--broker", "mqtts://me@192.0.2.1")
    for settings in (
        {"EDGE_MQTT_PASSWORD_FILE": str(secret)},
        {"EDGE_MQTT_CERT_FILE": str(certificate), "EDGE_MQTT_KEY_FILE": str(secret)},
    ):
        done = edge_run(*broker, **settings)
        assert done.code == 1
        assert f"chmod 600 {secret}" in done.err
        assert "hunter2" not in done.err


def test_a_command_says_what_to_do_about_a_broker_that_does_not_trust_it(
    edge_run: Any, tmp_path: Path
) -> None:
    with Guarded(tmp_path / "site", "mtls", {"ops": "operator", "n": "node"}) as broker:
        user = broker.directory / "users/ops"
        trusted = {"EDGE_MQTT_CA_FILE": str(user / "mqtt-ca.pem")}
        url = ("--broker", broker.site.url("ops"))
        assert "mqtt_cert_file" in edge_run("mqtt", "forget-device", *url, **trusted).err
        trusted |= {
            "EDGE_MQTT_CERT_FILE": str(user / "mqtt-cert.pem"),
            "EDGE_MQTT_KEY_FILE": str(user / "mqtt-key.pem"),
        }
        done = edge_run("mqtt", "forget-device", *url, "--node", "n", **trusted)
        assert done.code == 0, done.err
        own = broker.directory / "users/n"
        trusted |= {
            "EDGE_MQTT_CERT_FILE": str(own / "mqtt-cert.pem"),
            "EDGE_MQTT_KEY_FILE": str(own / "mqtt-key.pem"),
        }
        done = edge_run("mqtt", "forget-device", *url, "--node", "somebody", **trusted)
        assert done.code == 1
        assert "does not let this user" in done.err


def test_requests_per_second_are_checked_before_the_node_starts(
    edge_run: Any, tmp_path: Path
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text('broker = "mqtt://127.0.0.1:1"\nrequests_per_s = -1\n')
    done = edge_run("serve", EDGE_CONFIG=str(config))
    assert done.code == 1
    assert "requests_per_s" in done.err
