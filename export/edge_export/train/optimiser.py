"""AdamW in three groups; the learning rates rise over the warm-up, then fall to zero."""

from __future__ import annotations

import torch

from edge_export.train.model import MultiTaskEncoder
from edge_export.train.recipe import Training


def make_optimiser(model: MultiTaskEncoder, settings: Training) -> torch.optim.Optimizer:
    """Return the optimiser: heads learn at a rate of their own, vectors do not decay."""
    trained = [p for p in model.encoder.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    groups = [
        ([p for p in trained if p.ndim > 1], rate, decay),
        ([p for p in trained if p.ndim <= 1], rate, 0.0),
        (list(model.heads.parameters()), settings.head_learning_rate, decay),
    ]
    return torch.optim.AdamW(
        [
            {"params": params, "lr": rate, "base_lr": rate, "weight_decay": decay}
            for params, rate, decay in groups
        ]
    )


def set_rates(optimiser: torch.optim.Optimizer, settings: Training, step: int, total: int) -> None:
    """Set the learning rates of step ``step`` of ``total``."""
    warm = max(1, round(settings.warmup * total))
    factor = min((step + 1) / warm, max(0.0, (total - step) / (total - warm + 1)))
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * factor


def moments(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return what the optimiser remembers of each parameter, by ``number.name``."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": value for i, found in state.items() for name, value in found.items()}


def load_moments(optimiser: torch.optim.Optimizer, saved: dict[str, torch.Tensor]) -> None:
    """Give back what ``moments`` returned."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in saved.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
