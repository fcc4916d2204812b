"""The original model in PyTorch: loaded whole and safely, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_export.source import SourceModel, quiet
from edge_runtime.errors import BundleError, ConfigError

Floats = npt.NDArray[np.float32]


def load_original(source: SourceModel) -> Any:  # noqa: ANN401 - transformers publishes no types
    """Return the model in fp32, ready for inference.

    Raises:
        ConfigError: the weights cannot be read, or some are not in the file and would be random.
        BundleError: a weight is NaN or infinite.
    """
    import torch

    with quiet():
        import transformers

        loader = getattr(transformers, source.loader)
        try:
            model, loading = loader.from_pretrained(
                source.reference,
                revision=source.revision,
                dtype=torch.float32,
                use_safetensors=None if source.pickled else True,
                output_loading_info=True,
            )
        except Exception as exc:  # safetensors, torch and transformers have no common class
            raise ConfigError(f"{source.reference} cannot be loaded: {_reason(exc)}") from exc
    # hidden states are taken before the pooler
    unused = "pooler." if source.task == "feature-extraction" else None
    missing = [key for key in loading["missing_keys"] if unused is None or unused not in key]
    if missing:
        raise ConfigError(
            f"the weights of {source.reference} lack {', '.join(sorted(missing)[:3])}, which would "
            "be random; save the whole model"
        )
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise BundleError(
                f"the weights of {source.reference} are not finite (NaN or infinity): {name}"
            )
    return model.eval()


def state_of(model: Any) -> Mapping[str, Floats]:  # noqa: ANN401
    """Return the weights by their PyTorch names, fp32, sharing memory with the model."""
    return {name: value.detach().float().numpy() for name, value in model.state_dict().items()}


def _reason(exc: Exception) -> str:
    """Return what happened in one line; torch puts the facts after a heading."""
    lines = [line.strip() for line in str(exc).strip().splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(exc).__name__
