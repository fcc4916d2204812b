from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from edge_runtime.assistant.governing.policy_desk import PolicyDesk
from edge_runtime.errors import BadRequestError, UnavailableError
from edge_runtime.routing.policy import OwnerPolicy


class Owner:
    """The owner's file."""

    def __init__(self) -> None:
        self.policy = OwnerPolicy(privacy="redact", max_local_error=0.02)

    def __call__(self) -> OwnerPolicy:
        return self.policy


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "policy.json"


def test_at_first_the_file_is_in_force(owner: Owner, path: Path) -> None:
    desk = PolicyDesk(owner, path)
    assert desk() is owner.policy
    assert (desk.state().version, desk.state().source, desk.state().error) == (1, "file", None)
    assert not path.exists()


@pytest.mark.parametrize(
    "document",
    [
        b'{"privacy": "local"}',
        b'privacy = "local"\n',
        b'{"patch": {"privacy": "local", "max_local_error": 0.05}}',
    ],
)
def test_what_is_set_is_in_force_and_survives_a_restart(
    owner: Owner, path: Path, document: bytes
) -> None:
    PolicyDesk(owner, path).set(document)
    again = PolicyDesk(owner, path)
    assert again() == OwnerPolicy(privacy="local")
    assert (again.state().version, again.state().source) == (2, "set")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_patch_changes_only_what_it_names(owner: Owner, path: Path) -> None:
    desk = PolicyDesk(owner, path)
    desk.set(b'{"patch": {"gates.pause_s": 5, "budget.day.requests": 10}}')
    desk.set(b'{"patch": {"budget.day.requests": null}}')
    assert desk().max_local_error == 0.02
    assert desk().gates.pause_s == 5
    assert desk().budget.day.requests is None
    assert desk.state().version == 3


def test_a_later_change_of_the_file_wins_also_after_a_restart(owner: Owner, path: Path) -> None:
    desk = PolicyDesk(owner, path)
    desk.set(b'{"privacy": "local"}')
    owner.policy = OwnerPolicy(privacy="cloud")
    assert desk() is owner.policy
    assert (desk.state().version, desk.state().source) == (3, "file")
    again = PolicyDesk(owner, path)
    assert again().privacy == "cloud"
    assert again.state().version == 3


def test_a_file_that_is_changed_while_nothing_runs_wins(owner: Owner, path: Path) -> None:
    PolicyDesk(owner, path).set(b'{"privacy": "local"}')
    owner.policy = OwnerPolicy(privacy="cloud")
    assert PolicyDesk(owner, path)().privacy == "cloud"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"\xff", "UTF-8"),
        (b"{", "not valid"),
        (b'{"privacy": "none"}', "privacy"),
        (b'{"unknown": 1}', "unknown"),
        (b'{"patch": {"unknown": 1}}', "unknown"),
        (b'{"patch": {"gates.unknown": 1}}', "unknown"),
        (b'{"patch": {"privacy.deeper": 1}}', "no table"),
        (b'{"patch": 5}', "object"),
        (b'{"patch": {}, "privacy": "local"}', "patch"),
        (b'privacy = "none"', "line 1"),
        (b"privacy =", "line 1"),
        (b"[" * 100_000, "line 1"),
        (b'{"a":' * 50_000, "not valid"),
    ],
)
def test_what_is_not_valid_changes_nothing_and_is_told_until_the_next(
    owner: Owner, path: Path, document: bytes, said: str
) -> None:
    desk = PolicyDesk(owner, path)
    with pytest.raises(BadRequestError, match=said):
        desk.set(document)
    state = desk.state()
    assert (state.version, state.policy) == (1, owner.policy)
    assert state.error is not None
    assert said in state.error
    desk.set(b'{"privacy": "local"}')
    assert desk.state().error is None


def test_what_cannot_be_kept_is_not_in_force(owner: Owner, tmp_path: Path) -> None:
    desk = PolicyDesk(owner, tmp_path / "state" / "policy.json")
    (tmp_path / "state").write_text("no directory")
    with pytest.raises(UnavailableError, match=r"policy\.json"):
        desk.set(b'{"privacy": "local"}')
    assert desk() is owner.policy


@pytest.mark.parametrize("content", ["nonsense", "{}", '{"version": 1}'])
def test_a_damaged_file_is_an_error_not_a_laxer_policy(
    owner: Owner, tmp_path: Path, content: str
) -> None:
    (tmp_path / "policy.json").write_text(content)
    with pytest.raises(UnavailableError, match=r"policy\.json"):
        PolicyDesk(owner, tmp_path / "policy.json")


def test_without_a_path_it_lasts_as_long_as_the_process(owner: Owner) -> None:
    desk = PolicyDesk(owner, None)
    desk.set(json.dumps({"privacy": "local"}).encode())
    assert desk().privacy == "local"
