from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.bundles.manifest import FILE_NAME
from edge_runtime.bundles.store import Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, BundleNotFoundError, TamperedBundleError

from . import tiny_onnx as tiny


def _write(directory: Path, **changes: Any) -> Path:
    """A bundle whose files are right; its graph is never loaded here."""
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(b"graph")
    (directory / "weights.bin").write_bytes(b"weights" * 1000)
    manifest = {
        "format": 1,
        "name": directory.name,
        "version": "1",
        "task": "text-classification",
        "heads": {"intent": {"type": "classification", "output": "logits", "labels": ["a", "b"]}},
        "source": {"model": "test"},
        "graph": {"file": "model.onnx", "form": "test", "opset": 17},
        "files": [
            {"path": name, "size_bytes": (directory / name).stat().st_size,
             "sha256": sha256(directory / name)}
            for name in ("model.onnx", "weights.bin")
        ],
        **changes,
    }  # fmt: skip
    (directory / FILE_NAME).write_text(json.dumps(manifest))
    return directory


def test_a_bundle_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = _write(tmp_path / "state" / "bundles" / "mine")
    store = Store(tmp_path / "state")
    assert store.open("mine").path == path
    assert store.open(str(path)).verified
    assert [found.name for found in store.directories()] == ["mine", "assistant"]


def test_the_shipped_bundle_is_what_its_manifest_says() -> None:
    bundle = Store(None).open()
    assert bundle.verified
    assert bundle.model_name.startswith("assistant@sha256:")
    size_bytes = sum(file.stat().st_size for file in bundle.path.iterdir())
    assert size_bytes <= 30_000_000


@pytest.mark.parametrize("name", ["nothing", "", "/nowhere/at/all"])
def test_an_unknown_name_says_what_there_is(name: str) -> None:
    with pytest.raises(BundleNotFoundError, match="assistant"):
        Store(None).open(name)


def test_a_changed_byte_of_the_same_length_is_found(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine")
    weights = path / "weights.bin"
    weights.write_bytes(b"X" + weights.read_bytes()[1:])
    with pytest.raises(TamperedBundleError, match=r"weights\.bin"):
        Store(None).open(str(path))


def test_a_change_is_found_although_the_hashes_are_cached(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine")
    store = Store(tmp_path / "state")
    store.open(str(path))
    cache = tmp_path / "state" / "hashes.json"
    assert cache.stat().st_mode & 0o777 == 0o600
    weights = path / "weights.bin"
    weights.write_bytes(b"X" + weights.read_bytes()[1:])
    with pytest.raises(TamperedBundleError):
        store.open(str(path))


def test_an_unchanged_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "mine")
    Store(tmp_path / "state").open(str(path))

    def refuse(_: Path) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr("edge_runtime.bundles.verify.sha256", refuse)
    assert Store(tmp_path / "state").open(str(path)).verified


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine")
    (path / "weights.bin").unlink()
    with pytest.raises(BundleError, match=r"weights\.bin"):
        Store(None).open(str(path))


def test_a_link_out_of_the_bundle_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine")
    outside = tmp_path / "outside"
    (path / "weights.bin").rename(outside)
    (path / "weights.bin").symlink_to(outside)
    with pytest.raises(BundleError, match="leaves the bundle"):
        Store(None).open(str(path))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "format 2"),
        ({"files": []}, "lists no files"),
        ({"graph": {"file": "../x.onnx", "form": "f", "opset": 17}}, "outside the bundle"),
        ({"graph": {"file": "/etc/passwd", "form": "f", "opset": 17}}, "outside the bundle"),
        ({"graph": {"file": "other.onnx", "form": "f", "opset": 17}}, "no hash"),
        ({"task": "divination"}, r"\$\.task"),
        ({"max_length": "long"}, r"\$\.max_length"),
        ({"oldest_runtime": "99.0.0"}, "99.0.0"),
    ],
)
def test_a_manifest_that_is_not_right_is_refused(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = _write(tmp_path / "mine", **changes)
    with pytest.raises(BundleError, match=says):
        Store(None).open(str(path))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}'])
def test_a_broken_manifest_is_a_clear_error(tmp_path: Path, raw: bytes) -> None:
    path = _write(tmp_path / "mine")
    (path / FILE_NAME).write_bytes(raw)
    with pytest.raises(BundleError, match=FILE_NAME):
        Store(None).open(str(path))


def test_a_directory_without_a_manifest_is_unverified(tmp_path: Path) -> None:
    config = {
        "architectures": ["BertForSequenceClassification"],
        "id2label": {"0": "no", "1": "yes"},
        "max_position_embeddings": 128,
    }
    path = tiny.write(tmp_path / "found", config, {"model.onnx": tiny.ENCODER})
    bundle = Store(None).open(str(path))
    assert not bundle.verified
    assert bundle.model_name == "found@unverified"
    assert bundle.manifest.heads["labels"].labels == ["no", "yes"]
    assert bundle.manifest.max_length == 128


@pytest.mark.parametrize(
    ("reference", "file"),
    [("found", "model.onnx"), ("found:q4", "model_q4.onnx"), ("found:fp32", "model.onnx")],
)
def test_a_reference_may_name_the_variant(tmp_path: Path, reference: str, file: str) -> None:
    config = {"architectures": ["BertForSequenceClassification"]}
    files: dict[str, Any] = dict.fromkeys(["model.onnx", "model_q4.onnx"], tiny.ENCODER)
    path = tiny.write(tmp_path / "state" / "bundles" / "found", config, files)
    store = Store(tmp_path / "state")
    assert store.find(reference) == path
    assert store.open(reference).manifest.graph.file == file
    assert store.open(f"{path.parent}/{reference}").manifest.graph.file == file


def test_a_directory_with_a_colon_in_its_name_is_found(tmp_path: Path) -> None:
    path = _write(tmp_path / "a:q4")
    assert Store(None).open(str(path)).verified


def test_a_bundle_with_a_manifest_has_no_variants(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine")
    with pytest.raises(BundleError, match="no variant 'q4'"):
        Store(None).open(f"{path}:q4")


@pytest.mark.parametrize("part", ["encoder", "first"])
def test_every_graph_needs_a_hash(tmp_path: Path, part: str) -> None:
    graph = {"file": "model.onnx", "form": "f", "opset": 17, part: "other.onnx"}
    path = _write(tmp_path / "mine", graph=graph)
    with pytest.raises(BundleError, match=r"no hash for other\.onnx"):
        Store(None).open(str(path))


def test_an_empty_directory_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"config\.json"):
        Store(None).open(str(tmp_path))
