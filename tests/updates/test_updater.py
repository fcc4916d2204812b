from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import msgspec
import pytest

from edge_export.publishing.publish import Terms
from edge_runtime.bundles.install import add_bundle
from edge_runtime.bundles.signatures import new_key, sign
from edge_runtime.bundles.store import Store
from edge_runtime.errors import UnavailableError, UpdateError
from edge_runtime.updates.contents import Contents, read_contents
from edge_runtime.updates.gate import Candidate
from edge_runtime.updates.holds import Readings, in_stage
from edge_runtime.updates.progress import Progress
from edge_runtime.updates.source import DirectorySource
from tests.updates.site import NAME, PRIVATE, Site, weights, write_bundle

DAY_S = 86_400.0


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_first_version_is_taken_and_kept(site: Site) -> None:
    site.publish("1")
    (found,) = site.updater().check()
    assert (found.state, found.latest_version) == ("available", "1")
    assert not (site.state / "bundles").exists(), "a check takes nothing"
    (taken,) = site.updater().update()
    assert taken.state == "switched"
    assert site.running == "1"
    assert [each.state for each in site.trials().keep()] == ["kept"]
    (after,) = site.updater().update()
    assert (after.state, after.installed_version) == ("current", "1")


def test_a_newer_version_takes_the_other_place_and_the_way_back_stays(site: Site) -> None:
    site.take("1")
    site.take("2")
    assert site.running == "2"
    (back,) = site.trials().back()
    assert (back.state, back.installed_version) == ("returned", "1")
    assert site.running == "1"
    (held,) = site.updater().update()
    assert held.state == "held", "what the owner left is not taken again by itself"
    (again,) = site.updater().update(by_owner=True)
    assert (again.state, site.running) == ("switched", "2")


def test_only_what_changed_is_fetched(site: Site) -> None:
    old = weights(3_000_000)
    site.take("1", weights=old)
    middle = 1_500_000
    changed = old[:middle] + weights(50_000, seed=2) + old[middle:]
    site.publish("2", weights=changed)
    (found,) = site.updater().update()
    assert found.transferred_bytes is not None
    assert 50_000 < found.transferred_bytes < 500_000
    assert Store(site.state).find(NAME).joinpath("model.onnx.data").read_bytes() == changed


def test_a_bundle_that_was_added_by_hand_becomes_the_way_back(site: Site) -> None:
    add_bundle(site.store, str(write_bundle(site.root / "own", "0.9")), NAME)
    site.publish("1")
    site.updater().update()
    assert site.running == "1"
    trial = site.target.slots.trial
    assert trial is not None
    assert trial.back == "b"
    site.trials().back()
    assert site.running == "0.9"


def test_what_the_device_has_of_itself_is_not_fetched_again(site: Site) -> None:
    site.publish("1")
    add_bundle(site.store, str(site.root / "published-1"), NAME)
    (found,) = site.updater().update()
    assert (found.state, found.installed_version) == ("current", "1")


def test_an_older_version_than_the_one_added_by_hand_is_no_update(site: Site) -> None:
    add_bundle(site.store, str(write_bundle(site.root / "own", "2.0")), NAME)
    site.publish("1.9")
    (found,) = site.updater().update()
    assert (found.state, site.running) == ("current", "2.0")


def test_the_owner_of_the_repository_can_go_back_to_an_older_version(site: Site) -> None:
    site.take("2")
    site.take("1")
    assert site.running == "1"


def test_a_version_that_never_stays_up_is_left(site: Site) -> None:
    site.take("1")
    site.take("2", keep=False)
    for _ in range(site.options.most_starts):
        assert site.trials().started() == []
        assert site.running == "2"
    (left,) = site.trials().started()
    assert (left.state, left.installed_version) == ("returned", "1")
    assert "started 3 times" in (left.reason or "")
    assert site.running == "1"
    (held,) = site.updater().update()
    assert held.state == "held"
    site.take("3")


