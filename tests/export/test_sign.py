from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edge_export.signing import sign_bundle, verify_bundle, write_new_key
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import BundleError, ConfigError, TamperedBundleError

from .test_evaluate import FRUIT, labels, make_bundle, run

pytest.importorskip("cryptography", reason="needs the extra `sign`")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "b", {"intent": (labels("a", "b", "c"), FRUIT)})


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_new_key(tmp_path / "key.pem")
    return tmp_path / "key.pem"


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def test_a_signed_bundle_is_verified_with_the_public_key(bundle: Bundle, key: Path) -> None:
    signed = run("sign", bundle.path, "--key", key)
    assert "2 files signed with ed25519 key" in signed.stdout
    result = run("verify", bundle.path, "--public-key", _public(key))
    assert "2 files are as the manifest says" in result.stdout
    assert "signed with the trusted key" in result.stdout
    assert Store(None).open(str(bundle.path)).verified
    document = json.loads(run("verify", bundle.path, "--public-key", _public(key), "--json").stdout)
    assert (document["signature"], document["unlisted"]) == ("trusted", [])


def test_without_a_key_nobody_is_trusted(bundle: Bundle, key: Path) -> None:
    assert "not signed" in run("verify", bundle.path).stdout
    sign_bundle(bundle.path, key)
    assert "not checked against a trusted key" in run("verify", bundle.path).stdout
    assert verify_bundle(bundle.path, None).signature == "untrusted"


def test_a_new_key_is_for_its_owner_only_and_never_replaced(tmp_path: Path) -> None:
    result = run("sign", "--new-key", tmp_path / "k", "--json")
    assert json.loads(result.stdout)["public_key_file"] == str(tmp_path / "k.pub")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "k").read_bytes()
    again = run("sign", "--new-key", tmp_path / "k")
    assert isinstance(again.exception, ConfigError)
    assert (tmp_path / "k").read_bytes() == before
    assert "PRIVATE" not in (tmp_path / "k.pub").read_text()


def test_a_key_can_be_made_and_used_at_once(bundle: Bundle, tmp_path: Path) -> None:
    run("sign", bundle.path, "--new-key", tmp_path / "k")
    assert verify_bundle(bundle.path, tmp_path / "k.pub").signature == "trusted"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused(bundle: Bundle, key: Path, mode: int) -> None:
    key.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        sign_bundle(bundle.path, key)
    assert Store(None).open(str(bundle.path)).manifest.signature is None
    key.chmod(0o400)
    sign_bundle(bundle.path, key)


def test_a_flipped_byte_in_any_file_is_found(bundle: Bundle, key: Path) -> None:
    sign_bundle(bundle.path, key)
    for path in sorted(bundle.path.iterdir()):
        if path.name == "bundle.json":
            continue
        whole = path.read_bytes()
        for place in range(0, len(whole), 37):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(TamperedBundleError, match=path.name):
                verify_bundle(bundle.path, _public(key))
        path.write_bytes(whole)
    verify_bundle(bundle.path, _public(key))


def test_a_manifest_that_was_changed_is_found_with_and_without_a_key(
    bundle: Bundle, key: Path
) -> None:
    sign_bundle(bundle.path, key)
    path = bundle.path / "bundle.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "max_length": 128}))
    for trusted in (_public(key), None):
        with pytest.raises(TamperedBundleError, match="changed after it was signed"):
            verify_bundle(bundle.path, trusted)


def test_a_file_replaced_together_with_its_hash_is_found(bundle: Bundle, key: Path) -> None:
    sign_bundle(bundle.path, key)
    other = make_bundle(bundle.path.with_name("c"), {"intent": (labels("a", "b", "c"), {"x": [1]})})
    manifest = json.loads((bundle.path / "bundle.json").read_text())
    theirs = json.loads((other.path / "bundle.json").read_text())
    for name in ("model.onnx", "tokenizer.json"):
        (bundle.path / name).write_bytes((other.path / name).read_bytes())
    (bundle.path / "bundle.json").write_text(json.dumps({**manifest, "files": theirs["files"]}))
    Store(None).open(str(bundle.path))
    with pytest.raises(TamperedBundleError, match="changed after it was signed"):
        verify_bundle(bundle.path, _public(key))


def test_another_key_is_not_trusted(bundle: Bundle, key: Path, tmp_path: Path) -> None:
    sign_bundle(bundle.path, key)
    write_new_key(tmp_path / "other")
    with pytest.raises(TamperedBundleError, match="signed with another key"):
        verify_bundle(bundle.path, tmp_path / "other.pub")


def test_an_unsigned_bundle_fails_where_a_key_is_given(bundle: Bundle, key: Path) -> None:
    with pytest.raises(BundleError, match="not signed"):
        verify_bundle(bundle.path, _public(key))


def test_files_that_nothing_covers_are_named(bundle: Bundle, key: Path) -> None:
    sign_bundle(bundle.path, key)
    (bundle.path / "notes").mkdir()
    (bundle.path / "notes" / "extra.bin").write_bytes(b"x")
    (bundle.path / "link").symlink_to("/etc")
    result = run("verify", bundle.path, "--public-key", _public(key))
    assert "nothing covers them: link, notes/extra.bin" in result.stdout
    assert verify_bundle(bundle.path, _public(key)).unlisted == ["link", "notes/extra.bin"]


def test_signing_again_replaces_the_signature_and_nothing_else(
    bundle: Bundle, key: Path, tmp_path: Path
) -> None:
    before = (bundle.path / "bundle.json").read_text()
    sign_bundle(bundle.path, key)
    first = json.loads((bundle.path / "bundle.json").read_text())
    write_new_key(tmp_path / "other")
    sign_bundle(bundle.path, tmp_path / "other")
    second = json.loads((bundle.path / "bundle.json").read_text())
    assert first.pop("signature") != second.pop("signature")
    assert first == second == json.loads(before)


def test_a_changed_bundle_is_not_signed(bundle: Bundle, key: Path) -> None:
    (bundle.path / "tokenizer.json").write_text("{}")
    with pytest.raises(TamperedBundleError):
        sign_bundle(bundle.path, key)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --key FILE"),
        (["--key", "k", "--new-key", "k2"], "give --key FILE"),
        (["b", "--key", "absent"], "absent: No such file"),
        (["b", "--key", "broken"], "broken: not an unencrypted private key"),
        (["--key", "broken"], "name the bundle"),
        (["--new-key", "no/such/folder/k"], "cannot be written"),
        (["absent", "--new-key", "k"], "no bundle"),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    assert bundle.path.name == "b"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "broken").chmod(0o600)
    error = run("sign", *arguments).exception
    assert isinstance(error, ConfigError | BundleError)
    assert says in str(error)


def test_a_private_key_is_no_public_key(bundle: Bundle, key: Path) -> None:
    sign_bundle(bundle.path, key)
    with pytest.raises(ConfigError, match=r"key\.pem: not a public key"):
        verify_bundle(bundle.path, key)


def test_without_cryptography_only_signing_names_the_extra(
    bundle: Bundle, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(bundle.path, key)
    for name in ("cryptography.exceptions", "cryptography.hazmat.primitives"):
        monkeypatch.setitem(sys.modules, name, None)
    for step in (
        lambda: write_new_key(key.with_name("k2")),
        lambda: sign_bundle(bundle.path, key),
    ):
        with pytest.raises(ConfigError, match=r"pip install 'edge-runtime\[sign\]'"):
            step()
    assert not key.with_name("k2").exists()
    # a device verifies without it
    assert verify_bundle(bundle.path, _public(key)).signature == "trusted"
    assert verify_bundle(bundle.path, None).signature == "untrusted"
