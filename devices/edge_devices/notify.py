"""What a service tells the service manager: datagrams to systemd's socket, as in sd_notify(3)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

_TIMEOUT_S = 1.0


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send states such as ``READY=1`` and ``STATUS=…`` in one datagram.

    False where no manager listens, or it cannot be reached: a service works on without.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    message = "\n".join(state.replace("\n", " ") for state in states)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_TIMEOUT_S)
        # a name in the abstract namespace is written with @ and begins with a zero byte
        sender.sendto(message.encode(), address.replace("@", "\0", 1))
        return True
    return False


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often ``WATCHDOG=1`` is due, a third of the manager's patience.

    None if the manager does not wait for it, or waits for another process.
    """
    pid = environ.get("WATCHDOG_PID")
    patience = environ.get("WATCHDOG_USEC", "")
    if (pid is not None and pid != str(os.getpid())) or not patience.isdigit():
        return None
    return int(patience) / 1e6 / 3 or None
