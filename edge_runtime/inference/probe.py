"""A linear probe: what a decoder's state says of the answer before a token of it is written."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles import manifest
from edge_runtime.errors import BundleError

Floats = npt.NDArray[np.float32]

_STORED = np.dtype("<f2")


class Probe:
    """Reads the hidden state after the last token of a prompt (Alain and Bengio 2016).

    ``weights`` are ``[hidden]`` fp32.
    """

    def __init__(self, weights: Floats, bias: float) -> None:
        self._weights = weights
        self._bias = bias

    @classmethod
    def read(cls, stored: manifest.Probe) -> Probe:
        """Return the probe of a manifest.

        Raises:
            BundleError: the weights are not what they should be.
        """
        try:
            raw = base64.b64decode(stored.weights, validate=True)
            weights = np.frombuffer(raw, _STORED).astype(np.float32)
        except (binascii.Error, ValueError) as exc:
            raise BundleError(f"the probe's weights are no base64 of float16: {exc}") from exc
        if not np.isfinite(weights).all():
            raise BundleError("the probe's weights are not numbers; calibrate the bundle again")
        return cls(weights, stored.bias)

    @property
    def width(self) -> int:
        """Of the states that it reads."""
        return len(self._weights)

    def log_odds(self, state: Floats) -> float:
        """Return the log-odds of a right answer, as the probe alone sees them."""
        return float(state @ self._weights) + self._bias


def store(weights: npt.NDArray[np.floating], bias: float) -> manifest.Probe:
    """Return a probe as a manifest holds it: its weights become float16."""
    raw = weights.astype(_STORED).tobytes()
    return manifest.Probe(base64.b64encode(raw).decode("ascii"), round(bias, 6))
