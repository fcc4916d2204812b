from __future__ import annotations

import errno
import socket

import pytest

from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.link_errors import why_no_link
from edge_runtime.errors import UnavailableError
from tests.bridge.mqtt.test_connection import Client


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ECONNREFUSED, "Connection refused"), "is the broker running"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "is the network up"),
        (TimeoutError("timed out"), "does not answer"),
        (socket.gaierror(-2, "Name or service not known"), "no host of this name"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(), "OSError"),
    ],
)
def test_it_says_what_to_look_at(error: OSError, said: str) -> None:
    why = why_no_link(error, tls=False)
    assert said in why
    assert "Errno" not in why


def test_a_connection_that_ends_at_once_may_not_be_one_of_tls() -> None:
    error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    assert why_no_link(error, tls=True).endswith("does it speak TLS on this port?")
    assert "TLS" not in why_no_link(error, tls=False)


def test_where_nothing_listens_a_client_says_so() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(UnavailableError, match="nothing listens there"):
            Client(BrokerSettings(host="127.0.0.1", port=port), "t").start(0.5)
