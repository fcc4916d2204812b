"""Free questions that look easy go to the device's own bundle that makes text, before anybody else.

Two signals have to agree: the difficulty that the assistant predicts from the question, and the
confidence that the writing bundle has in its own answer, under its own guarantee.
"""

from __future__ import annotations

import time

from edge_runtime.assistant.writing import Writer
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.resources import Resources
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import WRITTEN
from edge_runtime.tasks.text_output import Limits


class WritingFirst:
    """Answers questions with a bundle that makes text, as it did when it was calibrated.

    Raises:
        BundleError: the bundle cannot be loaded.
        UnsupportedTaskError: it makes no text of its own.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        if bundle.manifest.task != "text-generation":
            raise UnsupportedTaskError(
                f"bundle {bundle.manifest.name!r} writes no answers; writer takes one for the task "
                f"text-generation, and this is for {bundle.manifest.task}"
            )
        self.bundle = bundle
        self._writer = Writer(bundle, resources)
        calibration = bundle.manifest.calibration.get(WRITTEN)
        most = None if calibration is None else calibration.max_tokens
        self._options = {} if most is None else {"max_tokens": most}

    @property
    def said(self) -> str:
        """What an explanation, which writes nothing, says of a question that would be tried."""
        name = self.bundle.manifest.name
        return f"bundle {name} would write an answer first; if that is sure, nothing leaves"

    def answer(self, request: Request, deadline_ms: int) -> Answer | None:
        """Return what it writes, with its confidence, and the guarantee if it stands under one.

        None where the question is too long for it.
        """
        task = "chat" if self._writer.chat is not None else "generate"
        asked = Request(text=request.text, id=request.id, task=task, options=self._options)
        limits = Limits(deadline=time.monotonic() + deadline_ms / 1e3)
        try:
            answers = [p for p in self._writer.stream(asked, limits) if isinstance(p, Answer)]
        except BadRequestError:
            return None
        return answers[-1]
