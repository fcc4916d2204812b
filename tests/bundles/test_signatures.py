from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_runtime.bundles.manifest import FILE_NAME
from edge_runtime.bundles.signatures import canonical, key_text, new_key, sign, verify
from edge_runtime.bundles.verify import sha256
from edge_runtime.cli.app import app
from edge_runtime.errors import BundleError, ConfigError, EdgeError, TamperedBundleError

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")

PRIVATE, PUBLIC = new_key()


def _manifest(directory: Path) -> dict[str, Any]:
    return {
        "format": 1,
        "name": "mine",
        "version": "1",
        "task": "text-classification",
        "heads": {"intent": {"type": "classification", "output": "logits", "labels": ["ä", "b"]}},
        "source": {"model": "test"},
        "graph": {"file": "model.onnx", "form": "test", "opset": 17},
        "files": [{"path": "model.onnx", "size_bytes": 5,
                   "sha256": sha256(directory / "model.onnx")}],
        "report": {"latency_ms": 0.8127},
    }  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A signed bundle; its graph is never loaded here."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "model.onnx").write_bytes(b"graph")
    document = _manifest(path)
    document["signature"] = msgspec.to_builtins(sign(document, PRIVATE))
    (path / FILE_NAME).write_text(json.dumps(document, indent=2, ensure_ascii=False))
    return path


def _document(directory: Path) -> dict[str, Any]:
    return dict(json.loads((directory / FILE_NAME).read_text()))


def test_order_spacing_and_signature_are_not_part_of_what_is_signed() -> None:
    one = {"b": 1, "a": {"d": [1.5, "ä"], "c": None}, "signature": {"x": 1}}
    other = json.loads('{"a": {"c": null, "d": [1.5, "\\u00e4"]},\n "b": 1}')
    assert canonical(one) == canonical(other) == '{"a":{"c":null,"d":[1.5,"ä"]},"b":1}'.encode()


def test_the_signature_is_plain_ed25519_over_these_bytes(directory: Path) -> None:
    """So any other Ed25519 implementation can check it."""
    document = _document(directory)
    raw = base64.b64decode(document["signature"]["public_key"])
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    key.verify(base64.b64decode(document["signature"]["value"]), canonical(document))
    assert document["signature"]["public_key"] == key_text(PUBLIC)
    assert len(raw) == 32


def test_a_flipped_byte_anywhere_in_the_manifest_is_found(directory: Path) -> None:
    whole = (directory / FILE_NAME).read_bytes()
    before = json.loads(whole)
    verify(before, PUBLIC)
    found = 0
    for place in range(len(whole)):
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        try:
            document = msgspec.json.decode(flipped, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        assert document != before
        with pytest.raises(BundleError):
            verify(document, PUBLIC)
        found += 1
    assert found > len(whole) / 2


@given(st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5) | st.none()))
def test_what_this_runtime_does_not_know_is_covered_too(more: dict[str, Any]) -> None:
    document = {"name": "mine", **more}
    signature = msgspec.to_builtins(sign(document, PRIVATE))
    verify({**document, "signature": signature}, PUBLIC)
    with pytest.raises(TamperedBundleError):
        verify({**document, "one more": 1, "signature": signature}, PUBLIC)


def test_another_key_is_not_trusted(directory: Path) -> None:
    _, other = new_key()
    with pytest.raises(TamperedBundleError, match="another key"):
        verify(_document(directory), other)


def test_a_signature_under_a_borrowed_name_is_found(directory: Path) -> None:
    """The right public key beside a signature by another key."""
    document = _document(directory)
    forged = sign(document, new_key()[0])
    document["signature"]["value"] = forged.value
    with pytest.raises(TamperedBundleError, match="changed after"):
        verify(document, PUBLIC)


def test_a_signature_has_one_spelling(directory: Path) -> None:
    document = _document(directory)
    value = document["signature"]["value"]
    # the same 64 bytes: the last digit before the padding has four bits that nobody reads
    respelt = f"{value[:-3]}{chr(ord(value[-3]) + 1)}=="
    assert base64.b64decode(respelt) == base64.b64decode(value)
    document["signature"]["value"] = respelt
    with pytest.raises(TamperedBundleError):
        verify(document, PUBLIC)


@pytest.mark.parametrize(
    ("signature", "error", "says"),
    [
        (None, BundleError, "not signed"),
        ({"algorithm": "ed25519"}, TamperedBundleError, "public_key"),
        ({"algorithm": "rot13", "public_key": "", "value": ""}, BundleError, "rot13"),
        (
            {"algorithm": "ed25519", "public_key": "AA==", "value": ""},
            TamperedBundleError,
            "changed",
        ),
        ({"algorithm": "ed25519", "public_key": "?", "value": "é"}, TamperedBundleError, "chang"),
    ],
)
def test_a_signature_that_is_none_is_a_clear_error(
    signature: object, error: type[EdgeError], says: str
) -> None:
    with pytest.raises(error, match=says):
        verify({"name": "mine", "signature": signature}, None)


def test_keys_of_another_kind_are_refused() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = serialization.Encoding.PEM
    private = other.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        sign({}, private)
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        key_text(public)


def test_an_encrypted_key_is_refused_in_words() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(ConfigError, match="unencrypted"):
        sign({}, encrypted)


def _models_verify(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["models", "verify", *(str(each) for each in arguments)])


def test_the_device_shows_whether_a_signature_was_checked(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_bytes(PUBLIC)
    untrusted = _models_verify(directory)
    assert f"signed with key {key_text(PUBLIC)}, which was not checked" in untrusted.stdout
    assert "signed with the trusted key" in _models_verify(directory, "--public-key", key).stdout
    (directory / "more.txt").write_text("x")
    row = json.loads(_models_verify(directory, "--public-key", key, "--json").stdout)
    assert (row["signature"], row["unlisted"], row["files"]) == ("trusted", ["more.txt"], 1)


def test_the_device_refuses_a_manifest_that_was_changed(directory: Path) -> None:
    document = {**_document(directory), "version": "2"}
    (directory / FILE_NAME).write_text(json.dumps(document))
    assert isinstance(_models_verify(directory).exception, TamperedBundleError)


def test_the_shipped_bundle_is_verified_as_ever() -> None:
    row = json.loads(_models_verify("--json").stdout)
    assert (row["verified"], row["signature"], row["unlisted"]) == (True, "none", [])
