"""Who may ask: holders of the key, and no page in a browser that was led to this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from edge_runtime.http.address import is_loopback
from edge_runtime.http.errors import ForeignHostError, KeyRequiredError, MediaTypeError


class Gate:
    """Checks the headers of a request before its body is read.

    With a key, a request has to carry it. Without, a server for this machine only takes requests
    for this machine's names, and only such bodies as a page of another site cannot send unasked.
    """

    def __init__(self, key: str | None, *, only_local: bool) -> None:
        self._key = key
        self._only_local = only_local

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Let a request pass; header names are in lower case.

        Raises:
            KeyRequiredError: the key is missing or wrong.
            ForeignHostError: the request is for another host.
            MediaTypeError: the body is not declared as JSON.
        """
        if self._key is not None:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._key.encode())
            if scheme.lower() != "bearer" or not right:
                raise KeyRequiredError(
                    "this server takes a key: send it in the header Authorization: Bearer KEY"
                )
        elif self._only_local and not is_loopback(_host(headers.get("host", ""))):
            raise ForeignHostError("this server answers requests for localhost only")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method == "POST" and media_type != "application/json":
            raise MediaTypeError("send JSON, with the header Content-Type: application/json")


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