def test_a_first_version_that_never_stays_up_leaves_what_ships(site: Site) -> None:
    site.take("1", keep=False)
    for _ in range(site.options.most_starts + 1):
        site.trials().started()
    assert not site.target.slots.link.exists()
    assert site.target.slots.active is None


def test_nothing_newer_is_taken_while_a_version_is_on_trial(site: Site) -> None:
    site.take("1", keep=False)
    site.publish("2")
    (found,) = site.updater().update()
    assert found.state == "held"
    assert "on trial" in (found.reason or "")


def test_a_gate_that_refuses_changes_nothing(site: Site) -> None:
    site.take("1")

    def refuses(new: Candidate, old: Candidate | None, _contents: Contents) -> str:
        assert Store(None).open(str(new.bundle)).manifest.version == "2"
        assert old is not None
        assert Store(None).open(str(old.bundle)).manifest.version == "1"
        raise UpdateError("too slow")

    site.gate = refuses
    site.publish("2")
    (found,) = site.updater().update()
    assert (found.state, found.reason) == ("failed", "too slow")
    assert site.running == "1"
    (held,) = site.updater().update()
    assert held.state == "held"
    assert sorted(path.name for path in (site.state / "bundles").iterdir()) == [".mine.a", "mine"]


def test_a_repository_that_goes_away_is_gone_on_with_later(site: Site) -> None:
    class Cut(DirectorySource):
        reads = 0

        def read(self, path: str, most_bytes: int) -> bytes:
            self.reads += path.startswith("chunks/")
            if self.reads > 10:
                raise UnavailableError("gone")
            return super().read(path, most_bytes)

    site.publish("1", weights=weights(2_000_000))
    site.source = Cut(site.repository)
    (cut,) = site.updater().update()
    assert (cut.state, cut.reason) == ("failed", "gone")
    site.source = None
    (found,) = site.updater().update()
    assert found.state == "switched"
    assert found.transferred_bytes is not None
    assert found.transferred_bytes < 2_000_000 * 0.8
    assert not (site.state / "updates" / "chunks").exists()


# what somebody between repository and device may try


def test_an_index_by_another_key_is_refused(site: Site) -> None:
    site.publish("1", key=new_key()[0])
    with pytest.raises(UpdateError, match="another key"):
        site.updater().update()


def test_an_old_index_is_refused_once_a_newer_was_seen(site: Site) -> None:
    site.publish("1")
    old = (site.repository / "index.json").read_bytes()
    site.publish("2")
    site.updater().check()
    (site.repository / "index.json").write_bytes(old)
    with pytest.raises(UpdateError, match="old state"):
        site.updater().update()


def test_an_index_expires_also_when_the_clock_is_set_back(site: Site) -> None:
    site.publish("1", valid_days=1)
    site.updater().check()
    site.now_s -= 100 * DAY_S
    site.uptime = ("boot", 100.0 + 2 * DAY_S)
    with pytest.raises(UpdateError, match="expired"):
        site.updater().check()


def test_a_clock_that_was_once_far_ahead_does_no_lasting_harm(site: Site) -> None:
    site.publish("1", valid_days=1)
    site.now_s += 1000 * DAY_S
    with pytest.raises(UpdateError, match="expired"):
        site.updater().check()
    site.now_s -= 1000 * DAY_S
    (found,) = site.updater().check()
    assert found.state == "available"


def test_a_manifest_signed_with_the_same_key_is_no_index(site: Site) -> None:
    site.publish("1")
    document = json.loads((site.root / "published-1" / "bundle.json").read_text())
    document["signature"] = msgspec.to_builtins(sign(document, PRIVATE))
    (site.repository / "index.json").write_text(json.dumps(document))
    with pytest.raises(UpdateError, match="format"):
        site.updater().check()


