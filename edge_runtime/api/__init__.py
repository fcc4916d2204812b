"""The Python API: ``load`` a bundle, and ask it.

>>> from edge_runtime import load
>>> with load("assistant") as assistant:
...     answer = assistant.ask("turn on the kitchen light")
...     print(answer.result["intent"], answer.confidence, answer.reason)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.api.loaded_bundle import LoadedBundle
    from edge_runtime.assistant.asking import Escalate
    from edge_runtime.inference.resources import Resources
    from edge_runtime.messages import Escalation, Reply
    from edge_runtime.routing.policy import OwnerPolicy


def load(
    reference: str | os.PathLike[str] = "assistant",
    *,
    policy: OwnerPolicy | None = None,
    resources: Resources | None = None,
    llm: str | Callable[[Escalation], Reply] | None = None,
) -> LoadedBundle:
    """Load a bundle: a name in the store, or a directory.

    What is left out is as this device is set up (``edge.toml``, ``EDGE_…``, the board's profile).
    ``llm`` is who ``ask`` turns to where the policy allows: the URL of an OpenAI-compatible
    endpoint, which has to offer one model only, ``"inspect"``, or what
    ``edge_runtime.bridge.cloud.llm.make_llm`` returns. Without it nothing ever leaves this process.

    >>> writer = load("models/smollm2-135m-int8")
    >>> writer.generate("The sea is", max_tokens=20).text

    Raises:
        BundleError: there is no such bundle, or it cannot be used.
        MemoryLimitError: it needs more memory than the resources allow.
        ConfigError: a setting is wrong, or the LLM's URL.
    """
    from edge_runtime.api.loaded_bundle import LoadedBundle  # noqa: PLC0415
    from edge_runtime.assistant.pipeline import Assistant  # noqa: PLC0415 - numpy, onnxruntime
    from edge_runtime.bundles.store import Store  # noqa: PLC0415
    from edge_runtime.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    bundle = Store(settings.state_directory).open(os.fspath(reference))
    escalate, close = _route(llm)
    assistant = Assistant(
        bundle,
        settings.governor() if policy is None else policy,
        resources=resources or settings.resources(),
        home=settings.home,
    )
    return LoadedBundle(assistant, escalate, close)


def _route(
    llm: str | Callable[[Escalation], Reply] | None,
) -> tuple[Escalate, Callable[[], None] | None]:
    """Return how to ask a large model, and what closes the way if it was opened here."""
    if llm is None:
        return _nobody, None
    if not isinstance(llm, str):
        return lambda escalation, _timeout_s: llm(escalation), None
    from edge_runtime.bridge.cloud.llm import make_llm  # noqa: PLC0415

    made = make_llm(llm)
    return lambda escalation, _timeout_s: made(escalation), made.close


def _nobody(_escalation: Escalation, _timeout_s: float) -> Reply:
    from edge_runtime.assistant.asking import NobodyToAskError  # noqa: PLC0415

    raise NobodyToAskError("no llm was given to load")
