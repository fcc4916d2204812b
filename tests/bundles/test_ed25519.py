"""The arithmetic agrees with RFC 8032 and with cryptography, and knows one spelling only."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.bundles.ed25519 import is_signed
from edge_runtime.bundles.signatures import key_texts, new_key, sign, verify
from edge_runtime.errors import ConfigError, TamperedBundleError

_ORDER = 2**252 + 27742317777372353535851937790883648493

# RFC 8032, 7.1: tests 1, 2 and 3
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
            "b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
            "1d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
            "c6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard_hold(key: str, message: str, signature: str) -> None:
    public, said, value = map(bytes.fromhex, (key, message, signature))
    assert is_signed(public, value, said)
    assert not is_signed(public, value, said + b"x")
    for place in (0, 31, 32, 63):
        changed = bytearray(value)
        changed[place] ^= 1
        assert not is_signed(public, bytes(changed), said)


def test_a_factor_above_the_order_is_another_spelling_and_refused() -> None:
    public, said, value = map(bytes.fromhex, VECTORS[1])
    larger = (int.from_bytes(value[32:], "little") + _ORDER).to_bytes(32, "little")
    assert not is_signed(public, value[:32] + larger, said)


def test_what_is_no_point_or_has_another_length_is_refused() -> None:
    public, said, value = map(bytes.fromhex, VECTORS[0])
    assert not is_signed(bytes([2]) + bytes(31), value, said)
    assert not is_signed(b"\xff" * 32, value, said)
    assert not is_signed(public[:31], value, said)
    assert not is_signed(public, value[:63], said)


@settings(max_examples=25)
@given(st.binary(max_size=200), st.integers(0, 63), st.booleans())
def test_it_says_what_cryptography_says(message: bytes, place: int, is_changed: bool) -> None:  # noqa: FBT001
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = ed25519.Ed25519PrivateKey.generate()
    value = bytearray(key.sign(message))
    value[place] ^= is_changed
    public = key.public_key().public_bytes_raw()
    assert is_signed(public, bytes(value), message) is not is_changed


def test_a_device_without_cryptography_verifies_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private, public = new_key()
    document = {"name": "mine", "signature": None}
    signature = sign(document, private)
    signed = {
        "name": "mine",
        "signature": {
            "algorithm": "ed25519",
            "public_key": signature.public_key,
            "value": signature.value,
        },
    }
    _, other = new_key()
    for name in ("cryptography", "cryptography.exceptions", "cryptography.hazmat.primitives"):
        monkeypatch.setitem(sys.modules, name, None)
    assert verify(signed, public) == signature
    with pytest.raises(TamperedBundleError, match="changed after"):
        verify({**signed, "name": "other"}, public)
    with pytest.raises(TamperedBundleError, match="another key"):
        verify(signed, other)


def test_one_of_several_trusted_keys_is_enough() -> None:
    private, public = new_key()
    _, other = new_key()
    document = {"name": "mine"}
    signature = sign(document, private)
    signed = {
        **document,
        "signature": {
            "algorithm": "ed25519",
            "public_key": signature.public_key,
            "value": signature.value,
        },
    }
    assert key_texts(other + public)[1] == signature.public_key
    assert verify(signed, other + public) == signature
    with pytest.raises(ConfigError, match="not a public key"):
        key_texts(b"nothing")
