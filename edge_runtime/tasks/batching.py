"""Micro-batches of what several threads ask at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Sequence

from edge_runtime.bundles.manifest import MASK_FREE_TOKENS
from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.tokenizer import Window
from edge_runtime.tasks.encoder import BATCH_TOKENS, Encoder, Floats

Outputs = list[dict[str, Floats]]

_MOST_PADDING = 1.25  # padded tokens of a batch, as a multiple of the real ones
# their scales are of the whole input, so a text's result depends on those beside it
_OF_THE_WHOLE = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul"}


class _Call:
    """What one thread waits for: to be answered, or to be the one that runs the next batch."""

    def __init__(self, windows: Sequence[Window], heads: frozenset[str]) -> None:
        lengths = [len(window.ids) for window in windows]
        self.windows = windows
        self.heads = heads
        self.width = max(lengths)
        self.tokens = sum(lengths)
        self.outputs: Outputs | None = None
        self.error: Exception | None = None
        self._turn = threading.Lock()  # a third of the cost of an Event
        self._turn.acquire()

    @property
    def done(self) -> bool:
        return self.outputs is not None or self.error is not None

    def wait(self) -> None:
        """Return when it is this call's turn."""
        self._turn.acquire()

    def wake(self) -> None:
        """Let its thread go on."""
        self._turn.release()


class SharedEncoder(Encoder):
    """An encoder for many threads: what queues up while the session is busy runs together.

    There is no timer: a call that finds cores free runs at once, and alone. As many batches run at
    a time as have room on the cores, each with the threads of ``resources``. They are made only
    where no result depends on its neighbours: a graph whose activations are quantized dynamically
    answers each thread by itself.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        super().__init__(bundle, resources)
        self._lock = threading.Lock()
        self._free = _places(resources or Resources())
        self._waiting: list[_Call] = []
        self._batches: bool | None = None

    def run(self, windows: Sequence[Window], heads: Collection[str] | None = None) -> Outputs:
        """Return the outputs of these heads, None for all, for windows that run together.

        Raises:
            BundleError: the graph fails, or gives what is not a number.
        """
        call = _Call(windows, frozenset(self.bundle.manifest.heads if heads is None else heads))
        with self._lock:
            full = self._free <= 0
            waits = full and self._are_independent()
            if waits:
                self._waiting.append(call)
            elif not full:
                self._free -= 1
        if waits:
            call.wait()
        elif full:
            return super().run(windows, heads)
        if not call.done:
            self._lead(call)
        if call.error is not None:
            raise call.error
        return call.outputs or []

    def _lead(self, call: _Call) -> None:
        """Run a batch with this call in it, then let the one that waits longest lead."""
        batch = [call]
        try:
            batch += self._fitting(call)
            self._answer(batch)
        finally:
            with self._lock:
                # none but for an interrupt
                self._waiting[:0] = [each for each in batch[1:] if not each.done]
                following = self._waiting.pop(0) if self._waiting else None
                self._free += following is None
            for each in batch[1:]:
                if each.done:
                    each.wake()
            if following is not None:
                following.wake()

    def _fitting(self, call: _Call) -> list[_Call]:
        """Take the waiting calls that go well with this one: of similar length, not too many."""
        with self._lock:
            chosen: list[_Call] = []
            rows, width, tokens = len(call.windows), call.width, call.tokens
            for other in sorted(self._waiting, key=lambda other: abs(other.width - call.width)):
                more, wider = rows + len(other.windows), max(width, other.width)
                real = tokens + other.tokens
                # without a mask, another kernel rounds otherwise: then there is no padding at all
                most = real if wider >= MASK_FREE_TOKENS else _MOST_PADDING * real
                if more * wider <= min(BATCH_TOKENS, most):
                    chosen.append(other)
                    rows, width, tokens = more, wider, real
            if chosen:
                taken = {id(other) for other in chosen}
                self._waiting = [other for other in self._waiting if id(other) not in taken]
        return chosen

    def _are_independent(self) -> bool:
        """Say whether no result depends on its neighbours; looked up when it first matters."""
        if self._batches is None:
            graph = read_onnx(self.bundle.path / self.bundle.manifest.graph.file)
            self._batches = not graph.operators & _OF_THE_WHOLE
        return self._batches

    def _answer(self, batch: Sequence[_Call]) -> None:
        windows = [window for call in batch for window in call.windows]
        heads = frozenset[str]().union(*(call.heads for call in batch))
        try:
            outputs = super().run(windows, heads)
        except Exception as exc:  # noqa: BLE001 - raised in the thread that it belongs to
            if len(batch) == 1:
                batch[0].error = exc
                return
            for call in batch:  # only one of them may be to blame
                self._answer([call])
            return
        start = 0
        for call in batch:
            end = start + len(call.windows)
            call.outputs = [{h: row[h] for h in call.heads} for row in outputs[start:end]]
            start = end


def _places(resources: Resources) -> int:
    """Return how many runs have room on the cores at a time."""
    cores = len(resources.cores) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(1, cores // resources.threads)
