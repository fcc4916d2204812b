"""mosquitto's configuration, filled in from the templates that are shipped."""

from __future__ import annotations

from importlib import resources
from pathlib import PurePosixPath
from string import Template
from typing import Literal

Listener = Literal["local", "tls", "mtls"]


def configuration(listener: Listener, *, port: int, at: PurePosixPath, data: PurePosixPath) -> str:
    """Return the file for a broker whose other files are ``at`` there, with its store in ``data``.

    ``local`` listens on this machine only; ``tls`` and ``mtls`` to everybody, with passwords or
    with certificates.
    """
    values = {"port": str(port), "at": str(at), "data": str(data)}
    listening = _template(f"listener-{listener}.conf").substitute(values)
    return _template("mosquitto.conf").substitute(values, listener=listening.rstrip())


def _template(name: str) -> Template:
    directory = resources.files("edge_devices") / "assets" / "mosquitto"
    return Template((directory / name).read_text(encoding="utf-8"))
