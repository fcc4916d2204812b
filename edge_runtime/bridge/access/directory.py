"""The directory that holds what a broker and each of its users needs.

``broker/`` is for the broker's machine, ``users/NAME/`` for the machine of that name, and
``authority/`` for nobody else: its key makes users. ``site.json`` remembers who is who, so that the
next run adds, removes or renews. All directories are 0700, and files with secrets 0600.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.bridge.access.passwords import new_password
from edge_runtime.bridge.access.site import Site
from edge_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.bridge.access.certificates import Pair

_SITE = "site.json"
_PUBLIC, _SECRET = 0o644, 0o600
_AUTHORITY_NAME = "edge-runtime broker authority"


def read_site(directory: Path) -> Site | None:
    """Return who is who in a directory, None where nothing was written yet.

    Raises:
        ConfigError: it cannot be read.
    """
    path = directory / _SITE
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Site)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}; take another directory") from exc


def write_site(directory: Path, site: Site, now: dt.datetime) -> list[Path]:
    """Write all files, keep secrets that are there, and return what is new, changed or renewed.

    Whoever is not a member any more loses password, certificate and rights. ``now`` is with a zone.

    Raises:
        ConfigError: something in the site is not valid, a file cannot be written, or certificates
            are wanted and the extra ``sign`` is not installed.
    """
    site.check()
    try:
        return _Writer(directory, site, now).write()
    except OSError as exc:
        raise ConfigError(f"{exc.filename or directory} cannot be written: {exc.strerror}") from exc


class _Writer:
    """One run over a directory."""

    def __init__(self, directory: Path, site: Site, now: dt.datetime) -> None:
        self._site = site
        self._now = now
        self._directory = directory
        self._broker = directory / "broker"
        self._users = directory / "users"
        self._authority = directory / "authority"
        self._written: list[Path] = []

    def write(self) -> list[Path]:
        for each in (self._directory, self._broker, self._users):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        gone = [path for path in self._users.iterdir() if path.name not in self._site.members]
        if self._site.hosts:
            self._write_certificates(gone)
        for path in gone:
            shutil.rmtree(path)
            self._written.append(path)
        passwords = {name: self._write_user(name) for name in self._site.members}
        for name, text in self._site.broker_files(passwords).items():
            is_secret = name == "passwords"
            self._put(self._broker / name, text.encode(), _SECRET if is_secret else _PUBLIC)
        self._put(self._directory / _SITE, msgspec.json.encode(self._site) + b"\n", _PUBLIC)
        return self._written

    def _write_user(self, name: str) -> str:
        """Write the files of a member and return its password."""
        user = self._users / name
        user.mkdir(mode=0o700, exist_ok=True)
        self._put(user / "edge.toml", self._site.settings(name).encode(), _PUBLIC)
        if self._site.mtls:
            return ""
        path = user / "mqtt-password"
        if not path.exists():
            self._put(path, new_password().encode() + b"\n", _SECRET)
        return path.read_text(encoding="utf-8").strip()

    def _write_certificates(self, gone: list[Path]) -> None:
        try:
            from edge_runtime.bridge.access import certificates as made  # noqa: PLC0415 - an extra
        except ImportError as exc:
            raise ConfigError(
                "certificates need the extra sign; run: pip install 'edge-runtime[sign]'"
            ) from exc
        self._authority.mkdir(mode=0o700, exist_ok=True)
        authority = _pair(self._authority, "ca")
        if authority is None:
            authority = made.new_authority(_AUTHORITY_NAME, self._now)
            self._put_pair(self._authority, "ca", authority)
        self._put(self._broker / "ca.pem", authority.certificate, _PUBLIC)
        hosts = self._site.hosts
        found = _pair(self._broker, "broker")
        if found is None or not made.is_current(found.certificate, authority, hosts, self._now):
            self._put_pair(self._broker, "broker", made.new_broker(authority, hosts, self._now))
        for name in self._site.members:
            user = self._users / name
            user.mkdir(mode=0o700, exist_ok=True)
            self._put(user / "mqtt-ca.pem", authority.certificate, _PUBLIC)
            found = _pair(user, "mqtt")
            if self._site.mtls and (
                found is None or not made.is_current(found.certificate, authority, (), self._now)
            ):
                self._put_pair(user, "mqtt", made.new_user(authority, name, self._now))
        pairs = [pair for pair in (_pair(path, "mqtt") for path in gone) if pair is not None]
        listed = self._broker / "revoked.pem"
        before = listed.read_bytes() if listed.exists() else None
        if before is None or pairs:
            revoked = [pair.certificate for pair in pairs]
            content = made.revocations(authority, before, revoked, self._now)
            self._put(listed, content, _PUBLIC)

    def _put_pair(self, directory: Path, name: str, pair: Pair) -> None:
        certificate, key = _pair_files(directory, name)
        self._put(key, pair.key, _SECRET)
        self._put(certificate, pair.certificate, _PUBLIC)

    def _put(self, path: Path, content: bytes, mode: int) -> None:
        """Write a file at once and whole, unless it is the same; nobody else reads a secret."""
        if path.exists() and path.read_bytes() == content:
            path.chmod(mode)
            return
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        beside.chmod(mode)  # whatever the umask says
        beside.replace(path)
        self._written.append(path)


def _pair_files(directory: Path, name: str) -> tuple[Path, Path]:
    """Return where a certificate and its key stand."""
    middle = "" if name == "ca" else "-cert"
    return directory / f"{name}{middle}.pem", directory / f"{name}-key.pem"


def _pair(directory: Path, name: str) -> Pair | None:
    from edge_runtime.bridge.access.certificates import Pair  # noqa: PLC0415 - an extra

    certificate, key = _pair_files(directory, name)
    if not (certificate.exists() and key.exists()):
        return None
    return Pair(certificate.read_bytes(), key.read_bytes())