@pytest.mark.parametrize("what", ["contents", "chunks"])
def test_a_changed_file_of_the_repository_is_refused(site: Site, what: str) -> None:
    site.take("1")
    site.publish("2", weights=weights(300_000))
    for path in (site.repository / what).rglob("*"):
        if path.is_file():
            raw = bytearray(path.read_bytes())
            raw[len(raw) // 2] ^= 1
            path.write_bytes(raw)
    (found,) = site.updater().update()
    assert found.state == "failed"
    assert "not what" in (found.reason or "")
    assert site.running == "1"


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ""])
def test_contents_that_leave_the_directory_are_refused(path: str) -> None:
    raw = msgspec.json.encode({"format": 1, "files": [[path, 0, "0" * 64]], "chunks": []})
    with pytest.raises(UpdateError, match="outside"):
        read_contents(raw, hashlib.sha256(raw).hexdigest())


# what holds an update


@pytest.mark.parametrize(
    ("board", "says"),
    [
        (Readings(720, 12.0, None), "battery 12 % < 30 %"),
        (Readings(720, None, None), "the window is 02:00-05:00, it is 12:00"),
    ],
)
def test_what_holds_an_update_is_said(site: Site, board: Readings, says: str) -> None:
    site.with_options(window="02:00-05:00")
    site.board = board
    site.publish("1")
    (found,) = site.updater().update()
    assert (found.state, found.reason) == ("held", says)
    site.board = Readings(3 * 60, 80.0, None)
    (found,) = site.updater().update()
    assert found.state == "switched"


def test_a_link_that_is_paid_by_volume_holds_what_comes_over_it(site: Site) -> None:
    class Link(DirectorySource):
        uses_link = True

    site.publish("1")
    site.board = Readings(720, None, metered=True)
    site.source = Link(site.repository)
    (found,) = site.updater().update()
    assert (found.state, found.reason) == ("held", "the link is paid by volume")
    site.source = None
    (found,) = site.updater().update()
    assert found.state == "switched", "a USB stick costs nothing"


def test_a_stage_grows_over_the_same_nodes(site: Site) -> None:
    names = [f"node-{number}" for number in range(400)]
    site.publish("1", terms=Terms(stage_percent=10))
    taken: list[set[str]] = []
    for percent in (10.0, 50.0, 100.0):
        index = site.publish(None).index
        release = msgspec.structs.replace(index.releases[0], stage_percent=percent)
        taken.append({name for name in names if in_stage(release, name)})
    assert taken[0] < taken[1] < taken[2] == set(names)
    assert 15 < len(taken[0]) < 80
    site.node = next(name for name in names if name not in taken[0])
    (found,) = site.updater().update()
    assert found.state == "held"
    (found,) = site.updater().update(by_owner=True)
    assert found.state == "switched"


def test_too_little_room_holds_an_update(site: Site) -> None:
    site.publish("1", weights=weights(1_000_000))
    site.free = lambda _path: 65_000_000
    (found,) = site.updater().update()
    assert found.state == "held"
    assert "64 MB stay free, and 65 MB are free" in (found.reason or "")


def test_the_owner_may_only_be_told(site: Site) -> None:
    site.with_options(automatic=False)
    site.publish("1")
    (found,) = site.updater().update()
    assert found.state == "available"


def test_progress_is_told_step_by_step(site: Site) -> None:
    site.publish("1", weights=weights(2_000_000))
    told: list[Progress] = []
    site.updater().update(report=told.append)
    states = list(dict.fromkeys(each.state for each in told))
    assert states == ["fetching", "testing", "switched"]
    percents = [each.update_percentage for each in told if each.update_percentage is not None]
    assert percents[0] == 0
    assert percents[-1] == 100
    assert percents == sorted(percents)
    assert {each.latest_version for each in told} == {"1"}


def test_two_updates_at_once_are_one_too_many(site: Site) -> None:
    site.publish("1")
    holder = rf"process {os.getpid()} \(.*, since 20.* UTC\) works on updates"
    with site.workplace.alone(), pytest.raises(UpdateError, match=holder):
        site.updater().update()


def test_a_state_of_a_newer_runtime_is_an_error_that_says_so(site: Site) -> None:
    site.take("1")
    path = site.state / "updates" / "state.json"
    path.write_text('{"format": 2}')
    with pytest.raises(UpdateError, match="its format is 2, and this runtime reads 1"):
        site.updater().check()
    assert site.running == "1"
