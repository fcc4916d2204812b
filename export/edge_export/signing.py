"""``bundle.json`` of an existing bundle: changed in one step, signed, and checked."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import FILE_NAME, Signature
from edge_runtime.bundles.signatures import Verification, check, new_key, sign
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import BundleError, ConfigError

Found = TypeVar("Found", Signature, Verification)

_FIELD = "signature"
_KEY_MODES = (0o600, 0o644)


def rewrite_manifest(directory: Path, **fields: Any) -> bool:  # noqa: ANN401 - JSON
    """Change fields of ``bundle.json`` in one step; return whether a signature was removed.

    Fields that this version does not know stay as they are.

    Raises:
        BundleError: there is no manifest.
        ConfigError: it cannot be written.
    """
    path = directory / FILE_NAME
    document = read_json(path)
    removed = document.pop(_FIELD, None) is not None and _FIELD not in fields
    text = msgspec.json.format(msgspec.json.encode({**document, **fields}), indent=2)
    try:
        _replace(path, text + b"\n")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}") from exc
    return removed


def sign_bundle(directory: Path, key_file: Path) -> tuple[Bundle, Signature]:
    """Check every file of a bundle, then put a signature into its manifest.

    Raises:
        BundleError: no bundle, or a file is not what the manifest says.
        ConfigError: the key is no Ed25519 key, or others may read it; or nothing can be written.
    """
    key = read_private_key(key_file)
    bundle = _open(directory)
    signature = _of_file(key_file, lambda: sign(read_json(directory / FILE_NAME), key))
    rewrite_manifest(directory, signature=msgspec.to_builtins(signature))
    return bundle, signature


def verify_bundle(directory: Path, key_file: Path | None) -> Verification:
    """Check every file of a bundle, and with a trusted public key the signature.

    Without a key a signature is only compared with the key that it names itself.

    Raises:
        BundleError: no bundle, or with a key: it is not signed.
        TamperedBundleError: a file or the manifest changed, or another key signed it.
        ConfigError: the key cannot be read, or is no Ed25519 key.
    """
    bundle = _open(directory)
    if key_file is None:
        return check(bundle, None)
    key = _read(key_file)
    return _of_file(key_file, lambda: check(bundle, key))


def write_new_key(path: Path) -> Path:
    """Write a new private key (mode 0600), and its public key beside it; return that file.

    Raises:
        ConfigError: one of the files exists or cannot be written.
    """
    public = path.with_name(f"{path.name}.pub")
    for file in (path, public):
        if file.exists():
            raise ConfigError(f"{file} exists; a key is never replaced, so choose another name")
    for file, mode, content in zip((path, public), _KEY_MODES, new_key(), strict=True):
        try:
            # made with its mode: at no time can others read it
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
        except OSError as exc:
            raise ConfigError(f"{file} cannot be written: {exc.strerror}") from exc
    return public


def read_private_key(path: Path) -> bytes:
    """Return a private key that nobody else may use.

    Raises:
        ConfigError: it cannot be read, or others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    if mode & 0o077:
        raise ConfigError(f"{path} has mode {mode:04o}, so others may use it: chmod 600 {path}")
    return _read(path)


def _open(directory: Path) -> Bundle:
    bundle = Store(None).open(str(directory.absolute()))
    if not bundle.verified:
        raise BundleError(f"{directory} has no {FILE_NAME}, so nothing says what it should be")
    return bundle


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc


def _of_file(path: Path, use: Callable[[], Found]) -> Found:
    """Put the file's name before what is wrong with the key in it."""
    try:
        return use()
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside and rename it, so that a reader sees the old or the new one, whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as new:
        made = Path(new.name)
        try:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            made.chmod(stat.S_IMODE(path.stat().st_mode))
            made.replace(path)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
