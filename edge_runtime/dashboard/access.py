"""Who may look and steer: whoever has the token, from this server's own page."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from edge_runtime.dashboard.errors import ForeignRequestError, MediaTypeError, SignInError
from edge_runtime.errors import ConfigError
from edge_runtime.http.address import is_loopback

SESSION_S = 24 * 3600.0

_SHORTEST_TOKEN = 16
_MOST_SESSIONS = 32
_SESSION_BYTES = 32


class Access:
    """Checks hosts, origins, tokens and cookies; header names are in lower case.

    Sessions are in memory: a restart ends them. ``secure`` is for HTTPS, ``host_names`` are those
    that it answers to besides ``localhost``; a server for others also answers to any IP address,
    which no name server can change.

    Raises:
        ConfigError: the token has fewer than 16 characters.
    """

    def __init__(
        self,
        token: str,
        *,
        only_local: bool,
        host_names: Collection[str] = (),
        secure: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if len(token) < _SHORTEST_TOKEN:
            raise ConfigError(
                f"the token of the dashboard is too easy to guess: use {_SHORTEST_TOKEN} or more "
                "characters, for example of: openssl rand -hex 32"
            )
        self._token = token.encode()
        self._only_local = only_local
        self._host_names = {name.lower() for name in host_names}
        self._secure = secure
        self._clock = clock
        self._sessions: OrderedDict[str, float] = OrderedDict()
        # cookies are for all ports of a host, and two dashboards may be on one
        mark = hashlib.sha256(self._token).hexdigest()[:8]
        self._cookie = f"{'__Host-' if secure else ''}edge_dashboard_{mark}"

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Let a request pass that is for this server.

        Raises:
            ForeignRequestError: it is for another host (DNS rebinding).
        """
        host = _host(headers.get("host", ""))
        known = is_loopback(host) or host in self._host_names
        if not (known or (not self._only_local and _is_address(host))):
            raise ForeignRequestError(
                "this dashboard does not answer to that name; open it under the address that it "
                "printed, or start it with --host-name"
            )

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Let a request pass that changes something: JSON, and from a page of this server.

        Raises:
            ForeignRequestError: a page of another origin sent it.
            MediaTypeError: the body is not declared as JSON.
        """
        origin = headers.get("origin")
        # the scheme may be that of a proxy with TLS
        is_ours = origin is None or _place(origin) == headers.get("host", "").lower()
        if not is_ours or headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise ForeignRequestError("another site sent this request")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise MediaTypeError("send JSON, with the header Content-Type: application/json")

    def sign_in(self, token: str) -> str:
        """Return the Set-Cookie header of a new session.

        Raises:
            SignInError: the token is wrong.
        """
        if not hmac.compare_digest(token.encode(errors="replace"), self._token):
            raise SignInError("that is not the token of this dashboard")
        session = secrets.token_urlsafe(_SESSION_BYTES)
        self._sessions[session] = self._clock() + SESSION_S
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return self._set_cookie(session, int(SESSION_S))

    def sign_out(self, headers: Mapping[str, str]) -> str:
        """End the session of a request, and return the Set-Cookie header that removes it."""
        self._sessions.pop(self._given(headers), None)
        return self._set_cookie("", 0)

    def check_session(self, headers: Mapping[str, str]) -> None:
        """Let a request pass whose session is open.

        Raises:
            SignInError: there is none.
        """
        session = self._given(headers)
        if self._sessions.get(session, 0.0) <= self._clock():
            self._sessions.pop(session, None)
            raise SignInError("sign in with the token that the dashboard printed when it started")

    def _given(self, headers: Mapping[str, str]) -> str:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return ""
        found = cookies.get(self._cookie)
        return "" if found is None else found.value

    def _set_cookie(self, value: str, age_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        attributes = f"Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"
        return f"{self._cookie}={value}; {attributes}"


def _place(origin: str) -> str:
    return origin.lower().removeprefix("https://").removeprefix("http://")


def _host(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
