from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec
import pytest

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.manifest import read_manifest, write_manifest
from edge_runtime.bundles.store import Store
from edge_runtime.cli.local_socket.call import DeclinedError
from edge_runtime.cli.local_socket.open_bundles import OpenBundles
from edge_runtime.messages import Answer, Request
from edge_runtime.settings import Settings


@pytest.fixture(scope="module")
def own() -> Assistant:
    return Assistant(Store(None).open())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        shutil.copytree(Store(None).find("assistant"), tmp_path / "bundles" / name)
    return tmp_path


def test_the_nodes_own_bundle_is_never_loaded_again(own: Assistant, state: Path) -> None:
    bundles = OpenBundles(Settings(state=str(state), threads=1), own)
    assert bundles.assistant(None, state) is own
    assert bundles.assistant("assistant", state) is own
    assert bundles.assistant(str(own.bundle.path), state) is own
    assert bundles.assistant("./assistant", own.bundle.path.parent) is own


def test_one_other_is_kept_and_the_next_takes_its_place(own: Assistant, state: Path) -> None:
    bundles = OpenBundles(Settings(state=str(state), threads=1), own)
    one = bundles.assistant("one", state)
    assert one is not own
    assert bundles.assistant("one", state) is one
    two = bundles.assistant("two", state)
    assert bundles.assistant("two", state) is two
    assert bundles.assistant("one", state) is not one
    bundles.close()


def test_a_bundle_that_was_replaced_is_loaded_again(own: Assistant, state: Path) -> None:
    bundles = OpenBundles(Settings(state=str(state), threads=1), own)
    one = bundles.assistant("one", state)
    path = state / "bundles" / "one"
    write_manifest(path, msgspec.structs.replace(read_manifest(path), version="9"))
    newer = bundles.assistant("one", state)
    assert newer is not one
    assert newer.bundle.manifest.version == "9"
    bundles.close()


def test_one_that_rests_is_let_go_but_whoever_has_it_goes_on(own: Assistant, state: Path) -> None:
    bundles = OpenBundles(Settings(state=str(state), threads=1), own, keep_s=0.05)
    one = bundles.assistant("one", state)
    time.sleep(0.5)
    assert isinstance(one.begin(Request(text="hello", task="classify")), Answer)
    assert bundles.assistant("one", state) is not one
    bundles.close()


@pytest.mark.parametrize("reference", ["nothing", "/nowhere", "../bundles/one", "", "."])
def test_what_is_not_in_the_store_is_the_clients_to_open(
    own: Assistant, state: Path, reference: str
) -> None:
    with pytest.raises(DeclinedError):
        OpenBundles(Settings(state=str(state), threads=1), own).assistant(reference, state)


def test_a_bundle_that_does_not_fit_the_memory_is_the_clients_to_open(
    own: Assistant, state: Path
) -> None:
    bundles = OpenBundles(Settings(state=str(state), threads=1, memory_mb=10), own)
    with pytest.raises(DeclinedError, match="10 MB"):
        bundles.assistant("one", state)
