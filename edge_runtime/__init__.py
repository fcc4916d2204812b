"""Small language models that answer on the board, and know when to ask a large one.

>>> from edge_runtime import load
>>> load().ask("turn on the kitchen light").result["intent"]
'HassTurnOn'
"""

from __future__ import annotations

import os

# ONNX Runtime 1.32 reports to Microsoft otherwise, with an identifier that it keeps in ~/.cache
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

TYPE_CHECKING = False  # type checkers know the name; typing takes longer to load than all of this
if TYPE_CHECKING:
    from edge_runtime.api import load
    from edge_runtime.api.loaded_bundle import LoadedBundle
    from edge_runtime.errors import EdgeError
    from edge_runtime.inference.chat_template import Message
    from edge_runtime.inference.resources import Resources
    from edge_runtime.messages import Answer, Request
    from edge_runtime.routing.policy import OwnerPolicy
    from edge_runtime.tasks.generation_options import GenerationOptions
    from edge_runtime.tasks.text_output import Generation

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "EdgeError",
    "Generation",
    "GenerationOptions",
    "LoadedBundle",
    "Message",
    "OwnerPolicy",
    "Request",
    "Resources",
    "__version__",
    "load",
]

# loaded when they are first used: every command imports this package, and some take milliseconds
_HOMES = {
    "Answer": "messages",
    "EdgeError": "errors",
    "Generation": "tasks.text_output",
    "GenerationOptions": "tasks.generation_options",
    "LoadedBundle": "api.loaded_bundle",
    "Message": "inference.chat_template",
    "OwnerPolicy": "routing.policy",
    "Request": "messages",
    "Resources": "inference.resources",
    "load": "api",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
