"""Why a broker cannot be reached, in words that say what to look at; pure."""

from __future__ import annotations

import errno
import socket

_CODES = {
    errno.ECONNREFUSED: "nothing listens there; is the broker running, and is this its port?",
    errno.EHOSTUNREACH: "there is no way to it; is the network up, and the address right?",
    errno.ENETUNREACH: "there is no way to it; is the network up, and the address right?",
    errno.ETIMEDOUT: "it does not answer; is the address right, and the port open?",
    errno.ECONNRESET: "it ended the connection",
}
_NO_NAME = "there is no host of this name; is it spelt right, and is there a name server?"


def why_no_link(error: OSError, *, tls: bool) -> str:
    """Return what is wrong and what to look at; ``tls`` is whether TLS was tried."""
    if isinstance(error, socket.gaierror):
        return _NO_NAME
    # of a connection that takes too long, Python gives no code
    code = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
    said = _CODES.get(code or 0, error.strerror or str(error) or type(error).__name__)
    return f"{said}; does it speak TLS on this port?" if tls and code == errno.ECONNRESET else said
