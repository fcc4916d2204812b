"""Ed25519 signatures over a manifest; the only import of cryptography, where it is installed.

What is signed are the bytes of ``canonical``: all fields of ``bundle.json`` but ``signature``, also
those that this runtime does not know. The manifest lists size and SHA-256 of every file, so one
signature covers them all. To sign takes cryptography; to verify does not: without it ``ed25519``
does the sums.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from edge_runtime.bundles import ed25519 as arithmetic
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import FILE_NAME, Signature
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError, ConfigError, TamperedBundleError

ALGORITHM = "ed25519"
_FIELD = "signature"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
# SubjectPublicKeyInfo of an Ed25519 key before its 32 bytes (RFC 8410)
_DER = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES = 32


class Verification(msgspec.Struct, frozen=True):
    """What was checked: ``verified`` is True when every file has the hash of the manifest.

    ``signature`` is ``trusted`` when it was made with the trusted key, ``untrusted`` when nobody
    said which key to trust, or ``none``. ``unlisted`` are files of the directory that the manifest
    does not list, so that nothing covers them.
    """

    model: str
    verified: bool
    files: int
    signature: Literal["trusted", "untrusted", "none"]
    public_key: str | None
    unlisted: list[str]


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: JSON in UTF-8, keys sorted, no white space.

    ``document`` is the JSON object of ``bundle.json``.
    """
    fields = {key: value for key, value in document.items() if key != _FIELD}
    return msgspec.json.encode(fields, order="sorted")


def sign(document: Mapping[str, Any], private_key: bytes) -> Signature:
    """Return the signature of a manifest by an unencrypted private key in PEM (PKCS #8).

    Raises:
        ConfigError: not such a key, or the extra ``sign`` is not installed.
    """
    with _needs_extra():
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    try:
        key = serialization.load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError) as exc:  # TypeError: it is encrypted
        raise ConfigError(f"not an unencrypted private key in PEM: {exc}") from exc
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ConfigError("the private key is not an Ed25519 key")
    return Signature(
        algorithm=ALGORITHM,
        public_key=_text(key.public_key().public_bytes_raw()),
        value=_text(key.sign(canonical(document))),
    )


def verify(
    document: Mapping[str, Any], public_key: bytes | None, what: str = FILE_NAME
) -> Signature:
    """Return the signature of a manifest after checking it.

    ``public_key`` is the trusted key in PEM, or several, one after the other. With None the key in
    the signature itself is used: that shows that nothing changed since, and not who signed.
    ``what`` names the document in errors.

    Raises:
        BundleError: the manifest is not signed, or by an algorithm that is not known here.
        TamperedBundleError: it was signed with another key, or changed since.
        ConfigError: ``public_key`` is no Ed25519 key.
    """
    signature = _signature(document, what)
    if public_key is not None and signature.public_key not in key_texts(public_key):
        raise TamperedBundleError(
            f"{what} is signed with another key, {signature.public_key}; get it from a source that "
            "you trust"
        )
    try:
        raw_key, value = _bytes(signature.public_key), _bytes(signature.value)
    except ValueError:
        raw_key = value = b""
    if not _is_signed(raw_key, value, canonical(document)):
        raise TamperedBundleError(
            f"{what} was changed after it was signed; get it from a source that you trust"
        )
    return signature


def key_text(public_key: bytes) -> str:
    """Return a public key in PEM as a signature names it: the base64 of its 32 bytes.

    Raises:
        ConfigError: no Ed25519 public key.
    """
    return key_texts(public_key)[0]


def key_texts(public_keys: bytes) -> list[str]:
    """Return all public keys of a PEM file as signatures name them.

    Raises:
        ConfigError: there is none, or one that is no Ed25519 key.
    """
    found = []
    for encoded in _PEM.findall(public_keys):
        try:
            der = base64.b64decode(b"".join(encoded.split()), validate=True)
        except ValueError as exc:
            raise ConfigError(f"not a public key in PEM: {exc}") from exc
        if not der.startswith(_DER) or len(der) != len(_DER) + _KEY_BYTES:
            raise ConfigError("the public key is not an Ed25519 key")
        found.append(_text(der.removeprefix(_DER)))
    if not found:
        raise ConfigError("not a public key in PEM")
    return found


def new_key() -> tuple[bytes, bytes]:
    """Return a new private key (PKCS #8) and its public key, both in PEM.

    Raises:
        ConfigError: the extra ``sign`` is not installed.
    """
    with _needs_extra():
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


def check(bundle: Bundle, public_key: bytes | None) -> Verification:
    """Return what vouches for a bundle whose files have been hashed.

    ``public_key`` is the trusted key in PEM. Without one a signature must still fit the key that it
    names.

    Raises:
        BundleError, TamperedBundleError, ConfigError: as ``verify``.
    """
    manifest = bundle.manifest
    signature = manifest.signature
    if public_key is not None:
        signature = verify(read_json(bundle.path / FILE_NAME), public_key)
    elif signature is not None:
        signature = verify(read_json(bundle.path / FILE_NAME), None)
    return Verification(
        model=bundle.model_name,
        verified=bundle.verified,
        files=len(manifest.files),
        signature="none" if signature is None else "trusted" if public_key else "untrusted",
        public_key=signature.public_key if signature else None,
        unlisted=_unlisted(bundle) if bundle.verified else [],
    )


def _signature(document: Mapping[str, Any], what: str) -> Signature:
    if document.get(_FIELD) is None:
        raise BundleError(f"{what} is not signed; sign it with edge-export sign")
    try:
        signature = msgspec.convert(document[_FIELD], Signature)
    except msgspec.ValidationError as exc:
        raise TamperedBundleError(f"{what}: field {_FIELD}: {exc}") from exc
    if signature.algorithm != ALGORITHM:
        raise BundleError(
            f"{what} is signed with {signature.algorithm!r}, and this runtime knows "
            f"{ALGORITHM}; update edge-runtime"
        )
    return signature


def _is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ModuleNotFoundError:
        return arithmetic.is_signed(public_key, signature, message)
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unlisted(bundle: Bundle) -> list[str]:
    listed = {FILE_NAME, *(file.path for file in bundle.manifest.files)}
    found = (path for path in bundle.path.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({path.relative_to(bundle.path).as_posix() for path in found} - listed)


@contextlib.contextmanager
def _needs_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        raise ConfigError("signatures need cryptography: pip install 'edge-runtime[sign]'") from exc


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    """Decode base64, which has one spelling only: unused bits of the last digit are 0."""
    raw = base64.b64decode(text, validate=True)
    if _text(raw) != text:
        raise ValueError("not base64")
    return raw
