"""``asyncapi``: the contract of the MQTT protocol."""

from __future__ import annotations

from importlib.resources import files


def asyncapi() -> None:
    """Print the contract of the MQTT protocol: every topic and message, as AsyncAPI 3.0 (YAML)."""
    text = files("edge_runtime").joinpath("data/asyncapi.yaml").read_text(encoding="utf-8")
    print(text, end="")
