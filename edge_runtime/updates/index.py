"""The signed index of a repository: what is offered, in which version, until when it is believed.

It is the one thing that is signed; it holds the hash of the contents of each release, and those the
hashes of files and chunks. What TUF divides among targets, snapshot and timestamp is one document
here, with the same three guards: a signature, a version that only grows, and an expiry.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from edge_runtime.bundles.manifest import Signature
from edge_runtime.bundles.signatures import verify
from edge_runtime.errors import BundleError, UpdateError

FILE_NAME = "index.json"
FORMAT = 1
MOST_BYTES = 1024 * 1024
TYPE = "edge-runtime updates"

Kind = Literal["bundle", "runtime"]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one bundle, or of the runtime.

    ``serial`` grows with each release of a name; ``contents`` is the SHA-256 of its contents,
    ``contents_bytes`` their size; ``manifest`` that of ``bundle.json``, or nothing for a runtime.
    ``stage_percent`` of the nodes may take it yet. It runs with ``oldest_runtime`` and newer.
    """

    kind: Kind
    name: str
    version: str
    serial: int
    size_bytes: int
    contents: str
    contents_bytes: int
    manifest: str = ""
    stage_percent: float = 100.0
    oldest_runtime: str = "0.1.0"


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The newest releases; times in seconds since the epoch.

    ``earlier`` are those before, the newest first, whose chunks the repository keeps: nobody is
    offered them.
    """

    format: int
    type: str
    version: int
    issued_s: float
    expires_s: float
    releases: list[Release] = []
    earlier: list[Release] = []
    signature: Signature | None = None

    def release(self, kind: Kind, name: str) -> Release | None:
        """Return what is offered under a name."""
        return next((r for r in self.releases if (r.kind, r.name) == (kind, name)), None)


def read_index(raw: bytes, public_keys: bytes, where: str = FILE_NAME) -> Index:
    """Check who signed an index, and read it.

    Raises:
        UpdateError: nobody who is trusted signed it, or it cannot be read.
        ConfigError: ``public_keys`` holds no Ed25519 key.
    """
    try:
        document: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        verify(document, public_keys, where)
        # another document by the same key, such as a manifest, is no index
        if document.get("type") != TYPE or document.get("format") != FORMAT:
            raise UpdateError(
                f"{where}: format {document.get('format')!r} of {document.get('type')!r} is not "
                f"{FORMAT} of {TYPE!r}, which this runtime reads; update edge-runtime"
            )
        return msgspec.convert(document, Index)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise UpdateError(f"{where}: {exc}") from exc
    except BundleError as exc:
        raise UpdateError(str(exc)) from exc


def check_fresh(index: Index, *, seen_version: int, now_s: float) -> None:
    """See that an index is neither older than one that was seen, nor out of date.

    ``now_s`` is no earlier than the truth where it can be helped: a clock that was set back would
    let an old index live on.

    Raises:
        UpdateError: it is; the message says which.
    """
    if index.version < seen_version:
        raise UpdateError(
            f"{FILE_NAME} has version {index.version}, and version {seen_version} was seen before: "
            "somebody offers an old state of the repository; it is refused"
        )
    if now_s >= index.expires_s:
        raise UpdateError(
            f"{FILE_NAME} version {index.version} expired {(now_s - index.expires_s) / 3600:.1f} h "
            "ago; publish it again, or see why this source is out of date"
        )
