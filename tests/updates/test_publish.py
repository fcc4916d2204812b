"""``edge-export publish`` and ``edge-run update``, as a publisher and an owner use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app as export
from edge_runtime.bundles.store import Store
from edge_runtime.cli.app import app as run
from edge_runtime.cli.updating import read_wanted
from edge_runtime.errors import BadRequestError, BundleError, ConfigError, EdgeError
from tests.updates.site import NAME, PRIVATE, PUBLIC, write_bundle

GOLDEN = '{"text": "turn on the light in the kitchen"}\n'


class Desk:
    """Runs both commands; the device reads the repository's directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = root / "repository"
        self.key = root / "key.pem"
        self.key.write_bytes(PRIVATE)
        self.key.chmod(0o600)
        (root / "key.pub").write_bytes(PUBLIC)

    def publish(self, *arguments: object) -> Any:
        line = ["publish", str(self.repository), "--key", str(self.key), "--json"]
        done = CliRunner().invoke(export, [*line, *map(str, arguments)], catch_exceptions=False)
        return json.loads(done.stdout)

    def update(self, *arguments: str) -> list[Any]:
        done = CliRunner().invoke(run, ["update", *arguments, "--json"], catch_exceptions=False)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    settings = tmp_path / "edge.toml"
    settings.write_text(
        f'[update]\nurl = "{desk.repository}"\nkey_file = "{tmp_path / "key.pub"}"\n'
        f'bundles = ["{NAME}"]\n'
    )
    monkeypatch.setenv("EDGE_CONFIG", str(settings))
    monkeypatch.setenv("EDGE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EDGE_SOCKET", "off")
    return desk


def test_what_is_published_is_offered(desk: Desk) -> None:
    first = desk.publish(write_bundle(desk.root / "one", "1"))
    assert (first["index_version"], first["release"]["serial"]) == (1, 1)
    (found,) = desk.update("check")
    assert (found["state"], found["latest_version"]) == ("available", "1")
    (status,) = desk.update("status")
    assert (status["state"], status["latest_version"]) == ("current", "1")


def test_the_same_again_keeps_its_serial_and_its_stage_may_grow(desk: Desk) -> None:
    bundle = write_bundle(desk.root / "one", "1")
    desk.publish(bundle, "--stage", 5)
    again = desk.publish(bundle, "--stage", 50)
    assert (again["release"]["serial"], again["release"]["stage_percent"]) == (1, 50.0)
    assert again["new_bytes"] == 0
    assert desk.publish()["index_version"] == 3
    index = json.loads((desk.repository / "index.json").read_text())
    assert index["releases"][0]["stage_percent"] == 50.0, "signed anew, the releases stay"


def test_a_bundle_with_two_names_is_offered_under_both(desk: Desk) -> None:
    bundle = write_bundle(desk.root / "one", "1")
    desk.publish(bundle)
    desk.publish(bundle, "--name", "other")
    index = json.loads((desk.repository / "index.json").read_text())
    assert [each["name"] for each in index["releases"]] == [NAME, "other"]


def test_the_bundle_itself_says_what_its_golden_set_expects(desk: Desk) -> None:
    shipped = Store(None).find("assistant")
    golden = desk.root / "golden.jsonl"
    golden.write_text(GOLDEN)
    done = desk.publish(shipped, "--golden", golden, "--max-rss-mb", 400)
    path = desk.repository / "contents" / f"{done['release']['contents']}.json"
    contents = json.loads(path.read_text())
    assert contents["golden"][0]["expect"] == {"intent": "HassTurnOn"}
    assert contents["limits"] == {"rss_mb": 400.0}


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["no-such-bundle"], BundleError, "no-such-bundle"),
        (["--runtime", "."], BundleError, "pip install --target"),
        (["a", "--runtime", "b"], ConfigError, "one at a time"),
    ],
)
def test_what_cannot_be_published_is_said(
    desk: Desk, arguments: list[str], error: type[EdgeError], says: str
) -> None:
    with pytest.raises(error, match=says):
        desk.publish(*arguments)
    assert not (desk.repository / "index.json").exists()


def test_a_key_that_others_can_read_signs_nothing(desk: Desk) -> None:
    desk.key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        desk.publish(write_bundle(desk.root / "one", "1"))


def test_a_repository_without_keys_is_a_wrong_setting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = desk.root / "other.toml"
    settings.write_text(f'[update]\nurl = "{desk.repository}"\n')
    monkeypatch.setenv("EDGE_CONFIG", str(settings))
    with pytest.raises(ConfigError, match=r"update\.key_file"):
        desk.update("check")


def test_there_is_no_way_back_from_nothing(desk: Desk) -> None:
    with pytest.raises(EdgeError, match="no way back"):
        desk.update("back")


def test_the_command_may_name_a_bundle() -> None:
    assert read_wanted(b"") is None
    assert read_wanted(b"{}") is None
    assert read_wanted(b'{"bundle": "mine"}') == "mine"
    for payload in (b"now", b'{"bundle": 1}', b'{"url": "https://evil"}', b"\xff"):
        with pytest.raises(BadRequestError, match="not like"):
            read_wanted(payload)
